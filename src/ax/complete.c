#include "ax/complete.h"

#include <stdlib.h>
#include <string.h>

#include "ax/verb.h"
#include "offers.h"

/* The first words of all verbs, or the second ones of those that begin with `first`. Those of one table stand together: a first word that was offered is not offered again. */
static void verbs(struct offers *o, struct str first)
{
	const struct ax_verb *v;
	struct str last = STR_NONE;
	for (size_t i = 0; (v = ax_verb_at(i)); i++) {
		struct str name = str_of(v->name);
		size_t blank = str_find(name, STR(" "), 0);
		struct str head = str_sub(name, 0, blank);
		if (first.n && str_eq(head, first) && blank < name.n)
			offer(o, str_sub(name, blank + 1, name.n), str_of(v->help));
		else if (!first.n && !str_eq(head, last))
			offer(o, head, blank < name.n ? STR_NONE : str_of(v->help));
		last = head;
	}
	if (!first.n) {
		offer(o, STR("--help"), STR("tell what there is"));
		offer(o, STR("--version"), STR("print the version"));
	}
}

static void options(struct offers *o, const struct ax_verb *v)
{
	size_t eq = str_find(o->word, STR("="), 0);
	if (eq < o->word.n) {
		const struct ax_option *own = ax_words_open(v->options, str_sub(o->word, 0, eq));
		o->fixed = str_sub(o->word, 0, eq + 1);
		if (own && str_starts(o->word, STR("--")))
			offer_values(o, str_of(own->value));
		return;
	}
	for (const struct ax_option *x = v->options; x->name; x++) {
		offer(o, arena_printf(&o->g->arena, "--%s", x->name), str_of(x->help));
		if (x->letter && o->word.n < 2)
			offer(o, arena_printf(&o->g->arena, "-%c", x->letter), str_of(x->help));
	}
	offer(o, STR("--help"), STR("tell more"));
}

/* The k-th word of what help says of the verb's words: "AGENT "TASK"". The last one may stand for many: "AGENT...". */
static struct str called(const struct ax_verb *v, size_t k)
{
	struct str args = str_of(v->args);
	for (size_t at = 0, end; at < args.n; at = end + 1) {
		end = str_find(args, STR(" "), at);
		struct str word = str_sub(args, at, end);
		if (!k-- || (end == args.n && str_ends(word, STR("..."))))
			return word;
	}
	return STR_NONE;
}

/* One word of a verb, behind `n` others. */
static void word_of(struct offers *o, const struct ax_verb *v, int from, int n, char **argv)
{
	struct program *g = o->g;
	const struct ax_option *open = n > from ? ax_words_open(v->options, str_of(argv[n - 1])) : NULL;
	struct ax_words w;
	bool ended = false;
	for (int i = from; i < n; i++)
		ended = ended || !strcmp(argv[i], "--");
	ax_words_read(&w, &g->arena, g->project.diag, v->options, from, n, argv);
	diag_rewind(g->project.diag, 0);
	g->options.file = w.plain.n ? w.plain.p[0] : STR_NONE;
	if (open && !ended)
		offer_values(o, str_of(open->value));
	else if (!ended && str_starts(o->word, STR("-")))
		options(o, v);
	else
		offer_values(o, called(v, w.plain.n));
}

void ax_complete(struct program *g, int n, char **words)
{
	struct offers o = {.g = g, .word = str_of(n ? words[n - 1] : "")};
	char **argv = words - 1; /* argv[0] is not looked at */
	const struct ax_verb *v, *found = NULL;
	for (size_t i = 0; n > 1 && !found && (v = ax_verb_at(i)); i++)
		if (ax_verb_words(v, n, argv))
			found = v;
	if (found)
		word_of(&o, found, 1 + ax_verb_words(found, n, argv), n, argv);
	else if (n <= 2)
		verbs(&o, n == 2 ? str_of(words[0]) : STR_NONE);
	offers_print(&o);
}

#include "ax/words.h"

#include <assert.h>
#include <string.h>

static size_t count(const struct ax_option *o)
{
	size_t n = 0;
	while (o[n].name)
		n++;
	return n;
}

static const struct ax_option *by_name(const struct ax_option *o, struct str name)
{
	for (; o->name; o++)
		if (str_eq(str_of(o->name), name))
			return o;
	return NULL;
}

static const struct ax_option *by_letter(const struct ax_option *o, char letter)
{
	for (; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static void unknown(struct diag *d, const struct ax_option *o, struct str word, struct str name)
{
	struct suggestion near = {.wanted = name};
	for (; o->name; o++)
		suggestion_offer(&near, str_of(o->name));
	const char *hint = near.best.n ? diag_hint(d, "did you mean '--%.*s'?", STR_ARG(near.best)) : "words that begin with a dash can follow after '--'";
	diag_error(d, POS_NONE, hint, "unknown option '%.*s'", STR_ARG(word));
}

/* Notes an option. `value`: of the same word, or p == NULL; *i moves where the next word is the value. */
static void take(struct ax_words *w, struct diag *d, const struct ax_option *o, struct str word, struct str value, int *i, int argc, char **argv)
{
	if (!o->value && value.p) {
		diag_error(d, POS_NONE, NULL, "'%.*s': '--%s' takes no value", STR_ARG(word), o->name);
		return;
	}
	if (o->value && !value.p) {
		if (*i + 1 >= argc) {
			diag_error(d, POS_NONE, NULL, "'%.*s' wants a value: %s", STR_ARG(word), o->value);
			return;
		}
		value = str_of(argv[++*i]);
	}
	w->values[o - w->options] = value.p ? value : STR("");
}

static void read_long(struct ax_words *w, struct diag *d, struct str word, int *i, int argc, char **argv)
{
	size_t eq = str_find(word, STR("="), 0);
	struct str name = str_sub(word, 2, eq);
	const struct ax_option *o = by_name(w->options, name);
	if (str_eq(name, STR("help")) && !o)
		w->help = true;
	else if (o)
		take(w, d, o, word, eq < word.n ? str_sub(word, eq + 1, word.n) : STR_NONE, i, argc, argv);
	else
		unknown(d, w->options, word, name);
}

static void read_letter(struct ax_words *w, struct diag *d, struct str word, int *i, int argc, char **argv)
{
	const struct ax_option *o = by_letter(w->options, word.p[1]);
	if (str_eq(word, STR("-h")) && !o)
		w->help = true;
	else if (o)
		take(w, d, o, word, word.n > 2 ? str_sub(word, 2, word.n) : STR_NONE, i, argc, argv);
	else
		unknown(d, w->options, word, str_sub(word, 1, word.n));
}

void ax_words_read(struct ax_words *w, struct arena *a, struct diag *d, const struct ax_option *options, int from, int argc, char **argv)
{
	*w = (struct ax_words){.options = options, .values = arena_array(a, struct str, count(options) + 1)};
	bool plain = false;
	for (int i = from; i < argc; i++) {
		struct str word = str_of(argv[i]);
		if (plain || word.n < 2 || word.p[0] != '-')
			vec_push(a, &w->plain, word);
		else if (str_eq(word, STR("--")))
			plain = true;
		else if (word.p[1] == '-')
			read_long(w, d, word, &i, argc, argv);
		else
			read_letter(w, d, word, &i, argc, argv);
	}
}

const struct ax_option *ax_words_open(const struct ax_option *options, struct str word)
{
	const struct ax_option *o = NULL;
	if (str_starts(word, STR("--")))
		o = by_name(options, str_sub(word, 2, word.n));
	else if (word.n == 2 && word.p[0] == '-')
		o = by_letter(options, word.p[1]);
	return o && o->value ? o : NULL;
}

struct str ax_words_value(const struct ax_words *w, const char *name)
{
	const struct ax_option *o = by_name(w->options, str_of(name));
	assert(o);
	return w->values[o - w->options];
}

bool ax_words_has(const struct ax_words *w, const char *name)
{
	return ax_words_value(w, name).p;
}

#include "ax.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ax/complete.h"
#include "ax/verb.h"
#include "base/os.h"
#include "version.h"

static void help(FILE *to)
{
	fputs("usage: ax VERB ...\n\n", to);
	const struct ax_verb *v;
	for (size_t i = 0; (v = ax_verb_at(i)); i++) {
		struct sbuf left = {0};
		sbuf_printf(&left, "%s %s", v->name, v->args);
		fprintf(to, "  ax %-19s %s\n", left.p, v->help);
		sbuf_free(&left);
	}
	fputs("\nax VERB --help tells more. ax --version prints the version.\n", to);
}

static void verb_help(const struct ax_verb *v, FILE *to)
{
	fprintf(to, "usage: ax %s %s%s\n\n%s.\n", v->name, v->args, v->options->name ? " [OPTION ...]" : "", v->help);
	if (v->more)
		fprintf(to, "%s\n", v->more);
	if (v->options->name)
		fputs("\n", to);
	for (const struct ax_option *o = v->options; o->name; o++) {
		struct sbuf left = {0};
		if (o->letter)
			sbuf_printf(&left, "-%c, ", o->letter);
		else
			sbuf_lit(&left, "    ");
		sbuf_printf(&left, "--%s%s%s", o->name, o->value ? "=" : "", o->value ? o->value : "");
		fprintf(to, "  %-26s %s\n", left.p, o->help);
		sbuf_free(&left);
	}
}

/* Says that there is no such verb, and what it may have been. */
static void unknown(struct program *g, int argc, char **argv)
{
	struct str first = str_of(argv[1]), second = str_of(argc > 2 ? argv[2] : "");
	struct suggestion near = {.wanted = first};
	struct sbuf kin = {0};
	const struct ax_verb *v;
	for (size_t i = 0; (v = ax_verb_at(i)); i++) {
		struct str name = str_of(v->name);
		size_t blank = str_find(name, STR(" "), 0);
		suggestion_offer(&near, str_sub(name, 0, blank));
		if (blank < name.n && str_eq(str_sub(name, 0, blank), first))
			sbuf_printf(&kin, "%s%.*s", kin.n ? ", " : "", STR_ARG(str_sub(name, blank + 1, name.n)));
	}
	if (kin.n && !second.n)
		diag_error(g->project.diag, POS_NONE, diag_hint(g->project.diag, "one of: %s", kin.p), "'ax %.*s' wants a second word", STR_ARG(first));
	else if (kin.n)
		diag_error(g->project.diag, POS_NONE, diag_hint(g->project.diag, "one of: %s", kin.p), "unknown verb 'ax %.*s %.*s'", STR_ARG(first), STR_ARG(second));
	else
		diag_error(g->project.diag, POS_NONE, near.best.n ? diag_hint(g->project.diag, "did you mean 'ax %.*s'?", STR_ARG(near.best)) : "ax --help lists them",
			   "unknown verb '%.*s'", STR_ARG(first));
	sbuf_free(&kin);
}

static int call(struct program *g, const struct ax_verb *v, int from, int argc, char **argv)
{
	struct diag *d = g->project.diag;
	struct ax_words w;
	ax_words_read(&w, &g->arena, d, v->options, from, argc, argv);
	if (w.help) {
		verb_help(v, stdout);
		return 0;
	}
	if (!diag_errors(d) && w.plain.n < v->least)
		diag_error(d, POS_NONE, diag_hint(d, "ax %s --help tells more", v->name), "usage: ax %s %s", v->name, v->args);
	else if (!diag_errors(d) && w.plain.n > v->most)
		diag_error(d, POS_NONE, v->too_many, "'ax %s' takes no '%.*s'", v->name, STR_ARG(w.plain.p[v->most]));
	return program_report(g) ? v->run(g, v, &w) : v->wrong_use;
}

static int dispatch(struct program *g, int argc, char **argv)
{
	const struct ax_verb *v;
	struct str first = str_of(argc > 1 ? argv[1] : "");
	if (!first.n) {
		help(stderr);
		return EXIT_TROUBLE;
	}
	if (str_eq(first, STR("--complete"))) {
		ax_complete(g, argc - 2, argv + 2);
		return 0;
	}
	if (str_eq(first, STR("--help")) || str_eq(first, STR("-h")) || str_eq(first, STR("help"))) {
		help(stdout);
		return 0;
	}
	if (str_eq(first, STR("--version")) || str_eq(first, STR("-v"))) {
		printf("ax %s\n", AXMAKE_VERSION);
		return 0;
	}
	for (size_t i = 0; (v = ax_verb_at(i)); i++) {
		int words = ax_verb_words(v, argc, argv);
		if (words)
			return call(g, v, 1 + words, argc, argv);
	}
	unknown(g, argc, argv);
	program_report(g);
	return EXIT_TROUBLE;
}

int ax_main(struct program *g, int argc, char **argv)
{
	g->name = "ax";
	g->project.arena = &g->arena;
	g->project.diag = diag_new();
	diag_called(g->project.diag, g->name);
	os_cloexec_all();
	int status = dispatch(g, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "ax: *** cannot write standard output: %s\n", os_error(errno));
		status = status ? status : EXIT_TROUBLE;
	}
	return status;
}

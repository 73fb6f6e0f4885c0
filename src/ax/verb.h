/* One verb of the guide's command line. */
#ifndef AXMAKE_AX_VERB_H
#define AXMAKE_AX_VERB_H

#include "ax/words.h"
#include "program.h"

struct ax_verb {
	const char *name;  /* one word or two: "run", "spec plan" */
	const char *args;  /* as help shows them: "AGENT \"TASK\"" */
	const char *help;  /* one line, in `ax --help` */
	const char *more;  /* paragraphs of `ax VERB --help`; may be NULL */
	const struct ax_option *options;
	size_t least, most; /* plain words */
	/* What it does: the exit status. Words are checked against the table. */
	int (*run)(struct program *g, const struct ax_verb *v, const struct ax_words *w);
	int wrong_use;        /* exit status of wrong use */
	const char *too_many; /* hint where there are more words; may be NULL */
};

/* The i-th of all verbs, in the order of help; NULL: there are no more. */
const struct ax_verb *ax_verb_at(size_t i);
/* How many of the words behind argv[0] are this verb's name; 0: it is another. */
int ax_verb_words(const struct ax_verb *v, int argc, char **argv);

/* Each table ends with a NULL name. */
extern const struct ax_verb ax_run_verbs[], ax_monitor_verbs[], ax_spec_verbs[], ax_list_verbs[], ax_runs_verbs[];

#endif

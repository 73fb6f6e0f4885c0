/* What is written when a run has ended: --report, --trace-file. */
#ifndef AXMAKE_REPORTS_H
#define AXMAKE_REPORTS_H

#include "program.h"
#include "show/ledger.h"

/* Is something to be written even where nothing was to be done? Under GitHub's runner there always is. */
bool reports_wanted(const struct options *o);
/* Where the file is, as seen from the root; in the program's arena. */
const char *reports_path(const struct program *g, const struct file_option *file);
/* All files that the options name to be written in a run, those of --events too: paths as seen from the root. */
const struct str *reports_own(const struct program *g, size_t *n);
/* Does anybody want to know at the end what became of each task? */
bool reports_need_ledger(const struct options *o);
/* Writes all, and tells GitHub's runner. What cannot be written is warned of. Sets g->summary. */
void reports_write(struct program *g, const struct ledger *l, int signal, int status);

#endif

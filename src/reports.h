/* What is written when a run has ended: --report, --trace-file. */
#ifndef AXMAKE_REPORTS_H
#define AXMAKE_REPORTS_H

#include "program.h"
#include "show/ledger.h"

bool reports_wanted(const struct options *o);
/* Where the file is, as seen from the root; in the program's arena. */
const char *reports_path(const struct program *g, const struct file_option *file);
/* All files that the options name to be written in a run, those of --events too: paths as seen from the root. */
const struct str *reports_own(const struct program *g, size_t *n);
/* Writes all. What cannot be written is warned of. */
void reports_write(const struct program *g, const struct ledger *l, int signal, int status);

#endif

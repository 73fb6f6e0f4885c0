/* What is asked of a project without changing anything: plans, reasons, lists, states, logs. */
#ifndef AXMAKE_LOOK_H
#define AXMAKE_LOOK_H

#include "program.h"

/* Answers what g->options ask. The exit status. */
int look(struct program *g);
/* -p: prints all that was read on standard output. */
void look_database(struct program *g);
/* -d: says which files were read. */
void look_files(const struct program *g);
/* Says on standard error which includes are still to be made, and by whom. */
void look_unmade(const struct program *g);

#endif

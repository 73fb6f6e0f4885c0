/* What may follow on the command line of ax. */
#ifndef AXMAKE_AX_COMPLETE_H
#define AXMAKE_AX_COMPLETE_H

#include "program.h"

/* As complete (complete.h), of the words behind "ax". */
void ax_complete(struct program *g, int n, char **words);

#endif

/* What may follow on axmake's command line. */
#ifndef AXMAKE_COMPLETE_H
#define AXMAKE_COMPLETE_H

#include "program.h"

/* `words`: the command line behind the program's name; the last one is the one to be completed, and may be empty. Prints what offers.h says, runs and writes nothing, and is
 * silent about mistakes. */
void complete(struct program *g, int n, char **words);

#endif

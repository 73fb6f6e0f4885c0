/* A change of inputs that reaches tasks, and none of which is stale by it: a file that was touched. */
#ifndef AXMAKE_ASBEFORE_H
#define AXMAKE_ASBEFORE_H

#include "program.h"

/* The project was loaded, and is a slice. Where its tasks are up to date, so are all: then that is said, who follows hears it as of a run that a seal answers, and the seal is renewed.
 * Else project.lost is set, and nothing was said or done. Exit status. */
int asbefore(struct program *g);

#endif

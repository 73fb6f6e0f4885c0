/* --init: a first workflow for the current folder. */
#ifndef AXMAKE_INIT_H
#define AXMAKE_INIT_H

#include "program.h"

/* Writes workflow.ax.yaml, or the file that -f names, where there is no workflow yet; with -n prints it instead. Says on stdout what was written and what to type next, on stderr why nothing
 * was. Never touches a file that is there. The exit status. */
int init(struct program *g);

#endif

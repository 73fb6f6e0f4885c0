/* `notify` of [axmake]: a command that is told how a run ended. */
#ifndef AXMAKE_NOTIFY_H
#define AXMAKE_NOTIFY_H

#include "program.h"

/* Runs it, with AX_STATUS and AX_SUMMARY, for ten seconds at most. The state is closed, no loop is there. Its failure is a warning. */
void notify_run(struct program *g, int status, struct str summary);

#endif

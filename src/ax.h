/* The guide's command line: each verb becomes options and a workflow for the same engine. */
#ifndef AXMAKE_AX_H
#define AXMAKE_AX_H

struct program;

/* What the words ask; the exit status. g is all zero. Ends by a signal where its agent's run was ended by one. */
int ax_main(struct program *g, int argc, char **argv);

#endif

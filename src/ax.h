/* The guide's command line: each verb becomes options and a workflow for the same engine. */
#ifndef AXMAKE_AX_H
#define AXMAKE_AX_H

/* What the words ask; the exit status. Ends by a signal where its agent's run was ended by one. */
int ax_main(int argc, char **argv);

#endif

/* The make-style tool: options, load, graph, run, show. */
#ifndef AXMAKE_AXMAKE_H
#define AXMAKE_AXMAKE_H

struct program;

/* The whole tool; its exit status. g is all zero. Ends by a signal where the run was ended by one. */
int axmake_main(struct program *g, int argc, char **argv);

#endif

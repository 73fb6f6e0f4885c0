/* The make-style tool: options, load, graph, run, show. */
#ifndef AXMAKE_AXMAKE_H
#define AXMAKE_AXMAKE_H

/* The whole tool; its exit status. Ends by a signal where the run was ended by one. */
int axmake_main(int argc, char **argv);

#endif

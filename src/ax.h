/* The guide's command line: each verb becomes options and a workflow for the same engine. */
#ifndef AXMAKE_AX_H
#define AXMAKE_AX_H

/* The exit status. No verb is built yet: each says so. */
int ax_main(int argc, char **argv);

#endif

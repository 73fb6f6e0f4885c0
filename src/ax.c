#include "ax.h"

#include <stdio.h>
#include <string.h>

int ax_main(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("ax: the verbs of the parallel-execution guide, on axmake's engine.\nNone of them is built yet. Run a workflow with: axmake -f FILE");
		return 0;
	}
	fprintf(stderr, "ax: error: '%s%s' is not built yet\n  hint: run a workflow with 'axmake -f FILE'; see 'axmake --help'\n", argc > 1 ? "ax " : "ax",
		argc > 1 ? argv[1] : "");
	return 2;
}

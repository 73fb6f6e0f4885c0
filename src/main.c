/* One program, two names. */
#include <stdlib.h>

#include "ax.h"
#include "axmake.h"
#include "base/path.h"
#include "program.h"
#include "run/inherited.h"

int main(int argc, char **argv)
{
	struct str called = path_base(str_of(argc ? argv[0] : "axmake"));
	inherited_no_core();
	struct program g = {0}; /* in use to the very end: nothing is freed before exit */
	exit(str_eq(called, STR("ax")) ? ax_main(&g, argc, argv) : axmake_main(&g, argc, argv));
}

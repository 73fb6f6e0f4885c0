/* One program, two names. */
#include <stdlib.h>

#include "ax.h"
#include "axmake.h"
#include "base/path.h"

int main(int argc, char **argv)
{
	struct str called = path_base(str_of(argc ? argv[0] : "axmake"));
	if (str_eq(called, STR("ax")))
		exit(ax_main(argc, argv));
	exit(axmake_main(argc, argv));
}

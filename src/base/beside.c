#include "base/beside.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The folder of this program; n == 0: it cannot be told. A fact of the whole process, asked for once. */
static struct str own_folder(void)
{
	static char self[PATH_MAX];
	static struct str folder;
	ssize_t n = folder.n ? 0 : readlink("/proc/self/exe", self, sizeof self);
	if (n > 0 && (size_t)n < sizeof self)
		folder = path_dir((struct str){self, (size_t)n});
	return folder;
}

bool beside_find(struct arena *a, struct str name, struct str *out)
{
	static const char *const places[] = {"", "../libexec/axmake/", "../lib/axmake/"};
	struct str folder = own_folder();
	if (!folder.n)
		return false;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct str path = arena_printf(a, "%.*s/%s%.*s", STR_ARG(folder), places[i], STR_ARG(name));
		if (is_program(path.p)) {
			*out = path_normal(a, path);
			return true;
		}
	}
	return false;
}

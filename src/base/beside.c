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

bool beside_find(struct arena *a, struct str name, struct str *out)
{
	static const char *const places[] = {"", "../libexec/axmake/", "../lib/axmake/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self);
	if (n <= 0 || (size_t)n == sizeof self)
		return false;
	struct str folder = path_dir((struct str){self, (size_t)n});
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct str path = arena_printf(a, "%.*s/%s%.*s", STR_ARG(folder), places[i], STR_ARG(name));
		if (is_program(path.p)) {
			*out = path_normal(a, path);
			return true;
		}
	}
	return false;
}

#include "base/beside.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

/* 0 or errno. */
static int look(const char *path)
{
	struct stat st;
	return stat(path, &st) ? errno : !S_ISREG(st.st_mode) ? ENOENT : access(path, X_OK) ? errno : 0;
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
	int err = folder.n ? ENOENT : errno;
	for (size_t i = 0; folder.n && i < sizeof places / sizeof *places; i++) {
		struct str path = arena_printf(a, "%.*s/%s%.*s", STR_ARG(folder), places[i], STR_ARG(name));
		int is = look(path.p);
		if (!is) {
			*out = path_normal(a, path);
			return true;
		}
		err = is == ENOENT || is == ENOTDIR ? err : is;
	}
	errno = err;
	return false;
}

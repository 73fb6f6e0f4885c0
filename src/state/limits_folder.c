#include "state/limits_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

/* A folder of this user's into which nobody else may look. */
static bool is_private(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 077);
}

static bool runtime_folder(struct arena *a, struct str *path)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (!dir || *dir != '/' || stat(dir, &st) || !is_private(&st))
		return false;
	*path = arena_printf(a, "%s/axmake", dir);
	return true;
}

static bool state_folder(struct arena *a, struct str *path)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	struct stat st;

	if (state && *state == '/') {
		*path = arena_printf(a, "%s/axmake/limits", state);
		return true;
	}
	/* A home that is not there is not made. */
	if (!home || *home != '/' || stat(home, &st) || !S_ISDIR(st.st_mode))
		return false;
	*path = arena_printf(a, "%s/.local/state/axmake/limits", home);
	return true;
}

/* The folder, or -1 with errno. */
static int open_private(struct str path)
{
	struct stat st;
	int err = os_mkdirs(AT_FDCWD, path.p, 0700), fd = err ? -1 : open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		errno = err ? err : errno;
		return -1;
	}
	/* One that others may look into, made under a strange umask, is closed to them. */
	err = fstat(fd, &st) ? errno : st.st_uid != geteuid() ? EPERM : fchmod(fd, 0700) ? errno : 0;
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

bool limits_folder_path(struct arena *a, struct str *path)
{
	return runtime_folder(a, path) || state_folder(a, path);
}

int limits_folder_open(struct arena *a, struct str *path, struct str *problem)
{
	int fd;

	if (!limits_folder_path(a, path)) {
		*problem = STR("there is no folder for them: set XDG_RUNTIME_DIR, XDG_STATE_HOME or HOME");
		return -1;
	}
	fd = open_private(*path);
	if (fd < 0)
		*problem = arena_printf(a, "cannot use the folder '%.*s': %s", STR_ARG(*path), os_error(errno));
	return fd;
}

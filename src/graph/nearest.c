#include "graph/nearest.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/path.h"

#define LOOKED_AT_MOST 10000 /* names of a folder */

static bool stands(struct arena *a, int root_fd, struct str path)
{
	return !faccessat(root_fd, arena_copy(a, path).p, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* An entry of folder `dir` in the place of its part `name`, with the rest behind it. */
static void offer_entry(struct arena *a, int root_fd, struct str dir, struct str name, struct str rest, const char *entry, struct suggestion *s)
{
	struct suggestion one = {.wanted = name};
	suggestion_offer(&one, str_of(entry));
	if (!one.best.n || glob_passes_over(str_eq(dir, STR(".")) ? STR_NONE : dir, entry))
		return;
	struct str there = path_join(a, dir, arena_printf(a, "%s%.*s", entry, STR_ARG(rest)));
	if (stands(a, root_fd, there))
		suggestion_offer(s, there);
}

void nearest_offer(struct arena *a, int root_fd, struct str path, struct suggestion *s)
{
	struct str dir = path_dir(path), part = path;
	while (!str_eq(dir, STR(".")) && !stands(a, root_fd, dir)) {
		part = dir;
		dir = path_dir(dir);
	}
	int fd = openat(root_fd, arena_copy(a, dir).p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	if (!d && fd >= 0)
		close(fd);
	for (size_t i = 0; d && i < LOOKED_AT_MOST && (e = readdir(d)); i++)
		offer_entry(a, root_fd, dir, path_base(part), str_sub(path, part.n, path.n), e->d_name, s);
	if (d)
		closedir(d);
}

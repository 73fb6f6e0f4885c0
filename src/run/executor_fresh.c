/* What was made elsewhere, seen from here. A network's file system may show for a while what stood there before; who opens a file or a folder is shown what stands there now. */
#include <fcntl.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/path.h"
#include "run/executor.h"

static void open_once(struct job *j, struct str path)
{
	int fd = openat(j->sched->c->store->root_fd, arena_copy(&j->arena, path).p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		close(fd);
}

static void open_all(struct job *j, const struct pattern *p)
{
	struct glob_list found = {0};
	struct str bad;
	int root_fd = j->sched->c->store->root_fd;
	open_once(j, p->kind == PATTERN_GLOB ? glob_prefix(p->path) : path_dir(p->path));
	/* What cannot be read is told when it is hashed. */
	if (p->kind == PATTERN_FILE)
		open_once(j, p->path);
	else if (p->kind == PATTERN_TREE)
		glob_walk_tree(&j->arena, root_fd, p->path, &found, &bad);
	else
		glob_walk(&j->arena, root_fd, p->path, &found, &bad);
	for (size_t i = 0; i < found.paths.n; i++)
		open_once(j, found.paths.p[i]);
}

void executor_look_anew(struct job *j)
{
	for (size_t i = 0; i < j->task->outputs.n; i++)
		open_all(j, &j->task->outputs.p[i]);
	for (size_t i = 0; i < j->task->edits.n; i++)
		open_all(j, &j->task->edits.p[i]);
}

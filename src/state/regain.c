/* A folder of state that was removed below a run: an agent's `git clean -x` takes it with all else that is ignored. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "state/store.h"

#define FOLDER ".axmake"

static bool is_removed(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && !st.st_nlink;
}

/* What another run has made there meanwhile is not touched. 0 or errno. */
static int lock_again(struct store *fresh, uint64_t run_id, struct arena *a)
{
	struct store_error err;
	struct lock_holder holder;

	if (!faccessat(fresh->fd, "log", F_OK, AT_SYMLINK_NOFOLLOW))
		return EBUSY;
	return store_lock(fresh, run_id, false, &holder, &err, a) == LOCK_TAKEN ? 0 : EBUSY;
}

static int put_gitignore(const struct store *s)
{
	if (!str_starts(s->folder, STR(FOLDER)))
		return 0;
	return os_replace_file(s->root_fd, FOLDER "/.gitignore", 0600, STR("*\n"));
}

/* The new folder takes the old one's descriptor, by which everybody knows it. */
static int put_in_place(struct store *s, struct store *fresh)
{
	if (dup3(fresh->fd, s->fd, O_CLOEXEC) < 0)
		return errno;
	if (fresh->lock_fd >= 0) {
		close(s->lock_fd);
		s->lock_fd = fresh->lock_fd;
	}
	return 0;
}

int store_regain(struct store *s, uint64_t run_id, struct arena *a, bool *regained)
{
	struct store fresh = *s;
	int err;

	*regained = false;
	if (s->fd < 0 || !s->writable || !is_removed(s->fd))
		return 0;
	fresh.lock_fd = -1;
	err = os_mkdirs(s->root_fd, arena_copy(a, s->folder).p, 0700);
	fresh.fd = err ? -1 : openat(s->root_fd, arena_copy(a, s->folder).p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fresh.fd < 0)
		return err ? err : errno;
	if (s->lock_fd >= 0)
		err = lock_again(&fresh, run_id, a);
	if (!err)
		err = put_gitignore(s);
	if (!err)
		err = put_in_place(s, &fresh);
	if (err && fresh.lock_fd >= 0)
		close(fresh.lock_fd);
	close(fresh.fd);
	*regained = !err;
	return err;
}

#include "run/previous.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/aim.h"
#include "run/left.h"
#include "run/mask.h"
#include "run/process.h"
#include "state/store.h"

#define LOOK_NS (10 * NS_PER_MS)

/* A shell that the killed run had started, and that this run was started from; and what was to stay. */
static bool spared(pid_t pid, const struct left_list *left)
{
	return store_is_ancestor(pid) || left_has(left, pid);
}

static bool still_marked(void *mark, pid_t pid)
{
	return process_has_mark_of(pid, *(const struct str *)mark);
}

size_t previous_end(uint64_t run_id, int store_fd)
{
	struct arena a = {0};
	struct str mark = arena_printf(&a, "%llx-", (unsigned long long)run_id);
	int64_t give_up = clock_ns() + ENDING_GRACE_NS;
	struct left_list stays = {0};
	size_t ended = 0;
	left_read(store_fd, &a, &stays);
	for (bool first = true;; first = false) {
		struct pid_list left = {0};
		bool killing = clock_ns() >= give_up;
		process_marked(mark, &left);
		size_t n = 0;
		for (size_t i = 0; i < left.pids.n; i++) {
			if (spared(left.pids.p[i], &stays))
				continue;
			n++;
			if (first || killing)
				aim_signal(left.pids.p[i], killing ? SIGKILL : SIGTERM, still_marked, &mark);
		}
		ended = n > ended ? n : ended;
		vec_free(&left.pids);
		if (!n || clock_ns() >= give_up + ENDING_GRACE_NS)
			break;
		/* Nobody's children here: there is no signal to wait for. */
		nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
	}
	arena_free(&a);
	return ended;
}

/* Outputs that somebody edited, and results, are kept as they are; and while a call stands in the folder, the answer that may be taken up. */
static bool is_kept(const char *name, bool called)
{
	static const char *const always[] = {"edited", "result", ".", ".."}, *const of_a_call[] = {"stdout", "answer"};
	bool kept = false;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		kept = kept || !strcmp(name, always[i]);
	for (size_t i = 0; called && i < sizeof of_a_call / sizeof *of_a_call; i++)
		kept = kept || !strcmp(name, of_a_call[i]);
	return kept;
}

static int mask_folder(const struct mask *m, int at, const char *path, int depth)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = fd < 0 ? errno : 0;
	DIR *dir = err ? NULL : fdopendir(fd);
	bool called = dir && !faccessat(fd, "call", F_OK, AT_SYMLINK_NOFOLLOW);
	struct dirent *e;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err == ENOENT ? 0 : err ? err : errno;
	}
	while ((e = readdir(dir))) {
		struct stat st;
		bool found;
		int failed = 0;
		if (is_kept(e->d_name, called) || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth)
			failed = mask_folder(m, fd, e->d_name, depth - 1);
		else if (S_ISREG(st.st_mode))
			failed = mask_file(m, fd, e->d_name, e->d_name, &found);
		err = err ? err : failed;
	}
	closedir(dir);
	return err;
}

#define DEEPEST 8 /* tasks/NAME/delegates/K/delegates/K/tries/N */

int previous_mask(int store_fd, const char *const *env)
{
	struct arena a = {0};
	struct mask m = {0};
	mask_read(&m, &a, env);
	int err = m.values.n ? mask_folder(&m, store_fd, "tasks", DEEPEST) : 0;
	arena_free(&a);
	return err;
}

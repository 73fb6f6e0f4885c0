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
#include "run/call_left.h"
#include "run/left.h"
#include "run/mask.h"
#include "run/process.h"
#include "state/runs.h"
#include "state/store.h"
#include "state/views.h"

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

/* Outputs that somebody edited, and results, are kept as they are. */
static bool is_kept(const char *name)
{
	static const char *const names[] = {"edited", "result", ".", ".."};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* What is masked, and how it is known whether an answer is whole. */
struct masking {
	int store_fd;
	struct arena arena;
	struct mask mask;
	const struct rules *rules;
};

/* What was left of a call in that folder: what may be an answer is put aside, and of the rest it stays known what it took. */
static int settle_call(struct masking *m, struct str dir)
{
	struct call_left left;
	if (!call_left_read(&m->arena, m->store_fd, dir, &left)) {
		call_left_forget(m->store_fd, dir);
		return 0;
	}
	if (call_left_whole(m->store_fd, dir, &left, m->rules))
		return call_left_put_aside(m->store_fd, dir, &m->mask);
	call_left_forget(m->store_fd, dir);
	left.lost = true;
	return left.counted ? 0 : call_left_write(m->store_fd, dir, &left);
}

static int mask_folder(struct masking *m, struct str path, int depth)
{
	int fd = openat(m->store_fd, path.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = fd < 0 ? errno : 0;
	DIR *dir = err ? NULL : fdopendir(fd);
	struct dirent *e;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err == ENOENT ? 0 : err ? err : errno;
	}
	err = settle_call(m, path);
	bool is_aside = !err; /* else what the answer is read from is not touched */
	while ((e = readdir(dir))) {
		struct stat st;
		bool found;
		int failed = 0;
		if (is_kept(e->d_name) || (!is_aside && call_left_is_answer(e->d_name)) || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth)
			failed = mask_folder(m, arena_printf(&m->arena, "%.*s/%s", STR_ARG(path), e->d_name), depth - 1);
		else if (S_ISREG(st.st_mode))
			failed = mask_file(&m->mask, fd, e->d_name, e->d_name, &found);
		err = err ? err : failed;
	}
	closedir(dir);
	return err;
}

static bool is_alive(struct str mark)
{
	struct pid_list found = {0};
	process_marked(mark, &found);
	bool alive = found.pids.n > 0;
	vec_free(&found.pids);
	return alive;
}

int previous_views(const struct store *s)
{
	return views_sweep(s, is_alive);
}

#define DEEPEST 8 /* tasks/NAME/delegates/K/delegates/K/tries/N */
#define JOURNAL_END 4096

/* Has a run that goes on no more written no end into its journal? */
static bool was_killed(struct masking *m, struct str id)
{
	char end[JOURNAL_END];
	struct stat st;
	if (runs_alive(m->store_fd, id))
		return false;
	int fd = openat(m->store_fd, arena_printf(&m->arena, "runs/%.*s/" RUNS_JOURNAL, STR_ARG(id)).p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool there = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
	ssize_t n = there ? pread(fd, end, sizeof end, st.st_size > JOURNAL_END ? st.st_size - JOURNAL_END : 0) : -1;
	if (fd >= 0)
		close(fd);
	return n >= 0 && !memmem(end, (size_t)n, "\"ev\":\"end\"", 10);
}

/* Runs apart hold no lock: one that was killed shows by its folder. That gets another name when it is masked. */
static int mask_apart(struct masking *m, struct str own)
{
	struct str *ids;
	size_t n;
	int first = runs_list(&m->arena, m->store_fd, &ids, &n);
	for (size_t i = 0; !first && i < n; i++) {
		struct str dir = arena_printf(&m->arena, "runs/%.*s/" STORE_CALL, STR_ARG(ids[i]));
		if (str_eq(ids[i], own) || faccessat(m->store_fd, dir.p, F_OK, AT_SYMLINK_NOFOLLOW) || !was_killed(m, ids[i]))
			continue;
		first = mask_folder(m, dir, DEEPEST);
		if (!first && renameat(m->store_fd, dir.p, m->store_fd, arena_printf(&m->arena, "%.*s-killed", STR_ARG(dir)).p))
			first = errno;
	}
	return first;
}

int previous_mask(int store_fd, const struct rules *rules, bool killed, struct str own, const char *const *env)
{
	struct masking m = {.store_fd = store_fd, .rules = rules};
	mask_read(&m.mask, &m.arena, env);
	int err = m.mask.values.n && killed ? mask_folder(&m, STR("tasks"), DEEPEST) : 0;
	int apart = m.mask.values.n ? mask_apart(&m, own) : 0;
	arena_free(&m.arena);
	return err ? err : apart;
}

#include "run/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	PATH_ROOM = 64,   /* "/proc/PID/task/TID/children" */
	PAGE = 4096,      /* what the kernel hands out at once of a generated file */
	PID_DIGITS = 16,  /* room left in a page when the kernel stopped for want of room, not of entries */
	YOUNG_TRIES = 20, /* looks at a process in the middle of execve, a millisecond apart */
};

bool pid_list_has(const struct pid_list *l, pid_t pid)
{
	for (size_t i = 0; i < l->pids.n; i++)
		if (l->pids.p[i] == pid)
			return true;
	return false;
}

bool process_ids_have(const struct process_ids *l, const struct proc_stat *st)
{
	for (size_t i = 0; i < l->of.n; i++)
		if (l->of.p[i].pid == st->pid && l->of.p[i].start == st->start)
			return true;
	return false;
}

static ssize_t read_some(int fd, void *p, size_t n)
{
	ssize_t got;
	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got;
}

/* The start of a small file, NUL-terminated; -1 where it cannot be read. */
static ssize_t read_small(const char *path, char *buf, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = read_some(fd, buf, room - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* Fields of /proc/PID/stat after the name, which may hold anything, counted from `state` = 0 (proc(5)). */
enum { F_STATE, F_PARENT, F_GROUP, F_SESSION, F_FLAGS = 6, F_THREADS = 17, F_START = 19, F_ENV_END = 48 };
/* Of the flags, as in the kernel's sched.h for these twenty years. */
enum { FLAG_EXITING = 0x4, FLAG_KERNEL_THREAD = 0x200000 };

bool proc_stat_read(pid_t pid, struct proc_stat *out)
{
	char path[PATH_ROOM], buf[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (read_small(path, buf, sizeof buf) <= 0)
		return false;
	char *at = strrchr(buf, ')');
	if (!at || at[1] != ' ')
		return false;
	*out = (struct proc_stat){.pid = pid, .state = at[2]};
	long threads = 0;
	unsigned long flags = 0, env_end = 1;
	at += 3;
	for (int field = F_PARENT; field <= F_ENV_END && *at; field++) {
		unsigned long v = strtoul(at, &at, 10);
		if (field == F_PARENT)
			out->parent = (pid_t)v;
		else if (field == F_GROUP)
			out->group = (pid_t)v;
		else if (field == F_SESSION)
			out->session = (pid_t)v;
		else if (field == F_FLAGS)
			flags = v;
		else if (field == F_THREADS)
			threads = (long)v;
		else if (field == F_START)
			out->start = v;
		else if (field == F_ENV_END)
			env_end = v;
	}
	bool ended = out->state == 'Z' || out->state == 'X' || out->state == 'x';
	out->living = !ended || threads > 1;
	out->dying = out->living && threads <= 1 && flags & FLAG_EXITING;
	out->young = out->living && !out->dying && !(flags & FLAG_KERNEL_THREAD) && env_end == 0;
	return true;
}

static pid_t number(const char *name)
{
	char *end;
	long n = isdigit((unsigned char)*name) ? strtol(name, &end, 10) : 0;
	return n > 0 && *end == '\0' ? (pid_t)n : 0;
}

/* Adds the numbers that name entries of a folder; false where it cannot be opened. */
static bool list_numbers(const char *dir, struct pid_list *out)
{
	DIR *d = opendir(dir);
	if (!d)
		return false;
	for (struct dirent *e; (e = readdir(d));) {
		pid_t n = number(e->d_name);
		if (n)
			vec_push(NULL, &out->pids, n);
	}
	closedir(d);
	return true;
}

void proc_table_read(struct proc_table *t)
{
	struct pid_list all = {0};
	list_numbers("/proc", &all);
	for (size_t i = 0; i < all.pids.n; i++) {
		struct proc_stat st;
		if (proc_stat_read(all.pids.p[i], &st))
			vec_push(NULL, &t->rows, st);
	}
	vec_free(&all.pids);
}

/* Environment */

/* Is `part` (or, with prefix, something that begins with it) among the colon-separated parts of value? */
static bool has_part(struct str value, struct str part, bool prefix)
{
	for (size_t from = 0; from <= value.n;) {
		size_t to = str_find(value, STR(":"), from);
		struct str one = str_sub(value, from, to);
		if (prefix ? str_starts(one, part) : str_eq(one, part))
			return true;
		from = to + 1;
	}
	return false;
}

static bool read_environ(pid_t pid, struct sbuf *b)
{
	char path[PATH_ROOM];
	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n;
	do {
		sbuf_reserve(b, PAGE);
		n = read_some(fd, b->p + b->n, PAGE);
		if (n > 0)
			b->n += (size_t)n;
	} while (n > 0);
	close(fd);
	return n == 0;
}

static bool environ_marked(struct str env, struct str mark, bool prefix)
{
	const struct str name = STR(PROCESS_MARK "=");
	for (size_t from = 0; from < env.n;) {
		const char *end = memchr(env.p + from, '\0', env.n - from);
		size_t to = end ? (size_t)(end - env.p) : env.n;
		struct str entry = str_sub(env, from, to);
		if (str_starts(entry, name))
			return has_part(str_sub(entry, name.n, entry.n), mark, prefix);
		from = to + 1;
	}
	return false;
}

static bool marked(pid_t pid, struct str mark, bool prefix)
{
	if (!mark.n)
		return false;
	struct sbuf env = {0};
	bool found = false;
	for (int i = 0; i < YOUNG_TRIES; i++) {
		sbuf_clear(&env);
		if (!read_environ(pid, &env))
			break;
		struct proc_stat st;
		if (env.n || !proc_stat_read(pid, &st) || !st.young)
			break;
		nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
	}
	if (env.n)
		found = environ_marked(sbuf_view(&env), mark, prefix);
	sbuf_free(&env);
	return found;
}

bool process_has_mark(pid_t pid, struct str mark)
{
	return marked(pid, mark, false);
}

bool process_has_mark_of(pid_t pid, struct str mark_prefix)
{
	return marked(pid, mark_prefix, true);
}

void process_marked(struct str mark_prefix, struct pid_list *out)
{
	struct pid_list all = {0};
	list_numbers("/proc", &all);
	for (size_t i = 0; i < all.pids.n; i++) {
		pid_t pid = all.pids.p[i];
		char path[PATH_ROOM];
		struct stat owner;
		struct proc_stat st;
		snprintf(path, sizeof path, "/proc/%d", (int)pid);
		if (pid == getpid() || stat(path, &owner) < 0 || owner.st_uid != geteuid())
			continue;
		if (marked(pid, mark_prefix, true) && proc_stat_read(pid, &st) && st.living)
			vec_push(NULL, &out->pids, pid);
	}
	vec_free(&all.pids);
}

/* Children */

/* Adds the numbers of an open list of children, from its start. */
static void read_children(int fd, struct pid_list *out)
{
	char buf[PAGE];
	off_t at = 0;
	pid_t pid = 0; /* may be cut between two reads */
	for (;;) {
		ssize_t n = pread(fd, buf, sizeof buf, at);
		if (n < 0 && errno == EINTR)
			continue;
		for (ssize_t i = 0; i < n; i++) {
			if (isdigit((unsigned char)buf[i])) {
				pid = pid * 10 + (buf[i] - '0');
			} else if (pid) {
				vec_push(NULL, &out->pids, pid);
				pid = 0;
			}
		}
		/* The kernel fills a page as far as entries fit: where there was room for another one there is no other. */
		if (n < PAGE - PID_DIGITS)
			break;
		at += n;
	}
	if (pid)
		vec_push(NULL, &out->pids, pid);
}

static int open_children(pid_t pid, pid_t tid)
{
	char path[PATH_ROOM];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)tid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Adds the children of every thread of pid but `except` (0: none). false: a thread there has no such list. */
static bool list_children(pid_t pid, pid_t except, struct pid_list *out)
{
	char path[PATH_ROOM];
	struct pid_list threads = {0};
	bool complete = true;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	list_numbers(path, &threads);
	for (size_t i = 0; i < threads.pids.n; i++) {
		pid_t tid = threads.pids.p[i];
		if (tid == except)
			continue;
		int fd = open_children(pid, tid);
		if (fd < 0) {
			complete = false;
			continue;
		}
		read_children(fd, out);
		close(fd);
	}
	vec_free(&threads.pids);
	return complete;
}

static bool kernel_lists_children(void)
{
	int fd = open_children(getpid(), getpid());
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != ENOENT;
}

static void children_by_scan(pid_t pid, struct pid_list *out)
{
	struct proc_table t = {0};
	proc_table_read(&t);
	for (size_t i = 0; i < t.rows.n; i++)
		if (t.rows.p[i].parent == pid)
			vec_push(NULL, &out->pids, t.rows.p[i].pid);
	vec_free(&t.rows);
}

void procfs_descendants_by_scan(pid_t pid, struct pid_list *out)
{
	struct proc_table t = {0};
	proc_table_read(&t);
	size_t next = out->pids.n;
	for (pid_t parent = pid; parent; parent = next < out->pids.n ? out->pids.p[next++] : 0)
		for (size_t i = 0; i < t.rows.n; i++)
			if (t.rows.p[i].parent == parent && t.rows.p[i].living)
				vec_push(NULL, &out->pids, t.rows.p[i].pid);
	vec_free(&t.rows);
}

void process_descendants(pid_t pid, struct pid_list *out)
{
	size_t start = out->pids.n, next = start;
	struct pid_list kids = {0};
	for (pid_t parent = pid; parent; parent = next < out->pids.n ? out->pids.p[next++] : 0) {
		kids.pids.n = 0;
		if (!list_children(parent, 0, &kids) && !kernel_lists_children()) {
			out->pids.n = start;
			procfs_descendants_by_scan(pid, out);
			break;
		}
		for (size_t i = 0; i < kids.pids.n; i++) {
			struct proc_stat st;
			if (proc_stat_read(kids.pids.p[i], &st) && st.living)
				vec_push(NULL, &out->pids, kids.pids.p[i]);
		}
	}
	vec_free(&kids.pids);
}

/* Descriptors kept for process_children, which is called at every end of a task. */
struct own_lists {
	pid_t pid;    /* whose they are: a fork has to open its own */
	int children; /* of the first thread, which adopts all orphans; -1: the kernel has no such lists */
	int task;     /* the folder of threads: its link count tells how many there are */
};

static const struct own_lists *own_lists(void)
{
	/* Like the process that it describes there is one: opened at the first call, then left. */
	static struct own_lists own = {.children = -1, .task = -1};
	pid_t self = getpid();
	if (own.pid == self)
		return &own;
	if (own.children >= 0)
		close(own.children);
	if (own.task >= 0)
		close(own.task);
	own.children = open_children(self, self);
	own.task = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own.pid = self;
	return &own;
}

void process_children(struct pid_list *out)
{
	const struct own_lists *own = own_lists();
	if (own->children < 0) {
		children_by_scan(getpid(), out);
		return;
	}
	read_children(own->children, out);
	struct stat st;
	if (own->task < 0 || fstat(own->task, &st) < 0 || st.st_nlink > 3)
		list_children(own->pid, own->pid, out);
}

/* How much a sandboxed task has written into its view, looked at now and then. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "run/isolate.h"

/* Of the time, so much goes into looking at most. */
enum { LOOK_SHARE = 20, CLOSED_LOOKS = 3 };

/* One file may be as large as 'disk' says, and what it lies in takes some bytes, too. */
#define FOLDERS ((uint64_t)256 << 10)

struct measure {
	struct arena a;
	VEC(struct str) folders; /* yet to be looked at, relative */
	uint64_t bytes;
	bool closed; /* a folder may not be read, and holds who knows what */
};

static void measure_entry(struct measure *m, DIR *d, struct str folder, const char *name)
{
	struct stat st;
	if (!strcmp(name, ".") || !strcmp(name, "..") || fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	m->bytes += (uint64_t)st.st_blocks * 512;
	if (S_ISDIR(st.st_mode))
		vec_push(&m->a, &m->folders, arena_printf(&m->a, "%.*s/%s", STR_ARG(folder), name));
}

/* Paths too long to be looked at count as much: nothing can be hidden there. */
static void measure_folder(struct measure *m, int at, struct str folder)
{
	int fd = openat(at, folder.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (fd < 0 && errno == ENAMETOOLONG)
		m->bytes = UINT64_MAX / 2;
	m->closed |= fd < 0 && errno == EACCES;
	if (!d && fd >= 0)
		close(fd);
	for (struct dirent *e; d && (e = readdir(d));)
		measure_entry(m, d, folder, e->d_name);
	if (d)
		closedir(d);
}

static uint64_t view_bytes(const struct job *j, bool *closed)
{
	struct measure m = {0};
	int fd = views_open(j->sched->c->store, j->view->dir, j->view->kind);
	*closed = false;
	if (fd < 0)
		return 0;
	vec_push(&m.a, &m.folders, STR("."));
	while (m.folders.n && m.bytes < UINT64_MAX / 2)
		measure_folder(&m, fd, m.folders.p[--m.folders.n]);
	close(fd);
	arena_free(&m.a);
	*closed = m.closed;
	return m.bytes;
}

static void look(void *job);

static void look_later(struct job *j, int64_t took_ns)
{
	int64_t wait_ns = took_ns * LOOK_SHARE > NS_PER_S ? took_ns * LOOK_SHARE : NS_PER_S;
	j->disk_timer.fn = look;
	j->disk_timer.self = j;
	loop_timer_set(j->sched->c->loop, &j->disk_timer, clock_ns() + wait_ns);
}

/* A folder may be closed for a moment, as tests of programs do. Who opens it now and then to pass for such is measured then. */
static bool is_too_much(struct job *j)
{
	bool closed;
	uint64_t bytes = view_bytes(j, &closed);
	j->disk_closed = closed ? j->disk_closed + 1 : 0;
	return j->disk_closed == CLOSED_LOOKS || (bytes > j->disk_before && bytes - j->disk_before > j->task->def->sandbox->disk + FOLDERS);
}

static void look(void *job)
{
	struct job *j = job;
	int64_t began = clock_ns();
	if (j->phase != PHASE_RUNNING)
		return;
	if (is_too_much(j) && !attend_answered_by_now(j))
		reaper_end_try(j, END_DISK);
	else
		look_later(j, clock_ns() - began);
}

void sandbox_attend(struct job *j)
{
	if (!j->task->def->sandbox || !j->view)
		return;
	bool closed;
	j->disk_closed = 0;
	if (j->view->kind == VIEW_COPY && !j->disk_before)
		j->disk_before = view_bytes(j, &closed);
	look_later(j, 0);
}

struct str sandbox_disk_full(struct job *j)
{
	if (j->disk_closed == CLOSED_LOOKS)
		return STR("it keeps a folder closed, so that what it writes there is not seen, and 'disk' of its sandbox not kept");
	return arena_printf(&j->arena, "it wrote more than the %llu bytes that 'disk' of its sandbox allows", (unsigned long long)j->task->def->sandbox->disk);
}

/* ax monitor: waits until agents have finished, told by the kernel of every change in the folder where they say so. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "ax/verb.h"
#include "base/clock.h"
#include "base/jsonout.h"
#include "base/os.h"
#include "base/path.h"
#include "load/value.h"
#include "show/phrase.h"
#include "state/statusdir.h"

#define EXIT_FAILED 1
#define EXIT_TIMEOUT 2
#define STATUS_LIMIT (16u << 20)     /* of a status file */
#define LOOK_AGAIN_NS (10 * NS_PER_MS)
#define LOOK_FOR_NS NS_PER_S
#define NONE_NS NS_PER_S /* after which waiting for a run to begin is told: most begin at once */

#define IN_FOLDER (IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* An agent that is waited for. */
struct awaited {
	struct str name;
	size_t alive;        /* runs under way */
	size_t gone, heard;  /* marks that went; status files that came. A run whose mark went without a file was killed */
	bool ended, failed;  /* a run has ended; one of them badly */
	bool told;
	int64_t duration_ms; /* of the last that ended; -1: not known */
	struct str error;
};

/* A mark whose holder lives. */
struct mark {
	struct str name;
	struct awaited *of;
};

struct monitor {
	struct arena *a;
	VEC(struct awaited) agents;
	VEC(struct mark) marks;  /* as the last scan found them */
	int inotify_fd, dir_fd;  /* dir_fd -1: the folder is not there yet */
	bool json;
	int64_t give_up_ns;      /* monotonic; 0: never */
	int64_t look_until_ns;   /* a mark was closed, and its lock may take a moment to go; 0: no such thing */
	int64_t tell_none_ns;    /* when to say who has no run under way; 0: that was said */
	bool overflow, moved;    /* events were lost; a folder on the way came or went */
	bool broken;             /* standard output */
};

static struct awaited *find(struct monitor *m, struct str name)
{
	for (size_t i = 0; i < m->agents.n; i++)
		if (str_eq(m->agents.p[i].name, name))
			return &m->agents.p[i];
	return NULL;
}

static struct str text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* A status file appeared, or was closed by its writer. One that is not whole yet comes again. */
static void read_status(struct monitor *m, const char *name)
{
	struct arena a = {0};
	struct str text;
	json_t *o = os_read_file(&a, m->dir_fd, name, STATUS_LIMIT, &text) ? NULL : json_loadb(text.p, text.n, 0, NULL);
	struct str status = text_of(o, "status");
	struct awaited *w = find(m, text_of(o, "agent"));
	bool failed = str_eq(status, STR("failed"));
	if (w && !w->told && (failed || str_eq(status, STR("completed")))) {
		const json_t *took = json_object_get(o, "duration");
		w->ended = true;
		w->failed = w->failed || failed;
		w->heard++;
		w->duration_ms = json_is_number(took) ? (int64_t)json_number_value(took) : -1;
		if (failed)
			w->error = arena_copy(m->a, text_of(o, "error"));
	}
	if (o)
		json_decref(o);
	arena_free(&a);
}

static bool is_status(const char *name)
{
	return name[0] != '.' && str_ends(str_of(name), STR(".json"));
}

static bool is_mark(const char *name)
{
	return str_starts(str_of(name), STR(STATUSDIR_MARK));
}

static bool has_mark(const struct monitor *m, struct str name)
{
	for (size_t i = 0; i < m->marks.n; i++)
		if (str_eq(m->marks.p[i].name, name))
			return true;
	return false;
}

static void add_mark(struct monitor *m, const char *name)
{
	struct arena a = {0};
	struct str agent;
	bool alive;
	if (statusdir_read_mark(&a, m->dir_fd, name, &agent, &alive) && alive) {
		struct awaited *w = find(m, agent);
		if (w) {
			w->alive++;
			vec_push(m->a, &m->marks, (struct mark){arena_copy(m->a, str_of(name)), w});
		}
	}
	arena_free(&a);
}

/* Goes through the folder: which runs are under way, and which no longer; `all`: what has ended, too. */
static void scan(struct monitor *m, bool all)
{
	int fd = m->dir_fd < 0 ? -1 : openat(m->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct mark *before = m->marks.p;
	size_t n = m->marks.n;
	m->marks.p = NULL;
	m->marks.n = m->marks.cap = 0;
	for (size_t i = 0; i < m->agents.n; i++)
		m->agents.p[i].alive = 0;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (all && is_status(e->d_name))
			read_status(m, e->d_name);
		if (is_mark(e->d_name))
			add_mark(m, e->d_name);
	}
	for (size_t i = 0; i < n; i++)
		before[i].of->gone += !has_mark(m, before[i].name);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

/* Watches the folder, or the nearest above it that is there. 0 or errno. *late: the folder came while we waited. */
static int watch(struct monitor *m, bool late)
{
	static const char *const above[] = {".automatosx", "."};
	for (;;) {
		if (inotify_add_watch(m->inotify_fd, STATUSDIR, IN_FOLDER) >= 0) {
			m->dir_fd = open(STATUSDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (m->dir_fd < 0)
				return errno;
			scan(m, late);
			return 0;
		}
		if (errno != ENOENT)
			return errno;
		int on = -1;
		for (size_t i = 0; on < 0 && i < sizeof above / sizeof *above; i++)
			on = inotify_add_watch(m->inotify_fd, above[i], IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
		if (on < 0)
			return errno;
		/* It may have come between the two looks. */
		if (access(STATUSDIR, F_OK))
			return 0;
		late = true;
	}
}

static void take_event(struct monitor *m, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		m->overflow = true;
	if (m->dir_fd < 0 || e->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
		m->moved = true;
		return;
	}
	if (!e->len)
		return;
	if (is_status(e->name) && e->mask & (IN_MOVED_TO | IN_CLOSE_WRITE))
		read_status(m, e->name);
	/* The kernel tells of the closing before it drops the lock. */
	if (is_mark(e->name) && e->mask & IN_CLOSE_WRITE)
		m->look_until_ns = clock_ns() + LOOK_FOR_NS;
}

static void take_events(struct monitor *m)
{
	_Alignas(struct inotify_event) char buf[16384];
	ssize_t n;
	while ((n = read(m->inotify_fd, buf, sizeof buf)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);
			take_event(m, e);
			at += (ssize_t)(sizeof *e + e->len);
		}
}

static void tell_json(struct monitor *m, const struct awaited *w, const char *status)
{
	struct sbuf b = {0};
	struct jsonout o = {.b = &b};
	jsonout_object(&o, NULL);
	jsonout_text(&o, "agent", w->name);
	jsonout_word(&o, "status", status);
	jsonout_count(&o, "duration", w->duration_ms);
	jsonout_known(&o, "error", w->error);
	jsonout_end(&o);
	puts(b.p);
	sbuf_free(&b);
	m->broken = fflush(stdout) != 0 || ferror(stdout);
}

static void tell(struct monitor *m, struct awaited *w)
{
	w->told = true;
	if (m->json) {
		tell_json(m, w, w->failed ? "failed" : "completed");
		return;
	}
	struct sbuf b = {0};
	phrase_line(&b, w->name);
	printf("%s\n", b.p);
	m->broken = fflush(stdout) != 0 || ferror(stdout);
	if (w->failed) {
		sbuf_lit(&b, " failed");
		if (w->error.n) {
			sbuf_lit(&b, ": ");
			phrase_line(&b, w->error);
		}
		fprintf(stderr, "ax: %s\n", b.p);
	}
	sbuf_free(&b);
}

/* Tells of those that have finished. true: nobody is left to wait for. */
static bool settle(struct monitor *m)
{
	bool all = true;
	for (size_t i = 0; i < m->agents.n; i++) {
		struct awaited *w = &m->agents.p[i];
		if (w->told || w->alive) {
			all = all && w->told;
			continue;
		}
		if (w->gone > w->heard) { /* its process died without a word */
			w->ended = w->failed = true;
			w->error = STR("it was killed");
		}
		if (w->ended)
			tell(m, w);
		all = all && w->told;
	}
	return all;
}

/* How long poll may wait, in milliseconds, rounded up; -1: for ever. */
static int patience(const struct monitor *m)
{
	int64_t now = clock_ns(), until = m->give_up_ns;
	if (m->tell_none_ns && (!until || m->tell_none_ns < until))
		until = m->tell_none_ns;
	if (m->look_until_ns && (!until || now + LOOK_AGAIN_NS < until))
		until = now + LOOK_AGAIN_NS;
	if (!until)
		return -1;
	int64_t ms = (until - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms < 0 ? 0 : ms > 1000000000 ? 1000000000 : (int)ms;
}

/* The folder went, or one on the way to it came. */
static int follow(struct monitor *m)
{
	m->moved = false;
	if (m->dir_fd >= 0)
		close(m->dir_fd);
	m->dir_fd = -1;
	return watch(m, true);
}

/* Who has finished by now, or whose name is misspelt, would be waited for without a word. */
static void tell_none(struct monitor *m)
{
	m->tell_none_ns = 0;
	for (size_t i = 0; i < m->agents.n; i++) {
		struct sbuf b = {0};
		phrase_word(&b, m->agents.p[i].name);
		if (!m->agents.p[i].alive && !m->agents.p[i].told)
			fprintf(stderr, "ax: no run of %s is under way: waits for one to begin\n", b.p);
		sbuf_free(&b);
	}
}

static int wait_for_all(struct monitor *m)
{
	int err = watch(m, false);
	m->tell_none_ns = clock_ns() + NONE_NS;
	while (!err && !m->broken) {
		if (settle(m))
			return 0;
		if (m->give_up_ns && clock_ns() >= m->give_up_ns)
			return ETIMEDOUT;
		if (m->tell_none_ns && clock_ns() >= m->tell_none_ns)
			tell_none(m);
		struct pollfd p = {.fd = m->inotify_fd, .events = POLLIN};
		if (poll(&p, 1, patience(m)) < 0 && errno != EINTR)
			return errno;
		take_events(m);
		if (m->moved)
			err = follow(m);
		scan(m, m->overflow);
		m->overflow = false;
		take_events(m); /* a mark goes after its run's file has come: that is there by now */
		if (m->look_until_ns && clock_ns() >= m->look_until_ns)
			m->look_until_ns = 0;
	}
	return err;
}

static int end(struct monitor *m, int err, struct str limit)
{
	bool failed = false;
	for (size_t i = 0; i < m->agents.n; i++) {
		const struct awaited *w = &m->agents.p[i];
		failed = failed || w->failed;
		if (err != ETIMEDOUT || w->told)
			continue;
		if (m->json)
			tell_json(m, w, "waiting");
		fprintf(stderr, "ax: *** %.*s has not finished in %.*s%s\n", STR_ARG(w->name), STR_ARG(limit), limit.n && limit.p[limit.n - 1] <= '9' ? "s" : "");
	}
	if (err && err != ETIMEDOUT)
		fprintf(stderr, "ax: *** cannot watch " STATUSDIR ": %s\n", os_error(err));
	return err ? EXIT_TIMEOUT : failed ? EXIT_FAILED : 0;
}

static int call(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct monitor m = {.a = &g->arena, .dir_fd = -1, .json = ax_words_has(w, "json")};
	struct str limit = ax_words_value(w, "timeout");
	int64_t ns = 0;
	if (limit.p && !value_duration(limit, &ns)) {
		diag_error(g->project.diag, POS_NONE, "seconds, or 500ms, 30s, 10m, 1h", "'--timeout' wants a span of time, not '%.*s'", STR_ARG(limit));
		program_report(g);
		return v->wrong_use;
	}
	m.give_up_ns = ns ? clock_ns() + ns : 0;
	for (size_t i = 0; i < w->plain.n; i++)
		if (!find(&m, w->plain.p[i]))
			vec_push(&g->arena, &m.agents, (struct awaited){.name = w->plain.p[i], .duration_ms = -1});
	m.inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int err = m.inotify_fd < 0 ? errno : wait_for_all(&m);
	return end(&m, err, limit);
}

static const struct ax_option options[] = {
	{"timeout", 0, "SECONDS", "wait no longer than that; 30, or 500ms, 10m, 1h"},
	{"json", 0, NULL, "print an object a line: agent, status, duration, error"},
	{0},
};

const struct ax_verb ax_monitor_verbs[] = {
	{
		.name = "monitor",
		.args = "AGENT...",
		.help = "Wait until each of these agents has finished",
		.more = "Counts runs that are under way, or begin while it waits, of tasks, of ax run and of AutomatosX.\n"
			"Each name is printed as it ends. Exit status: 0 all ended well, 1 one failed, 2 time-out.",
		.options = options,
		.least = 1,
		.most = SIZE_MAX,
		.run = call,
		.wrong_use = EXIT_TIMEOUT,
	},
	{0},
};

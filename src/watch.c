#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/utf8.h"
#include "engine.h"
#include "round.h"
#include "run/loop.h"
#include "run/watcher.h"

#define QUIET_NS (50 * NS_PER_MS)  /* without an edit: then a burst of them is over */
#define LONGEST_NS (2 * NS_PER_S)  /* that a burst is waited for */

enum { ROUNDS_MOST = 8 }; /* one after another, each for what changed while the one before ran */

struct watch {
	struct program *g;
	struct loop *loop;
	struct watcher *watcher;
	struct arena arena; /* of the last round */
	struct round round; /* the last one */
	size_t in_a_row;
	pid_t child; /* 0: no round is on its way */
	int status;
	int signal;
	struct loop_timer quiet;
	int64_t burst_ns; /* when it began; 0: there is none */
	bool over_quiet;  /* a burst is over */
};

static void on_signal(void *self, const struct signalfd_siginfo *si)
{
	struct watch *w = self;
	if (si->ssi_signo == SIGCHLD)
		return;
	w->signal = (int)si->ssi_signo;
	/* It may have come to the round as well, from a terminal say. That takes the two for one. */
	if (w->child)
		sigqueue(w->child, w->signal, (union sigval){0});
}

static void burst_over(void *self)
{
	struct watch *w = self;
	w->over_quiet = true;
	w->burst_ns = 0;
}

static void go_on_burst(struct watch *w)
{
	int64_t now = clock_ns(), at = now + QUIET_NS;
	if (!w->burst_ns)
		w->burst_ns = now;
	if (at > w->burst_ns + LONGEST_NS)
		at = w->burst_ns + LONGEST_NS;
	loop_timer_set(w->loop, &w->quiet, at);
}

static void something_happened(void *self, uint32_t events)
{
	struct watch *w = self;
	(void)events;
	if (watcher_read(w->watcher))
		go_on_burst(w);
}

/* Until no more edits come. false: a signal has. */
static bool wait_for_quiet(struct watch *w)
{
	w->over_quiet = false;
	while (!w->over_quiet && !w->signal)
		if (loop_turn(w->loop, true))
			return false;
	return !w->signal;
}

/* Rounds */

/* The rest of the process is the round. */
static int be_round(struct watch *w, int fd, pid_t parent, int (*build)(struct program *g))
{
	struct program *g = w->g;
	struct round *r = &w->round;
	loop_free(w->loop);
	watcher_free(w->watcher);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		engine_raise(SIGTERM);
	g->options.mode = MODE_BUILD;
	g->round = r;
	g->project.seen = seen_new(&g->arena);
	g->project.closing = round_list;
	g->project.closing_self = r;
	r->spoke = !r->hush;
	int status = build(g);
	round_list(r, &g->project);
	r->silent = g->options.silent || str_eq(g->options.progress, STR("none"));
	r->over = r->over || g->project.own_ancestor;
	int err = round_tell(r, fd);
	if (err)
		fprintf(stderr, "axmake: *** cannot tell what is to be watched: %s\n", os_error(err));
	return status;
}

/* What the last round leaves to the next one. */
static void next_round(struct watch *w, bool hush, struct str why)
{
	struct round *r = &w->round;
	r->hush = hush;
	r->why = why;
	r->listed = r->ran = r->spoke = false;
	sbuf_clear(&r->list);
}

static bool hear_round(struct watch *w, int fd)
{
	struct round heard = {.hush = false};
	struct arena a = {0};
	bool well = round_hear(&heard, &a, fd);
	round_free(&w->round);
	arena_free(&w->arena);
	w->arena = a;
	w->round = heard;
	w->round.attempts.arena = &w->arena;
	return well;
}

/* false: in the round itself, whose exit status is *status. Else w->status is the round's wait status, and w->round.listed tells whether it was heard. */
static bool run_round(struct watch *w, int (*build)(struct program *g), int *status)
{
	int fd = memfd_create("axmake-round", MFD_CLOEXEC);
	pid_t self = getpid(), pid;
	fflush(stdout);
	pid = fd < 0 ? -1 : fork();
	if (pid == 0) {
		*status = be_round(w, fd, self, build);
		return false;
	}
	w->status = 0;
	w->round.listed = false;
	if (pid < 0) {
		fprintf(stderr, "axmake: *** cannot start a run: %s\n", os_error(errno));
		w->status = W_EXITCODE(EXIT_TROUBLE, 0);
		return true;
	}
	w->child = pid;
	while (waitpid(pid, &w->status, WNOHANG) == 0)
		if (loop_turn(w->loop, true))
			break;
	w->child = 0;
	hear_round(w, fd);
	close(fd);
	return true;
}

/* Changes */

static void add_paths(struct sbuf *b, const struct changes *c)
{
	utf8_escape(b, c->paths.n ? c->paths.p[0] : c->maybe ? c->what : STR("what is on record"));
	if (c->paths.n > 1)
		sbuf_printf(b, " and %zu more", c->paths.n - 1);
	sbuf_lit(b, " changed");
}

static void say(const struct watch *w, const struct sbuf *b)
{
	if (!w->round.silent)
		fprintf(stderr, "%s: %.*s\n", w->g->name, (int)b->n, b->p);
}

static bool cannot_watch(const struct watch *w, int err)
{
	fprintf(stderr, "%s: *** cannot watch: %s\n", w->g->name, os_error(err));
	if (err == ENOSPC)
		fprintf(stderr, "  hint: every folder takes a watch, and the system allows this user no more; raise fs.inotify.max_user_watches, as in: sysctl fs.inotify.max_user_watches=1000000\n");
	if (err == EMFILE)
		fprintf(stderr, "  hint: too many programs of this user watch files already; raise fs.inotify.max_user_instances, as in: sysctl fs.inotify.max_user_instances=1024\n");
	return false;
}

static bool any(const struct changes *c)
{
	return c->paths.n || c->maybe || c->log;
}

static void say_watching(const struct watch *w)
{
	struct sbuf b = {0};
	size_t n = watcher_folders(w->watcher);
	sbuf_printf(&b, "watching %zu folder%s; Ctrl-C ends", n, n == 1 ? "" : "s");
	if (w->round.spoke)
		say(w, &b);
	sbuf_free(&b);
}

/* Has the last round left something to do, by what changed while it ran? */
static bool goes_on(struct watch *w, const struct changes *c)
{
	struct sbuf b = {0};
	if (!any(c))
		return false;
	if (++w->in_a_row < ROUNDS_MOST)
		return true;
	add_paths(&b, c);
	sbuf_printf(&b, " during the run, %d times in a row; waiting for another change", ROUNDS_MOST);
	say(w, &b);
	sbuf_free(&b);
	watcher_accept(w->watcher);
	return false;
}

/* Waits until there is something to run for. false: that will not be. */
static bool wait_for_change(struct watch *w, struct changes *c)
{
	int err = watcher_look(w->watcher, c);
	if (err)
		return cannot_watch(w, err);
	if (loop_watch(w->loop, watcher_fd(w->watcher), EPOLLIN, something_happened, w))
		return cannot_watch(w, ENOMEM);
	if (goes_on(w, c)) {
		go_on_burst(w);
		return wait_for_quiet(w);
	}
	w->in_a_row = 0;
	say_watching(w);
	do {
		vec_free(&c->paths);
		if (!wait_for_quiet(w))
			return false;
		err = watcher_look(w->watcher, c);
		if (err)
			return cannot_watch(w, err);
	} while (!any(c));
	return true;
}

/* Events of the round itself are left where they are until it has ended. */
static void begin_round(struct watch *w, const struct changes *c)
{
	struct sbuf b = {0};
	add_paths(&b, c);
	if (c->paths.n)
		say(w, &b);
	next_round(w, !c->paths.n, arena_copy(&w->arena, sbuf_view(&b)));
	sbuf_free(&b);
	loop_timer_clear(w->loop, &w->quiet);
	w->burst_ns = 0;
	loop_unwatch(w->loop, watcher_fd(w->watcher));
	watcher_run_begins(w->watcher);
}

/* false: there is no next round. */
static bool between_rounds(struct watch *w)
{
	struct changes c = {.maybe = false};
	if (w->signal || !w->round.listed)
		return false;
	watcher_run_ended(w->watcher, sbuf_view(&w->round.list));
	bool again = wait_for_change(w, &c);
	if (again)
		begin_round(w, &c);
	vec_free(&c.paths);
	return again;
}

static int end(struct watch *w)
{
	int ended_by = WIFSIGNALED(w->status) ? WTERMSIG(w->status) : 0;
	bool asked = ended_by == SIGINT || ended_by == SIGTERM || ended_by == SIGHUP || ended_by == SIGQUIT;
	loop_free(w->loop);
	watcher_free(w->watcher);
	round_free(&w->round);
	arena_free(&w->arena);
	if (w->signal || asked)
		engine_raise(w->signal ? w->signal : ended_by);
	if (ended_by)
		fprintf(stderr, "%s: *** the run was ended by signal %d\n", w->g->name, ended_by);
	return !ended_by && WIFEXITED(w->status) && WEXITSTATUS(w->status) ? WEXITSTATUS(w->status) : EXIT_TROUBLE;
}

static bool may_watch(struct program *g)
{
	const struct options *o = &g->options;
	const struct {
		bool given;
		const char *name;
	} others[] = {
		{o->dry_run, "-n"}, {o->question, "-q"}, {o->touch || o->touch_inherited, "-t"}, {o->always_make || o->always_make_inherited, "-B"}, {o->new_files.n, "-W"},
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i].given)
			diag_error(g->project.diag, POS_NONE, NULL, "'--watch' does not go with '%s'", others[i].name);
	return program_report(g);
}

int watch(struct program *g, int (*build)(struct program *g))
{
	struct watch *w = arena_new(&g->arena, struct watch);
	int status;
	if (!may_watch(g))
		return EXIT_TROUBLE;
	w->g = g;
	w->loop = loop_new();
	w->watcher = w->loop ? watcher_new() : NULL;
	if (!w->watcher) {
		cannot_watch(w, errno);
		loop_free(w->loop);
		return EXIT_TROUBLE;
	}
	loop_on_signal(w->loop, on_signal, w);
	w->quiet = (struct loop_timer){.fn = burst_over, .self = w};
	w->round.attempts.arena = &w->arena;
	do {
		if (!run_round(w, build, &status))
			return status;
	} while (between_rounds(w));
	return end(w);
}

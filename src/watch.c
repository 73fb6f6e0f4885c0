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

#include "base/os.h"
#include "base/utf8.h"
#include "burst.h"
#include "engine.h"
#include "round.h"
#include "run/loop.h"
#include "run/watcher.h"
#include "standby.h"

enum { ROUNDS_MOST = 8 }; /* one after another, each for what changed while the one before ran */

struct watch {
	struct program *g;
	struct loop *loop;
	struct watcher *watcher;
	struct arena arena; /* of the last round */
	struct sbuf missed; /* the last folder of which it was told that it cannot be watched */
	struct round round; /* the last one */
	bool spoke;         /* a round, since it was said last that this watches */
	size_t in_a_row;
	pid_t child; /* 0: no round is on its way */
	int status;
	int signal;
	struct burst burst;
	struct standby standby;
	bool is_round;    /* this process has become one */
	int round_status; /* its exit status */
};

static void on_signal(void *self, const struct signalfd_siginfo *si)
{
	struct watch *w = self;
	if (si->ssi_signo == SIGCHLD)
		return; /* also of a standby that could not be made: it is missed when it is needed */
	w->signal = (int)si->ssi_signo;
	/* It may have come to the round as well, from a terminal say. That takes the two for one. */
	if (w->child)
		sigqueue(w->child, w->signal, (union sigval){0});
}

/* Rounds */

/* The rest of the process is the round. asked_by: of one that is yet to be asked for; else -1. */
static int be_round(struct watch *w, int fd, int asked_by, pid_t parent, int (*build)(struct program *g))
{
	struct program *g = w->g;
	struct round *r = &w->round;
	w->is_round = true;
	r->listed = r->ran = false;
	sbuf_clear(&r->list);
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
	if (asked_by >= 0)
		standby_wait(g, r, asked_by);
	r->spoke = !r->hush;
	int status = build(g);
	round_list(r, &g->project);
	r->silent = g->options.silent || str_eq(g->options.progress, STR("none"));
	r->over = r->over || g->project.own_ancestor;
	int err = round_tell(r, fd);
	if (err)
		fprintf(stderr, "%s: *** cannot tell what is to be watched: %s\n", g->name, os_error(err));
	return status;
}

/* What the last round leaves to the next one. */
static void next_round(struct watch *w, bool hush, struct str why)
{
	struct round *r = &w->round;
	r->hush = hush;
	r->why = why;
}

static void hear_round(struct watch *w, int fd)
{
	struct round heard = {.hush = false};
	struct arena a = {0};
	int err = round_hear(&heard, &a, fd);
	if (err)
		fprintf(stderr, "%s: *** cannot hear what is to be watched: %s\n", w->g->name, os_error(err));
	round_free(&w->round);
	arena_free(&w->arena);
	w->arena = a;
	w->round = heard;
	w->spoke = w->spoke || heard.spoke;
	w->round.attempts.arena = &w->arena;
}

static bool was_deaf(const struct watch *w)
{
	return WIFEXITED(w->status) && WEXITSTATUS(w->status) == STANDBY_DEAF;
}

/* Waits for the round to end. w->status is its wait status, and w->round.listed tells whether it was heard. */
static void attend_round(struct watch *w, pid_t pid, int fd)
{
	w->child = pid;
	for (;;) {
		pid_t ended = waitpid(pid, &w->status, WNOHANG);
		if (ended == pid || (ended < 0 && errno != EINTR) || (!ended && loop_turn(w->loop, true)))
			break;
	}
	w->child = 0;
	if (!was_deaf(w)) /* else w->round is still what the next one is to know */
		hear_round(w, fd);
	close(fd);
}

/* false: in the round itself. */
static bool run_round(struct watch *w, int (*build)(struct program *g))
{
	int fd = memfd_create("axmake-round", MFD_CLOEXEC);
	pid_t self = getpid(), pid;
	fflush(stdout);
	pid = fd < 0 ? -1 : fork();
	if (pid == 0) {
		w->round_status = be_round(w, fd, -1, self, build);
		return false;
	}
	w->status = 0;
	w->round.listed = false;
	if (pid < 0) {
		fprintf(stderr, "%s: *** cannot start a run: %s\n", w->g->name, os_error(errno));
		w->status = W_EXITCODE(EXIT_TROUBLE, 0);
		return true;
	}
	attend_round(w, pid, fd);
	return true;
}

/* Has the next one prepared, if it can be. false: in that round itself. */
static bool prepare_round(struct watch *w, int (*build)(struct program *g))
{
	int fd, tell_fd;
	pid_t self = getpid();
	if (standby_start(&w->standby, w->g, &fd, &tell_fd) == 0) {
		w->round_status = be_round(w, tell_fd, fd, self, build);
		return false;
	}
	if (w->standby.pid && loop_watch(w->loop, w->standby.fd, EPOLLIN, burst_answered, &w->burst))
		standby_end(&w->standby);
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

/* Once, while it is so. */
static void say_missed(struct watch *w)
{
	struct str folder;
	int err;
	size_t n = watcher_missed(w->watcher, &folder, &err);
	struct sbuf b = {0};
	if (n && !str_eq(folder, sbuf_view(&w->missed))) {
		utf8_escape(&b, folder);
		if (n > 1)
			sbuf_printf(&b, " and %zu more folders", n - 1);
		fprintf(stderr, "%s: warning: cannot watch %.*s: %s; an edit there is not noticed\n", w->g->name, (int)b.n, b.p,
		        os_error(err));
	}
	sbuf_clear(&w->missed);
	sbuf_str(&w->missed, folder);
	sbuf_free(&b);
}

static void say_watching(struct watch *w)
{
	struct sbuf b = {0};
	size_t n = watcher_folders(w->watcher);
	sbuf_printf(&b, "watching %zu folder%s; Ctrl-C ends", n, n == 1 ? "" : "s");
	if (w->spoke)
		say(w, &b);
	w->spoke = false;
	sbuf_free(&b);
}

/* Has the last round left something to do, by what changed while it ran? */
static bool goes_on(struct watch *w, const struct changes *c)
{
	struct sbuf b = {0};
	if (!changes_any(c))
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
static bool wait_for_change(struct watch *w, struct changes *c, int (*build)(struct program *g))
{
	int err = watcher_look(w->watcher, c);
	if (err)
		return cannot_watch(w, err);
	say_missed(w);
	err = loop_watch(w->loop, watcher_fd(w->watcher), EPOLLIN, burst_something_happened, &w->burst);
	if (err)
		return cannot_watch(w, err);
	if (goes_on(w, c)) {
		burst_goes_on(&w->burst);
		return burst_wait(&w->burst);
	}
	w->in_a_row = 0;
	say_watching(w);
	if (!prepare_round(w, build))
		return false;
	do {
		vec_free(&c->paths);
		if (!burst_wait(&w->burst))
			return false;
		err = watcher_look(w->watcher, c);
		if (err)
			return cannot_watch(w, err);
	} while (!changes_any(c));
	return true;
}

/* Events of the round itself are left where they are until it has ended. The round that was prepared has begun, if there is one that hears: w->standby has no pid then, and *pid and *fd are its. */
static void begin_round(struct watch *w, const struct changes *c, pid_t *pid, int *fd)
{
	struct sbuf b = {0};
	add_paths(&b, c);
	if (c->paths.n)
		say(w, &b);
	next_round(w, !c->paths.n, arena_copy(&w->arena, sbuf_view(&b)));
	sbuf_free(&b);
	burst_forget(&w->burst);
	loop_unwatch(w->loop, watcher_fd(w->watcher));
	*pid = w->standby.pid;
	*fd = w->standby.tell_fd;
	if (*pid)
		loop_unwatch(w->loop, w->standby.fd);
	if (*pid && !standby_go(&w->standby, c, w->round.hush, w->round.why)) {
		standby_end(&w->standby);
		*pid = 0;
	}
	watcher_run_begins(w->watcher, *pid && c->files);
}

/* Until there is another round. false: there is none, or this process is a round itself. */
static bool between_rounds(struct watch *w, int (*build)(struct program *g), pid_t *pid, int *fd)
{
	struct changes c = {.maybe = false};
	if (w->signal || !w->round.listed)
		return false;
	watcher_run_ended(w->watcher, sbuf_view(&w->round.list));
	bool again = wait_for_change(w, &c, build);
	if (again)
		begin_round(w, &c, pid, fd);
	vec_free(&c.paths);
	return again;
}

/* One round after another. */
static void go_round(struct watch *w, int (*build)(struct program *g))
{
	pid_t prepared = 0;
	int fd = -1;
	do {
		w->status = 0;
		w->round.listed = false;
		if (prepared)
			attend_round(w, prepared, fd);
		if ((!prepared || was_deaf(w)) && !run_round(w, build))
			return;
	} while (between_rounds(w, build, &prepared, &fd));
}

static int end(struct watch *w)
{
	int ended_by = WIFSIGNALED(w->status) ? WTERMSIG(w->status) : 0;
	bool asked = ended_by == SIGINT || ended_by == SIGTERM || ended_by == SIGHUP || ended_by == SIGQUIT;
	standby_end(&w->standby);
	loop_free(w->loop);
	watcher_free(w->watcher);
	round_free(&w->round);
	arena_free(&w->arena);
	sbuf_free(&w->missed);
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
	burst_init(&w->burst, w->loop, w->watcher, &w->standby, &w->signal);
	w->round.attempts.arena = &w->arena;
	w->standby.fd = -1;
	go_round(w, build);
	return w->is_round ? w->round_status : end(w);
}

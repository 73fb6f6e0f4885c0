#include "run/jobserver.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "run/jobserver_auth.h"
#include "run/jobserver_end.h"
#include "run/jobserver_pool.h"

struct jobserver {
	enum jobserver_role role;
	struct arena *arena;
	const char *program;
	void (*warn)(void *self, const char *line);
	void *self;

	size_t limit;   /* without jobserver: slots, 0 for no limit */
	size_t counted; /* without jobserver: slots held */
	size_t slots;   /* see jobserver_slots */

	struct slot *implicit; /* who holds the slot that no byte stands for */
	/* Slots that hold bytes, the latest last. A slot stands here from after its byte was read until before it is written
	 * back. */
	struct slot **holders;
	volatile size_t n_holders;
	size_t cap_holders;

	struct jobserver_end in, out;
	int hand[2];                /* descriptors that children are given by number; -1 for a fifo */
	bool broken;                /* the pool cannot be used any more: the implicit slot is left */
	struct jobserver_pool pool; /* server */
	struct str with, without;   /* MAKEFLAGS of children */
};

static void say(struct jobserver *j, struct str what)
{
	if (j->warn)
		j->warn(j->self, arena_printf(j->arena, "%s: warning: %.*s", j->program, STR_ARG(what)).p);
}

/* The pool failed: said once. */
static void give_up(struct jobserver *j, const char *what, int error)
{
	if (!j->broken)
		say(j, arena_printf(j->arena, "jobserver: cannot %s a token: %s: going on with one job at a time", what,
		                    os_error(error)));
	j->broken = true;
}

static void put_back(struct jobserver *j, unsigned char byte)
{
	int ms = 1000, error = jobserver_end_put(j->out, byte, &ms);

	if (error)
		give_up(j, "give back", error);
}

/* How the parent's jobserver is unusable is said, and the one slot that every process has is used. */
static void unavailable(struct jobserver *j, const struct jobserver_config *c, const char *reason, bool plus)
{
	struct sbuf auth = {0};

	j->limit = 1;
	utf8_escape(&auth, c->auth);
	say(j, arena_printf(j->arena, "jobserver unavailable: using -j1.%s (--jobserver-auth=%.*s: %s)",
	                    plus ? "  Add '+' to parent make rule." : "", STR_ARG(sbuf_view(&auth)), reason));
	sbuf_free(&auth);
}

static bool join_fifo(struct jobserver *j, const struct jobserver_config *c)
{
	struct str path = arena_copy(j->arena, str_sub(c->auth, sizeof "fifo:" - 1, c->auth.n));
	const char *why = NULL;
	struct stat st;

	/* Looked at before it is opened: opening a device may do something. */
	if (path.n == 0)
		why = "it names no path";
	else if (stat(path.p, &st) != 0)
		why = os_error(errno);
	else if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		why = "it is not a fifo";
	int fd = why ? -1 : open(path.p, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		unavailable(j, c, why ? why : os_error(errno), false);
		return false;
	}
	j->in = j->out = (struct jobserver_end){fd, true};
	j->role = JOBSERVER_CLIENT;
	return true;
}

static void join(struct jobserver *j, const struct jobserver_config *c, const struct jobserver_inherited *in)
{
	if (str_starts(c->auth, STR("fifo:"))) {
		join_fifo(j, c);
	} else if (in && in->disabled) {
		j->limit = 1;
	} else if (in && in->pipe_ok) {
		j->in = jobserver_end_reopen(in->read_fd, O_RDONLY);
		j->out = jobserver_end_reopen(in->write_fd, O_WRONLY);
		j->hand[0] = in->read_fd;
		j->hand[1] = in->write_fd;
		j->role = JOBSERVER_CLIENT;
	} else {
		unavailable(j, c, in ? in->why : "it was not looked at", in && in->read_fd >= 0);
	}
	j->slots = j->role == JOBSERVER_CLIENT ? c->parent_slots : 0;
	if (j->role == JOBSERVER_CLIENT)
		j->with = c->makeflags;
	else
		j->with = jobserver_makeflags(j->arena, c->makeflags, STR(" -j1"));
}

static void serve(struct jobserver *j, const struct jobserver_config *c)
{
	size_t tokens = (size_t)c->jobs - 1;
	struct str why = STR_NONE;
	int error = 0;
	bool fifo = str_eq(c->style, STR("fifo")) && jobserver_pool_fifo(j->arena, &j->pool, tokens, &why);

	if (str_eq(c->style, STR("fifo")) && !fifo)
		say(j, arena_printf(j->arena, "jobserver: no fifo can be made: %s: using a pipe", why.p));
	if (!fifo && !jobserver_pool_pipe(&j->pool, tokens, &error)) {
		say(j, arena_printf(j->arena, "jobserver: no pipe can be made: %s: children get no jobserver",
		                    os_error(error)));
		j->limit = (size_t)c->jobs;
		j->with = jobserver_makeflags(j->arena, c->makeflags, STR(" -j1"));
		return;
	}
	size_t slots = j->pool.tokens + 1;
	if (j->pool.tokens < tokens)
		say(j, arena_printf(j->arena, "jobserver: no room for -j%d in the kernel's pipe (%s): using -j%zu",
		                    c->jobs, os_error(j->pool.short_error), slots));
	j->role = JOBSERVER_SERVER;
	j->slots = slots;
	struct str words;
	if (fifo) {
		j->in = j->out = (struct jobserver_end){j->pool.fd[0], true};
		words = arena_printf(j->arena, " -j%zu --jobserver-auth=fifo:%s", slots, j->pool.fifo.p);
	} else {
		j->in = jobserver_end_reopen(j->pool.fd[0], O_RDONLY);
		j->out = jobserver_end_reopen(j->pool.fd[1], O_WRONLY);
		j->hand[0] = j->pool.fd[0];
		j->hand[1] = j->pool.fd[1];
		words = arena_printf(j->arena, " -j%zu --jobserver-auth=%d,%d", slots, j->hand[0], j->hand[1]);
	}
	j->with = jobserver_makeflags(j->arena, c->makeflags, words);
}

/* -j of our own. */
static void start_own(struct jobserver *j, const struct jobserver_config *c)
{
	if (c->has_auth && c->jobs != 1)
		say(j, arena_printf(j->arena, "-j%.0d forced in submake: resetting jobserver mode.",
		                    c->jobs > 0 ? c->jobs : 0));
	if (c->jobs > 1) {
		serve(j, c);
	} else {
		j->limit = c->jobs == 1;
		j->with = jobserver_makeflags(j->arena, c->makeflags, c->jobs == 1 ? STR(" -j1") : STR(" -j"));
	}
}

struct jobserver *jobserver_open(struct arena *a, const struct jobserver_config *c, const struct jobserver_inherited *in,
                                 void (*warn)(void *self, const char *line), void *self)
{
	struct jobserver *j = arena_new(a, struct jobserver);

	j->arena = a;
	j->program = c->program ? c->program : "axmake";
	j->warn = warn;
	j->self = self;
	j->in.fd = j->out.fd = j->hand[0] = j->hand[1] = j->pool.fd[0] = j->pool.fd[1] = -1;
	j->without = jobserver_makeflags(a, c->makeflags, STR_NONE);
	if (c->jobs != 0 && (!c->has_auth || c->jobs_on_command_line)) {
		start_own(j, c);
	} else if (c->has_auth) {
		join(j, c, in);
	} else {
		j->limit = c->limit;
		j->with = c->makeflags;
	}
	return j;
}

enum jobserver_role jobserver_role(const struct jobserver *j)
{
	return j->role;
}

/* Grown before a byte is read, so that no memory cannot lose one; the old array is left to the arena, in case a signal comes in
 * between. */
static void reserve_holder(struct jobserver *j)
{
	if (j->n_holders == j->cap_holders)
		j->holders = vec_grow(j->arena, j->holders, &j->cap_holders, sizeof *j->holders);
}

static bool take_byte(struct jobserver *j, struct slot *s)
{
	ssize_t n;

	if (j->broken)
		return false;
	reserve_holder(j);
	do {
		n = jobserver_end_read(j->in, &s->byte);
	} while (n < 0 && errno == EINTR);
	if (n == 1) {
		s->held = true;
		s->implicit = false;
		j->holders[j->n_holders] = s;
		j->n_holders++;
		return true;
	}
	/* An end cannot be seen while we have the other end open, unless that one could not be re-opened. */
	if (n == 0 || errno != EAGAIN)
		give_up(j, "read", n == 0 ? EPIPE : errno);
	return false;
}

bool jobserver_take(struct jobserver *j, struct slot *s)
{
	assert(!s->held);
	if (j->role == JOBSERVER_NONE) {
		if (j->limit && j->counted >= j->limit)
			return false;
		j->counted++;
		*s = (struct slot){.held = true};
		return true;
	}
	if (j->implicit)
		return take_byte(j, s);
	*s = (struct slot){.held = true, .implicit = true};
	j->implicit = s;
	return true;
}

/* Takes s out of the holders; false when its byte is back already. */
static bool forget_holder(struct jobserver *j, const struct slot *s)
{
	for (size_t i = j->n_holders; i-- > 0;) {
		if (j->holders[i] != s)
			continue;
		j->holders[i] = j->holders[j->n_holders - 1];
		j->n_holders--;
		return true;
	}
	return false;
}

void jobserver_give(struct jobserver *j, struct slot *s)
{
	assert(s->held);
	s->held = false;
	if (j->role == JOBSERVER_NONE) {
		assert(j->counted > 0);
		j->counted--;
		return;
	}
	if (j->implicit != s) {
		if (forget_holder(j, s))
			put_back(j, s->byte);
		return;
	}
	j->implicit = NULL;
	if (j->n_holders == 0)
		return;
	struct slot *heir = j->holders[j->n_holders - 1];
	j->n_holders--;
	heir->implicit = true;
	j->implicit = heir;
	put_back(j, heir->byte);
}

int jobserver_wait_fd(const struct jobserver *j)
{
	return j->role == JOBSERVER_NONE || j->broken ? -1 : j->in.fd;
}

size_t jobserver_slots(const struct jobserver *j)
{
	return j->role == JOBSERVER_NONE ? j->limit : j->broken ? 1 : j->slots;
}

size_t jobserver_free(const struct jobserver *j)
{
	size_t implicit = !j->implicit;
	int there;

	if (j->role == JOBSERVER_NONE)
		return j->limit ? j->limit - j->counted : SIZE_MAX;
	if (j->broken)
		return implicit;
	return ioctl(j->in.fd, FIONREAD, &there) || there < 0 ? SIZE_MAX : implicit + (size_t)there;
}

size_t jobserver_held(const struct jobserver *j)
{
	return j->counted + (j->implicit != NULL) + j->n_holders;
}

void jobserver_return_all(struct jobserver *j)
{
	int error = errno, ms = 1000;

	while (j->n_holders > 0) {
		size_t last = j->n_holders - 1;
		/* First out of the list: a byte is rather lost than given back twice. */
		j->n_holders = last;
		jobserver_end_put(j->out, j->holders[last]->byte, &ms);
	}
	errno = error;
}

struct jobserver_env jobserver_child(const struct jobserver *j, bool with)
{
	if (!with)
		return (struct jobserver_env){.makeflags = j->without, .keep = {-1, -1}};
	return (struct jobserver_env){.makeflags = j->with, .keep = {j->hand[0], j->hand[1]}};
}

/* Bytes that a server's pool lacks, beyond those held here. Negative: it has too many. */
static long missing_tokens(const struct jobserver *j)
{
	int there;

	if (ioctl(j->in.fd, FIONREAD, &there) != 0)
		return 0;
	return (long)j->pool.tokens - (long)j->n_holders - there;
}

int jobserver_top_up(struct jobserver *j)
{
	unsigned char byte = '+';
	int ms = 1000;

	if (j->role != JOBSERVER_SERVER)
		return 0;
	long missing = missing_tokens(j);
	for (long i = 0; i < missing; i++) {
		int error = jobserver_end_put(j->out, '+', &ms);
		if (error) {
			give_up(j, "give back", error);
			break;
		}
	}
	/* Tokens that somebody invented are taken out, or more would run than -j says. */
	for (long i = missing; i < 0 && jobserver_end_read(j->in, &byte) == 1; i++)
		;
	return (int)missing;
}

/* What a server finds wrong at the end. Tokens that a program still running holds are not waited for. */
static void say_balance(struct jobserver *j)
{
	long missing = missing_tokens(j);

	if (missing > 0)
		say(j,
		    arena_printf(j->arena,
		                 "jobserver: %ld of %zu tokens not given back: a task's program lost them or still runs",
		                 missing, j->pool.tokens));
	else if (missing < 0)
		say(j,
		    arena_printf(j->arena, "jobserver: %ld tokens too many: a task's program gave back more than it took",
		                 -missing));
}

void jobserver_close(struct jobserver *j)
{
	jobserver_return_all(j);
	if (j->role == JOBSERVER_SERVER) {
		say_balance(j);
		/* A fifo's one description is the pool's. */
		if (j->pool.fifo.n)
			j->in.own = j->out.own = false;
		jobserver_pool_close(&j->pool);
	}
	jobserver_end_close(j->in);
	if (j->out.fd != j->in.fd)
		jobserver_end_close(j->out);
	j->in.fd = j->out.fd = j->hand[0] = j->hand[1] = -1;
	j->broken = true;
}

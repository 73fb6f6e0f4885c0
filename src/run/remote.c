#include "run/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/process.h"

extern char **environ;

enum {
	PIECE = 16384,
	LATE = 2,       /* time-outs without a word, on top of a few beats: then it hangs */
	AT_THE_END = 3, /* time-outs that what is pushed is waited for */
};

struct remote {
	struct arena *arena;
	struct str program;
	const struct wire_config *config;
	struct loop *loop;
	struct remote_listener to;
	int fd;             /* -1: not started, or gone */
	pid_t pid;
	bool dead;          /* of no use any more */
	bool done;          /* it has said its last word */
	struct sbuf in, out;
	size_t pushing;     /* not answered yet */
	struct map asked;   /* signatures by their bytes -> enum asked */
	size_t waiting;     /* fetches that are not answered yet */
	struct loop_timer watchdog;
	int64_t heard_ns;
};

enum asked { ASKED_NOT, ASKED_WAITS, ASKED_GAVE, ASKED_LACKS };

struct remote *remote_new(struct arena *a, struct str program, const struct wire_config *config, struct loop *loop, const struct remote_listener *listener)
{
	struct remote *r = arena_new(a, struct remote);
	*r = (struct remote){.arena = a, .program = program, .config = config, .loop = loop, .to = *listener, .fd = -1, .pid = -1};
	return r;
}

static void warn(struct remote *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct remote *r, const char *fmt, ...)
{
	struct sbuf b = {0};
	va_list ap;
	va_start(ap, fmt);
	sbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	r->to.warn(r->to.self, sbuf_view(&b));
	sbuf_free(&b);
}

static void **slot_of(struct remote *r, struct hash128 signature)
{
	struct str key = {(const char *)&signature, sizeof signature};
	if (!map_get(&r->asked, key))
		key = arena_copy(r->arena, key);
	return map_slot(&r->asked, key);
}

static enum asked asked_of(const struct remote *r, struct hash128 signature)
{
	return (enum asked)(size_t)map_get(&r->asked, (struct str){(const char *)&signature, sizeof signature});
}

/* The wait for an entry is over. */
static void answer(struct remote *r, struct hash128 signature, bool there)
{
	if (asked_of(r, signature) != ASKED_WAITS)
		return;
	*slot_of(r, signature) = (void *)(size_t)(there ? ASKED_GAVE : ASKED_LACKS);
	r->waiting--;
	r->to.fetched(r->to.self, signature, there);
}

/* Its number is still its own as long as nobody has reaped it: the run may have. */
static void end_program(pid_t pid)
{
	if (TEMP_FAILURE_RETRY(waitpid(pid, NULL, WNOHANG)))
		return;
	kill(pid, SIGKILL);
	TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
}

/* It is gone, or is to go. */
static void drop(struct remote *r)
{
	struct map_entry *e;
	r->dead = true;
	loop_timer_clear(r->loop, &r->watchdog);
	if (r->fd >= 0)
		loop_close(r->loop, r->fd);
	r->fd = -1;
	if (r->pid > 0)
		end_program(r->pid);
	r->pid = -1;
	for (size_t at = 0; r->waiting && (e = map_next(&r->asked, &at));) {
		struct hash128 signature;
		memcpy(&signature, e->key.p, sizeof signature);
		answer(r, signature, false);
	}
}

static void lose(struct remote *r, const char *what)
{
	bool told = r->dead || r->done;
	if (!told)
		warn(r, "the shared cache '%.*s' is not used in the rest of this run: " WIRE_PROGRAM " %s", STR_ARG(r->config->url), what);
	drop(r);
}

static void hear(struct remote *r, const struct wire_message *m)
{
	switch (m->kind) {
	case WIRE_FETCHED:
		answer(r, m->signature, m->yes);
		break;
	case WIRE_PUSHED:
		r->pushing -= r->pushing > 0;
		break;
	case WIRE_WARNING:
		r->to.warn(r->to.self, m->text);
		break;
	case WIRE_DONE:
		r->done = true;
		break;
	default:
		break;
	}
}

static void hear_all(struct remote *r)
{
	struct str rest = sbuf_view(&r->in);
	struct wire_message m;
	enum wire_result got;
	while ((got = wire_take(&rest, &m)) == WIRE_WHOLE)
		hear(r, &m);
	if (rest.n)
		memmove(r->in.p, rest.p, rest.n);
	r->in.n = rest.n;
	if (got == WIRE_BAD)
		lose(r, "speaks nonsense");
}

static void ready(void *remote, uint32_t events);

static void watch(struct remote *r)
{
	uint32_t events = EPOLLIN | (r->out.n ? (uint32_t)EPOLLOUT : 0);
	if (r->fd >= 0 && loop_watch(r->loop, r->fd, events, ready, r))
		lose(r, "cannot be watched");
}

/* As much as the socket takes now. false: it is gone. */
static bool say(struct remote *r)
{
	while (r->out.n && r->fd >= 0) {
		ssize_t n = send(r->fd, r->out.p, r->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		memmove(r->out.p, r->out.p + n, r->out.n - (size_t)n);
		r->out.n -= (size_t)n;
	}
	return true;
}

static void ready(void *remote, uint32_t events)
{
	struct remote *r = remote;
	char piece[PIECE];
	ssize_t n = 1;
	bool wrote = r->out.n > 0;
	(void)events;
	while (r->fd >= 0 && (n = recv(r->fd, piece, sizeof piece, MSG_DONTWAIT)) > 0) {
		r->heard_ns = clock_ns();
		sbuf_add(&r->in, piece, (size_t)n);
		hear_all(r);
	}
	if (r->fd < 0)
		return;
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR) || !say(r))
		lose(r, "has ended");
	else if (wrote && !r->out.n)
		watch(r);
}

static void look(void *remote)
{
	struct remote *r = remote;
	int64_t now = clock_ns(), most = LATE * r->config->timeout_ns + 5 * WIRE_BEAT_NS;
	if (!r->waiting && !r->pushing)
		r->heard_ns = now; /* it has nothing to say */
	if (now - r->heard_ns > most)
		lose(r, "hangs");
	else
		loop_timer_set(r->loop, &r->watchdog, now + WIRE_BEAT_NS);
}

/* The program, with one end of a socket for its standard input. 0 or errno. */
static int start(struct str program, const struct wire_config *c, int *fd, pid_t *pid)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return errno;
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int err = null_fd < 0 ? errno : 0;
	char *argv[] = {(char *)program.p, NULL};
	struct spawn s = {.file = program.p, .argv = argv, .envp = environ, .in = ends[1], .out = null_fd, .err = STDERR_FILENO, .keep = {c->root_fd, c->store_fd, -1}};
	if (!err)
		err = process_spawn(&s, pid);
	if (null_fd >= 0)
		close(null_fd);
	close(ends[1]);
	*fd = ends[0];
	if (err)
		close(ends[0]);
	return err;
}

/* true: it can be asked. */
static bool begin(struct remote *r)
{
	if (r->dead || r->fd >= 0)
		return !r->dead;
	int err = start(r->program, r->config, &r->fd, &r->pid);
	if (err) {
		r->fd = -1;
		warn(r, "the shared cache '%.*s' is not used: cannot start " WIRE_PROGRAM ": %s", STR_ARG(r->config->url), os_error(err));
		r->dead = true;
		return false;
	}
	r->to.started(r->to.self, r->pid);
	r->heard_ns = clock_ns();
	r->watchdog = (struct loop_timer){.fn = look, .self = r};
	loop_timer_set(r->loop, &r->watchdog, r->heard_ns + WIRE_BEAT_NS);
	wire_put_config(&r->out, r->config);
	watch(r);
	return !r->dead;
}

bool remote_fetch(struct remote *r, struct hash128 signature)
{
	enum asked was = asked_of(r, signature);
	if (was == ASKED_WAITS)
		return true;
	if (was == ASKED_LACKS || !begin(r))
		return false;
	*slot_of(r, signature) = (void *)(size_t)ASKED_WAITS;
	r->waiting++;
	wire_put_signature(&r->out, WIRE_FETCH, signature, false);
	watch(r); /* what is to be said is said in the loop's next turn, with all that comes until then */
	return asked_of(r, signature) == ASKED_WAITS;
}

void remote_push(struct remote *r, struct hash128 signature, bool replace)
{
	if (!r->config->push || !begin(r))
		return;
	wire_put_signature(&r->out, WIRE_PUSH, signature, replace);
	r->pushing++;
	watch(r);
}

bool remote_gave(const struct remote *r, struct hash128 signature)
{
	return asked_of(r, signature) == ASKED_GAVE;
}

static void nothing(void *self)
{
	(void)self;
}

void remote_finish(struct remote *r, bool (*over)(void *self), void *self)
{
	int64_t until_ns = clock_ns() + AT_THE_END * r->config->timeout_ns;
	struct loop_timer wake = {.fn = nothing};
	if (r->fd < 0)
		return;
	wire_put(&r->out, WIRE_FINISH);
	watch(r);
	while (r->fd >= 0 && !r->done && !over(self) && clock_ns() < until_ns) {
		loop_timer_set(r->loop, &wake, until_ns);
		loop_turn(r->loop, true);
	}
	loop_timer_clear(r->loop, &wake);
	if (!r->dead && r->pushing)
		warn(r, "%zu result%s did not get to the shared cache '%.*s'%s", r->pushing, r->pushing == 1 ? "" : "s", STR_ARG(r->config->url),
		     over(self) ? "" : " in time");
	r->done = true;
	drop(r);
}

void remote_free(struct remote *r)
{
	r->done = true;
	if (r->fd >= 0)
		drop(r);
	map_free(&r->asked);
	sbuf_free(&r->in);
	sbuf_free(&r->out);
}

/* Until it has checked, or that takes too long. */
static bool hear_check(struct arena *a, int fd, int64_t until_ns, struct str *text)
{
	struct sbuf in = {0};
	struct wire_message m = {0};
	char piece[PIECE];
	for (;;) {
		struct str rest = sbuf_view(&in);
		while (wire_take(&rest, &m) == WIRE_WHOLE)
			if (m.kind == WIRE_CHECKED) {
				*text = arena_copy(a, m.text);
				sbuf_free(&in);
				return m.yes;
			}
		int64_t left = until_ns - clock_ns();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = left > 0 && poll(&p, 1, (int)(left / NS_PER_MS) + 1) > 0 ? recv(fd, piece, sizeof piece, 0) : 0;
		if (n <= 0)
			break;
		sbuf_add(&in, piece, (size_t)n);
	}
	sbuf_free(&in);
	*text = STR("cannot be asked: " WIRE_PROGRAM " says nothing");
	return false;
}

bool remote_check(struct arena *a, struct str program, const struct wire_config *config, struct str *text)
{
	struct sbuf out = {0};
	int fd = -1;
	pid_t pid = -1;
	int err = start(program, config, &fd, &pid);
	if (err) {
		*text = arena_printf(a, "cannot be asked: cannot start " WIRE_PROGRAM ": %s", os_error(err));
		return false;
	}
	wire_put_config(&out, config);
	wire_put(&out, WIRE_CHECK);
	bool ok = send(fd, out.p, out.n, MSG_NOSIGNAL) == (ssize_t)out.n && hear_check(a, fd, clock_ns() + LATE * config->timeout_ns, text);
	close(fd);
	end_program(pid);
	sbuf_free(&out);
	return ok;
}

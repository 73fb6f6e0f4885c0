#include "standby.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listeners.h"
#include "state/bytes.h"

enum { ASK = 'a', GO = 'g', MESSAGE_MOST = 60000, LARGE = 128 << 10, WARM = 256 << 10 };

/* Asking */

pid_t standby_start(struct standby *s, const struct program *g, int *fd, int *tell_fd)
{
	int pair[2];
	if (!g->project.may_seal || listeners_wanted(&g->options) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	*fd = pair[1];
	*tell_fd = memfd_create("axmake-round", MFD_CLOEXEC);
	fflush(stdout);
	pid_t pid = *tell_fd < 0 ? -1 : fork();
	close(pair[pid ? 1 : 0]);
	if (pid > 0)
		*s = (struct standby){pid, pair[0], *tell_fd, 0};
	if (pid >= 0)
		return pid;
	close(pair[0]);
	if (*tell_fd >= 0)
		close(*tell_fd);
	return -1;
}

static void put_paths(struct sbuf *b, const struct changes *c)
{
	bytes_put_u32(b, (uint32_t)c->paths.n);
	for (size_t i = 0; i < c->paths.n; i++)
		bytes_put_str(b, c->paths.p[i]);
}

/* Where it is more than a list of files, or too many of them, all has to be looked at. */
static bool say(struct standby *s, uint8_t kind, const struct changes *c, bool hush, struct str why)
{
	struct sbuf b = {0};
	bytes_put_u8(&b, kind);
	bytes_put_u32(&b, s->asked);
	bytes_put_u8(&b, hush);
	bytes_put_str(&b, why);
	size_t head = b.n;
	bytes_put_u8(&b, c->files);
	if (c->files)
		put_paths(&b, c);
	if (b.n > MESSAGE_MOST) {
		b.n = head;
		bytes_put_u8(&b, false);
	}
	bool said = b.n <= MESSAGE_MOST && send(s->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)b.n;
	sbuf_free(&b);
	return said;
}

bool standby_ask(struct standby *s, const struct changes *c)
{
	s->asked++;
	return say(s, ASK, c, false, STR_NONE);
}

bool standby_says_yes(struct standby *s)
{
	uint32_t yes_to;
	return recv(s->fd, &yes_to, sizeof yes_to, MSG_DONTWAIT) == sizeof yes_to && yes_to == s->asked;
}

bool standby_go(struct standby *s, const struct changes *c, bool hush, struct str why)
{
	if (!say(s, GO, c, hush, why))
		return false;
	close(s->fd);
	*s = (struct standby){.fd = -1};
	return true;
}

void standby_end(struct standby *s)
{
	if (!s->pid)
		return;
	kill(s->pid, SIGKILL);
	close(s->fd); /* which by itself ends it when it listens */
	close(s->tell_fd);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*s = (struct standby){.fd = -1};
}

/* Answering */

struct message {
	uint8_t kind;
	uint32_t number;
	bool hush, files;
	struct str why;
	VEC(struct str) paths;
};

static bool take(struct message *m, struct arena *a, struct str bytes)
{
	struct reader r = reader_of(bytes);
	m->kind = reader_u8(&r);
	m->number = reader_u32(&r);
	m->hush = reader_u8(&r);
	m->why = arena_copy(a, reader_str(&r));
	m->files = reader_u8(&r);
	for (uint32_t n = m->files ? reader_u32(&r) : 0; n && !r.bad; n--)
		vec_push(a, &m->paths, arena_copy(a, reader_str(&r)));
	return reader_at_end(&r);
}

/* Where it is not wanted, or cannot hear, it ends here. */
static void hear(int fd, struct message *m, struct arena *a)
{
	static char bytes[MESSAGE_MOST]; /* on the stack all of it would be touched */
	ssize_t n;
	do
		n = recv(fd, bytes, sizeof bytes, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || !take(m, a, (struct str){bytes, (size_t)n}))
		_exit(n ? STANDBY_DEAF : 0);
}

static bool fits(struct program *g, const struct message *m)
{
	return m->files && project_ready_for(&g->project, m->paths.p, m->paths.n);
}

/* Nobody may wait for it any more: the word to go comes behind the question then, or nothing does. */
static void answer(int fd, uint32_t number, bool yes)
{
	uint32_t to = yes ? number : 0; /* no question has that number */
	ssize_t sent = send(fd, &to, sizeof to, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)sent;
}

void standby_forget(struct program *g)
{
	struct str start = g->project.start;
	if (start.p && chdir(start.p))
		return; /* nobody can start from there any more: what is loaded next says so */
	project_forget(&g->project, g->round->before->mark);
	g->options = g->round->before->options; /* what settings have added is read again */
}

void standby_wait(struct program *g, struct round *r, int fd)
{
	struct project *p = &g->project;
	r->before = arena_new(&g->arena, struct round_before);
	*r->before = (struct round_before){g->options, diag_mark(p->diag)};
	project_load(p, &g->options);
	bool ready = project_make_ready(p);
	if (!ready)
		standby_forget(g);
	mallopt(M_MMAP_THRESHOLD, LARGE); /* what is large comes zeroed from the system from now on: a table by task, of which few are touched, costs those few */
	arena_warm(&g->arena, WARM);
	for (;;) {
		struct message m = {0};
		hear(fd, &m, &g->arena);
		if (ready && !fits(g, &m)) {
			standby_forget(g);
			ready = false;
		}
		if (m.kind == ASK) {
			answer(fd, m.number, ready && project_ready_is_quick(p));
			continue;
		}
		close(fd);
		r->hush = m.hush;
		r->why = m.why;
		return;
	}
}

/* axmake-http: between a cache on this machine and one on a server. axmake starts it where cache_url is set, and speaks to it on its standard input, a socket; it ends with that. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "http/helper.h"
#include "run/inherited.h"
#include "version.h"

#define PIECE (64u << 10)
#define IDLE_MS 60000

struct session {
	struct helper h;
	struct sbuf in;
	struct sbuf config; /* the frame that its strings lie in */
	bool configured, finishing, checking;
	struct request check;
	int64_t check_ns;
};

static bool busy(const struct helper *h)
{
	return h->pulls || h->pushes || h->waiting_at < h->waiting.n;
}

static void checked(struct request *q)
{
	struct session *s = q->self;
	struct sbuf b = {0};
	bool ok = q->ending == ENDED_WELL || q->ending == ENDED_ABSENT;
	if (ok) {
		sbuf_lit(&b, "answers in ");
		clock_duration(&b, clock_ns() - s->check_ns);
	} else {
		sbuf_printf(&b, "is of no use: %s", s->h.server.down ? s->h.server.why.p : "what it answers is no entry");
	}
	wire_put_text(&s->h.out, WIRE_CHECKED, sbuf_view(&b), ok);
	digest_free(&q->digest);
	sbuf_free(&q->body);
	sbuf_free(&b);
	s->checking = false;
}

static void check(struct session *s)
{
	char hex[SHA_HEX];
	if (s->checking)
		return;
	s->checking = true;
	s->check_ns = clock_ns();
	s->check = (struct request){.verb = VERB_GET, .ended = checked, .self = s, .size = PIECE, .to_memory = true, .fd = -1};
	key_entry_name((struct hash128){0, 0}, hex);
	snprintf(s->check.name, sizeof s->check.name, "ac/%s", hex);
	server_ask(&s->h.server, &s->check);
}

/* false: it makes no sense. */
static bool configure(struct session *s, struct str frame)
{
	struct helper *h = &s->h;
	struct wire_message m;
	struct sbuf why = {0};
	struct str no_key = STR_NONE;
	sbuf_str(&s->config, frame);
	frame = sbuf_view(&s->config);
	if (s->configured || wire_take(&frame, &m) != WIRE_WHOLE)
		return false;
	s->configured = true;
	h->config = m.config;
	h->store = (struct store){.root_fd = h->config.root_fd, .fd = h->config.store_fd, .folder = STR(".axmake"), .lock_fd = -1};
	struct cache_config c = {.store = &h->store, .dir = h->config.dir, .owner_only = h->config.owner_only, .limit = h->config.limit, .writable = true};
	if (h->config.store_fd >= 0)
		h->cache = cache_open(&h->arena, &c);
	if (!server_open(&h->server, &h->config, &why))
		server_give_up(&h->server, "%s", why.p);
	/* Without the key that is asked for anything could be passed off as the team's. */
	if (!key_read(&h->key, &h->arena, h->config.key, &no_key))
		server_give_up(&h->server, "%.*s", STR_ARG(no_key));
	sbuf_free(&why);
	return h->server.multi != NULL;
}

static bool hear(struct session *s, const struct wire_message *m, struct str frame)
{
	if (m->kind != WIRE_CONFIG && !s->configured)
		return false;
	switch (m->kind) {
	case WIRE_CONFIG:
		return configure(s, frame);
	case WIRE_FETCH:
		pull_begin(&s->h, m->signature);
		return true;
	case WIRE_PUSH:
		push_begin(&s->h, m->signature, m->yes);
		return true;
	case WIRE_CHECK:
		check(s);
		return true;
	case WIRE_FINISH:
		s->finishing = true;
		return true;
	default:
		return false;
	}
}

/* Takes all frames that have come. false: what came is none, or makes no sense. */
static bool hear_all(struct session *s)
{
	struct str rest = sbuf_view(&s->in), before = rest;
	struct wire_message m;
	enum wire_result r;
	while ((r = wire_take(&rest, &m)) == WIRE_WHOLE) {
		if (!hear(s, &m, str_sub(before, 0, before.n - rest.n)))
			return false;
		before = rest;
	}
	memmove(s->in.p, rest.p, rest.n);
	s->in.n = rest.n;
	return r != WIRE_BAD;
}

/* false: axmake has gone, or speaks nonsense. */
static bool listen_to(struct session *s)
{
	char piece[PIECE];
	for (;;) {
		ssize_t n = recv(STDIN_FILENO, piece, sizeof piece, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (!n)
			return false;
		sbuf_add(&s->in, piece, (size_t)n);
		if (!hear_all(s))
			return false;
	}
}

/* What is told of the whole: that nothing more is asked; that it is alive. */
static void tell(struct session *s)
{
	struct helper *h = &s->h;
	if (h->server.down && !h->told_down) {
		helper_warn(h, "is not used in the rest of this run: %s", h->server.why.p);
		h->told_down = true;
	}
	if (busy(h) || s->checking)
		helper_meanwhile(h);
}

static void finish(struct helper *h)
{
	const struct cache_traffic *t = &h->traffic;
	if (h->cache && (t->entries_got || t->entries_put || t->bytes_got || t->bytes_put))
		cache_traffic_add(h->cache, h->config.url, t);
	wire_put(&h->out, WIRE_DONE);
	while (h->out.n && helper_say(h))
		poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLOUT}, 1, IDLE_MS);
}

/* Until axmake says that it was all, or is gone. */
static bool serve(struct session *s)
{
	struct helper *h = &s->h;
	while (!s->finishing || h->pushes || h->waiting_at < h->waiting.n || s->checking) {
		push_turn(h);
		short events = (short)(POLLIN | (h->out.n ? POLLOUT : 0));
		if (s->configured)
			server_turn(&h->server, STDIN_FILENO, events, IDLE_MS);
		else
			poll(&(struct pollfd){.fd = STDIN_FILENO, .events = events}, 1, IDLE_MS);
		if (!listen_to(s))
			return false;
		tell(s);
		if (!helper_say(h))
			return false;
	}
	finish(h);
	return true;
}

int main(int argc, char **argv)
{
	int kind = 0;
	socklen_t n = sizeof kind;
	if (argc == 2 && !strcmp(argv[1], "--version"))
		return printf("axmake-http %s (%s)\n", AXMAKE_VERSION, curl_version()) < 0 || fflush(stdout) != 0;
	if (argc != 1 || getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &kind, &n)) {
		fputs("axmake-http: axmake starts this program where cache_url is set; it is of no use by itself\n", stderr);
		return 2;
	}
	inherited_no_core(); /* it has passwords and keys in its memory */
	signal(SIGPIPE, SIG_IGN);
	static struct session s;
	return serve(&s) ? 0 : 1;
}

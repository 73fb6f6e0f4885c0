#include "http/server.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	CONNECTIONS = 16,
	AT_ONCE = 64,        /* requests that curl has; the others wait here */
	LAG_PARTS = 8,       /* of the time-out is a window in which something is to move */
	LEAST_A_SECOND = 16 << 10, /* bytes: less is lagging */
	LAGS = 3,            /* time-outs that it may lag in all */
	WHOLE = 30,          /* time-outs that one request may take */
};

#define MOMENT_NS (20 * NS_PER_MS)

/* "p%40ss" is "p@ss". */
static struct str decoded(struct str s)
{
	int n = 0;
	char *p = s.n ? curl_easy_unescape(NULL, s.p, (int)s.n, &n) : NULL;

	return (struct str){p, p ? (size_t)n : 0}; /* for good: there is one */
}

static void set_login(struct server *s)
{
	const char *user = getenv("AXMAKE_CACHE_USER"), *password = getenv("AXMAKE_CACHE_PASSWORD");

	s->user = decoded(s->config->user);
	s->password = decoded(s->config->password);
	if (!s->user.n && user && *user)
		s->user = str_of(user);
	if (!s->password.n && password && *password)
		s->password = str_of(password);
}

static void set_ca(struct server *s)
{
	static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
	struct sbuf own = {0};

	if (s->config->ca.n) {
		sbuf_str(&own, s->config->ca);
		s->ca = own.p; /* for good */
	}
	for (size_t i = 0; !s->ca && i < sizeof names / sizeof *names; i++) {
		const char *file = getenv(names[i]);

		if (file && *file)
			s->ca = file;
	}
}

bool server_open(struct server *s, const struct wire_config *config, struct sbuf *why)
{
	*s = (struct server){.config = config};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(s->multi = curl_multi_init())) {
		sbuf_lit(why, "libcurl cannot be used");
		return false;
	}
	curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(s->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS);
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
	set_login(s);
	set_ca(s);
	return true;
}

void server_ask(struct server *s, struct request *q)
{
	q->server = s;
	vec_push(NULL, &s->queue, q);
}

bool server_busy(const struct server *s)
{
	return s->queue_at < s->queue.n || s->running.n || s->later.n;
}

void server_give_up(struct server *s, const char *fmt, ...)
{
	va_list ap;

	if (s->down)
		return;
	s->down = true;
	va_start(ap, fmt);
	sbuf_vprintf(&s->why, fmt, ap);
	va_end(ap);
}

/* Its owner may free it, and ask for more. */
static void end(struct request *q, enum ending how)
{
	request_end(q);
	q->server->ended = true;
	q->ending = how;
	if (q->digest.sha && how != ENDED_WELL)
		digest_free(&q->digest);
	q->ended(q);
}

static void start(struct server *s, struct request *q)
{
	enum turn turn = !q->tries && q->turn ? q->turn(q) : TURN_NOW;

	if (turn == TURN_LATER) {
		q->not_before_ns = clock_ns() + MOMENT_NS;
		vec_push(NULL, &s->later, q);
		return;
	}
	if (turn == TURN_NEVER) {
		end(q, ENDED_WELL);
		return;
	}
	if (!request_begin(s, q) || curl_multi_add_handle(s->multi, q->easy)) {
		end(q, ENDED_LOCALLY);
		return;
	}
	if (!s->running.n) {
		s->window_ns = clock_ns();
		s->moved = 0;
	}
	vec_push(NULL, &s->running, q);
}

static void start_some(struct server *s)
{
	int64_t now = clock_ns();

	for (size_t i = s->later.n; i-- > 0;) {
		struct request *q = s->later.p[i];

		if (!s->down && (now < q->not_before_ns || s->running.n >= AT_ONCE))
			continue;
		s->later.p[i] = s->later.p[--s->later.n];
		if (s->down)
			end(q, ENDED_DOWN);
		else
			start(s, q);
	}
	while (s->queue_at < s->queue.n && (s->down || s->running.n < AT_ONCE)) {
		struct request *q = s->queue.p[s->queue_at++];

		if (s->queue_at == s->queue.n)
			s->queue.n = s->queue_at = 0;
		if (s->down)
			end(q, ENDED_DOWN);
		else
			start(s, q);
	}
}

static void take_out(struct server *s, struct request *q)
{
	curl_multi_remove_handle(s->multi, q->easy);
	for (size_t i = 0; i < s->running.n; i++)
		if (s->running.p[i] == q) {
			s->running.p[i] = s->running.p[--s->running.n];
			return;
		}
}

static void end_running(struct server *s)
{
	while (s->down && s->running.n) {
		struct request *q = s->running.p[s->running.n - 1];

		take_out(s, q);
		end(q, ENDED_DOWN);
	}
}

static void collect(struct server *s)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left))) {
		struct request *q = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&q) || !q)
			continue;
		bool over = request_over(s, q, code);
		s->any_ended = true;
		take_out(s, q);
		if (over) {
			end(q, q->ending);
		} else {
			request_end(q);
			vec_push(NULL, &s->later, q);
		}
	}
}

/* A server that drips, or says nothing, is waited for no longer than the time-out allows; and one that does so again and again not for ever. */
static void watch_lag(struct server *s)
{
	int64_t now = clock_ns(), timeout = s->config->timeout_ns, part = timeout / LAG_PARTS < NS_PER_S ? timeout / LAG_PARTS : NS_PER_S;
	int64_t took = now - s->window_ns;

	if (!s->running.n || took < part)
		return;
	bool lags = !s->any_ended && s->moved < (uint64_t)(took / NS_PER_MS) * LEAST_A_SECOND / 1000;
	int64_t counted = took < 2 * part ? took : 2 * part; /* more of it was this program's own, which had other things to do, or no processor */
	s->lagging_ns = lags ? s->lagging_ns + counted : 0;
	s->lagged_ns += lags ? counted : 0;
	s->window_ns = now;
	s->moved = 0;
	s->any_ended = false;
	bool too_long = false;
	for (size_t i = 0; i < s->running.n; i++)
		too_long = too_long || now - s->running.p[i]->began_ns > WHOLE * timeout;
	if (s->lagging_ns < timeout && s->lagged_ns < LAGS * timeout && !too_long)
		return;
	struct sbuf b = {0};
	clock_duration(&b, s->lagging_ns >= timeout ? timeout : too_long ? WHOLE * timeout : LAGS * timeout);
	if (s->lagging_ns >= timeout)
		server_give_up(s, "nothing, or next to nothing, came for %s", b.p);
	else if (too_long)
		server_give_up(s, "a single request took %s", b.p);
	else
		server_give_up(s, "it has kept the run waiting for %s in all", b.p);
	sbuf_free(&b);
}

void server_turn(struct server *s, int fd, short events, int wait_ms)
{
	struct curl_waitfd extra = {.fd = fd, .events = (short)(events & 1 ? CURL_WAIT_POLLIN : 0)};
	int left;

	extra.events = (short)(extra.events | (events & 4 ? CURL_WAIT_POLLOUT : 0));
	s->ended = false;
	start_some(s);
	if (s->running.n || s->later.n) {
		int most = (int)(s->config->timeout_ns / NS_PER_MS / LAG_PARTS) + 1;

		most = s->later.n && most > 50 ? 50 : most > 250 ? 250 : most;
		wait_ms = wait_ms < 0 || wait_ms > most ? most : wait_ms;
	}
	curl_multi_poll(s->multi, &extra, 1, s->ended || (s->down && server_busy(s)) ? 0 : wait_ms, NULL);
	curl_multi_perform(s->multi, &left);
	collect(s);
	watch_lag(s);
	end_running(s);
}

void server_close(struct server *s)
{
	for (size_t i = 0; i < s->running.n; i++) {
		curl_multi_remove_handle(s->multi, s->running.p[i]->easy);
		request_end(s->running.p[i]);
	}
	vec_free(&s->running);
	vec_free(&s->queue);
	vec_free(&s->later);
	curl_multi_cleanup(s->multi);
	sbuf_free(&s->why);
}

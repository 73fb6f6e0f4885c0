#include "http/helper.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"

enum known helper_known(const struct helper *h, const void *p, size_t n)
{
	return (enum known)(size_t)map_get(&h->known, (struct str){p, n});
}

void helper_note(struct helper *h, const void *p, size_t n, enum known what)
{
	struct str key = {p, n};

	if (!map_get(&h->known, key))
		key = arena_copy(&h->arena, key);
	*map_slot(&h->known, key) = (void *)(size_t)what; /* a number, not an address */
}

void helper_warn(struct helper *h, const char *fmt, ...)
{
	struct sbuf b = {0};
	va_list ap;

	sbuf_printf(&b, "the shared cache '%.*s' ", STR_ARG(h->config.url));
	va_start(ap, fmt);
	sbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	wire_put_text(&h->out, WIRE_WARNING, sbuf_view(&b), false);
	sbuf_free(&b);
}

void helper_fault(struct helper *h, int err)
{
	struct str note = h->cache ? cache_note(h->cache) : STR_NONE, where = h->cache ? cache_where(h->cache) : STR_NONE;

	if (h->told_fault || (!note.n && (!err || err == ENOENT)))
		return;
	h->told_fault = true;
	if (note.n)
		helper_warn(h, "is not used for all that it could be: %.*s", STR_ARG(note));
	else
		helper_warn(h, "is not used for all that it could be: cannot use the cache '%.*s': %s", STR_ARG(where), os_error(err));
}

struct gathering {
	struct arena *a;
	struct contents *to;
	struct map seen;
};

static bool gather(void *self, struct hash128 hash, uint64_t size)
{
	struct gathering *g = self;
	struct cache_content c = {.hash = hash, .size = size};
	void **slot = map_slot(&g->seen, arena_copy(g->a, (struct str){(const char *)&hash, sizeof hash}));

	if (*slot)
		return true;
	*slot = g;
	vec_push(g->a, &g->to->of, c);
	g->to->bytes = g->to->bytes > UINT64_MAX - size ? UINT64_MAX : g->to->bytes + size;
	return true;
}

void helper_contents(struct arena *a, const struct cache_entry *e, struct contents *out)
{
	struct gathering g = {a, out, {0}};

	*out = (struct contents){0};
	cache_entry_objects(e, gather, &g);
	map_free(&g.seen);
}

bool helper_say(struct helper *h)
{
	while (h->out.n) {
		ssize_t n = send(STDIN_FILENO, h->out.p, h->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		memmove(h->out.p, h->out.p + n, h->out.n - (size_t)n);
		h->out.n -= (size_t)n;
	}
	return true;
}

void helper_meanwhile(void *helper)
{
	struct helper *h = helper;
	int64_t now = clock_ns();

	if (now - h->beat_ns < WIRE_BEAT_NS)
		return;
	h->beat_ns = now;
	wire_put(&h->out, WIRE_ALIVE);
	helper_say(h); /* that axmake is gone is noticed elsewhere */
}

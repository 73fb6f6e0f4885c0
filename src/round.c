#include "round.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "state/bytes.h"
#include "state/watchlist.h"

enum { BROKEN = 1, RAN = 2, SPOKE = 4, SILENT = 8 };

/* Includes that tasks have made were read again as they came to be: they count as outputs. */
static struct map made_includes(const struct project *p)
{
	struct map made = {0};
	for (size_t i = 0; p->graph && !project_outdated(p) && i < p->workflow->includes.n; i++) {
		const struct task *maker = p->graph->makers[i];
		if (maker && (maker->ended || maker->state == STATE_UPTODATE || maker->state == STATE_DONE))
			*map_slot(&made, p->workflow->includes.p[i].path) = (void *)maker;
	}
	return made;
}

void round_list(void *self, struct project *p)
{
	struct round *r = self;
	struct str prefix = STR_NONE;
	if (r->listed || r->over)
		return;
	struct map made = made_includes(p);
	if (p->seen_outside) {
		watchlist_add(&r->list, STR_NONE, p->seen_outside, &made, NULL);
		prefix = arena_printf(p->arena, "%.*s/", STR_ARG(p->workflow->root));
	}
	watchlist_add(&r->list, prefix, p->seen, &made, p->filehash);
	if (p->filehash && p->store.fd >= 0) /* the former tells that the latter was looked for */
		watchlist_add_log(&r->list, prefix, &p->store);
	r->listed = true;
	map_free(&made);
}

static void heard(void *self, const struct event *e)
{
	struct round *r = self;
	bool starts = e->kind == EVENT_START || e->kind == EVENT_END;
	if (!starts && e->kind != EVENT_REFUSED && e->kind != EVENT_HELD && e->kind != EVENT_WARNING)
		return;
	r->ran = r->ran || starts;
	r->spoke = true;
}

static void nothing(void *self)
{
	(void)self;
}

struct observer round_observer(struct round *r)
{
	return (struct observer){heard, nothing, r};
}

static void put_spent(struct sbuf *b, const struct spent *s)
{
	bytes_put_double(b, s->cost_usd);
	bytes_put_i64(b, s->tokens);
	bytes_put_u64(b, s->calls);
	bytes_put_u64(b, s->unpriced);
	bytes_put_u64(b, s->uncounted);
}

static struct spent take_spent(struct reader *r)
{
	struct spent s = {.cost_usd = reader_double(r)};
	s.tokens = reader_i64(r);
	s.calls = reader_u64(r);
	s.unpriced = reader_u64(r);
	s.uncounted = reader_u64(r);
	return s;
}

int round_tell(const struct round *r, int fd)
{
	struct sbuf b = {0};
	unsigned bits = (r->broken ? BROKEN : 0) | (r->ran ? RAN : 0) | (r->spoke ? SPOKE : 0) | (r->silent ? SILENT : 0);
	if (r->over || !r->listed)
		return 0;
	bytes_put_u8(&b, (uint8_t)bits);
	put_spent(&b, &r->spent);
	attempts_put(&b, &r->attempts);
	bytes_put_str(&b, sbuf_view(&r->list));
	int err = os_write_all(fd, b.p, b.n);
	sbuf_free(&b);
	return err;
}

static void take(struct round *r, struct arena *a, struct str bytes)
{
	struct reader in = reader_of(bytes);
	uint8_t bits = reader_u8(&in);
	r->broken = bits & BROKEN;
	r->ran = bits & RAN;
	r->spoke = bits & SPOKE;
	r->silent = bits & SILENT;
	r->spent = take_spent(&in);
	r->attempts.arena = a;
	attempts_take(&r->attempts, &in);
	sbuf_str(&r->list, reader_str(&in));
	r->listed = reader_at_end(&in);
}

int round_hear(struct round *r, struct arena *a, int fd)
{
	struct stat st;
	if (fstat(fd, &st))
		return errno;
	size_t n = (size_t)st.st_size;
	char *p = n ? malloc(n) : NULL;
	int err = n && !p ? ENOMEM : n ? os_read_at(fd, p, &n, 0) : 0;
	if (!err && n)
		take(r, a, (struct str){p, n});
	free(p);
	return err;
}

void round_free(struct round *r)
{
	attempts_free(&r->attempts);
	sbuf_free(&r->list);
}

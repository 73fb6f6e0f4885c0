/* Contents that are to be put back: read, checked and written beside their places, small ones by several threads. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/pool.h"
#include "run/putback.h"

enum {
	BATCH = 128, /* of them in one turn of the loop */
	PIECE = 4,
};

struct batch {
	struct putback *r;
	struct missing *of[BATCH];
	int err[BATCH];
	size_t n;
};

/* A file. beside: a thread may do it. 0 or errno. */
static int fill(const struct putback *r, const struct missing *m, bool beside)
{
	const struct filehash_part *p = m->part;
	const struct cache_content content = {p->content, p->size, m->here};
	int at = r->j->sched->c->store->fd;
	int fd = openat(at, m->aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, p->kind == PART_PROGRAM ? 0777 : 0666);
	if (fd < 0)
		return errno;
	int err = beside ? cache_read_small(r->from, &content, fd) : cache_read(r->from, &content, fd);
	if (close(fd) && !err && errno != EINTR)
		err = errno;
	return err;
}

static bool fill_some(void *self, size_t from, size_t to)
{
	struct batch *b = self;
	for (size_t i = from; i < to; i++)
		b->err[i] = fill(b->r, b->of[i], true);
	return true;
}

static bool failed(struct putback *r, const struct missing *m, int err)
{
	return !putback_lost(r, err) && putback_problem(r, m->part->path, err);
}

/* All that have gathered. The first that could not be had is told. */
static bool fetch_batch(struct batch *b)
{
	size_t n = b->n;
	b->n = 0;
	if (n && !putback_go_on(b->r))
		return false;
	pool_each(n, PIECE, fill_some, b);
	for (size_t i = 0; i < n; i++) {
		const struct missing *m = b->of[i];
		if (b->err[i] == EBADMSG)
			cache_drop(b->r->from, &(struct cache_content){m->part->content, m->part->size, m->here});
		if (b->err[i])
			return failed(b->r, m, b->err[i]);
	}
	return true;
}

static int make_link(const struct putback *r, const struct missing *m)
{
	return symlinkat(arena_copy(&r->j->arena, m->part->link).p, r->j->sched->c->store->fd, m->aside) ? errno : 0;
}

static bool fetch_one(struct batch *b, struct missing *m)
{
	struct putback *r = b->r;
	const struct filehash_part *p = m->part;
	bool link = p->kind == PART_LINK;
	m->aside = arena_printf(&r->j->arena, PUTBACK_ASIDE "/%zu", r->aside++).p;
	if (!link && cache_is_small(r->from, &(struct cache_content){p->content, p->size, m->here})) {
		b->of[b->n++] = m;
		return b->n < BATCH || fetch_batch(b);
	}
	int err = !putback_go_on(r) ? EINTR : link ? make_link(r, m) : fill(r, m, false);
	return !err || failed(r, m, err);
}

bool putback_contents(struct putback *r)
{
	struct batch b = {.r = r};
	for (size_t i = 0; i < r->entry->n_outputs; i++)
		for (size_t k = 0; k < r->outputs[i].missing.n; k++) {
			struct missing *m = &r->outputs[i].missing.p[k];
			if (!standing_is_folder(m->part) && !fetch_one(&b, m))
				return false;
		}
	return fetch_batch(&b);
}

/* A seal after a run of some tasks: what they have looked at since is put, in place, where the old one stood. The log has grown by that run: as long as the head does not say so, which comes last, nothing of the file counts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "state/seal.h"
#include "state/seal_parts.h"
#include "state/slicefile.h"

struct renewing {
	int root_fd;
	struct seal old;
	const struct seal_looks *looks;
	size_t met; /* of what was looked at, as often as it stands in the old seal */
};

/* A path of the old seal, as it was looked at since. false: it was not, or (*bad) cannot be relied on. */
static bool look_again(struct renewing *k, struct seal_path *p, bool *bad)
{
	struct filehash_told t;
	struct seal_path now;

	if (!filehash_tell(k->looks->fh, p->path, &t))
		return false;
	k->met++;
	*bad = t.through != !(p->flags & SEAL_LINK) || !seal_path_of(&t, k->looks->seen->since_ns, &now);
	if (!*bad)
		*p = now;
	return !*bad;
}

/* The paths of a block, with the number of its first one. */
static bool renew_block(struct renewing *k, size_t number, struct sbuf *b)
{
	struct seal_span span = seal_block_span(&k->old, number);
	char bytes[SEAL_BLOCK];
	bool changed = false, bad = false;
	struct seal_path p;
	struct reader r;
	uint32_t first;

	if (!seal_read_block(&k->old, number, bytes, &r, &first))
		return false;
	sbuf_clear(b);
	seal_begin_block(b, k->old.head.number, number, first, number + 1 == seal_blocks(&k->old));
	for (uint32_t at = first; reader_left(&r) && !bad; at++) {
		if (!seal_take_path(&r, &p))
			return false;
		changed = (at >= k->old.head.n_sights && look_again(k, &p, &bad)) || changed;
		seal_put_path(b, &p);
	}
	if (!changed || bad)
		return !bad;
	if (b->n > span.n)
		return false;
	seal_end_block(b, 0, span.n);
	return os_write_exactly_at(k->old.fd, b->p, span.n, span.at);
}

static void count(void *self, const struct filehash_told *t)
{
	(void)t;
	++*(size_t *)self;
}

/* Those with files of the slice. What was looked at since is all among these. */
static bool renew_blocks(struct renewing *k, const struct slice *slice, struct sbuf *b)
{
	size_t looked = 0;

	for (size_t i = 0; i < slice->n_files; i++)
		if ((!i || slice->files[i].block != slice->files[i - 1].block) && !renew_block(k, slice->files[i].block, b))
			return false;
	return filehash_each(k->looks->fh, false, count, &looked) && filehash_each(k->looks->fh, true, count, &looked) && looked == k->met;
}

/* Those of the extra block that is there. */
static bool copy_extra(const struct renewing *k, struct sbuf *b)
{
	char bytes[SEAL_BLOCK];
	struct seal_path p;
	struct reader r;
	uint32_t first;

	if (!k->old.head.extra)
		return true;
	if (!seal_read_block(&k->old, seal_blocks(&k->old), bytes, &r, &first))
		return false;
	while (reader_left(&r)) {
		if (!seal_take_path(&r, &p))
			return false;
		seal_put_path(b, &p);
	}
	return true;
}

/* What holds for all holds still; new paths of that kind, as of a kept result, come to the extra block. */
static bool renew_sights(struct renewing *k, struct seal_head *h, struct sbuf *b)
{
	const struct seen *seen = k->looks->seen;
	struct seal_known known = {0};
	bool well = seal_know(&known, &k->old), any = false;
	struct seal_path p;

	sbuf_clear(b);
	seal_begin_block(b, h->number, seal_blocks(&k->old), 0, true);
	well = well && copy_extra(k, b);
	for (size_t i = 0; well && i < seen->all.n; i++) {
		const struct sight *x = seen->all.p[i];
		enum sight_now now = seal_sight_now(&known, x);

		well = now == SIGHT_SAME || (now == SIGHT_NEW && (x->kind == SIGHT_PATH || x->kind == SIGHT_LINK) && seal_path_of_sight(k->root_fd, x, seen->since_ns, &p));
		if (now != SIGHT_NEW || !well)
			continue;
		seal_put_path(b, &p);
		any = true;
	}
	seal_known_free(&known);
	if (!any || !well || b->n > SEAL_BLOCK)
		return well && !any;
	h->extra = (uint32_t)b->n;
	seal_end_block(b, 0, b->n);
	return os_write_exactly_at(k->old.fd, b->p, b->n, h->slices);
}

static bool renew_slices(const struct renewing *k, const struct slice *slice)
{
	const struct seal_head *h = &k->old.head;
	const struct slice_whole *whole = k->looks->whole;
	struct slicefile file = {k->old.fd, h->end, h->slices - h->end, h->number};
	bool well = slicefile_set_head(&file, whole->log_seq, whole->saving.ns);

	for (size_t i = 0; well && i < slice->n_kept; i++)
		if (slice->kept[i].reached && whole->tasks[i].log.done.n)
			well = slicefile_set_places(&file, slice->kept[i].number, &whole->tasks[i].log);
	for (size_t i = 0; well && i < slice->n_files; i++) {
		struct filehash_told t;

		if (filehash_tell(k->looks->fh, slice->files[i].path, &t))
			well = slicefile_set_path(&file, slice->files[i].number, t.hash);
	}
	return well;
}

static bool renew(struct renewing *k, const struct store *s, const struct slice *slice, struct sbuf *b)
{
	struct str texts = {(const char *)k->old.texts.at, reader_left(&k->old.texts)};
	struct seal_head h = k->old.head;

	h.log = seal_log_fact(s);
	if (!h.log || !renew_sights(k, &h, b) || !renew_blocks(k, slice, b) || !renew_slices(k, slice))
		return false;
	sbuf_clear(b);
	seal_put_head(b, &h, texts);
	return b->n == k->old.head_n && os_write_exactly_at(k->old.fd, b->p, b->n, 0);
}

void seal_renew(const struct store *s, const struct slice *slice, const struct seal_looks *looks)
{
	struct renewing k = {.root_fd = s->root_fd, .looks = looks};
	struct sbuf b = {0};

	if (looks->seen->spoiled || !looks->whole)
		return;
	if (seal_load(&k.old, s, true) && k.old.head.number == slice->seal && !renew(&k, s, slice, &b))
		unlinkat(s->fd, SEAL_FILE, 0); /* of no use any more */
	seal_unload(&k.old);
	sbuf_free(&b);
}

/* The bytes of a seal. */
#include <string.h>

#include "base/os.h"
#include "state/seal_parts.h"

static void set_u32(struct sbuf *b, size_t at, uint32_t v)
{
	v = htole32(v);
	memcpy(b->p + at, &v, sizeof v);
}

static void set_u64(struct sbuf *b, size_t at, uint64_t v)
{
	v = htole64(v);
	memcpy(b->p + at, &v, sizeof v);
}

void seal_put_head(struct sbuf *b, const struct seal_head *h, struct str texts)
{
	size_t start = b->n;

	sbuf_add(b, SEAL_MAGIC, sizeof SEAL_MAGIC - 1);
	bytes_put_u64(b, 0);
	bytes_put_u32(b, 0);
	bytes_put_hash(b, h->key);
	bytes_put_u64(b, h->log);
	bytes_put_u64(b, h->number);
	bytes_put_u64(b, h->end);
	bytes_put_u64(b, h->slices);
	bytes_put_u32(b, h->extra);
	bytes_put_u32(b, h->n_sights);
	bytes_put_u32(b, h->n_inputs);
	bytes_put_str(b, h->word);
	sbuf_str(b, texts);
	if (b->n - start > SEAL_MAX)
		return;
	set_u32(b, start + SEAL_START - 4, (uint32_t)(b->n - start));
	set_u64(b, start + sizeof SEAL_MAGIC - 1, hash64_bytes(b->p + start + SEAL_START - 4, b->n - start - (SEAL_START - 4)));
}

void seal_begin_block(struct sbuf *b, uint64_t seal, size_t number, uint32_t first, bool last)
{
	bytes_put_u64(b, 0);
	bytes_put_u64(b, seal);
	bytes_put_u32(b, (uint32_t)number);
	bytes_put_u32(b, 0);
	bytes_put_u32(b, first);
	bytes_put_u8(b, last);
}

void seal_end_block(struct sbuf *b, size_t block, size_t n)
{
	static const char nothing[SEAL_BLOCK];
	size_t used = b->n - block;

	set_u32(b, block + 20, (uint32_t)used);
	sbuf_add(b, nothing, n - used);
	set_u64(b, block, hash64_bytes(b->p + block + 8, n - 8));
}

void seal_put_path(struct sbuf *b, const struct seal_path *p)
{
	bytes_put_u64(b, p->fact);
	bytes_put_u8(b, p->flags);
	sbuf_str(b, p->path);
	bytes_put_u8(b, 0); /* so that it can be looked at where it lies */
	if (p->flags & SEAL_YOUNG)
		bytes_put_hash(b, p->content);
}

static void begin_block(struct sealing *m)
{
	m->block = m->b.n;
	seal_begin_block(&m->b, m->number, m->n, m->paths, false);
}

static void end_block(struct sealing *m, bool last)
{
	size_t used = m->b.n - m->block;

	m->b.p[m->block + SEAL_BLOCK_START - 1] = (char)last;
	seal_end_block(&m->b, m->block, !last || used + SEAL_SLACK > SEAL_BLOCK ? SEAL_BLOCK : used + SEAL_SLACK);
	m->n++;
}

void sealing_begin(struct sealing *m, const struct seal_head *h, struct str texts)
{
	*m = (struct sealing){.number = h->number, .texts = texts};
	seal_put_head(&m->b, h, texts);
	m->unfit = m->b.n > SEAL_MAX;
	begin_block(m);
}

void sealing_path(struct sealing *m, const struct seal_path *p)
{
	bool young = p->flags & SEAL_YOUNG;
	size_t need = 8 + 1 + p->path.n + 1 + (young ? sizeof p->content : 0);

	m->young += young;
	m->unfit = m->unfit || SEAL_BLOCK_START + need > SEAL_BLOCK - SEAL_SLACK || memchr(p->path.p, '\0', p->path.n) || m->b.n > SEAL_MAX || m->young > SEAL_YOUNG_MOST;
	if (m->unfit)
		return;
	if (m->b.n - m->block + need > SEAL_BLOCK - SEAL_SLACK) {
		end_block(m, false);
		begin_block(m);
	}
	seal_put_path(&m->b, p);
	m->paths++;
}

void sealing_end_paths(struct sealing *m)
{
	end_block(m, true);
	m->block = m->b.n;
}

void sealing_end(struct sealing *m, const struct store *s, struct seal_head *h)
{
	struct sbuf head = {0};

	if (!m->unfit && m->b.n <= SEAL_MAX) {
		h->end = m->block;
		h->slices = m->b.n;
		seal_put_head(&head, h, m->texts);
		memcpy(m->b.p, head.p, head.n);
		os_replace_file(s->fd, SEAL_FILE, 0600, sbuf_view(&m->b));
	}
	sbuf_free(&head);
	sbuf_free(&m->b);
}

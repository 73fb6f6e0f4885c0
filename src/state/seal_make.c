#include "state/seal.h"

#include <string.h>

#include "base/os.h"
#include "state/seal_bytes.h"

struct making {
	struct sbuf b;
	size_t head;  /* length of the head */
	uint64_t sum; /* its checksum */
	size_t block; /* where the block in the making begins */
	uint32_t n;   /* blocks that are complete */
	int64_t since_ns;
	bool unfit; /* something cannot be relied on, or be written down */
};

static void set_u32(struct making *m, size_t at, uint32_t v)
{
	v = htole32(v);
	memcpy(m->b.p + at, &v, sizeof v);
}

static uint64_t set_sum(struct making *m, size_t at, size_t from)
{
	uint64_t sum = hash64_bytes(m->b.p + from, m->b.n - from), bytes = htole64(sum);

	memcpy(m->b.p + at, &bytes, sizeof bytes);
	return sum;
}

static void put_texts(struct making *m, const struct seen *seen, enum sight_kind kind)
{
	size_t count = m->b.n;
	uint32_t n = 0;

	bytes_put_u32(&m->b, 0);
	for (size_t i = 0; i < seen->all.n; i++) {
		const struct sight *x = seen->all.p[i];

		if (x->kind != kind)
			continue;
		bytes_put_str(&m->b, x->name);
		bytes_put_u8(&m->b, 0);
		bytes_put_u8(&m->b, x->text.p != NULL);
		bytes_put_hash(&m->b, hash_bytes(x->text.n ? x->text.p : "", x->text.n)); /* values may be secret */
		n++;
	}
	set_u32(m, count, n);
}

static void put_head(struct making *m, struct hash128 key, uint64_t log, struct str word, const struct seen *seen)
{
	sbuf_add(&m->b, SEAL_MAGIC, sizeof SEAL_MAGIC - 1);
	bytes_put_u64(&m->b, 0);
	bytes_put_u32(&m->b, 0);
	bytes_put_hash(&m->b, key);
	bytes_put_u64(&m->b, log);
	bytes_put_str(&m->b, word);
	put_texts(m, seen, SIGHT_ENV);
	put_texts(m, seen, SIGHT_REAL);
	m->head = m->b.n;
	m->unfit = m->head > SEAL_MAX;
	if (m->unfit)
		return;
	set_u32(m, SEAL_START - 4, (uint32_t)m->head);
	m->sum = set_sum(m, sizeof SEAL_MAGIC - 1, SEAL_START - 4);
}

static void begin_block(struct making *m)
{
	m->block = m->b.n;
	bytes_put_u64(&m->b, 0);
	bytes_put_u64(&m->b, m->sum);
	bytes_put_u32(&m->b, m->n);
	bytes_put_u32(&m->b, 0);
	bytes_put_u8(&m->b, 0);
}

static void end_block(struct making *m, bool last)
{
	static const char nothing[SEAL_BLOCK];
	size_t used = m->b.n - m->block;

	set_u32(m, m->block + 20, (uint32_t)used);
	m->b.p[m->block + 24] = (char)last;
	if (!last)
		sbuf_add(&m->b, nothing, SEAL_BLOCK - used);
	set_sum(m, m->block, m->block + 8);
	m->n++;
}

static void put_path(void *self, struct str path, const struct file_stat *st, bool through)
{
	struct making *m = self;
	size_t need = 8 + 1 + path.n + 1;

	m->unfit = m->unfit || (st && file_stat_racy(st, m->since_ns)) || SEAL_BLOCK_START + need > SEAL_BLOCK ||
	           memchr(path.p, '\0', path.n) || m->b.n > SEAL_MAX;
	if (m->unfit)
		return;
	if (m->b.n - m->block + need > SEAL_BLOCK) {
		end_block(m, false);
		begin_block(m);
	}
	bytes_put_u64(&m->b, st ? file_stat_hash(st) : 0);
	bytes_put_u8(&m->b, through ? 0 : SEAL_LINK);
	sbuf_str(&m->b, path);
	bytes_put_u8(&m->b, 0); /* so that it can be looked at where it lies */
}

/* What changes most often comes first, and is then found soonest: files that load/ read, then sources, then what tasks made. */
static bool put_paths(struct making *m, const struct seen *seen, const struct filehash *fh)
{
	bool told = true;

	begin_block(m);
	for (size_t i = 0; i < seen->all.n; i++) {
		const struct sight *x = seen->all.p[i];

		if (x->kind == SIGHT_PATH || x->kind == SIGHT_LINK)
			put_path(m, x->name, x->there ? &x->stat : NULL, x->kind == SIGHT_PATH);
	}
	for (int outputs = 0; told && outputs < 2; outputs++)
		told = filehash_each(fh, outputs, put_path, m);
	end_block(m, true);
	return told && !m->unfit && m->b.n <= SEAL_MAX;
}

void seal_make(const struct store *s, struct hash128 key, const struct seen *seen, const struct filehash *fh, struct str word)
{
	struct making m = {.since_ns = seen->since_ns};
	uint64_t log = seal_log_fact(s);

	if (seen->spoiled || !log)
		return;
	put_head(&m, key, log, word, seen);
	if (!m.unfit && put_paths(&m, seen, fh))
		os_replace_file(s->fd, SEAL_FILE, 0600, sbuf_view(&m.b));
	sbuf_free(&m.b);
}

#include "state/logheld.h"

#include "state/frame.h"
#include "state/record.h"

enum { FIRST_BLOCK = 1 << 10 };

/* Entries from `written` on are yet to be written, those from `indexed` on are not in the index. */
struct held_block {
	struct held_block *next;
	size_t room, used, written, indexed; /* bytes */
	size_t unwritten;                    /* entries */
	char *data;
};

/* One with room for that much more. */
static struct held_block *block_for(struct log_held *h, struct arena *a, size_t size)
{
	struct held_block *b = h->last, *was = b;
	size_t room = !b ? FIRST_BLOCK : b->room < HELD_FRAME / 4 ? b->room * 4 : HELD_FRAME;

	if (b && b->room - b->used >= size)
		return b;
	b = arena_new(a, struct held_block);
	b->room = room > size ? room : size;
	b->data = arena_text(a, b->room);
	if (was)
		was->next = b;
	if (!h->first)
		h->first = b;
	return h->last = b;
}

void held_put(struct log_held *h, struct arena *a, struct log_index *ix, struct str path, const struct file_stat *st, struct hash128 hash)
{
	size_t size = ENTRY_FIXED + path.n;
	struct held_block *b = block_for(h, a, size);

	record_fill_entry(b->data + b->used, path, st, hash);
	b->used += size;
	b->unwritten++;
	h->unwritten += size;
	h->unindexed++;
	ix->live += size;
}

void held_frame(struct log_index *ix, struct sbuf *b, struct str entries, size_t count)
{
	size_t start = frame_begin(b);

	bytes_put_u8(b, RECORD_FILES);
	bytes_put_u64(b, ++ix->seq);
	bytes_put_u32(b, (uint32_t)count);
	sbuf_str(b, entries);
	frame_end(b, start);
}

void held_frames(const struct log_held *h, struct log_index *ix, struct sbuf *b)
{
	for (const struct held_block *k = h->first; k; k = k->next)
		if (k->unwritten)
			held_frame(ix, b, (struct str){k->data + k->written, k->used - k->written}, k->unwritten);
}

/* Of the blocks of which nothing is left to do the last stays: there may be room in it. */
static void pass_over(struct log_held *h)
{
	while (h->first != h->last && !h->first->unwritten && h->first->indexed == h->first->used)
		h->first = h->first->next;
}

void held_written(struct log_held *h)
{
	for (struct held_block *b = h->first; b; b = b->next) {
		b->written = b->used;
		b->unwritten = 0;
	}
	h->unwritten = 0;
	pass_over(h);
}

static void index_block(struct held_block *b, struct log_index *ix)
{
	struct reader r = reader_of((struct str){b->data + b->indexed, b->used - b->indexed});
	const unsigned char *entry;
	struct str path;

	while ((entry = record_entry(&r, &path))) {
		ix->live -= ENTRY_FIXED + path.n; /* counted as it was put; the index counts each path once */
		log_index_put_file(ix, path, entry);
	}
	b->indexed = b->used;
}

void held_index(struct log_held *h, struct log_index *ix)
{
	if (!h->unindexed)
		return;
	log_index_reserve(ix, 0, h->unindexed);
	for (struct held_block *b = h->first; b; b = b->next)
		index_block(b, ix);
	h->unindexed = 0;
	pass_over(h);
}

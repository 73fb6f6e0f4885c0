#include "state/logheld.h"

#include "state/frame.h"
#include "state/record.h"

void held_put(struct log_held *h, struct str path, const struct file_stat *st, struct hash128 hash)
{
	size_t n = ENTRY_FIXED + path.n;

	sbuf_reserve(&h->entries, n);
	record_fill_entry(h->entries.p + h->entries.n, path, st, hash);
	h->entries.n += n;
	h->apart += n;
}

void held_put_frames(struct log_index *ix, struct sbuf *b, struct str entries)
{
	struct reader r = reader_of(entries), next = r;
	struct str path;

	while (!reader_at_end(&r)) {
		size_t start = frame_begin(b);
		uint32_t count = 0;

		while (record_entry(&next, &path) && (!count || next.at - r.at <= HELD_FRAME)) {
			entries = (struct str){(const char *)r.at, (size_t)(next.at - r.at)};
			count++;
		}
		bytes_put_u8(b, RECORD_FILES);
		bytes_put_u64(b, ++ix->seq);
		bytes_put_u32(b, count);
		sbuf_str(b, entries);
		frame_end(b, start);
		reader_take(&r, entries.n);
		next = r;
	}
}

void held_frames(const struct log_held *h, struct log_index *ix, struct sbuf *b)
{
	held_put_frames(ix, b, sbuf_view(&h->entries));
}

void held_put_none(struct sbuf *b, uint64_t seq)
{
	size_t start = frame_begin(b);

	bytes_put_u8(b, RECORD_FILES);
	bytes_put_u64(b, seq);
	bytes_put_u32(b, 0);
	frame_end(b, start);
}

/* The entries of a piece of memory that stays. */
static void index_entries(struct log_index *ix, struct reader r)
{
	const unsigned char *entry;
	struct str path;

	while ((entry = record_entry(&r, &path)))
		log_index_put_file(ix, path, entry);
}

static void index_waiting(struct log_held *h, struct log_index *ix)
{
	struct str rest = str_sub(sbuf_view(&h->entries), h->indexed, h->entries.n);

	if (rest.n)
		index_entries(ix, reader_of(arena_copy(ix->arena, rest)));
	h->indexed = h->entries.n;
}

/* What this run has written. */
static void index_out(struct log_held *h, struct log_index *ix, const struct logfile *f)
{
	size_t n = h->out ? (size_t)(f->size - h->out_from) : 0;
	char *p = n ? arena_text(ix->arena, n) : NULL;
	struct frame_scan s;
	struct str payload;

	h->out = false;
	if (!n || logfile_read(f, h->out_from, p, n))
		return;
	s = frame_scan_of(p, n);
	while (frame_next(&s, &payload))
		if (record_files(payload))
			log_index_apply(ix, payload, 0); /* of files alone */
}

void held_index(struct log_held *h, struct log_index *ix, const struct logfile *f)
{
	index_out(h, ix, f);
	index_waiting(h, ix);
	h->apart = 0;
}

void held_written(struct log_held *h, struct log_index *ix, const struct logfile *f, uint64_t from)
{
	if (f->nowhere)
		held_index(h, ix, f);
	if (h->indexed < h->entries.n && !h->out) {
		h->out = true;
		h->out_from = from;
	}
	sbuf_clear(&h->entries);
	h->indexed = 0;
}

void held_free(struct log_held *h)
{
	sbuf_free(&h->entries);
}

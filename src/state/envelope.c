#include "state/envelope.h"

#include <string.h>

#include "state/bytes.h"

static const unsigned char magic[8] = {'a', 'x', 's', 'h', 'a', 'r', 'e', 1};

void envelope_put(struct sbuf *b, struct str entry, const unsigned char *objects, size_t n, bool proven)
{
	sbuf_add(b, magic, sizeof magic);
	bytes_put_u64(b, entry.n);
	sbuf_str(b, entry);
	bytes_put_u32(b, (uint32_t)n);
	if (n)
		sbuf_add(b, objects, n * ENVELOPE_NAME);
	bytes_put_u8(b, proven);
}

bool envelope_read(struct str body, struct envelope *out)
{
	struct reader r = reader_of(body);
	const unsigned char *start = reader_take(&r, sizeof magic);
	uint64_t n = reader_u64(&r);
	uint8_t proven;

	*out = (struct envelope){0};
	if (r.bad || memcmp(start, magic, sizeof magic) != 0 || n > reader_left(&r))
		return false;
	out->entry = (struct str){(const char *)reader_take(&r, (size_t)n), (size_t)n};
	out->n_objects = reader_u32(&r);
	if (r.bad || out->n_objects > reader_left(&r) / ENVELOPE_NAME)
		return false;
	out->objects = reader_take(&r, out->n_objects * ENVELOPE_NAME);
	proven = reader_u8(&r);
	out->covered = str_sub(body, 0, body.n - reader_left(&r));
	if (proven)
		out->proof = reader_take(&r, ENVELOPE_NAME);
	return proven <= 1 && reader_at_end(&r);
}

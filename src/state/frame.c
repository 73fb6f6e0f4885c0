#include "state/frame.h"

#include <string.h>

#include "base/hash.h"
#include "state/bytes.h"

const unsigned char frame_magic[FRAME_MAGIC_SIZE] = {0xA5, 'x', 'l', 1};

size_t frame_begin(struct sbuf *b)
{
	size_t start = b->n;

	sbuf_add(b, frame_magic, sizeof frame_magic);
	bytes_put_u32(b, 0);
	return start;
}

bool frame_end(struct sbuf *b, size_t start)
{
	size_t n = b->n - start - FRAME_HEAD;
	uint32_t length = htole32((uint32_t)n);

	if (n > FRAME_MAX) {
		b->n = start;
		return false;
	}
	memcpy(b->p + start + FRAME_MAGIC_SIZE, &length, sizeof length);
	bytes_put_u64(b, hash64_bytes(b->p + start, FRAME_HEAD + n));
	return true;
}

struct str frame_payload(const unsigned char *p)
{
	return (struct str){(const char *)p, bytes_u32(p - 4)};
}

struct str frame_whole(const unsigned char *payload)
{
	return (struct str){(const char *)payload - FRAME_HEAD, bytes_u32(payload - 4) + (size_t)FRAME_EXTRA};
}

struct frame_scan frame_scan_of(const void *p, size_t n)
{
	return (struct frame_scan){.p = n ? p : "", .n = n, .budget = 4 * n + (1 << 20)};
}

/* Is there a magic at `at`, and a length that fits? */
static bool looks_like_frame(const struct frame_scan *s, size_t at, struct str *payload)
{
	const unsigned char *p = s->p + at;
	size_t left = s->n - at, n;

	if (left < FRAME_EXTRA || memcmp(p, frame_magic, sizeof frame_magic) != 0)
		return false;
	n = bytes_u32(p + FRAME_MAGIC_SIZE);
	*payload = (struct str){(const char *)p + FRAME_HEAD, n};
	return n <= FRAME_MAX && n <= left - FRAME_EXTRA;
}

static bool frame_at(struct frame_scan *s, size_t at, struct str *payload)
{
	const unsigned char *p = s->p + at;

	if (!looks_like_frame(s, at, payload))
		return false;
	if (hash64_bytes(p, FRAME_HEAD + payload->n) == bytes_u64(p + FRAME_HEAD + payload->n))
		return true;
	s->budget -= payload->n < s->budget ? payload->n : s->budget;
	return false;
}

/* Do the bytes from `at` to the end look like a frame of which the rest is missing? */
static bool is_cut(const struct frame_scan *s, size_t at)
{
	size_t left = s->n - at, magic = left < FRAME_MAGIC_SIZE ? left : FRAME_MAGIC_SIZE;

	if (memcmp(s->p + at, frame_magic, magic) != 0)
		return false;
	return left < FRAME_HEAD || bytes_u32(s->p + at + FRAME_MAGIC_SIZE) + (size_t)FRAME_EXTRA > left;
}

/* The next place after `at` that a frame may begin at, or n. */
static size_t next_magic(const struct frame_scan *s, size_t at)
{
	const unsigned char *hit = NULL;

	if (s->budget)
		hit = memmem(s->p + at + 1, s->n - at - 1, frame_magic, sizeof frame_magic);
	return hit ? (size_t)(hit - s->p) : s->n;
}

bool frame_next(struct frame_scan *s, struct str *payload)
{
	size_t from = s->at;

	for (size_t at = from; at < s->n; at = next_magic(s, at)) {
		if (!frame_at(s, at, payload))
			continue;
		if (at > from) {
			s->bad_places++;
			s->bad_bytes += at - from;
		}
		s->at = at + FRAME_EXTRA + payload->n;
		return true;
	}
	if (from < s->n) {
		s->cut = is_cut(s, from);
		s->bad_places++;
		s->bad_bytes += s->n - from;
		s->at = s->n;
	}
	return false;
}

bool frame_next_unchecked(struct frame_scan *s, struct str *payload)
{
	if (!looks_like_frame(s, s->at, payload))
		return false;
	s->at += FRAME_EXTRA + payload->n;
	return true;
}

void frame_reject(struct frame_scan *s, struct str payload)
{
	s->bad_places++;
	s->bad_bytes += FRAME_EXTRA + payload.n;
}

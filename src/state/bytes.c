#include "state/bytes.h"

void bytes_put_u8(struct sbuf *b, uint8_t v)
{
	sbuf_add(b, &v, sizeof v);
}

void bytes_put_u32(struct sbuf *b, uint32_t v)
{
	v = htole32(v);
	sbuf_add(b, &v, sizeof v);
}

void bytes_put_u64(struct sbuf *b, uint64_t v)
{
	v = htole64(v);
	sbuf_add(b, &v, sizeof v);
}

void bytes_put_i64(struct sbuf *b, int64_t v)
{
	bytes_put_u64(b, (uint64_t)v);
}

void bytes_put_double(struct sbuf *b, double v)
{
	uint64_t bits;

	_Static_assert(sizeof bits == sizeof v, "a double has 64 bits");
	memcpy(&bits, &v, sizeof bits);
	bytes_put_u64(b, bits);
}

void bytes_put_hash(struct sbuf *b, struct hash128 h)
{
	bytes_put_u64(b, h.lo);
	bytes_put_u64(b, h.hi);
}

void bytes_put_str(struct sbuf *b, struct str s)
{
	bytes_put_u32(b, (uint32_t)s.n);
	sbuf_str(b, s);
}

struct reader reader_of(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	return (struct reader){p, p ? p + s.n : p, false};
}

size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

const unsigned char *reader_take(struct reader *r, size_t n)
{
	const unsigned char *p = r->at;

	if (r->bad || n > reader_left(r)) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return p;
}

uint8_t reader_u8(struct reader *r)
{
	const unsigned char *p = reader_take(r, 1);

	return p ? *p : 0;
}

uint32_t reader_u32(struct reader *r)
{
	const unsigned char *p = reader_take(r, 4);

	return p ? bytes_u32(p) : 0;
}

uint64_t reader_u64(struct reader *r)
{
	const unsigned char *p = reader_take(r, 8);

	return p ? bytes_u64(p) : 0;
}

int64_t reader_i64(struct reader *r)
{
	return (int64_t)reader_u64(r);
}

double reader_double(struct reader *r)
{
	uint64_t bits = reader_u64(r);
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

struct hash128 reader_hash(struct reader *r)
{
	struct hash128 h;

	h.lo = reader_u64(r);
	h.hi = reader_u64(r);
	return h;
}

struct str reader_str(struct reader *r)
{
	uint32_t n = reader_u32(r);
	const unsigned char *p = reader_take(r, n);

	return p ? (struct str){(const char *)p, n} : STR_NONE;
}

bool reader_at_end(const struct reader *r)
{
	return !r->bad && r->at == r->end;
}

/* Numbers and strings as they stand on disk: little-endian, a string with its length (u32) before it. */
#ifndef AXMAKE_STATE_BYTES_H
#define AXMAKE_STATE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"

void bytes_put_u8(struct sbuf *b, uint8_t v);
void bytes_put_u32(struct sbuf *b, uint32_t v);
void bytes_put_u64(struct sbuf *b, uint64_t v);
void bytes_put_i64(struct sbuf *b, int64_t v);
void bytes_put_double(struct sbuf *b, double v); /* its bits: a NaN stays the NaN that it is */
void bytes_put_hash(struct sbuf *b, struct hash128 h);
void bytes_put_str(struct sbuf *b, struct str s);

/* Reading never leaves [at, end): where something is missing, `bad` is set for good and zeros are returned. */
struct reader {
	const unsigned char *at, *end;
	bool bad;
};

struct reader reader_of(struct str s);
size_t reader_left(const struct reader *r);
const unsigned char *reader_take(struct reader *r, size_t n); /* NULL when there are fewer than n */
uint8_t reader_u8(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
int64_t reader_i64(struct reader *r);
double reader_double(struct reader *r);
struct hash128 reader_hash(struct reader *r);
struct str reader_str(struct reader *r);    /* lies in what is read */
bool reader_at_end(const struct reader *r); /* all read, nothing missing */

/* Numbers at any address. */
static inline uint32_t bytes_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static inline uint64_t bytes_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

#endif

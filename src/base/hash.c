#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* The whole of it in its header: most hashes are of a few bytes, and a library fewer is to be found at each start. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash_wide.h"
#include "base/mem.h"

enum { FIRST_PIECE = 4 << 10, TINY = 8 << 10, PIECE = 64 << 10, LARGE_PIECE = 256 << 10, WIDE_FROM = 512, FRAMED_AT_ONCE = 256 };

static struct hash128 from_xxh(XXH128_hash_t h)
{
	return (struct hash128){.lo = h.low64, .hi = h.high64};
}

struct hash128 hash_bytes(const void *p, size_t n)
{
	struct hash128 h;

	if (n >= WIDE_FROM && hash_wide_can()) {
		hash_wide_bytes(p, n, &h.lo, &h.hi);
		return h;
	}
	return from_xxh(XXH3_128bits(n ? p : "", n));
}

uint64_t hash64_bytes(const void *p, size_t n)
{
	return XXH3_64bits(n ? p : "", n);
}

bool hash_eq(struct hash128 a, struct hash128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

int hash_cmp(struct hash128 a, struct hash128 b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

/* Eight digits at once: each half byte to a byte of its own, the highest first, and what is above 9 to a letter. */
static void put_hex(char *p, uint32_t n)
{
	uint64_t x = n;
	x = (x << 16 | x) & 0x0000ffff0000ffff;
	x = (x << 8 | x) & 0x00ff00ff00ff00ff;
	x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0f;
	uint64_t letters = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
	x = htobe64(x + 0x3030303030303030 + letters * ('a' - '9' - 1));
	memcpy(p, &x, sizeof x);
}

char *hash_hex(struct hash128 h, char out[HASH_HEX])
{
	put_hex(out, (uint32_t)(h.hi >> 32));
	put_hex(out + 8, (uint32_t)h.hi);
	put_hex(out + 16, (uint32_t)(h.lo >> 32));
	put_hex(out + 24, (uint32_t)h.lo);
	out[32] = '\0';
	return out;
}

struct hasher hasher_new(void)
{
	struct hasher h = {XXH3_createState()};

	if (!h.state)
		mem_exhausted();
	hasher_reset(&h);
	return h;
}

void hasher_reset(struct hasher *h)
{
	XXH3_128bits_reset(h->state);
}

static void add(XXH3_state_t *h, const void *p, size_t n)
{
	if (n >= WIDE_FROM && hash_wide_can())
		hash_wide_update(h, p, n);
	else if (n)
		XXH3_128bits_update(h, p, n);
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
	add(h->state, p, n);
}

void hasher_add_framed(struct hasher *h, const void *p, size_t n)
{
	uint64_t length = htole64((uint64_t)n);
	char both[FRAMED_AT_ONCE];

	memcpy(both, &length, sizeof length);
	if (n > sizeof both - sizeof length) {
		hasher_add(h, &length, sizeof length);
		hasher_add(h, p, n);
		return;
	}
	if (n)
		memcpy(both + sizeof length, p, n);
	hasher_add(h, both, sizeof length + n);
}

struct hash128 hasher_end(const struct hasher *h)
{
	return from_xxh(XXH3_128bits_digest(h->state));
}

void hasher_free(struct hasher *h)
{
	XXH3_freeState(h->state);
	h->state = NULL;
}

/* Up to n bytes at `offset`; what cannot seek (a pipe) is read on from where it stands, and *seeks cleared. -1 with errno. */
static ssize_t read_piece(int fd, void *buf, size_t n, off_t offset, bool *seeks)
{
	ssize_t got;

	do {
		got = *seeks ? pread(fd, buf, n, offset) : read(fd, buf, n);
		if (got < 0 && errno == ESPIPE && *seeks) {
			*seeks = false;
			got = read(fd, buf, n);
		}
	} while (got < 0 && errno == EINTR);
	return got;
}

/* The rest of a file of which the first `n` bytes are in h, by pieces as large as there is memory for. Not inlined: where there is no rest, no page of its
 * buffer is touched. */
static int hash_rest(int fd, XXH3_state_t *h, off_t *n, bool seeks) __attribute__((noinline));
static int hash_rest(int fd, XXH3_state_t *h, off_t *n, bool seeks)
{
	char small[PIECE], *large = malloc(LARGE_PIECE), *buf = large ? large : small;
	size_t piece = large ? LARGE_PIECE : PIECE;
	ssize_t got;
	int err;

	while ((got = read_piece(fd, buf, piece, *n, &seeks)) > 0) {
		add(h, buf, (size_t)got);
		*n += got;
	}
	err = got < 0 ? errno : 0;
	free(large);
	return err;
}

int hash_read_fd(int fd, char *buf, size_t n, struct hash128 *out, uint64_t *size)
{
	ssize_t got;

	do
		got = pread(fd, buf, n, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 || (size_t)got == n)
		return got < 0 ? errno : EFBIG;
	*out = hash_bytes(buf, (size_t)got);
	*size = (uint64_t)got;
	return 0;
}

/* By itself, so that for less no page of its buffer is touched. */
static int hash_up_to_small(int fd, struct hash128 *out, uint64_t *size) __attribute__((noinline));
static int hash_up_to_small(int fd, struct hash128 *out, uint64_t *size)
{
	char buf[HASH_SMALL];

	return hash_read_fd(fd, buf, sizeof buf, out, size);
}

int hash_small_fd(int fd, struct hash128 *out, uint64_t *size)
{
	char buf[TINY];

	return *size < sizeof buf ? hash_read_fd(fd, buf, sizeof buf, out, size) : hash_up_to_small(fd, out, size);
}

int hash_fd(int fd, struct hash128 *out, uint64_t *size)
{
	char buf[FIRST_PIECE];
	bool seeks = true;
	off_t n = 0;
	ssize_t got;
	XXH3_state_t h; /* here, not on the heap: threads come by, which may not find memory exhausted */
	int err = 0;

	XXH3_INITSTATE(&h);
	XXH3_128bits_reset(&h);
	for (int i = 0; i < 2 && (got = read_piece(fd, buf, sizeof buf, n, &seeks)) != 0; i++) {
		if (got < 0)
			return errno;
		add(&h, buf, (size_t)got);
		n += got;
	}
	if (got)
		err = hash_rest(fd, &h, &n, seeks);
	*out = from_xxh(XXH3_128bits_digest(&h));
	*size = (uint64_t)n;
	return err;
}

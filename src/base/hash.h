/* Content hashes: 128-bit XXH3 (https://xxhash.com; the algorithm's output is stable across versions and machines). */
#ifndef AXMAKE_BASE_HASH_H
#define AXMAKE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hash128 {
	uint64_t lo, hi;
};

struct hash128 hash_bytes(const void *p, size_t n);
uint64_t hash64_bytes(const void *p, size_t n);
bool hash_eq(struct hash128 a, struct hash128 b);
int hash_cmp(struct hash128 a, struct hash128 b);
/* 32 lower-case hexadecimal digits, high half first, and a NUL. */
#define HASH_HEX 33
char *hash_hex(struct hash128 h, char out[HASH_HEX]);

/* Hashing piece by piece. */
struct hasher {
	void *state; /* XXH3_state_t */
};
struct hasher hasher_new(void);
void hasher_reset(struct hasher *h);
void hasher_add(struct hasher *h, const void *p, size_t n);
/* Adds n as 8 bytes little-endian, then the bytes: so that "ab"+"c" differs from "a"+"bc". */
void hasher_add_framed(struct hasher *h, const void *p, size_t n);
struct hash128 hasher_end(const struct hasher *h);
void hasher_free(struct hasher *h);

/* The content of an open file from its start, and its length. 0, or errno. Large files are read in pieces. */
int hash_fd(int fd, struct hash128 *out, uint64_t *size);
/* The same by one read, of a file that is said to have *size bytes, less than HASH_SMALL; EFBIG: it has many more. */
#define HASH_SMALL ((size_t)64 << 10)
int hash_small_fd(int fd, struct hash128 *out, uint64_t *size);
/* The same with what was read in buf; EFBIG: it has n bytes or more. */
int hash_read_fd(int fd, char *buf, size_t n, struct hash128 *out, uint64_t *size);

#endif

/* What a content is called: by XXH3-128 in the cache on this machine, by SHA-256 on a server, where somebody may want to pass another one off for it. */
#ifndef AXMAKE_HTTP_DIGEST_H
#define AXMAKE_HTTP_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define SHA_BYTES 32
#define SHA_HEX (2 * SHA_BYTES + 1)

struct sha {
	unsigned char of[SHA_BYTES];
};

/* Both, piece by piece, with the number of bytes. */
struct digest {
	void *sha; /* EVP_MD_CTX */
	struct hasher xxh;
	uint64_t size;
};

struct digest digest_new(void);
void digest_reset(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
/* Once; then reset or free. */
void digest_end(struct digest *d, struct sha *sha, struct hash128 *xxh);
void digest_free(struct digest *d);

/* Of an open file, from its start; `meanwhile` is called now and then while that takes long. 0 or errno. */
int digest_fd(int fd, void (*meanwhile)(void *self), void *self, struct sha *sha, struct hash128 *xxh, uint64_t *size);

struct sha sha_of(const void *p, size_t n);
bool sha_eq(const struct sha *a, const struct sha *b);
/* 64 lower-case hexadecimal digits and a NUL. */
void sha_hex(const struct sha *s, char out[SHA_HEX]);

#endif

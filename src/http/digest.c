#include "http/digest.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PIECE (256u << 10)
#define LONG (64u << 20)

struct digest digest_new(void)
{
	struct digest d = {.sha = EVP_MD_CTX_new(), .xxh = hasher_new()};

	digest_reset(&d);
	return d;
}

void digest_reset(struct digest *d)
{
	int ok = d->sha && EVP_DigestInit_ex(d->sha, EVP_sha256(), NULL);

	assert(ok);
	hasher_reset(&d->xxh);
	d->size = 0;
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	int ok = EVP_DigestUpdate(d->sha, p, n);

	assert(ok);
	hasher_add(&d->xxh, p, n);
	d->size += n;
}

void digest_end(struct digest *d, struct sha *sha, struct hash128 *xxh)
{
	int ok = EVP_DigestFinal_ex(d->sha, sha->of, NULL);

	assert(ok);
	*xxh = hasher_end(&d->xxh);
}

void digest_free(struct digest *d)
{
	EVP_MD_CTX_free(d->sha);
	hasher_free(&d->xxh);
	d->sha = NULL;
}

int digest_fd(int fd, void (*meanwhile)(void *self), void *self, struct sha *sha, struct hash128 *xxh, uint64_t *size)
{
	struct digest d = digest_new();
	char *piece = xmalloc(PIECE);
	ssize_t n;

	while ((n = pread(fd, piece, PIECE, (off_t)d.size)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0) {
			digest_add(&d, piece, (size_t)n);
			if (!(d.size % LONG))
				meanwhile(self);
		}
	int err = n < 0 ? errno : 0;
	digest_end(&d, sha, xxh);
	*size = d.size;
	free(piece);
	digest_free(&d);
	return err;
}

struct sha sha_of(const void *p, size_t n)
{
	struct sha s;
	int ok = EVP_Digest(p, n, s.of, NULL, EVP_sha256(), NULL);

	assert(ok);
	return s;
}

bool sha_eq(const struct sha *a, const struct sha *b)
{
	return !memcmp(a->of, b->of, sizeof a->of);
}

void sha_hex(const struct sha *s, char out[SHA_HEX])
{
	for (size_t i = 0; i < SHA_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", s->of[i]);
}

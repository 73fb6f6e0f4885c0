#include "http/key.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/os.h"
#include "state/bytes.h"

#define KEY_LONGEST 65536

/* Before what is hashed: so that nothing that was signed or named for something else can ever pass here. */
static const char name_domain[] = "axmake shared entry name 1", proof_domain[] = "axmake shared entry 1";

bool key_read(struct key *k, struct arena *a, struct str file, struct str *why)
{
	const char *variable = getenv("AXMAKE_CACHE_KEY");
	struct str text = str_of(variable);

	*k = (struct key){0};
	if (file.n) {
		int err = os_read_file(a, AT_FDCWD, arena_copy(a, file).p, KEY_LONGEST, &text);

		if (err) {
			*why = arena_printf(a, "cannot read the key '%.*s': %s", STR_ARG(file), os_read_error(err));
			return false;
		}
	}
	text = str_trim(text);
	if (!text.n && !file.n)
		return true;
	if (text.n < KEY_LEAST) {
		*why = arena_printf(a, "the key in %.*s has %zu bytes; %d are the least (openssl rand -hex 32 makes one)", STR_ARG(file.n ? file : STR("AXMAKE_CACHE_KEY")), text.n, KEY_LEAST);
		return false;
	}
	*k = (struct key){arena_copy(a, text).p, text.n};
	return true;
}

void key_entry_name(struct hash128 signature, char out[SHA_HEX])
{
	struct sbuf b = {0};
	sbuf_add(&b, name_domain, sizeof name_domain);
	bytes_put_hash(&b, signature);
	struct sha s = sha_of(b.p, b.n);
	sha_hex(&s, out);
	sbuf_free(&b);
}

void key_prove(const struct key *k, struct hash128 signature, struct str covered, unsigned char out[ENVELOPE_NAME])
{
	struct sbuf b = {0};
	unsigned n = ENVELOPE_NAME;
	sbuf_add(&b, proof_domain, sizeof proof_domain);
	bytes_put_hash(&b, signature);
	sbuf_str(&b, covered);
	assert(k->n <= KEY_LONGEST);
	unsigned char *ok = HMAC(EVP_sha256(), k->p, (int)k->n, (const unsigned char *)b.p, b.n, out, &n);
	assert(ok && n == ENVELOPE_NAME);
	sbuf_free(&b);
}

bool key_proves(const struct key *k, struct hash128 signature, const struct envelope *e)
{
	unsigned char wanted[ENVELOPE_NAME];
	key_prove(k, signature, e->covered, wanted);
	return !CRYPTO_memcmp(e->proof, wanted, sizeof wanted);
}

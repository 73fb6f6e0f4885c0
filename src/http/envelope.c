#include "http/envelope.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "state/bytes.h"

#define KEY_LONGEST 65536

static const unsigned char magic[8] = {'a', 'x', 's', 'h', 'a', 'r', 'e', 1};
/* Before what is hashed: so that nothing that was signed or named for something else can ever pass here. */
static const char name_domain[] = "axmake shared entry name 1", mac_domain[] = "axmake shared entry 1";

_Static_assert(sizeof(struct sha) == SHA_BYTES, "hashes stand one behind the other");

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
	*k = (struct key){(unsigned char *)arena_copy(a, text).p, text.n};
	return true;
}

void envelope_name(struct hash128 signature, char out[SHA_HEX])
{
	struct sbuf b = {0};

	sbuf_add(&b, name_domain, sizeof name_domain);
	bytes_put_hash(&b, signature);
	struct sha s = sha_of(b.p, b.n);
	sha_hex(&s, out);
	sbuf_free(&b);
}

static void mac_of(const struct key *k, struct hash128 signature, struct str body, unsigned char out[SHA_BYTES])
{
	struct sbuf b = {0};
	unsigned n = SHA_BYTES;

	sbuf_add(&b, mac_domain, sizeof mac_domain);
	bytes_put_hash(&b, signature);
	sbuf_str(&b, body);
	assert(k->n <= KEY_LONGEST);
	unsigned char *ok = HMAC(EVP_sha256(), k->p, (int)k->n, (const unsigned char *)b.p, b.n, out, &n);
	assert(ok && n == SHA_BYTES);
	sbuf_free(&b);
}

void envelope_put(struct sbuf *b, struct hash128 signature, struct str entry, const struct sha *objects, size_t n, const struct key *k)
{
	unsigned char mac[SHA_BYTES];
	size_t start = b->n;

	sbuf_add(b, magic, sizeof magic);
	bytes_put_u64(b, entry.n);
	sbuf_str(b, entry);
	bytes_put_u32(b, (uint32_t)n);
	sbuf_add(b, objects, n * sizeof *objects);
	bytes_put_u8(b, k->n > 0);
	if (!k->n)
		return;
	mac_of(k, signature, str_sub(sbuf_view(b), start, b->n), mac);
	sbuf_add(b, mac, sizeof mac);
}

enum envelope_result envelope_read(struct str body, struct hash128 signature, const struct key *k, struct envelope *out)
{
	struct reader r = reader_of(body);
	const unsigned char *start = reader_take(&r, sizeof magic);
	uint64_t n = reader_u64(&r);

	*out = (struct envelope){0};
	if (r.bad || memcmp(start, magic, sizeof magic) != 0 || n > reader_left(&r))
		return ENVELOPE_DAMAGED;
	out->entry = (struct str){(const char *)reader_take(&r, (size_t)n), (size_t)n};
	out->n_objects = reader_u32(&r);
	if (r.bad || out->n_objects > reader_left(&r) / SHA_BYTES)
		return ENVELOPE_DAMAGED;
	out->objects = (const struct sha *)(const void *)reader_take(&r, out->n_objects * SHA_BYTES);
	uint8_t is_signed = reader_u8(&r);
	size_t covered = body.n - reader_left(&r);
	const unsigned char *mac = is_signed == 1 ? reader_take(&r, SHA_BYTES) : NULL;
	if (is_signed > 1 || !reader_at_end(&r))
		return ENVELOPE_DAMAGED;
	if (!k->n)
		return ENVELOPE_WHOLE;
	if (!mac)
		return ENVELOPE_UNSIGNED;
	unsigned char wanted[SHA_BYTES];
	mac_of(k, signature, str_sub(body, 0, covered), wanted);
	return CRYPTO_memcmp(mac, wanted, SHA_BYTES) ? ENVELOPE_FORGED : ENVELOPE_WHOLE;
}

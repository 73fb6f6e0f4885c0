/* An entry as a server has it: its bytes, what its objects are called there, and with a key a proof of who wrote it. The bytes are in doc/cache-format.md. */
#ifndef AXMAKE_HTTP_ENVELOPE_H
#define AXMAKE_HTTP_ENVELOPE_H

#include "base/arena.h"
#include "base/str.h"
#include "http/digest.h"

/* What writers of a team share; n 0: there is none. */
struct key {
	unsigned char *p;
	size_t n;
};

#define KEY_LEAST 16 /* bytes */

/* Of the file, or where its name is empty of AXMAKE_CACHE_KEY; spaces and ends of lines around it do not count. false with *why, a phrase. */
bool key_read(struct key *k, struct arena *a, struct str file, struct str *why);

/* What the server calls the entry of a signature: 64 hexadecimal digits. */
void envelope_name(struct hash128 signature, char out[SHA_HEX]);

/* objects: as the entry names them, each once, in the order of the first time. */
void envelope_put(struct sbuf *b, struct hash128 signature, struct str entry, const struct sha *objects, size_t n, const struct key *k);

struct envelope {
	struct str entry; /* lies in the body */
	const struct sha *objects;
	size_t n_objects;
};

enum envelope_result { ENVELOPE_WHOLE, ENVELOPE_DAMAGED, ENVELOPE_UNSIGNED, ENVELOPE_FORGED };
/* The last two only with a key. The entry itself is not looked at. */
enum envelope_result envelope_read(struct str body, struct hash128 signature, const struct key *k, struct envelope *out);

#endif

/* What the team's writers share, and what is done with it. */
#ifndef AXMAKE_HTTP_KEY_H
#define AXMAKE_HTTP_KEY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/digest.h"
#include "state/envelope.h"

struct key {
	const char *p;
	size_t n; /* 0: there is none */
};

#define KEY_LEAST 16 /* bytes */

/* Of the file, or where its name is empty of AXMAKE_CACHE_KEY; spaces and ends of lines around it do not count. It lies in the arena. false with *why, a phrase. */
bool key_read(struct key *k, struct arena *a, struct str file, struct str *why);
/* The proof that who wrote `covered` for the entry of that signature has the key. */
void key_prove(const struct key *k, struct hash128 signature, struct str covered, unsigned char out[ENVELOPE_NAME]);
bool key_proves(const struct key *k, struct hash128 signature, const struct envelope *e);

/* What a server calls the entry of a signature: 64 hexadecimal digits. */
void key_entry_name(struct hash128 signature, char out[SHA_HEX]);

#endif

/* An entry of the cache as a server has it: its bytes, what its objects are called there, and perhaps a proof of who wrote it. The bytes are in doc/cache-format.md. */
#ifndef AXMAKE_STATE_ENVELOPE_H
#define AXMAKE_STATE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define ENVELOPE_NAME 32 /* bytes of what an object is called, and of a proof */

struct envelope {
	struct str entry;             /* not looked at */
	const unsigned char *objects; /* n_objects names, one behind the other: of what the entry names, each once, in the order of the first time */
	size_t n_objects;
	struct str covered;           /* what the proof is of */
	const unsigned char *proof;   /* NULL: there is none */
};

/* All of it but the proof, which is to follow where `proven`. */
void envelope_put(struct sbuf *b, struct str entry, const unsigned char *objects, size_t n, bool proven);
/* All lies in the body. false: it is damaged. */
bool envelope_read(struct str body, struct envelope *out);

#endif

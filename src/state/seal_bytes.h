/* How a seal lies on disk (doc/seal-format.md): private to the files that make and check it. */
#ifndef AXMAKE_STATE_SEAL_BYTES_H
#define AXMAKE_STATE_SEAL_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "state/bytes.h"
#include "state/store.h"

#define SEAL_FILE "seal"

enum {
	SEAL_MAX = 1 << 28,                   /* bytes: a larger one would be no gain */
	SEAL_START = 20,                      /* magic, checksum and length of the head */
	SEAL_BLOCK = 32 << 10,                /* bytes of every block but the last */
	SEAL_BLOCK_START = 8 + 8 + 4 + 4 + 1, /* checksum, the head's, number, bytes in use, is it the last */
	SEAL_LINK = 1,                        /* flag of a path: not looked at through a final link */
};

/* The last byte is the format's version. */
#define SEAL_MAGIC "ax seal\x03"

/* The log is never changed but by axmake, under the lock, and grows or becomes another file by that: a young stamp does no harm.
 * 0: there is none. */
uint64_t seal_log_fact(const struct store *s);

#endif

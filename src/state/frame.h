/* Frames: what the log is made of. {magic u32, length u32, payload, XXH3-64 of all before}; the magic's last byte is the format's
 * version. */
#ifndef AXMAKE_STATE_FRAME_H
#define AXMAKE_STATE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum {
	FRAME_HEAD = 8,  /* bytes before the payload */
	FRAME_CHECK = 8, /* and after it */
	FRAME_EXTRA = FRAME_HEAD + FRAME_CHECK,
	FRAME_MAX = 1 << 30, /* bytes of a payload */
	FRAME_MAGIC_SIZE = 4,
};

/* The four bytes that a frame begins with. */
extern const unsigned char frame_magic[FRAME_MAGIC_SIZE];

/* Starts a frame at the end of b; the payload is then added to b, and frame_end takes the returned offset. */
size_t frame_begin(struct sbuf *b);
/* false (and the frame is taken back) when the payload is larger than FRAME_MAX. */
bool frame_end(struct sbuf *b, size_t start);

/* The payload whose first byte is p, which must lie in a whole frame. */
struct str frame_payload(const unsigned char *p);
/* The whole frame around it. */
struct str frame_whole(const unsigned char *payload);

/* Walks over the good frames of [p, p + n). Zero it but for p, n and budget. */
struct frame_scan {
	const unsigned char *p;
	size_t n, at;
	size_t budget;    /* bytes that may still be hashed in vain: a file made of false frames must not take quadratic time */
	size_t bad_bytes; /* passed over */
	size_t bad_places;
	bool cut; /* the last bad place is the beginning of a frame at the very end: a write that was cut, or goes on right now */
};

struct frame_scan frame_scan_of(const void *p, size_t n);
/* The next good frame's payload; false at the end. */
bool frame_next(struct frame_scan *s, struct str *payload);
/* By the lengths alone, up to the first that cannot be: for an estimate. */
bool frame_next_unchecked(struct frame_scan *s, struct str *payload);
/* For a frame with a good checksum whose payload makes no sense: counts it as bad. */
void frame_reject(struct frame_scan *s, struct str payload);

#endif

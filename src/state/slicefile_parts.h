/* Records of a seal's slices. Private to slicefile. */
#ifndef AXMAKE_STATE_SLICEFILE_PARTS_H
#define AXMAKE_STATE_SLICEFILE_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "state/bytes.h"

enum slicefile_kind { SLICEFILE_HEAD, SLICEFILE_STRANGERS, SLICEFILE_TASK, SLICEFILE_PATH };

enum {
	SLICEFILE_HEAD_N = 8 + 4 * 4 + 2 * 8 + 7 * 8, /* with its check */
	SLICEFILE_SEQ_AT = 8 + 4 * 4,
	SLICEFILE_NS_AT = SLICEFILE_SEQ_AT + 2 * 8,
	SLICEFILE_PLACE = 8 + 4,
};

/* Stands before a record: that these n bytes are that record, of that number, of that seal. */
uint64_t slicefile_check(uint64_t seal, enum slicefile_kind kind, uint32_t number, const char *body, size_t n);

#endif

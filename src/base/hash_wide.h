/* Private to base/: XXH3-128 by the widest vectors that the machine has. */
#ifndef AXMAKE_BASE_HASH_WIDE_H
#define AXMAKE_BASE_HASH_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Are there any that are wider than those that every machine of this kind has? If not, the others are not to be called. */
bool hash_wide_can(void);
void hash_wide_bytes(const void *p, size_t n, uint64_t *lo, uint64_t *hi);
/* state: an XXH3_state_t. */
void hash_wide_update(void *state, const void *p, size_t n);

#endif

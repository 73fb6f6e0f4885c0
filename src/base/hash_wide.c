#include "base/hash_wide.h"

#include <stdlib.h>
#include <string.h>

/* The C library knows what the processor can: to ask it oneself is dear where it is a virtual one. */
#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <immintrin.h>
#include <sys/platform/x86.h>

bool hash_wide_can(void)
{
	return CPU_FEATURE_ACTIVE(AVX2);
}

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define XXH_VECTOR 2 /* XXH_AVX2 */
#else
bool hash_wide_can(void)
{
	return false;
}
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

void hash_wide_bytes(const void *p, size_t n, uint64_t *lo, uint64_t *hi)
{
	XXH128_hash_t h = XXH3_128bits(p, n);

	*lo = h.low64;
	*hi = h.high64;
}

void hash_wide_update(void *state, const void *p, size_t n)
{
	XXH3_128bits_update(state, p, n);
}

#if defined(__clang__) && defined(XXH_VECTOR) && XXH_VECTOR == 2
#pragma clang attribute pop
#endif

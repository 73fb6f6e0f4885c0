/* What the targets share. A target is one function for one input, which libFuzzer, AFL++ and the driver beside this file call alike. */
#ifndef AXMAKE_TESTS_FUZZ_H
#define AXMAKE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What holds for every input, whatever it is. */
#define always(holds)                                                                                                          \
	do {                                                                                                                   \
		if (!(holds))                                                                                                  \
			fuzz_broken(__FILE__, __LINE__, #holds);                                                               \
	} while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *what);

/* A copy on the heap, as long as it is and no byte longer, for free(): who reads beyond it is seen. */
struct str fuzz_copy(const uint8_t *data, size_t size);

/* Cuts off and returns what stands before the next form feed, the rest behind it: an input that is made of several. All when there is none. */
struct str fuzz_part(struct str *rest);

/* A folder of this process's own, made and entered once, in memory where there is such a place; gone when it ends. */
void fuzz_enter(void);
void fuzz_put(const char *path, struct str content);
struct str fuzz_get(struct arena *a, const char *path);

/* Prints everything that was reported, into the void, and frees it. */
void fuzz_told(struct diag *d);

#endif

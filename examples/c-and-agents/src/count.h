/* How often each word came. */
#ifndef COUNT_H
#define COUNT_H

#include <stddef.h>

struct counted {
	char *word;
	size_t times;
};

struct counts {
	struct counted *all;
	size_t n, room;
};

/* A zeroed struct counts is empty. 0, or -1 when there is no memory. */
int counts_add(struct counts *c, const char *word);
/* The most frequent first; those of one frequency by alphabet. */
void counts_sort(struct counts *c);
void counts_free(struct counts *c);

#endif

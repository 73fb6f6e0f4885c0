#define _POSIX_C_SOURCE 200809L
#include "count.h"

#include <stdlib.h>
#include <string.h>

static struct counted *find(struct counts *c, const char *word)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->all[i].word, word) == 0)
			return &c->all[i];
	return NULL;
}

static int grow(struct counts *c)
{
	size_t room = c->room ? 2 * c->room : 64;
	struct counted *all = realloc(c->all, room * sizeof *all);

	if (!all)
		return -1;
	c->all = all;
	c->room = room;
	return 0;
}

int counts_add(struct counts *c, const char *word)
{
	struct counted *known = find(c, word);

	if (known) {
		known->times++;
		return 0;
	}
	if (c->n == c->room && grow(c))
		return -1;
	char *copy = strdup(word);
	if (!copy)
		return -1;
	c->all[c->n++] = (struct counted){copy, 1};
	return 0;
}

static int by_times(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	if (x->times != y->times)
		return x->times < y->times ? 1 : -1;
	return strcmp(x->word, y->word);
}

void counts_sort(struct counts *c)
{
	if (c->n)
		qsort(c->all, c->n, sizeof *c->all, by_times);
}

void counts_free(struct counts *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->all[i].word);
	free(c->all);
	*c = (struct counts){0};
}

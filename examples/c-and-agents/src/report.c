#include "report.h"

enum { WIDEST = 40 }; /* characters of the longest bar */

void report(FILE *to, const struct counts *c, size_t rows)
{
	for (size_t i = 0; i < c->n && i < rows; i++) {
		fprintf(to, "%6zu  %-16s ", c->all[i].times, c->all[i].word);
		for (size_t left = WIDEST * c->all[i].times / c->all[0].times; left > 0; left--)
			putc('#', to);
		putc('\n', to);
	}
}

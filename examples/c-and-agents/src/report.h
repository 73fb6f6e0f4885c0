/* Counts as a table with bars. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "count.h"

/* The first `rows` of sorted counts. */
void report(FILE *to, const struct counts *c, size_t rows);

#endif

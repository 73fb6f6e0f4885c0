/* Of the mathematical library only these would be needed, and it costs each start of a program more than all of its rules. */
#ifndef AXMAKE_BASE_REAL_H
#define AXMAKE_BASE_REAL_H

#include <stdint.h>

/* The larger, the smaller; of NAN and a number the number. */
static inline double real_max(double a, double b)
{
	return a > b || b != b ? a : b;
}

static inline double real_min(double a, double b)
{
	return a < b || b != b ? a : b;
}

/* The nearest whole number, halves away from 0; |v| < 2^63. */
static inline int64_t real_whole(double v)
{
	int64_t n = (int64_t)v;
	double rest = v - (double)n;
	return n + (rest >= 0.5) - (rest <= -0.5);
}

#endif

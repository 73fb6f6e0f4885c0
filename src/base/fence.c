#include "base/fence.h"

#include <string.h>

/* The line without the up to three spaces that a block may be indented by. */
static struct str without_indent(struct str line)
{
	size_t n = 0;
	while (n < 3 && n < line.n && line.p[n] == ' ')
		n++;
	return str_sub(line, n, line.n);
}

/* How many equal marks the line begins with; 0 when it is no fence. */
static size_t fence_length(struct str line)
{
	size_t n = 0;
	if (!line.n || (line.p[0] != '`' && line.p[0] != '~'))
		return 0;
	while (n < line.n && line.p[n] == line.p[0])
		n++;
	/* "```x``` and so on" is text with code in it. */
	bool text = line.p[0] == '`' && n < line.n && memchr(line.p + n, '`', line.n - n);
	return n >= 3 && !text ? n : 0;
}

enum fence_line fence_next(struct fence *at, struct str line, struct str *info)
{
	struct str block = without_indent(line);
	size_t n = fence_length(block);
	struct str words = str_trim(str_sub(block, n, block.n));
	if (at->mark && (n < at->n || block.p[0] != at->mark || words.n))
		return FENCE_INSIDE;
	if (at->mark) {
		*at = (struct fence){0};
		return FENCE_CLOSES;
	}
	if (!n)
		return FENCE_OUTSIDE;
	*at = (struct fence){block.p[0], n};
	*info = words;
	return FENCE_OPENS;
}

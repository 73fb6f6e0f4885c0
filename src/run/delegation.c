#include "run/delegation.h"

#include <string.h>

/* Where in the text a line stands. */
struct place {
	char fence;     /* '`' or '~' within a fence, else 0 */
	size_t fence_n; /* how many opened it */
	bool quote;     /* a line of a quote stands before, and no empty line since */
};

static struct str trim_blank(struct str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_sub(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

/* The line without the up to three spaces that a block may be indented by. */
static struct str without_indent(struct str line)
{
	size_t n = 0;
	while (n < 3 && n < line.n && line.p[n] == ' ')
		n++;
	return str_sub(line, n, line.n);
}

/* How many equal fence characters the line begins with; 0 when it is no fence. */
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

/* Is this a line of text that may be a request? Moves on. */
static bool is_open_text(struct place *at, struct str line)
{
	struct str block = without_indent(line);
	size_t fence = fence_length(block);
	if (at->fence) {
		if (fence >= at->fence_n && block.p[0] == at->fence && !trim_blank(str_sub(block, fence, block.n)).n)
			at->fence = 0;
		return false;
	}
	if (fence) {
		*at = (struct place){.fence = block.p[0], .fence_n = fence};
		return false;
	}
	if (!trim_blank(line).n)
		at->quote = false;
	else if (block.p[0] == '>')
		at->quote = true;
	return !at->quote;
}

static bool read_request(struct str line, struct delegation_request *out)
{
	static const struct str words = {"DELEGATE TO ", 12};
	bool at = str_starts(line, STR("@"));
	if (!at && !str_starts(line, words))
		return false;
	struct str rest = str_sub(line, at ? 1 : words.n, line.n);
	size_t colon = str_find(rest, STR(":"), 0);
	struct str name = str_sub(rest, 0, colon);
	if (!at)
		name = trim_blank(name);
	*out = (struct delegation_request){name, trim_blank(str_sub(rest, colon < rest.n ? colon + 1 : colon, rest.n))};
	return name.n && out->task.n && trim_blank(name).n == name.n;
}

struct delegation_list delegation_parse(struct arena *a, struct str answer)
{
	struct delegation_list l = {0};
	struct place at = {0};
	for (size_t from = 0, to; from < answer.n; from = to + 1) {
		const char *end = memchr(answer.p + from, '\n', answer.n - from);
		to = end ? (size_t)(end - answer.p) : answer.n;
		struct str line = str_sub(answer, from, to);
		struct delegation_request r;
		if (!is_open_text(&at, line) || !read_request(line, &r))
			continue;
		if (l.of.n < DELEGATION_READ_MOST)
			vec_push(a, &l.of, r);
		else
			l.more++;
	}
	return l;
}

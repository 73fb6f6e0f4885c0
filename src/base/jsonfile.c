#include "base/jsonfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/mem.h"

#define PIECE ((size_t)64 << 10)

/* What is looked at of the file. */
struct window {
	int fd;
	uint64_t size; /* the file's, when it was opened: what comes later is not looked at */
	uint64_t at;   /* of its first byte */
	size_t n;
	char *p;
	int err;
};

struct search {
	struct window w;
	struct jsonfilter *filter;
	void (*see)(void *self, const json_t *root);
	void *self;
	uint64_t budget; /* as jsontext_each has it */
	struct jsonfile_said said;
	bool seen_one;
};

/* What is there from an offset on; empty at the end. */
static struct str view(struct window *w, uint64_t at)
{
	if (at >= w->at && at < w->at + w->n)
		return (struct str){w->p + (at - w->at), (size_t)(w->at + w->n - at)};
	w->at = at;
	w->n = 0;
	while (!w->n && !w->err && at < w->size) {
		ssize_t n = pread(w->fd, w->p, w->size - at < PIECE ? (size_t)(w->size - at) : PIECE, (off_t)at);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			w->err = errno;
		w->n = n > 0 ? (size_t)n : 0;
	}
	return (struct str){w->p, w->n};
}

static int byte_at(struct window *w, uint64_t at)
{
	struct str s = view(w, at);

	return s.n ? (unsigned char)*s.p : -1;
}

static uint64_t behind_space(struct window *w, uint64_t at)
{
	int c;

	while ((c = byte_at(w, at)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		at++;
	return at;
}

/* Can an object begin here? */
static bool may_begin(struct window *w, uint64_t at)
{
	return byte_at(w, behind_space(w, at + 1)) == '"';
}

static uint64_t behind_mark(struct window *w)
{
	static const unsigned char mark[] = {0xef, 0xbb, 0xbf};

	for (size_t i = 0; i < sizeof mark; i++)
		if (byte_at(w, i) != mark[i])
			return 0;
	return sizeof mark;
}

static uint64_t find_brace(struct window *w, uint64_t at)
{
	struct str s;

	while ((s = view(w, at)).n) {
		const char *brace = memchr(s.p, '{', s.n);

		if (brace)
			return at + (uint64_t)(brace - s.p);
		at += s.n;
	}
	return w->size;
}

/* Passes the value that begins there through the filter. Where it ends, or how far it went; filter->closed tells which. */
static uint64_t filter_value(struct search *s, uint64_t at)
{
	struct str piece;

	jsonfilter_begin(s->filter, at, true);
	while (!s->filter->closed && (piece = view(&s->w, at)).n)
		at += jsonfilter_add(s->filter, piece.p, piece.n);
	return at;
}

/* What has passed as JSON, if it is that. `is_value`: it begins as one. */
static json_t *load(struct search *s, bool is_value, bool *deep)
{
	struct jsonfilter *f = s->filter;
	json_t *root = f->closed && !f->too_big ? jsontext_load(sbuf_view(&f->text), false) : NULL;

	*deep = !root && !f->too_big && jsontext_is_deep(sbuf_view(&f->text));
	s->said.deep = s->said.deep || (*deep && is_value && !s->seen_one);
	s->seen_one = s->seen_one || is_value;
	return root;
}

/* Nothing else is looked for where it stands. */
static bool is_too_big(const struct search *s)
{
	return s->filter->closed && s->filter->too_big;
}

static void give(struct search *s, json_t *root)
{
	if (root || is_too_big(s))
		s->see(s->self, root);
	json_decref(root);
}

/* Is the file one value? */
static bool see_whole(struct search *s)
{
	uint64_t from = behind_space(&s->w, behind_mark(&s->w));
	int first = byte_at(&s->w, from);
	bool deep;

	if (first != '{' && first != '[')
		return false;
	uint64_t to = filter_value(s, from);
	if (!s->filter->closed || behind_space(&s->w, to) < s->w.size)
		return false;
	json_t *root = load(s, first == '[' || may_begin(&s->w, from), &deep);
	give(s, root);
	return root || is_too_big(s);
}

/* The object that begins there, if there is one. Returns where to go on. */
static uint64_t see_object(struct search *s, uint64_t at)
{
	bool deep;

	if (!may_begin(&s->w, at))
		return at + 1;
	uint64_t to = filter_value(s, at);
	json_t *root = load(s, true, &deep);
	bool taken = root || is_too_big(s) || (deep && s->filter->closed);
	give(s, root);
	s->budget -= to - at < s->budget ? to - at : s->budget;
	return taken ? to : at + 1;
}

struct jsonfile_said jsonfile_each(int fd, struct jsonfilter *f, void (*see)(void *self, const json_t *root), void *self)
{
	struct search s = {.w = {.fd = fd}, .filter = f, .see = see, .self = self};
	struct stat st;

	if (fstat(fd, &st))
		return (struct jsonfile_said){.err = errno};
	s.w.size = (uint64_t)st.st_size;
	s.w.p = xmalloc(PIECE);
	s.budget = 8 * s.w.size + 65536;
	if (!see_whole(&s))
		for (uint64_t at = 0; s.budget > 0 && (at = find_brace(&s.w, at)) < s.w.size;)
			at = see_object(&s, at);
	free(s.w.p);
	s.said.err = s.w.err;
	return s.said;
}

#include "show/jsonprint.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonstring.h"
#include "base/utf8.h"

enum { PIECE = 65536 };

struct printing {
	FILE *to;
	bool invalid;               /* the content is no UTF-8: its bad bytes and control characters are made visible */
	struct sbuf visible, json;
};

/* Without the beginning of a character at its end. */
static struct str whole_characters(struct str s)
{
	for (size_t n = 1; n <= 3 && n <= s.n; n++) {
		unsigned char c = (unsigned char)s.p[s.n - n];
		size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if (c >= 0xc0)
			return str_sub(s, 0, want > n ? s.n - n : s.n);
	}
	return s;
}

/* Calls `see` with the rest of the file in pieces, none of which cuts a character, until it returns false. 0 or errno. */
static int each_piece(int fd, bool (*see)(struct printing *, struct str), struct printing *p)
{
	char buf[PIECE];
	size_t held = 0;

	for (bool end = false; !end;) {
		ssize_t n = read(fd, buf + held, sizeof buf - held);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		end = n == 0;
		struct str all = {buf, held + (size_t)n}, whole = end ? all : whole_characters(all);
		if (whole.n && !see(p, whole))
			break;
		held = all.n - whole.n;
		memmove(buf, buf + whole.n, held);
	}
	return 0;
}

static bool check(struct printing *p, struct str s)
{
	p->invalid = utf8_invalid(s) < s.n;
	return !p->invalid;
}

static bool print(struct printing *p, struct str s)
{
	sbuf_clear(&p->visible);
	sbuf_clear(&p->json);
	if (p->invalid) {
		utf8_escape(&p->visible, s);
		s = sbuf_view(&p->visible);
	}
	jsonstring_escape(&p->json, s.p, s.n);
	return fwrite(p->json.p, 1, p->json.n, p->to) == p->json.n;
}

int jsonprint_file(int fd, FILE *to)
{
	struct printing p = {.to = to};
	off_t from = lseek(fd, 0, SEEK_CUR);
	int err = from < 0 ? errno : each_piece(fd, check, &p);

	if (!err && lseek(fd, from, SEEK_SET) < 0)
		err = errno;
	fputc('"', to);
	if (!err)
		err = each_piece(fd, print, &p);
	fputc('"', to);
	sbuf_free(&p.visible);
	sbuf_free(&p.json);
	return err;
}

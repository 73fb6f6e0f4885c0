#include "run/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/utf8.h"
#include "graph/signature.h"

#define SHORTEST 8
#define SHORTEST_PART 4 /* of a value that was cut: fewer bytes tell nothing */
#define PIECE 65536

static void add_value(struct mask *m, struct arena *a, struct str value)
{
	if (value.n < SHORTEST)
		return;
	vec_push(a, &m->values, value);
	m->longest = value.n > m->longest ? value.n : m->longest;
}

/* How programs that print JSON spell text: all of them escape quotes, backslashes and control characters. */
static const struct spelling {
	const char *hex; /* these too, as \u003c: so that HTML can hold it */
	bool slash;      /* "/" as "\/" */
	bool ascii;      /* whatever is not ASCII, too */
} spellings[] = {{"", false, false}, {"", false, true}, {"", true, false}, {"", true, true}, {"<>&", false, false}, {"<>&", false, true}};

static void put_as_json(struct sbuf *b, struct str value, const struct spelling *as)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* a character, and what follows the backslash in its stead */
	for (size_t i = 0; i < value.n;) {
		size_t from = i;
		int32_t c = utf8_next(value, &i);
		const char *s = shorts;
		while (*s && *s != c)
			s += 2;
		if (*s)
			sbuf_printf(b, "\\%c", s[1]);
		else if (c == '/' && as->slash)
			sbuf_str(b, STR("\\/"));
		else if (c >= 0x10000 && as->ascii)
			sbuf_printf(b, "\\u%04x\\u%04x", 0xd7c0 + (unsigned)(c >> 10), 0xdc00 + (unsigned)(c & 0x3ff));
		else if ((c >= 0 && c < 0x20) || (c >= 0x7f && as->ascii) || (c >= 0x20 && c < 0x7f && strchr(as->hex, (int)c)))
			sbuf_printf(b, "\\u%04x", (unsigned)c);
		else
			sbuf_str(b, str_sub(value, from, i));
	}
}

/* Programs print lines of JSON, where quotes and other characters of a value have another face. */
static void add_as_json(struct mask *m, struct arena *a, struct str value)
{
	size_t first = m->values.n;
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		struct sbuf b = {0};
		put_as_json(&b, value, &spellings[i]);
		struct str spelled = sbuf_view(&b);
		bool known = str_eq(spelled, value);
		for (size_t k = first; k < m->values.n && !known; k++)
			known = str_eq(spelled, m->values.p[k]);
		if (!known)
			add_value(m, a, arena_copy(a, spelled));
		sbuf_free(&b);
	}
}

/* Lines may come apart from each other, in a message of one line or with something before each; and who prints a value may have dropped its last line end. */
static void add_lines(struct mask *m, struct arena *a, struct str value)
{
	for (size_t from = 0; from < value.n;) {
		size_t to = str_find(value, STR("\n"), from);
		struct str line = str_trim(str_sub(value, from, to));
		if (line.n < value.n)
			add_value(m, a, line);
		if (line.n < value.n && line.n >= SHORTEST)
			add_as_json(m, a, line);
		from = to + 1;
	}
}

void mask_read(struct mask *m, struct arena *a, const char *const *env)
{
	for (size_t i = 0; env[i]; i++) {
		const char *eq = strchr(env[i], '=');
		if (!eq || eq == env[i] || !signature_secret_end(eq[-1]) || !signature_secret_name((struct str){env[i], (size_t)(eq - env[i])}))
			continue;
		struct str value = str_of(eq + 1);
		if (value.n < SHORTEST)
			continue;
		add_value(m, a, value);
		add_as_json(m, a, value);
		add_lines(m, a, value);
	}
}

static size_t find_from(struct str text, size_t from, struct str value)
{
	const char *hit = memmem(text.p + from, text.n - from, value.p, value.n);
	return hit ? (size_t)(hit - text.p) : text.n;
}

/* Where each value stands next. What is not there is looked for once, however often others are. */
static size_t *places_new(const struct mask *m, struct str text)
{
	size_t *next = xcalloc(m->values.n + 1, sizeof *next);
	for (size_t i = 0; i < m->values.n; i++)
		next[i] = find_from(text, 0, m->values.p[i]);
	return next;
}

/* The first place from `from` where a value stands; its length in *n. text.n: none. */
static size_t next_value(const struct mask *m, struct str text, size_t from, size_t *next, size_t *n)
{
	size_t best = text.n;
	*n = 0;
	for (size_t i = 0; i < m->values.n; i++) {
		struct str v = m->values.p[i];
		if (next[i] < from)
			next[i] = find_from(text, from, v);
		if (next[i] < best || (next[i] == best && best < text.n && v.n > *n)) {
			best = next[i];
			*n = v.n;
		}
	}
	return best;
}

/* Masks values that begin before `until`; returns how much of text was dealt with. */
static size_t mask_until(const struct mask *m, struct str text, size_t until, struct sbuf *out, bool *found)
{
	size_t from = 0, n, *next = until ? places_new(m, text) : NULL;
	while (from < until) {
		size_t at = next_value(m, text, from, next, &n);
		if (at >= until) {
			sbuf_str(out, str_sub(text, from, until));
			from = until;
			break;
		}
		sbuf_str(out, str_sub(text, from, at));
		sbuf_lit(out, "***");
		*found = true;
		from = at + n;
	}
	free(next);
	return from;
}

static bool has_value(const struct mask *m, struct str text)
{
	for (size_t i = 0; i < m->values.n; i++)
		if (find_from(text, 0, m->values.p[i]) < text.n)
			return true;
	return false;
}

void mask_text(const struct mask *m, struct str text, struct sbuf *out)
{
	bool found = false;
	mask_until(m, text, text.n, out, &found);
}

/* How many bytes at the text's end are a value's beginning, or at its beginning a value's end: of a value that was cut there. */
static size_t part_at_edge(const struct mask *m, struct str text, bool at_end)
{
	size_t best = 0;
	for (size_t i = 0; i < m->values.n; i++) {
		struct str v = m->values.p[i];
		for (size_t n = v.n - 1 < text.n ? v.n - 1 : text.n; n >= SHORTEST_PART && n > best; n--)
			if (!memcmp(at_end ? text.p + text.n - n : text.p, at_end ? v.p : v.p + v.n - n, n))
				best = n;
	}
	return best;
}

struct str mask_copy(const struct mask *m, struct arena *a, struct str text)
{
	static const struct str cut = {"…", sizeof "…" - 1};
	size_t part = str_ends(text, cut) ? part_at_edge(m, str_sub(text, 0, text.n - cut.n), true) : 0;
	if (!text.n || (!part && !has_value(m, text)))
		return text;
	struct sbuf b = {0};
	mask_text(m, str_sub(text, 0, part ? text.n - cut.n - part : text.n), &b);
	if (part)
		sbuf_lit(&b, "***…");
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

struct str mask_before_cut(const struct mask *m, struct str text)
{
	return str_sub(text, 0, text.n - part_at_edge(m, text, true));
}

struct str mask_behind_cut(const struct mask *m, struct str text)
{
	return str_sub(text, part_at_edge(m, text, false), text.n);
}

static bool mask_carried(const struct mask *m, struct sbuf *carry, struct str piece, bool last, struct sbuf *out)
{
	bool found = false;
	sbuf_str(carry, piece);
	/* Within the last longest-1 bytes a value may begin that has not come whole. */
	size_t keep = last || !m->longest ? 0 : m->longest - 1;
	size_t until = carry->n > keep ? carry->n - keep : 0;
	size_t done = mask_until(m, sbuf_view(carry), until, out, &found);
	if (done) {
		memmove(carry->p, carry->p + done, carry->n - done);
		carry->n -= done;
	}
	return found;
}

void mask_piece(const struct mask *m, struct sbuf *carry, struct str piece, bool last, struct sbuf *out)
{
	mask_carried(m, carry, piece, last, out);
}

/* O_NONBLOCK: a fifo that an agent put there must not stop axmake. What is no file holds nothing that was printed. -1 with errno. */
static int open_printed(int at, const char *name)
{
	struct stat st;
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || (!fstat(fd, &st) && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	return -1;
}

/* Reads `in` to its end and writes it masked. 0 or errno. */
static int copy_masked(const struct mask *m, int in, int out, bool *found)
{
	char buf[PIECE];
	struct sbuf carry = {0}, masked = {0};
	int err = 0;
	for (bool last = false; !last && !err;) {
		ssize_t n = read(in, buf, sizeof buf);
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? errno : 0;
		last = n <= 0;
		sbuf_clear(&masked);
		if (!err && mask_carried(m, &carry, (struct str){buf, n > 0 ? (size_t)n : 0}, last, &masked))
			*found = true;
		if (!err)
			err = os_write_all(out, masked.p, masked.n);
	}
	sbuf_free(&carry);
	sbuf_free(&masked);
	return err;
}

int mask_file(const struct mask *m, int at, const char *from, const char *to, bool *found)
{
	*found = false;
	if (!m->values.n)
		return 0;
	int in = open_printed(at, from);
	if (in < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
	struct sbuf tmp = {0};
	sbuf_printf(&tmp, "%s.masked", to);
	unlinkat(at, tmp.p, 0);
	int out = openat(at, tmp.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = out < 0 ? errno : copy_masked(m, in, out, found);
	if (out >= 0 && close(out) && !err)
		err = errno;
	close(in);
	if (!err && *found && renameat(at, tmp.p, at, to))
		err = errno;
	if (err || !*found)
		unlinkat(at, tmp.p, 0);
	sbuf_free(&tmp);
	return err;
}

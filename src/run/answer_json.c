#include "run/answer_json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"
/* Digits of a number that may be mended; more are no number that anyone means. */
#define MAX_NUMBER 400

struct mending {
	struct str in;
	size_t i;
	struct sbuf out;
	bool no_nul; /* \u0000 becomes U+FFFD: jansson takes none in keys */
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of `\uXXXX` at `at`, or -1. */
static int unicode_escape(struct str s, size_t at)
{
	int v = 0;

	if (s.n - at < 6 || s.p[at] != '\\' || s.p[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		int d = hex_digit(s.p[i]);

		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

static void mend_unicode(struct mending *m, int v)
{
	size_t take = 6;

	if (v >= 0xd800 && v <= 0xdbff) {
		int low = unicode_escape(m->in, m->i + 6);

		if (low >= 0xdc00 && low <= 0xdfff)
			take = 12;
	}
	bool lone = v >= 0xd800 && v <= 0xdfff && take == 6;
	if (lone || (v == 0 && m->no_nul))
		sbuf_lit(&m->out, "\\ufffd");
	else
		sbuf_add(&m->out, m->in.p + m->i, take);
	m->i += take;
}

static void mend_escape(struct mending *m)
{
	int v = unicode_escape(m->in, m->i);
	char next = m->i + 1 < m->in.n ? m->in.p[m->i + 1] : 0;

	if (v >= 0) {
		mend_unicode(m, v);
	} else if (next && strchr("\"\\/bfnrt", next)) {
		sbuf_add(&m->out, m->in.p + m->i, 2);
		m->i += 2;
	} else {
		sbuf_lit(&m->out, "\\\\");
		m->i++;
	}
}

/* From the opening quote to behind the closing one, or to the end. */
static void mend_string(struct mending *m)
{
	sbuf_char(&m->out, '"');
	m->i++;
	while (m->i < m->in.n) {
		unsigned char c = (unsigned char)m->in.p[m->i];

		if (c == '\\') {
			mend_escape(m);
		} else if (c == '"') {
			sbuf_char(&m->out, '"');
			m->i++;
			return;
		} else if (c < 0x20) {
			sbuf_printf(&m->out, "\\u%04x", m->no_nul && c == 0 ? 0xfffdu : c);
			m->i++;
		} else if (c < 0x80) {
			sbuf_char(&m->out, (char)c);
			m->i++;
		} else {
			size_t from = m->i;

			if (utf8_next(m->in, &m->i) < 0)
				sbuf_lit(&m->out, REPLACEMENT);
			else
				sbuf_add(&m->out, m->in.p + from, m->i - from);
		}
	}
}

static bool is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

/* A number, a word, or what some programs print for a number that is none (NaN, Infinity). */
static void mend_token(struct mending *m)
{
	char text[MAX_NUMBER + 1];
	size_t from = m->i;

	while (m->i < m->in.n && is_token(m->in.p[m->i]))
		m->i++;
	struct str t = str_sub(m->in, from, m->i);
	bool number = t.p[0] == '-' || (t.p[0] >= '0' && t.p[0] <= '9');
	if (str_ieq(t, STR("nan")) || str_ieq(t, STR("infinity")) || str_ieq(t, STR("-infinity")) ||
	    (number && t.n > MAX_NUMBER)) {
		sbuf_lit(&m->out, "null");
		return;
	}
	if (!number) {
		sbuf_str(&m->out, t);
		return;
	}
	memcpy(text, t.p, t.n);
	text[t.n] = 0;
	if (isinf(strtod(text, NULL))) {
		sbuf_lit(&m->out, "null");
		return;
	}
	sbuf_str(&m->out, t);
	errno = 0;
	(void)strtoll(text, NULL, 10);
	if (errno == ERANGE && !strpbrk(text, ".eE"))
		sbuf_lit(&m->out, ".0");
}

/* The object or array at the start of `text`, mended, into *out (to be freed). Returns how much of the text it takes: 0 when
 * nothing closes it. */
static size_t mend(struct str text, bool no_nul, struct sbuf *out)
{
	struct mending m = {.in = text, .no_nul = no_nul};
	size_t depth = 0, taken = 0;

	sbuf_reserve(&m.out, 64);
	while (m.i < text.n && !taken) {
		char c = text.p[m.i];

		if (c == '"') {
			mend_string(&m);
			continue;
		}
		if (is_token(c)) {
			mend_token(&m);
			continue;
		}
		sbuf_char(&m.out, c);
		m.i++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			taken = m.i;
	}
	*out = m.out;
	return taken;
}

/* Mends and reads the container that begins `text`. *taken is set also when it could not be read; 0: it has no end. */
static json_t *load_mended(struct str text, size_t *taken)
{
	json_t *root = NULL;

	for (int no_nul = 0; no_nul <= 1 && !root; no_nul++) {
		struct sbuf copy = {0};
		json_error_t error;

		*taken = mend(text, no_nul == 1, &copy);
		if (*taken)
			root = json_loadb(copy.p, copy.n, JSON_ALLOW_NUL, &error);
		sbuf_free(&copy);
		if (!*taken || (!root && json_error_code(&error) != json_error_null_byte_in_key))
			break;
	}
	return root;
}

static struct str without_bom(struct str text)
{
	return str_starts(text, STR("\xef\xbb\xbf")) ? str_sub(text, 3, text.n) : text;
}

json_t *answer_json_load(struct str text, bool any)
{
	json_error_t error;
	size_t taken;

	text = str_trim(without_bom(text));
	if (text.n == 0 || (!any && text.p[0] != '{' && text.p[0] != '['))
		return NULL;
	json_t *root = json_loadb(text.p, text.n, JSON_ALLOW_NUL | (any ? JSON_DECODE_ANY : 0), &error);
	if (root || (text.p[0] != '{' && text.p[0] != '['))
		return root;
	root = load_mended(text, &taken);
	if (root && taken != text.n) {
		json_decref(root);
		return NULL;
	}
	return root;
}

/* Can an object begin here? Most braces in logs and stack traces are ruled out by what follows them. */
static bool may_begin(struct str text, size_t i)
{
	for (i++; i < text.n && strchr(" \t\r\n", text.p[i]) && text.p[i]; i++)
		;
	return i < text.n && text.p[i] == '"';
}

/* The search for objects in other text. */
struct scan {
	struct str text;
	size_t i;      /* where it is */
	size_t budget; /* bytes that may still be looked at: braces that nothing closes would make the search quadratic */
};

/* The object that begins at `i`, if there is one; moves on. */
static json_t *scan_object(struct scan *s)
{
	struct str rest = str_sub(s->text, s->i, s->text.n);
	size_t looked, taken;
	json_error_t error;
	json_t *root = json_loadb(rest.p, rest.n, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &error);

	looked = taken = error.position > 0 ? (size_t)error.position : 1;
	if (!root) {
		bool deep = json_error_code(&error) == json_error_stack_overflow;

		root = load_mended(rest, &taken);
		looked += taken ? taken : rest.n;
		/* What is too deep is passed over whole: its inner objects are no answer. */
		if (!root && !(deep && taken))
			taken = 1;
	}
	s->i += taken;
	s->budget -= looked < s->budget ? looked : s->budget;
	return root;
}

size_t answer_json_each(struct str text, void (*see)(void *self, const json_t *root), void *self)
{
	json_t *root = answer_json_load(text, false);
	struct scan s = {.text = text, .budget = 8 * text.n + 65536};
	size_t n = 0;

	if (root) {
		see(self, root);
		json_decref(root);
		return 1;
	}
	while (s.budget > 0 && (s.i = str_find(text, STR("{"), s.i)) < text.n) {
		if (!may_begin(text, s.i)) {
			s.i++;
			continue;
		}
		root = scan_object(&s);
		if (!root)
			continue;
		see(self, root);
		json_decref(root);
		n++;
	}
	return n;
}

static const char *unescape_part(struct arena *a, struct str part)
{
	char *out = arena_text(a, part.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < part.n; i++) {
		char c = part.p[i];

		if (c == '~' && i + 1 < part.n && (part.p[i + 1] == '0' || part.p[i + 1] == '1'))
			c = part.p[++i] == '0' ? '~' : '/';
		out[n++] = c;
	}
	out[n] = 0;
	return out;
}

struct json_path json_path_of(struct arena *a, struct str pointer)
{
	struct json_path path = {.valid = pointer.n == 0 || pointer.p[0] == '/'};
	size_t n = 0;

	if (!path.valid)
		return path;
	for (size_t i = 0; i < pointer.n; i++)
		n += pointer.p[i] == '/';
	path.parts = arena_array(a, const char *, n + 1);
	for (size_t from = 1; path.n < n;) {
		size_t to = str_find(pointer, STR("/"), from);
		struct str part = str_sub(pointer, from, to);

		path.parts[path.n++] = str_eq(part, STR("*")) ? NULL : unescape_part(a, part);
		from = to + 1;
	}
	return path;
}

/* The member of an array that a part names: digits without leading zeros. */
static const json_t *array_member(const json_t *array, const char *part)
{
	char *end;

	if (part[0] < '0' || part[0] > '9' || (part[0] == '0' && part[1]) || strlen(part) > 15)
		return NULL;
	unsigned long i = strtoul(part, &end, 10);
	return *end ? NULL : json_array_get(array, i);
}

struct walk {
	const struct json_path *path;
	bool (*see)(void *self, const json_t *value);
	void *self;
};

/* Goes no deeper than the value does, which the JSON reader has limited. false: stop. */
static bool walk_on(const struct walk *w, const json_t *v, size_t at)
{
	const char *key;
	json_t *member;
	size_t i;

	if (!v)
		return true;
	if (at == w->path->n)
		return w->see(w->self, v);
	const char *part = w->path->parts[at];
	if (part)
		return walk_on(w, json_is_array(v) ? array_member(v, part) : json_object_get(v, part), at + 1);
	json_array_foreach(v, i, member) if (!walk_on(w, member, at + 1)) return false;
	json_object_foreach((json_t *)v, key, member) if (!walk_on(w, member, at + 1)) return false;
	return true;
}

void json_path_each(const json_t *root, const struct json_path *path, bool (*see)(void *self, const json_t *value), void *self)
{
	struct walk w = {path, see, self};

	if (path->valid)
		walk_on(&w, root, 0);
}

/* The shortest text that reads back as the same number: 0.1 rather than 0.10000000000000001. */
static struct str real_text(struct arena *a, double v)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	return arena_copy(a, str_of(text));
}

struct str answer_json_text(struct arena *a, const json_t *value)
{
	if (json_is_string(value))
		return arena_copy(a, (struct str){json_string_value(value), json_string_length(value)});
	if (json_is_real(value))
		return real_text(a, json_real_value(value));
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		mem_exhausted();
	struct str out = arena_copy(a, str_of(text));
	free(text);
	return out;
}

#include "base/jsonmend.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonstring.h"
#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"
/* Digits of a number that may be mended; more are no number that anyone means. */
#define MAX_NUMBER 400

struct mending {
	struct str in;
	size_t i;
	struct sbuf out;
	bool exact;  /* see jsonmend_load */
	bool no_nul; /* \u0000 becomes U+FFFD: jansson takes none in keys */
};

static void mend_unicode(struct mending *m, int v)
{
	size_t take = 6;

	if (v >= 0xd800 && v <= 0xdbff) {
		int low = jsonstring_unicode(m->in, m->i + 6);

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
	int v = jsonstring_unicode(m->in, m->i);
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
	sbuf_lit(&m->out, m->exact ? "\"s" : "\"");
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

static size_t digits(struct str s, size_t i)
{
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i;
}

/* As JSON's grammar has it, of any length. */
static bool is_number(struct str s)
{
	size_t from = s.n && s.p[0] == '-', i = digits(s, from);

	if (i == from || (s.p[from] == '0' && i > from + 1))
		return false;
	if (i < s.n && s.p[i] == '.') {
		from = i + 1;
		i = digits(s, from);
		if (i == from)
			return false;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		from = i + 1 + (i + 1 < s.n && (s.p[i + 1] == '+' || s.p[i + 1] == '-'));
		i = digits(s, from);
		if (i == from)
			return false;
	}
	return i == s.n;
}

/* A number, a word, or what some programs print for a number that is none (NaN, Infinity). */
static void mend_token(struct mending *m)
{
	char text[MAX_NUMBER + 1];
	size_t from = m->i;

	while (m->i < m->in.n && is_token(m->in.p[m->i]))
		m->i++;
	struct str t = str_sub(m->in, from, m->i);
	if (m->exact && is_number(t)) {
		sbuf_printf(&m->out, "\"n%.*s\"", STR_ARG(t));
		return;
	}
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
static size_t mend(struct str text, bool exact, bool no_nul, struct sbuf *out)
{
	struct mending m = {.in = text, .exact = exact, .no_nul = no_nul};
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

json_t *jsonmend_load(struct str text, bool exact, size_t *taken)
{
	json_t *root = NULL;

	for (int no_nul = 0; no_nul <= 1 && !root; no_nul++) {
		struct sbuf copy = {0};
		json_error_t error = {0};

		*taken = mend(text, exact, no_nul == 1, &copy);
		if (*taken)
			root = json_loadb(copy.p, copy.n, JSON_ALLOW_NUL, &error);
		sbuf_free(&copy);
		if (!*taken || (!root && json_error_code(&error) != json_error_null_byte_in_key))
			break;
	}
	return root;
}

#include "load/callwords.h"

#include <ctype.h>

#include "base/utf8.h"
#include "load/value.h"

struct reading {
	struct arena *arena;
	struct diag *diag;
	const struct ini_key *key;
	const char *const *known;
};

static struct pos at_offset(const struct reading *r, size_t offset)
{
	struct pos at = r->key->value.at;
	at.col += (uint32_t)utf8_length(str_sub(r->key->value.s, 0, offset));
	return at;
}

static const char *known_hint(const struct reading *r)
{
	struct sbuf b = {0};
	for (size_t i = 0; r->known[i]; i++)
		sbuf_printf(&b, "%s%s", i ? ", " : "known are ", r->known[i]);
	const char *hint = b.n ? diag_hint(r->diag, "%s", b.p) : "there are none here; for a literal write '$${'";
	sbuf_free(&b);
	return hint;
}

/* Words have lost their places in the value, since quotes are gone: a placeholder is looked for there again. */
static void report_placeholder(const struct reading *r, struct str body)
{
	struct suggestion near = {.wanted = body};
	struct str whole = arena_printf(r->arena, "${%.*s}", STR_ARG(body));
	size_t offset = str_find(r->key->value.s, whole, 0);
	for (size_t i = 0; r->known[i]; i++)
		suggestion_offer(&near, str_of(r->known[i]));
	const char *hint = diag_did_you_mean(r->diag, &near);
	diag_error(r->diag, offset < r->key->value.s.n ? at_offset(r, offset) : r->key->value.at, hint ? hint : known_hint(r), "unknown placeholder '%.*s'",
		   STR_ARG(whole));
}

static bool is_known(const struct reading *r, struct str body)
{
	for (size_t i = 0; r->known[i]; i++)
		if (str_eq(body, str_of(r->known[i])))
			return true;
	return false;
}

/* The next `${body}` of a word from *at on; a `$${` is none. False when there is none, or with *open when its '}' is missing. */
static bool next_placeholder(struct str word, size_t *at, struct str *body, bool *open)
{
	size_t start = *at, end;
	while ((start = str_find(word, STR("${"), start)) < word.n && start && word.p[start - 1] == '$')
		start += 2;
	end = str_find(word, STR("}"), start);
	*open = start < word.n && end == word.n;
	*body = str_sub(word, start + 2, end);
	*at = end + 1;
	return end < word.n;
}

static bool check_placeholders(const struct reading *r, struct str word)
{
	struct str body;
	bool good = true, open = false;
	for (size_t at = 0; next_placeholder(word, &at, &body, &open);)
		if (!is_known(r, body)) {
			report_placeholder(r, body);
			good = false;
		}
	if (open)
		diag_error(r->diag, r->key->value.at, "a literal one is written $${", "'%.*s' lacks the '}' of its '${'", STR_ARG(word));
	return good && !open;
}

void callwords_read(struct arena *a, struct diag *d, const struct ini_key *key, const char *const *known, struct words *out)
{
	const struct reading r = {a, d, key, known};
	bool good = true;
	*out = (struct words){.at = key->value.at};
	out->p = value_words(a, key->value.s, &out->n);
	if (!out->p) {
		out->n = 0;
		diag_error(d, key->value.at, "words are split as a shell splits them; a ';' behind a space begins a comment in axmake.ini, in quotes too", "unterminated quote in '%.*s'", STR_ARG(key->name.s));
		return;
	}
	for (size_t i = 0; i < out->n; i++)
		good &= check_placeholders(&r, out->p[i]);
	if (!good)
		out->n = 0;
}

/* One stretch of a word: literal text or the name of a placeholder. */
struct part {
	struct str text;
	bool is_name;
};

static bool starts_at(struct str w, size_t i, struct str what)
{
	return str_starts(str_sub(w, i, w.n), what);
}

/* false at the word's end. `$${` is a literal `${`, and so is a `${` that nothing closes. */
static bool next_part(struct str w, size_t *i, struct part *out)
{
	size_t at = *i;
	if (at >= w.n)
		return false;
	if (starts_at(w, at, STR("$${"))) {
		*out = (struct part){str_sub(w, at + 1, at + 3), false};
		*i = at + 3;
		return true;
	}
	if (starts_at(w, at, STR("${"))) {
		size_t end = str_find(w, STR("}"), at);
		if (end < w.n) {
			*out = (struct part){str_sub(w, at + 2, end), true};
			*i = end + 1;
			return true;
		}
	}
	size_t to = at + 1;
	while (to < w.n && !(w.p[to] == '$' && (starts_at(w, to, STR("${")) || starts_at(w, to, STR("$${")))))
		to++;
	*out = (struct part){str_sub(w, at, to), false};
	*i = to;
	return true;
}

bool callwords_word_uses(struct str word, struct str name)
{
	struct part part;
	for (size_t i = 0; next_part(word, &i, &part);)
		if (part.is_name && str_eq(part.text, name))
			return true;
	return false;
}

bool callwords_use(const struct words *w, struct str name)
{
	for (size_t i = 0; i < w->n; i++)
		if (callwords_word_uses(w->p[i], name))
			return true;
	return false;
}

struct str callwords_expand(struct arena *a, struct str word, const struct str *(*value_of)(const void *self, struct str name), const void *self)
{
	struct sbuf b = {0};
	struct part part;
	for (size_t i = 0; next_part(word, &i, &part);) {
		const struct str *value = part.is_name ? value_of(self, part.text) : NULL;
		if (value)
			sbuf_str(&b, *value);
		else if (part.is_name)
			sbuf_printf(&b, "${%.*s}", STR_ARG(part.text));
		else
			sbuf_str(&b, part.text);
	}
	struct str out = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return out;
}

bool callwords_is_name(struct str word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!isalnum((unsigned char)word.p[i]) && word.p[i] != '_')
			return false;
	return word.n && !isdigit((unsigned char)word.p[0]);
}

#include "base/jsontext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonmend.h"
#include "base/mem.h"

struct str jsontext_trim(struct str text)
{
	return str_trim(str_starts(text, STR("\xef\xbb\xbf")) ? str_sub(text, 3, text.n) : text);
}

json_t *jsontext_load(struct str text, bool any)
{
	json_error_t error;
	size_t taken;

	text = jsontext_trim(text);
	if (text.n == 0 || (!any && text.p[0] != '{' && text.p[0] != '['))
		return NULL;
	json_t *root = json_loadb(text.p, text.n, JSON_ALLOW_NUL | (any ? JSON_DECODE_ANY : 0), &error);
	if (root || (text.p[0] != '{' && text.p[0] != '['))
		return root;
	root = jsonmend_load(text, false, &taken);
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

		root = jsonmend_load(rest, false, &taken);
		looked += taken ? taken : rest.n;
		/* What is too deep is passed over whole: its inner objects are no answer. */
		if (!root && !(deep && taken))
			taken = 1;
	}
	s->i += taken;
	s->budget -= looked < s->budget ? looked : s->budget;
	return root;
}

size_t jsontext_each(struct str text, void (*see)(void *self, const json_t *root), void *self)
{
	json_t *root = jsontext_load(text, false);
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

bool jsontext_is_deep(struct str text)
{
	json_error_t error;
	text = jsontext_trim(text);
	size_t i = text.n && text.p[0] == '[' ? 0 : str_find(text, STR("{"), 0);
	while (i < text.n && text.p[i] == '{' && !may_begin(text, i))
		i = str_find(text, STR("{"), i + 1);
	if (i >= text.n)
		return false;
	json_t *root = json_loadb(text.p + i, text.n - i, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &error);
	json_decref(root);
	return !root && json_error_code(&error) == json_error_stack_overflow;
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

const json_t *json_path_member(const json_t *array, const char *part)
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
		return walk_on(w, json_is_array(v) ? json_path_member(v, part) : json_object_get(v, part), at + 1);
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

struct str jsontext_text(struct arena *a, const json_t *value)
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

#include "base/jsonfield.h"

#include <stdlib.h>
#include <string.h>

#include "base/fence.h"
#include "base/jsonmend.h"
#include "base/jsontext.h"
#include "base/mem.h"

static size_t lines_in(struct str s)
{
	size_t n = 0;
	for (size_t i = str_find(s, STR("\n"), 0); i < s.n; i = str_find(s, STR("\n"), i + 1))
		n++;
	return n;
}

/* Why a text that begins in that line is no JSON. What it says there is left out: it may be anything. */
static struct str fault_of(struct arena *a, struct str text, size_t line, size_t taken)
{
	json_error_t e;
	if (!taken)
		return STR("nothing closes it");
	json_t *strict = json_loadb(text.p, taken, JSON_ALLOW_NUL, &e);
	if (strict) {
		json_decref(strict);
		return arena_printf(a, "something follows its end in line %zu", line + lines_in(str_sub(text, 0, taken)));
	}
	if (json_error_code(&e) == json_error_stack_overflow)
		return STR("it is nested more than 2048 deep");
	struct str what = str_of(e.text);
	what = str_sub(what, 0, str_find(what, STR(" near "), 0));
	return arena_printf(a, "line %zu: %.*s", line + (e.line > 0 ? (size_t)e.line - 1 : 0), STR_ARG(what));
}

/* The text as a whole, of which `line` is the first line's number. */
static json_t *load_whole(struct arena *a, struct str text, size_t line, struct str *fault)
{
	struct str rest = jsontext_trim(text);
	size_t taken;
	if (!rest.n || (rest.p[0] != '{' && rest.p[0] != '[')) {
		*fault = STR("it is neither an object nor an array");
		return NULL;
	}
	json_t *root = jsonmend_load(rest, true, &taken);
	if (root && taken == rest.n)
		return root;
	json_decref(root);
	*fault = fault_of(a, rest, line + lines_in(str_sub(text, 0, (size_t)(rest.p - text.p))), taken);
	return NULL;
}

/* The blocks of a text. */
struct blocks {
	struct arena *a;
	size_t n, lines[2];   /* those of JSON; where the first two open */
	json_t *root;         /* of the first, or NULL */
	struct str fault;     /* why the first is none */
};

static bool is_marked(struct str info)
{
	size_t n = 0;
	while (n < info.n && !memchr(" \t{:,", info.p[n], 5))
		n++;
	return str_ieq(str_sub(info, 0, n), STR("json"));
}

static void see_block(struct blocks *b, struct str content, size_t line, bool marked, bool closed)
{
	struct str fault = STR_NONE;
	json_t *root = load_whole(b->a, content, line + 1, &fault);
	if (!root && !marked)
		return;
	if (b->n < 2)
		b->lines[b->n] = line;
	if (b->n++) {
		json_decref(root);
		return;
	}
	b->root = root;
	b->fault = closed ? fault : STR("the block is never closed");
}

static void see_blocks(struct blocks *b, struct str text)
{
	struct fence at = {0};
	struct str info = STR_NONE;
	size_t line = 1, opened = 0, inside = 0;
	bool marked = false;
	for (size_t from = 0, to; from < text.n; from = to + 1, line++) {
		to = str_find(text, STR("\n"), from);
		enum fence_line is = fence_next(&at, str_sub(text, from, to), &info);
		if (is == FENCE_OPENS) {
			marked = is_marked(info);
			opened = line;
			inside = to + 1;
		}
		if (opened && (is == FENCE_CLOSES || to >= text.n - 1)) {
			if (marked || !info.n)
				see_block(b, str_sub(text, inside, is == FENCE_CLOSES ? from : text.n), opened, marked, is == FENCE_CLOSES);
			opened = 0;
		}
	}
}

json_t *jsonfield_load(struct arena *a, struct str text, struct str *fault)
{
	struct str trimmed = jsontext_trim(text);
	struct blocks b = {.a = a};
	json_t *root = load_whole(a, text, 1, fault);
	if (root)
		return root;
	see_blocks(&b, text);
	if (b.n == 1 && b.root)
		return b.root;
	json_decref(b.root);
	if (b.n > 1)
		*fault = arena_printf(a, "holds %zu fenced blocks of JSON (the first two begin in lines %zu and %zu) where one is wanted", b.n, b.lines[0],
				      b.lines[1]);
	else if (b.n)
		*fault = arena_printf(a, "holds a fenced block, in line %zu, that is no JSON: %.*s", b.lines[0], STR_ARG(b.fault));
	else if (!trimmed.n)
		*fault = STR("is empty");
	else if (trimmed.p[0] == '{' || trimmed.p[0] == '[')
		*fault = arena_printf(a, "is no JSON: %.*s", STR_ARG(*fault));
	else
		*fault = STR("is no JSON and holds no fenced block of it");
	return NULL;
}

bool jsonfield_is_path(struct str path)
{
	bool empty = true;
	for (size_t i = 0; i < path.n; i++) {
		if ((unsigned char)path.p[i] < 0x20 || (empty && path.p[i] == '.'))
			return false;
		empty = path.p[i] == '.';
	}
	return !empty;
}

/* Marks off: compact JSON in which each string has one. */
static struct str unmarked(struct arena *a, const char *text)
{
	struct sbuf b = {0};
	/* cppcheck-suppress [nullPointerRedundantCheck, ctunullpointer] ; who calls this without a text has ended by mem_exhausted */
	while (*text) {
		size_t n = strcspn(text, "\"");
		sbuf_add(&b, text, n);
		text += n;
		if (!*text)
			break;
		bool number = text[1] == 'n';
		for (n = 2; text[n] != '"'; n++)
			n += text[n] == '\\';
		if (number)
			sbuf_add(&b, text + 2, n - 2);
		else {
			sbuf_char(&b, '"');
			sbuf_add(&b, text + 2, n - 1);
		}
		text += n + 1;
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static struct str text_of(struct arena *a, const json_t *v)
{
	if (json_is_string(v))
		return arena_copy(a, (struct str){json_string_value(v) + 1, json_string_length(v) - 1});
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		mem_exhausted();
	struct str s = unmarked(a, text);
	free(text);
	return s;
}

bool jsonfield_get(struct arena *a, const json_t *root, struct str path, struct str *out)
{
	const json_t *v = root;
	struct sbuf name = {0};
	for (size_t from = 0, to; v && from <= path.n; from = to + 1) {
		to = str_find(path, STR("."), from);
		sbuf_clear(&name);
		sbuf_char(&name, 's');
		sbuf_str(&name, str_sub(path, from, to));
		v = json_is_array(v) ? json_path_member(v, name.p + 1) : json_object_get(v, name.p);
	}
	sbuf_free(&name);
	if (v)
		*out = text_of(a, v);
	return v;
}

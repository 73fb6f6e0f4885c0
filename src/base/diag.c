#include "base/diag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/vec.h"

enum {
	MOST_SHOWN = 50,   /* errors, and warnings, that one print shows */
	EXCERPT = 100,     /* columns of a source line */
	BEFORE_CARET = 60, /* columns kept before the caret of a line that is cut */
};

struct source {
	struct str name, text;
	uint32_t line; /* from 1; where the last look-up stopped, since places are printed in rising order */
	size_t offset; /* of that line's first byte */
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

struct item {
	enum severity severity;
	struct pos at;
	struct str hint, text;
	struct item *notes, *next; /* an error's or warning's notes, in order */
	size_t number;             /* of arrival: equal places keep their order */
};

struct diag {
	struct arena arena;
	VEC(struct source) sources;
	struct map by_name;       /* a source's name -> its number, the last one's */
	VEC(struct item *) items; /* errors and warnings */
	size_t printed;           /* of them, from the start */
	size_t errors, warnings;
	const char *program;      /* NULL: axmake */
	struct map said;          /* "place: text" of what was not printed yet */
	struct item *last;        /* what a hint or note belongs to; NULL: a repetition, or nothing yet */
	struct item **note_end;   /* where the next note is hung on; NULL: nothing to note on */
};

struct diag *diag_new(void)
{
	return xcalloc(1, sizeof(struct diag));
}

void diag_free(struct diag *d)
{
	if (!d)
		return;
	map_free(&d->by_name);
	map_free(&d->said);
	arena_free(&d->arena);
	free(d);
}

uint32_t diag_source(struct diag *d, struct str name, struct str text)
{
	struct source s = {.name = arena_copy(&d->arena, name), .text = text, .line = 1};
	void **slot = map_slot(&d->by_name, s.name);
	const struct source *last = *slot ? &d->sources.p[(uintptr_t)*slot - 1] : NULL;

	if (last && last->text.p && text.p && str_eq(last->text, text))
		return (uint32_t)(uintptr_t)*slot;
	/* A byte order mark is no character of the first line. */
	if (str_starts(text, STR("\xef\xbb\xbf")))
		s.offset = 3;
	vec_push(&d->arena, &d->sources, s);
	*slot = (void *)(uintptr_t)d->sources.n;
	return (uint32_t)d->sources.n;
}

static struct source *source_of(const struct diag *d, uint32_t number)
{
	assert(number <= d->sources.n);
	return number ? &d->sources.p[number - 1] : NULL;
}

uint32_t diag_sources(const struct diag *d)
{
	return (uint32_t)d->sources.n;
}

struct str diag_source_name(const struct diag *d, uint32_t source)
{
	const struct source *s = source_of(d, source);

	return s ? s->name : STR_NONE;
}

static struct str format_text(struct diag *d, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static struct str format_text(struct diag *d, const char *fmt, va_list ap)
{
	struct sbuf b = {0};
	struct str s;

	sbuf_vprintf(&b, fmt, ap);
	s = arena_copy(&d->arena, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static struct item *item_new(struct diag *d, enum severity severity, struct pos at, const char *hint, struct str text)
{
	struct item *item = arena_new(&d->arena, struct item);

	*item = (struct item){.severity = severity, .at = at, .text = text, .number = d->items.n};
	if (hint)
		item->hint = arena_copy(&d->arena, str_of(hint));
	return item;
}

/* Notes what is said here: false when it was said before. */
static bool first_time(struct diag *d, enum severity severity, struct pos at, struct str text)
{
	struct sbuf b = {0};
	bool first;

	sbuf_printf(&b, "%d:%u:%u:%u:", (int)severity, at.source, at.line, at.col);
	sbuf_str(&b, text);
	first = !map_get(&d->said, sbuf_view(&b));
	if (first)
		*map_slot(&d->said, arena_copy(&d->arena, sbuf_view(&b))) = d;
	sbuf_free(&b);
	return first;
}

static bool add(struct diag *d, enum severity severity, struct pos at, const char *hint, struct str text)
{
	d->last = first_time(d, severity, at, text) ? item_new(d, severity, at, hint, text) : NULL;
	d->note_end = d->last ? &d->last->notes : NULL;
	if (d->last)
		vec_push(&d->arena, &d->items, d->last);
	return d->last;
}

bool diag_error(struct diag *d, struct pos at, const char *hint, const char *fmt, ...)
{
	va_list ap;
	bool first;

	va_start(ap, fmt);
	first = add(d, SEVERITY_ERROR, at, hint, format_text(d, fmt, ap));
	va_end(ap);
	d->errors += first;
	return first;
}

bool diag_warn(struct diag *d, struct pos at, const char *hint, const char *fmt, ...)
{
	va_list ap;
	bool first;

	va_start(ap, fmt);
	first = add(d, SEVERITY_WARNING, at, hint, format_text(d, fmt, ap));
	va_end(ap);
	d->warnings += first;
	return first;
}

void diag_add_hint(struct diag *d, const char *hint)
{
	if (d->last && hint)
		d->last->hint = arena_copy(&d->arena, str_of(hint));
}

void diag_note(struct diag *d, struct pos at, const char *fmt, ...)
{
	struct item *note;
	va_list ap;

	if (!d->note_end)
		return;
	va_start(ap, fmt);
	note = item_new(d, SEVERITY_NOTE, at, NULL, format_text(d, fmt, ap));
	va_end(ap);
	*d->note_end = note;
	d->note_end = &note->next;
}

static void drop(struct diag *d, const struct item *item)
{
	d->errors -= item->severity == SEVERITY_ERROR;
	d->warnings -= item->severity == SEVERITY_WARNING;
}

size_t diag_mark(const struct diag *d)
{
	return d->items.n;
}

void diag_rewind(struct diag *d, size_t mark)
{
	assert(d->printed <= mark);
	while (d->items.n > mark)
		drop(d, d->items.p[--d->items.n]);
	map_free(&d->said);
	for (size_t i = d->printed; i < mark; i++)
		first_time(d, d->items.p[i]->severity, d->items.p[i]->at, d->items.p[i]->text);
	d->last = NULL;
	d->note_end = NULL;
}

static struct str key_of(struct arena *a, const struct item *item)
{
	return arena_printf(a, "%d %u:%u:%u %.*s", (int)item->severity, item->at.source, item->at.line, item->at.col, STR_ARG(item->text));
}

void diag_forget_repeated(struct diag *d, size_t mark)
{
	struct arena a = {0};
	struct map before = {0};
	size_t kept = mark;

	for (size_t i = 0; i < mark; i++)
		*map_slot(&before, key_of(&a, d->items.p[i])) = d;
	for (size_t i = mark; i < d->items.n; i++) {
		struct item *item = d->items.p[i];

		if (item->severity == SEVERITY_WARNING && map_get(&before, key_of(&a, item)))
			drop(d, item);
		else
			d->items.p[kept++] = item;
	}
	d->items.n = kept;
	map_free(&before);
	arena_free(&a);
}

void diag_called(struct diag *d, const char *program)
{
	d->program = program;
}

const char *diag_program(const struct diag *d)
{
	return d->program ? d->program : "axmake";
}

size_t diag_errors(const struct diag *d)
{
	return d->errors;
}

bool diag_hint_counts(const struct diag *d)
{
	return d->errors <= 2 * MOST_SHOWN; /* they are shown by places, not as they were found */
}

size_t diag_errors_in(const struct diag *d, struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < d->items.n; i++) {
		const struct source *s = source_of(d, d->items.p[i]->at.source);

		n += d->items.p[i]->severity == SEVERITY_ERROR && s && str_eq(s->text, text);
	}
	return n;
}

size_t diag_warnings(const struct diag *d)
{
	return d->warnings;
}

void diag_where(const struct diag *d, struct pos at, struct sbuf *b)
{
	const struct source *s = source_of(d, at.source);

	if (!s) {
		sbuf_lit(b, diag_program(d));
		return;
	}
	utf8_escape(b, s->name);
	if (at.line)
		sbuf_printf(b, ":%u", at.line);
}

const char *diag_hint(struct diag *d, const char *fmt, ...)
{
	struct str s;
	va_list ap;

	va_start(ap, fmt);
	s = format_text(d, fmt, ap);
	va_end(ap);
	return s.p;
}

const char *diag_did_you_mean(struct diag *d, const struct suggestion *s)
{
	return s->best.n ? diag_hint(d, "did you mean '%.*s'?", STR_ARG(s->best)) : NULL;
}

/* Finds line `number`. false where the text has no such line. */
static bool find_line(struct source *s, uint32_t number, struct str *line)
{
	const char *end;

	if (number < s->line) {
		s->line = 1;
		s->offset = str_starts(s->text, STR("\xef\xbb\xbf")) ? 3 : 0;
	}
	while (s->line < number) {
		end = s->offset < s->text.n ? memchr(s->text.p + s->offset, '\n', s->text.n - s->offset) : NULL;
		if (!end)
			return false;
		s->offset = (size_t)(end - s->text.p) + 1;
		s->line++;
	}
	end = s->offset < s->text.n ? memchr(s->text.p + s->offset, '\n', s->text.n - s->offset) : NULL;
	*line = str_sub(s->text, s->offset, end ? (size_t)(end - s->text.p) : s->text.n);
	if (str_ends(*line, STR("\r")))
		line->n--;
	return true;
}

/* Offset of character `col` (from 1), at most the line's end. */
static size_t column_offset(struct str line, uint32_t col)
{
	size_t i = 0;

	while (col-- > 1 && i < line.n)
		utf8_next(line, &i);
	return i;
}

/* At most so many columns the character at `from` takes when shown. */
static size_t shown_columns(struct str line, size_t from, size_t to)
{
	size_t i = from, width = utf8_width(str_sub(line, from, to));

	if (line.p[from] == '\t')
		return 8;
	if (utf8_next(line, &i) < 0)
		return 4 * (to - from);
	return width ? width : 6; /* an escape, or nothing */
}

/* Where to begin showing a line whose caret stands at `caret`: at its start if there is room for all before the caret. */
static size_t window_start(struct str line, size_t caret)
{
	size_t from = caret, near = caret, columns = 0;

	while (from && columns <= EXCERPT - 10) {
		size_t to = from--;

		while (from && to - from < 4 && ((unsigned char)line.p[from] & 0xc0) == 0x80)
			from--;
		columns += shown_columns(line, from, to);
		if (columns <= BEFORE_CARET)
			near = from;
	}
	return columns <= EXCERPT - 10 ? 0 : near;
}

/* Adds the line's characters from `from` on, as a terminal can show them, up to EXCERPT columns. Returns the columns before
 * `caret`. */
static size_t show_text(struct sbuf *b, struct str line, size_t from, size_t caret)
{
	size_t width = 0, before = 0;

	if (from) {
		sbuf_lit(b, "…");
		width = 1;
	}
	for (size_t i = from; i < line.n;) {
		size_t at = i, start = b->n;

		if (at == caret)
			before = width;
		if (width >= EXCERPT) {
			sbuf_lit(b, "…");
			break;
		}
		utf8_next(line, &i);
		if (line.p[at] == '\t')
			sbuf_printf(b, "%*s", (int)(8 - width % 8), "");
		else
			utf8_escape(b, str_sub(line, at, i));
		width += utf8_width(str_sub(sbuf_view(b), start, b->n));
	}
	return caret >= line.n ? width : before;
}

static void show_excerpt(struct sbuf *b, struct source *s, struct pos at)
{
	size_t caret, before;
	struct str line;
	int gutter;

	if (!s->text.p || !at.line || !find_line(s, at.line, &line))
		return;
	caret = column_offset(line, at.col);
	gutter = snprintf(NULL, 0, " %u", at.line);
	sbuf_printf(b, " %u |%s", at.line, line.n ? " " : "");
	before = show_text(b, line, window_start(line, caret), caret);
	sbuf_char(b, '\n');
	if (at.col)
		sbuf_printf(b, "%*s | %*s^\n", gutter, "", (int)before, "");
}

static void show_heading(struct sbuf *b, const struct diag *d, const struct item *item, bool color)
{
	static const struct {
		const char *word, *color;
	} kinds[] = {
	    [SEVERITY_ERROR] = {"error", "\033[31m"},
	    [SEVERITY_WARNING] = {"warning", "\033[35m"},
	    [SEVERITY_NOTE] = {"note", ""},
	};
	const char *kind_color = color ? kinds[item->severity].color : "";

	sbuf_lit(b, color ? "\033[1m" : "");
	diag_where(d, item->at, b);
	if (item->at.source && item->at.line && item->at.col)
		sbuf_printf(b, ":%u", item->at.col);
	sbuf_lit(b, color ? ":\033[0m " : ": ");
	sbuf_printf(b, "%s%s:%s ", kind_color, kinds[item->severity].word, *kind_color ? "\033[0m" : "");
	utf8_escape(b, item->text);
	sbuf_char(b, '\n');
}

static void show_item(struct sbuf *b, struct diag *d, const struct item *item, bool color)
{
	struct source *s = source_of(d, item->at.source);

	show_heading(b, d, item, color);
	if (s)
		show_excerpt(b, s, item->at);
	if (item->hint.n) {
		sbuf_lit(b, "  hint: ");
		utf8_escape(b, item->hint);
		sbuf_char(b, '\n');
	}
	for (const struct item *note = item->notes; note; note = note->next)
		show_item(b, d, note, color);
}

static int by_place(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	/* 0 is no place: made the largest number, it comes last. */
	uint32_t xs = x->at.source - 1, ys = y->at.source - 1;

	if (xs != ys)
		return xs < ys ? -1 : 1;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.col != y->at.col)
		return x->at.col < y->at.col ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void show_rest(struct sbuf *b, size_t found, const char *noun)
{
	size_t more = found > MOST_SHOWN ? found - MOST_SHOWN : 0;

	if (more)
		sbuf_printf(b, "axmake: and %zu more %s%s\n", more, noun, more == 1 ? "" : "s");
}

void diag_print(struct diag *d, FILE *to, bool color)
{
	size_t found[2] = {0, 0};
	struct sbuf b = {0};

	if (d->printed == d->items.n)
		return;
	qsort(d->items.p + d->printed, d->items.n - d->printed, sizeof *d->items.p, by_place);
	for (; d->printed < d->items.n; d->printed++) {
		const struct item *item = d->items.p[d->printed];

		if (found[item->severity]++ < MOST_SHOWN)
			show_item(&b, d, item, color);
	}
	map_free(&d->said);
	show_rest(&b, found[SEVERITY_ERROR], "error");
	show_rest(&b, found[SEVERITY_WARNING], "warning");
	/* In one write, so that lines of parallel processes do not mix. */
	fwrite(b.p, 1, b.n, to);
	fflush(to);
	sbuf_free(&b);
}

size_t diag_printed(const struct diag *d)
{
	return d->printed;
}

void diag_each_error(const struct diag *d, size_t since, void (*fn)(void *self, struct pos at, struct str text), void *self)
{
	for (size_t i = since; i < d->printed; i++)
		if (d->items.p[i]->severity == SEVERITY_ERROR)
			fn(self, d->items.p[i]->at, d->items.p[i]->text);
}

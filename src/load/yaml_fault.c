#include "load/yaml_fault.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "load/yaml_place.h"

enum where { AT_PROBLEM, AT_CONTEXT };

/* How a fault is known, and what is said of it. */
struct fault {
	const char *context, *problem; /* parts of libyaml's words; NULL: any */
	const char *first;             /* the characters, one of which stands at the place; NULL: any */
	enum where where;
	const char *message; /* NULL: libyaml's own */
	const char *hint;    /* "%s" in it: the word at the place */
};

#define FLOW_HINT "quote a value that holds a comma or one of {}[], as in \"${x}\""
#define INDENT_HINT "look at the indentation here and in the lines above: what belongs together begins in one column"

/* The first that fits counts. */
static const struct fault faults[] = {
    {NULL, "violates indentation", NULL, AT_PROBLEM, "a tab where only spaces may indent", "use spaces"},
    {NULL, "found a tab character", NULL, AT_PROBLEM, "a tab where only spaces may indent", "use spaces"},
    {"scanning an alias", NULL, NULL, AT_CONTEXT, "a value that begins with '*' is an alias in YAML", "quote it: \"%s\""},
    {"scanning an anchor", NULL, NULL, AT_CONTEXT, "a value that begins with '&' is an anchor in YAML", "quote it: \"%s\""},
    {" a tag", NULL, NULL, AT_CONTEXT, "a value that begins with '!' is a tag in YAML", "quote it: \"%s\""},
    {"a directive", NULL, NULL, AT_CONTEXT, "a line that begins with '%%' is a directive in YAML", "quote it: \"%s\""},
    {NULL, "cannot start any token", "\t", AT_PROBLEM, "a tab where only spaces may indent", "use spaces"},
    {NULL, "cannot start any token", "@`%", AT_PROBLEM, "a value cannot begin with '%c'", "quote it: \"%s\""},
    {"quoted scalar", "unexpected", NULL, AT_CONTEXT, "this quote is never closed",
     "close it, or quote the whole value in the other kind"},
    {"quoted scalar", "escape", NULL, AT_PROBLEM, "'\\' begins an escape in double quotes, and this is none",
     "write \\\\ or use single quotes"},
    {"flow mapping", NULL, "\0", AT_CONTEXT, "this '{' is never closed", FLOW_HINT},
    {"flow sequence", NULL, "\0", AT_CONTEXT, "this '[' is never closed", FLOW_HINT},
    {"flow mapping", NULL, NULL, AT_PROBLEM, "',' or '}' is wanted here", FLOW_HINT},
    {"flow sequence", NULL, NULL, AT_PROBLEM, "',' or ']' is wanted here", FLOW_HINT},
    {NULL, "mapping values are not allowed", NULL, AT_PROBLEM, "a second ':' makes no key and value here",
     "quote a value that holds \": \"; else look at the indentation"},
    {NULL, "could not find expected ':'", NULL, AT_CONTEXT, "a line 'key: value' is wanted here",
     "is the ':' missing, or is the line to be indented deeper?"},
    {"block mapping", "expected key", NULL, AT_PROBLEM, "this does not go on from what is above", INDENT_HINT},
    {"block collection", "expected '-'", NULL, AT_PROBLEM, "the next '- ' of the list, or its end, is wanted here", INDENT_HINT},
    {NULL, "block sequence entries are not allowed", NULL, AT_PROBLEM, "a list cannot begin here",
     "put its first '- ' on a line of its own"},
    {"block scalar", NULL, NULL, AT_PROBLEM, NULL, "the text begins on the line after '|', indented deeper than its key"},
    {NULL, "expected <document start>", NULL, AT_PROBLEM, "nothing can follow here", INDENT_HINT},
};

static char char_at(struct str text, size_t offset)
{
	return offset < text.n ? text.p[offset] : '\0';
}

/* The word that begins at offset: what would have to be quoted. */
static struct str word_at(struct str text, size_t offset)
{
	size_t end = offset;

	while (end < text.n && !strchr(" \t\r\n,]}\"", text.p[end]) && end - offset < 40)
		end++;
	while (end > offset && end < text.n && (text.p[end] & 0xc0) == 0x80)
		end--; /* not within a character */
	return str_sub(text, offset, end);
}

static bool fault_fits(const struct fault *f, const yaml_parser_t *p, char at_problem)
{
	if (f->context && !(p->context && strstr(p->context, f->context)))
		return false;
	if (f->problem && !(p->problem && strstr(p->problem, f->problem)))
		return false;
	if (!f->first)
		return true;
	return f->first[0] == '\0' ? at_problem == '\0' : at_problem && strchr(f->first, at_problem);
}

/* Fills the one "%s" or "%c" of a form; forms are ours. */
static const char *fill(struct diag *d, const char *form, struct str word, char c)
{
	const char *mark = strchr(form, '%');

	if (!mark)
		return form;
	if (mark[1] == '%')
		return diag_hint(d, "%.*s%s", (int)(mark - form + 1), form, mark + 2);
	if (mark[1] == 'c')
		return diag_hint(d, "%.*s%c%s", (int)(mark - form), form, c, mark + 2);
	return diag_hint(d, "%.*s%.*s%s", (int)(mark - form), form, STR_ARG(word), mark + 2);
}

static struct pos place_of(uint32_t source, struct str text, size_t offset)
{
	struct cursor c = {0};

	cursor_to_shown(&c, text, offset);
	return (struct pos){source, (uint32_t)c.line + 1, (uint32_t)c.col + 1};
}

/* A bracket that is open still when a later line goes wrong may be what was forgotten. */
static void note_open_bracket(struct diag *d, uint32_t source, struct str text, const struct fault *f, const yaml_parser_t *p)
{
	struct cursor cursor = {0};
	size_t offset;

	if (f->where != AT_PROBLEM || !f->context || !str_starts(str_of(f->context), STR("flow ")) || p->context_mark.line == p->problem_mark.line)
		return;
	offset = cursor_seek(&cursor, text, p->context_mark.line, p->context_mark.column);
	diag_note(d, place_of(source, text, offset), "this '%c' is not closed before it", char_at(text, offset));
}

static void report_syntax(struct diag *d, uint32_t source, struct str text, const yaml_parser_t *p)
{
	const struct fault *f = faults, *end = faults + sizeof faults / sizeof *faults;
	const char *problem = p->problem ? p->problem : "this is not YAML";
	yaml_mark_t mark = p->problem_mark;
	struct cursor cursor = {0};
	size_t offset = cursor_seek(&cursor, text, mark.line, mark.column);
	struct pos at;

	while (f < end && !fault_fits(f, p, char_at(text, offset)))
		f++;
	if (f < end && f->where == AT_CONTEXT && p->context) {
		mark = p->context_mark;
		offset = cursor_seek(&cursor, text, mark.line, mark.column);
	}
	at = place_of(source, text, offset);
	if (f == end)
		diag_error(d, at, NULL, "%s%s%s", p->context ? p->context : "", p->context ? ": " : "", problem);
	else
		diag_error(d, at, fill(d, f->hint, word_at(text, offset), '\0'), "%s",
		           fill(d, f->message ? f->message : problem, word_at(text, offset), char_at(text, offset)));
	if (f < end)
		note_open_bracket(d, source, text, f, p);
}

/* libyaml gives line 1, column 1 for these, but also the offset. */
static void report_bytes(struct diag *d, uint32_t source, struct str text, const yaml_parser_t *p)
{
	size_t offset = p->problem_offset < text.n ? p->problem_offset : text.n;
	size_t bad = utf8_invalid(text);
	struct pos at;

	if (bad < offset)
		offset = bad; /* the first byte of a sequence of which a later one is wrong */
	at = place_of(source, text, offset);
	if (bad == offset && bad < text.n)
		diag_error(d, at, "save the file as UTF-8", "byte 0x%02x is not UTF-8 here", (unsigned char)text.p[offset]);
	else if (char_at(text, offset) == '\0')
		diag_error(d, at, "is this a text file?", "a NUL byte cannot stand in YAML");
	else
		diag_error(d, at, "in double quotes it can be written as \\xNN",
		           "the control character 0x%02x cannot stand in YAML", (unsigned)p->problem_value);
}

void yaml_fault_report(struct diag *d, uint32_t source, struct str text, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		mem_exhausted();
	if (parser->error == YAML_READER_ERROR)
		report_bytes(d, source, text, parser);
	else
		report_syntax(d, source, text, parser);
}

#include "load/inifile.h"

#include <ini.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum {
	MAX_NAME = 255, /* bytes of a section's name */
	CUT_LINE = 190, /* what every build of inih takes whole */
};

struct scan {
	struct arena *arena;
	struct diag *diag;
	uint32_t source;
	uint32_t number; /* of the line, from 1 */
	struct str line; /* without its end */
	struct sbuf text; /* the same, as inih wants it */
	struct inifile *out;
	bool in_section; /* a heading was seen */
	bool skipping;   /* its heading is broken: its keys belong nowhere */
};

/* What inih hands over for one line. */
struct found {
	struct arena *arena;
	struct str name, value;
	size_t calls;
};

static struct pos place(const struct scan *s, size_t offset)
{
	return (struct pos){s->source, s->number, (uint32_t)utf8_length(str_sub(s->line, 0, offset)) + 1};
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_space(struct str s, size_t i)
{
	while (i < s.n && is_space(s.p[i]))
		i++;
	return i;
}

static struct str without_end_space(struct str s)
{
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
	struct found *f = user;

	(void)section;
	f->name = arena_copy(f->arena, str_of(name));
	f->value = arena_copy(f->arena, str_of(value));
	f->calls++;
	return 1;
}

/* One line through inih. `line` is NUL-terminated. */
static struct found pair_of(struct arena *a, const char *line)
{
	struct found f = {.arena = a};

	if (ini_parse_string(line, take_pair, &f) == -2)
		mem_exhausted();
	return f;
}

const struct ini_key *ini_section_get(const struct ini_section *s, struct str key)
{
	for (size_t i = 0; i < s->keys.n; i++)
		if (str_eq(s->keys.p[i].name.s, key))
			return &s->keys.p[i];
	return NULL;
}

static bool report_repeated_section(struct scan *s, const struct ini_section *wanted)
{
	for (size_t i = 0; i < s->out->sections.n; i++) {
		const struct ini_section *old = &s->out->sections.p[i];

		if (!str_eq(old->kind.s, wanted->kind.s) || !str_eq(old->name.s, wanted->name.s))
			continue;
		diag_error(s->diag, wanted->kind.at, "write its keys in one place",
		           "section [%.*s%s%.*s] stands twice in this file", STR_ARG(wanted->kind.s), wanted->name.s.n ? " " : "",
		           STR_ARG(wanted->name.s));
		diag_note(s->diag, old->kind.at, "it first stands here");
		return true;
	}
	return false;
}

/* Takes "kind name" apart; `from` is where it begins in the line. */
static struct ini_section heading_parts(struct scan *s, size_t from, size_t to)
{
	struct ini_section section = {0};
	size_t kind = skip_space(str_sub(s->line, 0, to), from), kind_end = kind, name;

	while (kind_end < to && !is_space(s->line.p[kind_end]))
		kind_end++;
	name = skip_space(str_sub(s->line, 0, to), kind_end);
	section.kind = (struct text){.s = arena_copy(s->arena, str_sub(s->line, kind, kind_end)), .at = place(s, kind)};
	section.name =
	    (struct text){.s = utf8_nfc(s->arena, without_end_space(str_sub(s->line, name, to))), .at = place(s, name)};
	return section;
}

static bool heading_is_good(struct scan *s, const struct ini_section *section, size_t close)
{
	size_t rest = skip_space(s->line, close + 1);

	if (!section->kind.s.n) {
		diag_error(s->diag, place(s, 0), "[axmake], [provider NAME] or [agent NAME]", "a section without a name");
		return false;
	}
	if (rest < s->line.n && s->line.p[rest] != ';' && s->line.p[rest] != '#') {
		diag_error(s->diag, place(s, rest), "keys stand on lines of their own",
		           "unexpected text after the section's ']'");
		return false;
	}
	if (section->name.s.n > MAX_NAME) {
		diag_error(s->diag, section->name.at, NULL, "a name of %zu bytes; at most %d are allowed", section->name.s.n,
		           MAX_NAME);
		return false;
	}
	return !report_repeated_section(s, section);
}

static void read_heading(struct scan *s)
{
	size_t close = str_find(s->line, STR("]"), 0);
	struct ini_section section;

	s->in_section = s->skipping = true;
	if (close == s->line.n) {
		diag_error(s->diag, place(s, s->line.n), NULL, "the section's heading lacks its ']'");
		return;
	}
	section = heading_parts(s, 1, close);
	if (!heading_is_good(s, &section, close))
		return;
	vec_push(s->arena, &s->out->sections, section);
	s->skipping = false;
}

/* The first '=' or ':' before a comment, as inih looks for it; line.n when there is none. */
static size_t separator(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '=' || line.p[i] == ':')
			return i;
		if (line.p[i] == ';' && i && is_space(line.p[i - 1]))
			break;
	}
	return line.n;
}

/* Where a value ends: before a comment, which begins behind a space. */
static size_t value_end(struct str line, size_t from)
{
	for (size_t i = from; i < line.n; i++)
		if (line.p[i] == ';' && is_space(line.p[i - 1]))
			return i;
	return line.n;
}

/* Our scan and inih must have seen the same. inih as it comes cuts lines at 199 bytes, and not every build can be told otherwise. */
static bool is_whole(const struct scan *s, const struct found *f, size_t sep)
{
	struct str own;

	if (f->calls != 1 || s->line.n <= CUT_LINE)
		return f->calls == 1;
	own = without_end_space(str_sub(s->line, skip_space(s->line, sep + 1), value_end(s->line, sep + 1)));
	return str_eq(f->value, own);
}

static void keep_pair(struct scan *s, struct ini_key key)
{
	struct ini_section *section = &s->out->sections.p[s->out->sections.n - 1];
	const struct ini_key *old = ini_section_get(section, key.name.s);

	if (old) {
		diag_error(s->diag, key.name.at, NULL, "key '%.*s' stands twice in its section", STR_ARG(key.name.s));
		diag_note(s->diag, old->name.at, "it first stands here");
		return;
	}
	vec_push(s->arena, &section->keys, key);
}

static void read_pair(struct scan *s)
{
	size_t sep = separator(s->line);
	struct ini_key key = {0};
	struct found f;

	if (sep == s->line.n || !sep) {
		diag_error(s->diag, place(s, 0), "KEY = VALUE; a comment begins with ';'", "%s",
		           sep ? "this line has no '='" : "a value without a key");
		return;
	}
	if (!s->in_section) {
		diag_error(s->diag, place(s, 0), "begin with [axmake], [provider NAME] or [agent NAME]",
		           "a key outside of any section");
		return;
	}
	if (s->skipping)
		return;
	sbuf_clear(&s->text);
	sbuf_str(&s->text, s->line);
	f = pair_of(s->arena, s->text.p);
	if (!is_whole(s, &f, sep)) {
		diag_error(s->diag, place(s, 0), "build axmake with an inih that has ini_allow_realloc",
		           "inih cannot read a line this long");
		return;
	}
	key.name = (struct text){.s = f.name, .at = place(s, 0)};
	key.value = (struct text){.s = f.value, .at = place(s, f.value.n ? skip_space(s->line, sep + 1) : sep + 1)};
	keep_pair(s, key);
}

static void read_line(struct scan *s)
{
	size_t start = skip_space(s->line, 0);

	if (start == s->line.n || s->line.p[start] == ';' || s->line.p[start] == '#')
		return;
	if (start)
		diag_error(s->diag, place(s, start), "begin it in the first column; a value is one line", "an indented line");
	else if (s->line.p[0] == '[')
		read_heading(s);
	else
		read_pair(s);
}

/* The place of byte `offset` of the whole text. */
static struct pos text_place(uint32_t source, struct str text, size_t offset)
{
	struct pos at = {source, 1, 1};
	size_t start = 0;

	for (size_t i = 0; i < offset; i++)
		if (text.p[i] == '\n') {
			at.line++;
			start = i + 1;
		}
	at.col = (uint32_t)utf8_length(str_sub(text, start, offset)) + 1;
	return at;
}

static bool text_is_good(struct diag *d, uint32_t source, struct str text)
{
	size_t nul = str_find(text, STR("\0"), 0), bad = utf8_invalid(text);

	if (text.n > INIFILE_MAX) {
		diag_error(d, (struct pos){source, 0, 0}, NULL, "larger than %u MiB", INIFILE_MAX >> 20);
		return false;
	}
	if (nul < text.n && nul < bad) {
		diag_error(d, text_place(source, text, nul), "remove it", "a NUL byte");
		return false;
	}
	if (bad < text.n) {
		diag_error(d, text_place(source, text, bad), "save the file as UTF-8", "byte 0x%02x is not UTF-8",
		           (unsigned)(unsigned char)text.p[bad]);
		return false;
	}
	return true;
}

struct inifile *inifile_read(struct arena *a, struct diag *d, uint32_t source, struct str text)
{
	struct scan s = {.arena = a, .diag = d, .source = source, .out = arena_new(a, struct inifile)};

	if (str_starts(text, STR("\xEF\xBB\xBF")))
		text = str_sub(text, 3, text.n);
	if (!text_is_good(d, source, text))
		return s.out;
	ini_use_stack = false;
	ini_allow_realloc = true;
	ini_max_line = (int)INIFILE_MAX + 16;
	for (size_t at = 0; at < text.n;) {
		size_t end = str_find(text, STR("\n"), at);

		s.number++;
		s.line = str_sub(text, at, end);
		if (str_ends(s.line, STR("\r")))
			s.line.n--;
		read_line(&s);
		at = end + 1;
	}
	sbuf_free(&s.text);
	return s.out;
}

void ini_said_note(struct ini_said *said, struct arena *a, const struct ini_key *key)
{
	size_t i = 0;

	while (i < said->keys.n && !str_eq(said->keys.p[i].name.s, key->name.s))
		i++;
	if (i == said->keys.n && key->value.s.n) {
		vec_push(a, &said->keys, *key);
	} else if (i < said->keys.n && key->value.s.n) {
		said->keys.p[i] = *key;
	} else if (i < said->keys.n) {
		said->keys.n--;
		memmove(said->keys.p + i, said->keys.p + i + 1, (said->keys.n - i) * sizeof *said->keys.p);
	}
}

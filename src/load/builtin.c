#include "load/builtin.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str line_at(struct str text, size_t at)
{
	return str_sub(text, at, str_find(text, STR("\n"), at));
}

bool builtin_next(uint32_t source, struct str text, size_t *from, uint32_t *line, struct builtin_section *out)
{
	bool found = false;
	size_t at = *from;
	for (size_t next; at < text.n; at = next) {
		struct str s = line_at(text, at);
		next = at + s.n + 1;
		if (str_starts(s, STR("["))) {
			if (found)
				break;
			struct str words = str_sub(s, 1, str_find(s, STR("]"), 0));
			size_t blank = str_find(words, STR(" "), 0);
			*out = (struct builtin_section){.kind = str_sub(words, 0, blank), .name = str_sub(words, blank + 1, words.n), .at = {source, *line, 2}};
			*from = next;
			found = true;
		}
		++*line;
	}
	if (found)
		out->lines = str_sub(text, *from, at);
	*from = at;
	return found;
}

/* `name = value`, up to a comment behind a blank. */
static struct ini_key key_of(struct arena *a, struct str line, struct pos at)
{
	size_t sep = str_find(line, STR("="), 0), from = sep + 1, end = from;
	while (from < line.n && is_blank(line.p[from]))
		from++;
	while ((end = str_find(line, STR(";"), end)) < line.n && !is_blank(line.p[end - 1]))
		end++;
	struct ini_key key = {.name = {.s = arena_copy(a, str_trim(str_sub(line, 0, sep))), .at = at}, .value = {.s = arena_copy(a, str_trim(str_sub(line, from, end))), .at = at}};
	key.value.at.col = (uint32_t)(key.value.s.n ? from : sep + 1) + 1;
	return key;
}

struct ini_section builtin_read(struct arena *a, const struct builtin_section *s)
{
	struct ini_section out = {.kind = {.s = arena_copy(a, s->kind), .at = s->at}, .name = {.s = arena_copy(a, s->name), .at = s->at}};
	struct pos at = {s->at.source, s->at.line, 1};
	out.name.at.col += (uint32_t)s->kind.n + 1;
	for (size_t i = 0; i < s->lines.n;) {
		struct str line = line_at(s->lines, i);
		at.line++;
		i += line.n + 1;
		if (line.n && *line.p != ';' && *line.p != '#')
			vec_push(a, &out.keys, key_of(a, line, at));
	}
	return out;
}

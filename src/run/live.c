#include "run/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonfilter.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "run/answer_line.h"

/* An identifier that is longer is none, nor one that a program would take for an option. */
#define SESSION_MAX ((size_t)256)
/* What stays of a long string (base/jsonfilter.h): nothing that is looked for here is as long. */
#define STRING_MAX ((size_t)4096)

struct live {
	const struct provider *provider;
	struct arena arena; /* of the keys */
	struct key final, error, activity[WHERES_MAX], session, counts[N_COUNTS];
	const char *final_word; /* the rule's VALUE in the bytes in which every program writes it; NULL: that cannot be told */
	struct sbuf line;       /* the beginning of a line whose end has not come */
	bool is_long;           /* what came of the line is in the filter */
	struct jsonfilter filter;
	bool is_final, is_error;
	struct sbuf what, id; /* activity, session */
};

static bool in_lines(const struct key *k)
{
	return k->where->kind == WHERE_JSONL || k->where->kind == WHERE_JSONL_SUM;
}

static bool is_plain_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= 'A' && s.p[i] <= 'Z') && s.p[i] != '_' && s.p[i] != '-')
			return false;
	return s.n > 0;
}

struct live *live_new(const struct provider *p)
{
	static const struct where nowhere = {.kind = WHERE_NONE};
	struct live *s = xcalloc(1, sizeof *s);
	bool wanted = false;

	s->provider = p;
	jsonfilter_init_cut(&s->filter, LIVE_LINE_MAX, STRING_MAX);
	s->final = key_of(&s->arena, &p->final.where, false);
	s->error = key_of(&s->arena, where_error_is_apart(p) ? &p->error : &nowhere, false);
	for (size_t i = 0; i < WHERES_MAX; i++)
		s->activity[i] = key_of(&s->arena, i < p->activity.n ? &p->activity.of[i] : &nowhere, false);
	s->session = key_of(&s->arena, &p->session, false);
	counts_init(&s->arena, p, s->counts);
	if (p->final.has_value && is_plain_word(p->final.value))
		s->final_word = arena_copy(&s->arena, p->final.value).p;
	for (int i = 0; i < N_COUNTS; i++)
		wanted |= in_lines(&s->counts[i]);
	if (wanted || in_lines(&s->final) || in_lines(&s->activity[0]) || in_lines(&s->session))
		return s;
	live_free(s);
	return NULL;
}

static void drop_value(struct key *k)
{
	json_decref(k->value);
	k->value = NULL;
}

void live_free(struct live *s)
{
	if (!s)
		return;
	drop_value(&s->final);
	drop_value(&s->error);
	for (size_t i = 0; i < WHERES_MAX; i++)
		drop_value(&s->activity[i]);
	drop_value(&s->session);
	arena_free(&s->arena);
	sbuf_free(&s->line);
	jsonfilter_free(&s->filter);
	sbuf_free(&s->what);
	sbuf_free(&s->id);
	free(s);
}

static bool has_word(struct str line, const char *word)
{
	return !word || memmem(line.p, line.n, word, strlen(word));
}

static bool may_have(const struct key *k, struct str line)
{
	return in_lines(k) && key_may_be_in(k, line);
}

static bool may_be_final(const struct live *s, struct str line)
{
	return !s->is_final && may_have(&s->final, line) && has_word(line, s->final_word);
}

static bool may_matter(const struct live *s, struct str line)
{
	if (may_be_final(s, line) || (!s->id.n && may_have(&s->session, line)))
		return true;
	for (int i = 0; i < N_COUNTS; i++)
		if (may_have(&s->counts[i], line))
			return true;
	for (size_t i = 0; i < WHERES_MAX; i++)
		if (may_have(&s->activity[i], line))
			return true;
	return false;
}

/* What this line alone has for the key: in k->value, or nothing. */
static bool look(struct key *k, const json_t *root)
{
	drop_value(k);
	if (in_lines(k))
		key_see(k, root);
	return k->value;
}

static bool is_session(struct str text)
{
	return text.n <= SESSION_MAX && !str_starts(text, STR("-"));
}

static bool look_for_text(struct key *k, const json_t *root, struct sbuf *into, bool fits(struct str text))
{
	struct arena a = {0};
	struct str text = look(k, root) ? jsontext_text(&a, k->value) : STR_NONE;
	bool news = false;

	if (text.n && (!fits || fits(text))) {
		text = line_of(&a, text);
		news = text.n && (!fits || fits(text)) && !str_eq(text, sbuf_view(into));
	}
	if (news) {
		sbuf_clear(into);
		sbuf_str(into, text);
	}
	arena_free(&a);
	return news;
}

static bool is_the_value(const struct where_value *f, const json_t *v)
{
	struct arena a = {0};
	bool is = f->has_value ? str_eq(jsontext_text(&a, v), f->value) : !json_is_false(v);

	arena_free(&a);
	return is;
}

static bool look_for_final(struct live *s, const json_t *root)
{
	if (s->is_final || !look(&s->final, root) || !is_the_value(&s->provider->final, s->final.value))
		return false;
	s->is_final = true;
	s->is_error = look(&s->error, root) && key_says_something(&s->error);
	return true;
}

static bool begins_as_json(struct str line)
{
	return line.n && (line.p[0] == '{' || str_starts(line, STR("\xef\xbb\xbf")));
}

static bool see_line(struct live *s, struct str line)
{
	bool news = false;

	line = str_trim(line);
	if (!begins_as_json(line) || !may_matter(s, line))
		return false;
	json_t *root = jsontext_load(line, false);
	if (!root)
		return false;
	for (int i = 0; i < N_COUNTS; i++)
		if (in_lines(&s->counts[i])) {
			double before = s->counts[i].real;
			key_see(&s->counts[i], root);
			news |= s->counts[i].real != before;
		}
	for (size_t i = 0; i < WHERES_MAX; i++) {
		news |= look_for_text(&s->activity[i], root, &s->what, NULL);
		if (s->activity[i].value)
			break;
	}
	if (!s->id.n)
		news |= look_for_text(&s->session, root, &s->id, is_session);
	news |= look_for_final(s, root);
	json_decref(root);
	return news;
}

/* What came of the line goes on in the filter, unless it can be no JSON. */
static void go_long(struct live *s, struct str part)
{
	struct str begin = str_trim(s->line.n ? sbuf_view(&s->line) : part);

	s->is_long = true;
	jsonfilter_begin(&s->filter, 0, false);
	s->filter.too_big = begin.n && !begins_as_json(begin);
	jsonfilter_add(&s->filter, s->line.p, s->line.n);
	sbuf_clear(&s->line);
}

/* More of a line whose end has not come. */
static void keep(struct live *s, struct str part)
{
	if (!s->is_long && s->line.n + part.n <= JSONFILTER_LONG) {
		sbuf_str(&s->line, part);
		return;
	}
	if (!s->is_long)
		go_long(s, part);
	jsonfilter_add(&s->filter, part.p, part.n);
}

/* The bytes to the line's end have come, or to the end of all. */
static bool end_line(struct live *s, struct str rest)
{
	bool news = false;

	if (!s->is_long && !s->line.n)
		return see_line(s, rest);
	keep(s, rest);
	news = see_line(s, sbuf_view(s->is_long ? &s->filter.text : &s->line));
	sbuf_clear(&s->line);
	s->is_long = false;
	return news;
}

bool live_add(struct live *s, const char *p, size_t n)
{
	struct str all = {p, n};
	bool news = false;

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(p + at, '\n', n - at);
		size_t to = nl ? (size_t)(nl - p) : n;

		if (nl)
			news |= end_line(s, str_sub(all, at, to));
		else
			keep(s, str_sub(all, at, n));
		at = to + 1;
	}
	return news;
}

bool live_end(struct live *s)
{
	return end_line(s, STR_NONE);
}

struct live_seen live_seen(const struct live *s)
{
	return (struct live_seen){
	    .final = s->is_final,
	    .final_is_error = s->is_error,
	    .activity = sbuf_view(&s->what),
	    .session = sbuf_view(&s->id),
	    .counts = counts_get(s->provider, s->counts),
	};
}

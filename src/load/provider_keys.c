#include "load/provider.h"
#include "load/provider_parts.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "load/callwords.h"
#include "load/regex.h"
#include "load/value.h"

static const char *const placeholders[] = {"prompt", "prompt_file", "result_file", "model", "role", "agent", "name", "root", NULL};
static const char *const resume_placeholders[] = {"prompt", "prompt_file", "result_file", "model", "role", "agent", "name", "root", "session", NULL};

#define COUNT(array) (sizeof(array) / sizeof *(array))

void *provider_key_field(struct apply *ap, const struct key_def *def)
{
	return (char *)ap->provider + def->field;
}

static void report_value(struct apply *ap, const char *wanted)
{
	diag_error(ap->diag, ap->key->value.at, wanted, "'%.*s' is no value for '%.*s'", STR_ARG(ap->key->value.s),
	           STR_ARG(ap->key->name.s));
}

static void set_words(struct apply *ap, const struct key_def *def)
{
	callwords_read(ap->arena, ap->diag, ap->key, placeholders, provider_key_field(ap, def));
}

static void set_resume_args(struct apply *ap, const struct key_def *def)
{
	struct words *w = provider_key_field(ap, def);
	bool named = false;

	callwords_read(ap->arena, ap->diag, ap->key, resume_placeholders, w);
	for (size_t i = 0; i < w->n; i++)
		named |= str_find(w->p[i], STR("${session}"), 0) < w->p[i].n;
	if (w->n && !named)
		report_value(ap, "one of its words names the conversation: ${session}");
}

static void set_command(struct apply *ap, const struct key_def *def)
{
	struct words *w = provider_key_field(ap, def);

	set_words(ap, def);
	if (w->n && !w->p[0].n)
		diag_error(ap->diag, ap->key->value.at, NULL, "the command's first word is empty");
}

static void set_version(struct apply *ap, const struct key_def *def)
{
	static const char *const none[] = {NULL};

	callwords_read(ap->arena, ap->diag, ap->key, none, provider_key_field(ap, def));
}

static bool is_variable(struct str word)
{
	size_t eq = str_find(word, STR("="), 0);

	return eq < word.n && callwords_is_name(str_sub(word, 0, eq));
}

static void set_env(struct apply *ap, const struct key_def *def)
{
	struct words *w = provider_key_field(ap, def);

	set_words(ap, def);
	for (size_t i = 0; i < w->n; i++)
		if (!is_variable(w->p[i]))
			diag_error(ap->diag, ap->key->value.at, "NAME=VALUE NAME=VALUE", "'%.*s' sets no variable",
			           STR_ARG(w->p[i]));
}

static void set_names(struct apply *ap, const struct key_def *def)
{
	struct words *w = provider_key_field(ap, def);

	set_words(ap, def);
	for (size_t i = 0; i < w->n; i++)
		if (!callwords_is_name(w->p[i]))
			diag_error(ap->diag, ap->key->value.at, "NAME NAME", "'%.*s' is no variable's name", STR_ARG(w->p[i]));
}

/* Words, with commas between them or not. */
static void set_paths(struct apply *ap, const struct key_def *def)
{
	struct words *w = provider_key_field(ap, def);

	set_words(ap, def);
	for (size_t i = 0; i < w->n; i++) {
		if (str_ends(w->p[i], STR(",")))
			w->p[i] = arena_copy(ap->arena, str_sub(w->p[i], 0, w->p[i].n - 1));
		if (!str_starts(w->p[i], STR("/")) && !str_starts(w->p[i], STR("~/")))
			diag_error(ap->diag, ap->key->value.at, "~/PATH, /PATH", "'%.*s' is no path that begins with '/' or '~/'", STR_ARG(w->p[i]));
	}
}

static void set_prompt(struct apply *ap, const struct key_def *def)
{
	static const char *const ways[] = {[PROMPT_STDIN] = "stdin", [PROMPT_FILE] = "file", [PROMPT_ARG] = "arg"};
	enum prompt_way *way = provider_key_field(ap, def);

	for (size_t i = 0; i < COUNT(ways); i++)
		if (str_eq(ap->key->value.s, str_of(ways[i]))) {
			*way = (enum prompt_way)i;
			return;
		}
	report_value(ap, "stdin, file (its name: ${prompt_file}) or arg (the word ${prompt})");
}

static void set_size(struct apply *ap, const struct key_def *def)
{
	if (!value_size(ap->key->value.s, true, provider_key_field(ap, def)))
		report_value(ap, "bytes: 2000, 64k, 8M");
}

/* A whole number of calls. */
static void set_calls(struct apply *ap, const struct key_def *def)
{
	int64_t n;

	if (value_int(ap->key->value.s, 1, PROVIDER_CALLS_MAX, &n))
		*(uint32_t *)provider_key_field(ap, def) = (uint32_t)n;
	else
		report_value(ap, "a whole number from 1 to 10000");
}

static void set_rate(struct apply *ap, const struct key_def *def)
{
	double n;

	if (value_double(ap->key->value.s, &n) && n >= PROVIDER_REFILL_MIN && n <= PROVIDER_CALLS_MAX)
		*(double *)provider_key_field(ap, def) = n;
	else
		report_value(ap, "calls a second: 10, 0.5; from 0.00001 to 10000");
}

static void set_bool(struct apply *ap, const struct key_def *def)
{
	if (!value_bool(ap->key->value.s, provider_key_field(ap, def)))
		report_value(ap, "true or false");
}

static void set_privacy(struct apply *ap, const struct key_def *def)
{
	bool *is_private = provider_key_field(ap, def);

	*is_private = str_eq(ap->key->value.s, STR("private"));
	if (!*is_private && !str_eq(ap->key->value.s, STR("public")))
		report_value(ap, "private or public");
}

static void set_text(struct apply *ap, const struct key_def *def)
{
	*(struct str *)provider_key_field(ap, def) = ap->key->value.s;
}

static void check_pattern(struct apply *ap, bool wants_group)
{
	size_t groups;
	const char *fault = regex_fault(ap->arena, ap->key->value.s, &groups);

	if (fault)
		diag_error(ap->diag, ap->key->value.at, "a POSIX extended regular expression is wanted", "'%.*s': %s",
		           STR_ARG(ap->key->name.s), fault);
	else if (wants_group && !groups)
		diag_error(ap->diag, ap->key->value.at, "put what says the time in parentheses: resets at ([0-9:apm]+)",
			   "'%.*s' has no group", STR_ARG(ap->key->name.s));
}

/* To compile all that is built in would take longer than all else that is read at the start. */
static void set_pattern(struct apply *ap, const struct key_def *def, bool wants_group)
{
	if (ap->user)
		check_pattern(ap, wants_group);
	set_text(ap, def);
}

static void set_regex(struct apply *ap, const struct key_def *def)
{
	set_pattern(ap, def, false);
}

static void set_regex_group(struct apply *ap, const struct key_def *def)
{
	set_pattern(ap, def, true);
}

/* Is it a JSON Pointer? */
static bool pointer_is_good(struct str s)
{
	if (s.n && s.p[0] != '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '~' && !(i + 1 < s.n && (s.p[i + 1] == '0' || s.p[i + 1] == '1')))
			return false;
	return true;
}

/* Is a part of the pointer `*`? */
static bool pointer_has_star(struct str s)
{
	for (size_t at = 0; (at = str_find(s, STR("/*"), at)) < s.n; at += 2)
		if (at + 2 == s.n || s.p[at + 2] == '/')
			return true;
	return false;
}

bool where_pointer_set(struct str pointer, size_t *from, size_t *to)
{
	for (size_t at = 0; (at = str_find(pointer, STR("/{"), at)) < pointer.n; at++) {
		size_t end = str_find(pointer, STR("/"), at + 1);

		*from = at + 1;
		*to = end;
		if (pointer.p[end - 1] == '}' && str_find(str_sub(pointer, *from, end), STR(","), 0) < end - *from)
			return true;
	}
	return false;
}

static const char *const where_names[] = {
    [WHERE_NONE] = "text",
    [WHERE_TEXT] = "text",
    [WHERE_FILE] = "file",
    [WHERE_JSON] = "json:",
    [WHERE_JSONL] = "jsonl:",
    [WHERE_JSONL_SUM] = "jsonl-sum:",
    [WHERE_STDERR_JSON] = "stderr-json:",
};

const char *where_name(enum where_kind kind)
{
	return where_names[kind];
}

static bool where_parse(struct str s, struct where *out)
{
	for (size_t i = WHERE_TEXT; i < COUNT(where_names); i++) {
		struct str name = str_of(where_names[i]);
		bool has_pointer = str_ends(name, STR(":"));

		if (has_pointer ? !str_starts(s, name) : !str_eq(s, name))
			continue;
		*out = (struct where){(enum where_kind)i, str_sub(s, name.n, s.n)};
		return true;
	}
	return false;
}

static const char *places_hint(struct apply *ap, unsigned places)
{
	struct sbuf b = {0};
	const char *hint;

	for (size_t i = WHERE_TEXT; i < COUNT(where_names); i++)
		if (places & (1u << i))
			sbuf_printf(&b, "%s%s%s", b.n ? ", " : "", where_names[i], strchr(where_names[i], ':') ? "/POINTER" : "");
	hint = diag_hint(ap->diag, "known here: %s", b.p);
	sbuf_free(&b);
	return hint;
}

/* Reports a pointer that is none, or that names several values where one is wanted. */
static bool check_pointer(struct apply *ap, const struct key_def *def, struct str pointer)
{
	size_t from, to;

	if (!pointer_is_good(pointer))
		report_value(ap, "a JSON Pointer begins with '/'; '~' is written ~0, and '/' in a name ~1");
	else if (!def->many && (pointer_has_star(pointer) || where_pointer_set(pointer, &from, &to)))
		report_value(ap, "'*' names several values, and so does '{a,b}'; only token counts, costs, 'failed' and 'error' may");
	else
		return true;
	return false;
}

static void set_where(struct apply *ap, const struct key_def *def)
{
	struct where w = {0};

	if (!where_parse(ap->key->value.s, &w) || !(def->places & (1u << w.kind)))
		report_value(ap, places_hint(ap, def->places));
	else if (check_pointer(ap, def, w.pointer))
		*(struct where *)provider_key_field(ap, def) = w;
}

/* "jsonl:/a, jsonl:/b" */
static void set_wheres(struct apply *ap, const struct key_def *def)
{
	struct str all = ap->key->value.s;
	struct wheres list = {.n = 0};

	for (size_t at = 0, end; at <= all.n; at = end + 1) {
		struct where w = {0};

		end = str_find(all, STR(","), at);
		if (list.n == WHERES_MAX || !where_parse(str_trim(str_sub(all, at, end)), &w) || !(def->places & (1u << w.kind))) {
			report_value(ap, diag_hint(ap->diag, "%s; up to %d of them, with commas between", places_hint(ap, def->places), WHERES_MAX));
			return;
		}
		if (!check_pointer(ap, def, w.pointer))
			return;
		list.of[list.n++] = w;
	}
	*(struct wheres *)provider_key_field(ap, def) = list;
}

static void set_where_value(struct apply *ap, const struct key_def *def)
{
	struct where_value v = {0};

	if (!where_parse(ap->key->value.s, &v.where) || !(def->places & (1u << v.where.kind))) {
		report_value(ap, diag_hint(ap->diag, "%s; =VALUE may follow", places_hint(ap, def->places)));
		return;
	}
	size_t eq = str_find(v.where.pointer, STR("="), 0);
	v.has_value = eq < v.where.pointer.n;
	if (v.has_value) {
		v.value = str_sub(v.where.pointer, eq + 1, v.where.pointer.n);
		v.where.pointer = str_sub(v.where.pointer, 0, eq);
	}
	if (check_pointer(ap, def, v.where.pointer))
		*(struct where_value *)provider_key_field(ap, def) = v;
}

#define FIELD(f) .field = offsetof(struct provider, f), .size = sizeof((struct provider *)NULL)->f
#define IN(kind) (1u << WHERE_##kind)
#define COUNTED (IN(JSON) | IN(JSONL) | IN(JSONL_SUM) | IN(STDERR_JSON))

static const struct key_def keys[] = {
    {"command", set_command, FIELD(command), .shapes = true},
    {"model_args", set_words, FIELD(model_args), .shapes = true},
    {"role_args", set_words, FIELD(role_args), .shapes = true},
    {"env", set_env, FIELD(env), .shapes = true},
    {"key_env", set_names, FIELD(key_env)},
    {"version_args", set_version, FIELD(version_args)},
    {"login", set_text, FIELD(login)},
    {"login_files", set_paths, FIELD(login_files)},
    {"needs", set_paths, FIELD(needs)},
    {"prompt", set_prompt, FIELD(prompt), .shapes = true},
    {"result", set_where, FIELD(result), .shapes = true, .places = IN(TEXT) | IN(FILE) | IN(JSON) | IN(JSONL)},
    {"failed", set_where_value, FIELD(failed), .places = IN(JSON) | IN(JSONL) | IN(STDERR_JSON), .many = true},
    {"error", set_where, FIELD(error), .places = IN(TEXT) | IN(JSON) | IN(JSONL) | IN(STDERR_JSON), .many = true},
    {"final", set_where_value, FIELD(final), .places = IN(JSONL)},
    {"activity", set_wheres, FIELD(activity), .places = IN(JSONL)},
    {"resume_args", set_resume_args, FIELD(resume_args)},
    {"session", set_where, FIELD(session), .places = IN(JSONL)},
    {"input_tokens", set_where, FIELD(input_tokens), .places = COUNTED, .many = true},
    {"output_tokens", set_where, FIELD(output_tokens), .places = COUNTED, .many = true},
    {"cache_read_tokens", set_where, FIELD(cache_read_tokens), .places = COUNTED, .many = true},
    {"cache_write_tokens", set_where, FIELD(cache_write_tokens), .places = COUNTED, .many = true},
    {"cost_usd", set_where, FIELD(cost_usd), .places = COUNTED, .many = true},
    {"cached_in_input", set_bool, FIELD(cached_in_input)},
    {"max_prompt", set_size, FIELD(max_prompt)},
    {"privacy", set_privacy, FIELD(is_private)},
    {"ask", set_bool, FIELD(only_when_asked)},
    {"retry_on", set_regex, FIELD(retry_on)},
    {"fatal_on", set_regex, FIELD(fatal_on)},
    {"quota_on", set_regex, FIELD(quota_on)},
    {"quota_reset", set_regex_group, FIELD(quota_reset)},
    {"revision", set_text, FIELD(revision)},
    {"rate_capacity", set_calls, FIELD(rate_capacity)},
    {"rate_refill", set_rate, FIELD(rate_refill)},
    {"max_concurrent", set_calls, FIELD(max_concurrent)},
};

const struct key_def *provider_key(struct str name)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (str_eq(name, str_of(keys[i].name)))
			return &keys[i];
	return NULL;
}

void provider_key_unknown(struct apply *ap, const struct ini_key *key)
{
	struct suggestion near = {.wanted = key->name.s};

	for (size_t i = 0; i < COUNT(keys); i++)
		suggestion_offer(&near, str_of(keys[i].name));
	diag_error(ap->diag, key->name.at, diag_did_you_mean(ap->diag, &near), "unknown key '%.*s' in a provider's section",
	           STR_ARG(key->name.s));
}

/* Words are told apart by a byte that no shell word is likely to hold, so that blanks between them do not count. */
struct str provider_key_shape(struct apply *ap, const struct key_def *def)
{
	const struct words *w = provider_key_field(ap, def);
	struct sbuf b = {0};
	struct str out;

	if (def->set != set_words && def->set != set_command && def->set != set_env) {
		assert(ap->key);
		return ap->key->value.s;
	}
	for (size_t i = 0; i < w->n; i++) {
		if (i)
			sbuf_char(&b, '\x1f');
		sbuf_str(&b, w->p[i]);
	}
	out = arena_copy(ap->arena, sbuf_view(&b));
	sbuf_free(&b);
	return out;
}

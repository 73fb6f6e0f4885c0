#include "run/answer_key.h"

#include <math.h>
#include <string.h>

#include "base/real.h"

/* More than a call can take: what says more is noise, and sums of many such must stay numbers. */
#define TOKENS_MOST INT64_C(1000000000000)
#define COST_MOST_USD 1e9

struct str where_text(struct arena *a, const struct where *w)
{
	return arena_printf(a, "%s%.*s", where_name(w->kind), STR_ARG(w->pointer));
}

bool where_is_json(const struct where *w)
{
	return w->kind == WHERE_JSON || w->kind == WHERE_JSONL || w->kind == WHERE_JSONL_SUM || w->kind == WHERE_STDERR_JSON;
}

bool where_error_is_apart(const struct provider *p)
{
	bool same = p->error.kind == p->result.kind && str_eq(p->error.pointer, p->result.pointer);
	return (p->failed.where.kind == WHERE_NONE || p->failed.has_value) && p->error.kind == WHERE_JSONL && !same;
}

/* No program writes letters, digits, '_' or '-' of a member's name as escapes, so only names of these can rule a line out unread.
 */
static const char *literal_of(struct arena *a, const struct json_path *path)
{
	for (size_t i = path->n; i-- > 0;) {
		const char *p = path->parts[i];

		if (p && *p && strspn(p, "0123456789") != strlen(p) &&
		    strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(p))
			return arena_printf(a, "\"%s\"", p).p;
	}
	return NULL;
}

static void add_path(struct key *k, struct arena *a, struct str pointer)
{
	k->paths[k->n_paths] = json_path_of(a, pointer);
	k->literals[k->n_paths] = literal_of(a, &k->paths[k->n_paths]);
	k->n_paths++;
}

/* `/a/{b,c}/d` is /a/b/d and /a/c/d. */
static void add_paths(struct key *k, struct arena *a, struct str pointer)
{
	size_t from, to;

	if (!where_pointer_set(pointer, &from, &to)) {
		k->paths = arena_new(a, struct json_path);
		k->literals = arena_array(a, const char *, 1);
		add_path(k, a, pointer);
		return;
	}
	struct str before = str_sub(pointer, 0, from), names = str_sub(pointer, from + 1, to - 1), behind = str_sub(pointer, to, pointer.n);

	k->paths = arena_array(a, struct json_path, names.n + 1);
	k->literals = arena_array(a, const char *, names.n + 1);
	for (size_t at = 0; at <= names.n;) {
		size_t end = str_find(names, STR(","), at);
		struct str name = str_sub(names, at, end);

		add_path(k, a, arena_printf(a, "%.*s%.*s%.*s", STR_ARG(before), STR_ARG(name), STR_ARG(behind)));
		at = end + 1;
	}
}

struct key key_of(struct arena *a, const struct where *w, bool number)
{
	struct key k = {.where = w, .number = number || w->kind == WHERE_JSONL_SUM};

	if (where_is_json(w))
		add_paths(&k, a, w->pointer);
	return k;
}

bool key_may_be_in(const struct key *k, struct str line)
{
	for (size_t i = 0; i < k->n_paths; i++)
		if (!k->literals[i] || memmem(line.p, line.n, k->literals[i], strlen(k->literals[i])))
			return true;
	return false;
}

/* What one JSON text has for one key. */
struct found {
	const json_t *value;
	bool has_number, is_real;
	int64_t whole;
	double real;
};

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int64_t whole_of(double v)
{
	return v >= 9.2e18 ? INT64_MAX : v <= -9.2e18 ? INT64_MIN : real_whole(v);
}

static bool take_first(void *self, const json_t *v)
{
	struct found *f = self;

	if (json_is_null(v))
		return true;
	f->value = v;
	return false;
}

static bool take_number(void *self, const json_t *v)
{
	struct found *f = self;

	if (!json_is_number(v))
		return true;
	f->has_number = true;
	f->is_real = f->is_real || json_is_real(v);
	f->real += json_number_value(v);
	f->whole = add_saturating(f->whole, json_is_real(v) ? whole_of(json_real_value(v)) : json_integer_value(v));
	return true;
}

static bool says_something(const json_t *v)
{
	if (json_is_string(v))
		return json_string_length(v) > 0;
	return json_is_true(v) || json_object_size(v) > 0 || json_array_size(v) > 0 || (json_is_number(v) && json_number_value(v) != 0);
}

/* Of several members the first that says something; if none does, the first. */
static void find_value(const struct key *k, const json_t *root, struct found *f)
{
	for (size_t i = 0; i < k->n_paths && !(f->value && says_something(f->value)); i++) {
		struct found one = {0};

		json_path_each(root, &k->paths[i], take_first, &one);
		if (one.value && (!f->value || says_something(one.value)))
			f->value = one.value;
	}
}

static void find_number(const struct key *k, const json_t *root, struct found *f)
{
	for (size_t i = 0; i < k->n_paths; i++)
		json_path_each(root, &k->paths[i], take_number, f);
}

void key_see(struct key *k, const json_t *root)
{
	struct found f = {0};

	(k->number ? find_number : find_value)(k, root, &f);
	if (f.value) {
		json_decref(k->value);
		k->value = json_incref((json_t *)f.value);
	}
	if (!f.has_number)
		return;
	bool sum = k->where->kind == WHERE_JSONL_SUM;
	k->has_number = true;
	k->is_real = f.is_real || (sum && k->is_real);
	k->whole = sum ? add_saturating(k->whole, f.whole) : f.whole;
	k->real = sum ? k->real + f.real : f.real;
}

int64_t key_tokens(const struct key *k)
{
	if (!k->has_number || k->whole < 0)
		return -1;
	return k->whole < TOKENS_MOST ? k->whole : TOKENS_MOST;
}

static double key_cost(const struct key *k)
{
	return k->has_number && k->real >= 0 ? real_min(k->real, COST_MOST_USD) : NAN;
}

bool key_is_true(const struct key *k)
{
	if (k->number)
		return k->has_number && k->real != 0;
	if (json_is_string(k->value))
		return str_ieq((struct str){json_string_value(k->value), json_string_length(k->value)}, STR("true"));
	return k->value && says_something(k->value);
}

bool key_says_something(const struct key *k)
{
	return k->value && says_something(k->value);
}

bool key_has_value(const struct key *k)
{
	return k->value || (k->number && k->has_number);
}

struct str key_text(struct arena *a, const struct key *k)
{
	if (k->value)
		return jsontext_text(a, k->value);
	if (!k->number || !k->has_number)
		return STR_NONE;
	json_t *v = k->is_real ? json_real(k->real) : json_integer(k->whole);
	struct str text = v ? jsontext_text(a, v) : STR_NONE;
	json_decref(v);
	return text;
}

void counts_init(struct arena *a, const struct provider *p, struct key keys[N_COUNTS])
{
	const struct where *where[N_COUNTS] = {
	    [COUNT_INPUT] = &p->input_tokens,
	    [COUNT_OUTPUT] = &p->output_tokens,
	    [COUNT_CACHE_READ] = &p->cache_read_tokens,
	    [COUNT_CACHE_WRITE] = &p->cache_write_tokens,
	    [COUNT_COST] = &p->cost_usd,
	};

	for (int i = 0; i < N_COUNTS; i++)
		keys[i] = key_of(a, where[i], true);
}

struct counts counts_get(const struct provider *p, const struct key keys[N_COUNTS])
{
	struct counts c = {
	    .input_tokens = key_tokens(&keys[COUNT_INPUT]),
	    .output_tokens = key_tokens(&keys[COUNT_OUTPUT]),
	    .cache_read_tokens = key_tokens(&keys[COUNT_CACHE_READ]),
	    .cache_write_tokens = key_tokens(&keys[COUNT_CACHE_WRITE]),
	    .cost_usd = key_cost(&keys[COUNT_COST]),
	};

	if (p->cached_in_input && c.input_tokens >= 0 && c.cache_read_tokens >= 0)
		c.input_tokens = c.input_tokens > c.cache_read_tokens ? c.input_tokens - c.cache_read_tokens : 0;
	return c;
}

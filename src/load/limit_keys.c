#include "load/limit_keys.h"

#include "base/utf8.h"
#include "load/foreign_words.h"
#include "load/value.h"

#define MOST_PLACES 1000000

static void read_count(struct reader *r, struct str key, const struct node *value, int64_t least, const char *wants, int64_t *out)
{
	struct str s;
	int64_t n;

	if (!reader_scalar(r, key, value, wants, &s))
		return;
	if (value_int(s, least, MOST_PLACES, &n))
		*out = n;
	else
		reader_wants(r, key, value, wants);
}

void read_slots(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	int64_t n = 1;

	(void)row;
	read_count(r, key->text, value, 0, "a number of slots, from 0 to 1000000", &n);
	((struct task_def *)into)->slots = (uint32_t)n;
}

void read_pool(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct task_def *t = into;

	(void)row;
	if (reader_one_text(r, key->text, value, false, &t->pool))
		t->pool.s = utf8_nfc(r->a, t->pool.s);
}

void read_complexity(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char *const words[] = {[COMPLEXITY_LOW] = "low", [COMPLEXITY_MEDIUM] = "medium", [COMPLEXITY_HIGH] = "high"};
	static const char wants[] = "low, medium or high";
	struct task_def *t = into;
	struct str s;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	for (int i = COMPLEXITY_LOW; i <= COMPLEXITY_HIGH; i++) {
		if (str_eq(s, str_of(words[i]))) {
			t->complexity = (enum complexity)i;
			return;
		}
	}
	reader_wants(r, key->text, value, wants);
}

void read_memory(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a size such as 500M or 2G";
	struct task_def *t = into;
	uint64_t bytes;
	struct str s;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (value_size(s, true, &bytes) && bytes && bytes <= INT64_MAX)
		t->memory = bytes;
	else
		reader_wants(r, key->text, value, wants);
}

static void read_cost(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "an amount in US dollars above 0, such as 5 or 0.50";
	struct str s;
	double usd;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (value_usd(s, &usd))
		((struct budget_def *)into)->cost_usd = usd;
	else
		reader_wants(r, key->text, value, wants);
}

static void read_tokens(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a number of tokens above 0, such as 200000, 200k or 2M";
	uint64_t n;
	struct str s;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (value_size(s, false, &n) && n && n <= INT64_MAX)
		((struct budget_def *)into)->tokens = (int64_t)n;
	else
		reader_wants(r, key->text, value, wants);
}

static const char *budget_hint(struct diag *d, struct str key, struct suggestion *near)
{
	(void)d, (void)near;
	return foreign_word_of_budget(key);
}

static void read_limits(struct reader *r, const struct node *key, const struct node *value, struct budget_def *into)
{
	static const struct key_row rows[] = {
	    {"cost_usd", 0, read_cost, 0, false},
	    {"tokens", 1, read_tokens, 0, false},
	};
	static const struct key_table table = {"'budget'", rows, sizeof rows / sizeof *rows, NULL, budget_hint};
	struct slots slots;

	if (value->kind == NODE_MAP && value->n)
		reader_map(r, &table, value, &slots, into);
	else
		reader_wants(r, key->text, value, "a map such as {cost_usd: 5, tokens: 2M}");
}

void read_budget(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	(void)row;
	read_limits(r, key, value, &((struct task_def *)into)->budget);
}

void read_policy_budget(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct budget_def said = {0}, *all = &r->wf->policy.budget;

	(void)row, (void)into;
	read_limits(r, key, value, &said);
	if (said.cost_usd > 0 && (all->cost_usd <= 0 || said.cost_usd < all->cost_usd))
		all->cost_usd = said.cost_usd;
	if (said.tokens > 0 && (all->tokens <= 0 || said.tokens < all->tokens))
		all->tokens = said.tokens;
}

void read_pools(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	(void)row, (void)into;
	if (node_is_null(value))
		return;
	if (value->kind != NODE_MAP) {
		reader_wants(r, key->text, value, "a map of NAME: places");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct pair *p = &value->pairs[i];
		int64_t places = 1;

		if (!p->key->text.n || name_has_control(p->key->text)) {
			reader_error(r, p->key->at, NULL, "a pool's name is not empty and holds no control character");
			continue;
		}
		read_count(r, p->key->text, p->value, 1, "a number of places, from 1 to 1000000", &places);
		struct pool_def pool = {.name = reader_keep(r, p->key), .places = (uint32_t)places};
		pool.name.s = utf8_nfc(r->a, pool.name.s);
		if (map_get(&r->pools, pool.name.s))
			continue; /* the including file's */
		vec_push(r->a, &r->wf->pools, pool);
		*map_slot(&r->pools, pool.name.s) = (void *)(uintptr_t)r->wf->pools.n;
	}
}

static void report_pool(struct reader *r, const struct text *name)
{
	struct suggestion near = {.wanted = name->s};

	for (size_t i = 0; diag_hint_counts(r->d) && i < r->wf->pools.n; i++)
		suggestion_offer(&near, r->wf->pools.p[i].name.s);
	reader_error(r, name->at,
	             near.best.n ? diag_did_you_mean(r->d, &near)
	                         : diag_hint(r->d, "define it at the top of the file: 'pools: {%.*s: 1}'", STR_ARG(name->s)),
	             "there is no pool '%.*s'", STR_ARG(name->s));
}

void limits_link(struct reader *r)
{
	for (size_t i = 0; i < r->wf->tasks.n; i++) {
		struct task_def *t = r->wf->tasks.p[i];

		if (!t->pool.s.p)
			continue;
		t->pool_number = (uint32_t)(uintptr_t)map_get(&r->pools, t->pool.s);
		t->lacks_pool = !t->pool_number && r->wf->partial;
		if (!t->pool_number && !t->lacks_pool)
			report_pool(r, &t->pool);
	}
}

#include "graph/usual.h"

#include <math.h>
#include <stdlib.h>

#define GUESS_AGENT_NS INT64_C(60000000000)
#define GUESS_RUN_NS INT64_C(1000000000)

/* A record may hold any number. */
static int64_t add(int64_t sum, int64_t n)
{
	if (n <= 0)
		return sum;
	return n > INT64_MAX - sum ? INT64_MAX : sum + n;
}

int64_t usual_tokens(int64_t input, int64_t output, int64_t cache_read, int64_t cache_write)
{
	if (input < 0 && output < 0)
		return -1;
	return add(add(add(add(0, input), output), cache_read), cache_write);
}

static int by_number(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

/* NaN of none. */
static double median(double *of, size_t n)
{
	if (!n)
		return NAN;
	qsort(of, n, sizeof *of, by_number);
	return n % 2 ? of[n / 2] : (of[n / 2 - 1] + of[n / 2]) / 2;
}

static struct taken of_record(const struct task_record *r)
{
	struct taken t = {.n = 1};
	t.of[0].duration_ns = r->duration_ns;
	t.of[0].tokens = usual_tokens(r->input_tokens, r->output_tokens, r->cache_read_tokens, r->cache_write_tokens);
	t.of[0].cost_usd = r->cost_usd;
	return t;
}

struct taken usual_taken(struct log *l, struct str workflow, const struct task *t)
{
	struct taken known;
	if (log_taken(l, workflow, t->name, &known))
		return known;
	return t->record ? of_record(t->record) : (struct taken){0};
}

/* May who answered it last be asked again, and first of all? */
static bool may_answer(const struct task *t, bool *first)
{
	if (t->kind != TASK_AGENT)
		return *first = true;
	const struct provider *p = t->record ? graph_provider_of(t, t->record->provider) : NULL;
	*first = p && p == t->providers[0];
	return p != NULL;
}

struct usual usual_of(const struct task *t)
{
	bool first;
	if (!may_answer(t, &first))
		return (struct usual){.duration_ns = -1, .tokens = -1, .cost_usd = NAN};
	struct taken known = t->taken ? *t->taken : t->record ? of_record(t->record) : (struct taken){0};
	double times[TAKEN_SAMPLES], tokens[TAKEN_SAMPLES], costs[TAKEN_SAMPLES];
	size_t n_tokens = 0, n_costs = 0;
	for (size_t i = 0; i < known.n; i++) {
		times[i] = (double)known.of[i].duration_ns;
		if (first && known.of[i].tokens >= 0)
			tokens[n_tokens++] = (double)known.of[i].tokens;
		if (first && !isnan(known.of[i].cost_usd))
			costs[n_costs++] = known.of[i].cost_usd;
	}
	return (struct usual){
		.duration_ns = known.n ? (int64_t)median(times, known.n) : -1,
		.tokens = n_tokens ? (int64_t)median(tokens, n_tokens) : -1,
		.cost_usd = median(costs, n_costs),
		.telling = known.n && first,
	};
}

int64_t usual_time(const struct task *t)
{
	if (t->kind == TASK_GROUP)
		return 0;
	int64_t ns = usual_of(t).duration_ns;
	return ns >= 0 ? ns : t->kind == TASK_AGENT ? GUESS_AGENT_NS : GUESS_RUN_NS;
}

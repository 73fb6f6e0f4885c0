#include "run/budget.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/real.h"
#include "graph/usual.h"
#include "run/job.h"

#define WARN_AT 0.8

/* Of what cannot be counted, as bits. */
enum { TOLD_OF_PROVIDER = 1, TOLD_OF_FAILED = 2 };

static bool limited(const struct budget_def *b)
{
	return b->cost_usd > 0 || b->tokens > 0;
}

static void add(struct spent *to, double cost_usd, int64_t tokens)
{
	to->calls++;
	to->unpriced += isnan(cost_usd) != 0;
	to->uncounted += tokens < 0;
	to->cost_usd += isnan(cost_usd) ? 0 : cost_usd;
	to->tokens += tokens > 0 ? tokens : 0;
}

static void add_to(const struct sched *s, struct map *by_agent, const struct agent *agent, double cost_usd, int64_t tokens)
{
	struct spent *of = map_get(by_agent, agent->name);
	if (!of) { /* the name is the graph's, which may be replaced */
		of = arena_new(s->arena, struct spent);
		*map_slot(by_agent, arena_copy(s->arena, agent->name)) = of;
	}
	add(of, cost_usd, tokens);
}

/* A call that was refused and cost nothing says nothing of others. */
static void add_to_agent(struct job *j, double cost_usd, int64_t tokens)
{
	if (j->answer.class == TRY_OK || cost_usd > 0 || tokens > 0)
		add_to(j->sched, &j->sched->spent_by_agent, j->task->agent, cost_usd, tokens);
}

void budget_recall(struct sched *s)
{
	const struct graph *g = s->c->graph;
	map_free(&s->usual_by_agent);
	s->usual_by_agent = (struct map){0};
	for (size_t i = 0; limited(&s->c->budget) && i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];
		struct usual u = t->agent ? usual_of(t) : (struct usual){.telling = false};
		if (u.telling)
			add_to(s, &s->usual_by_agent, t->agent, u.cost_usd, u.tokens);
	}
}

/* What a call of this run has taken on average; of those that were not reported nothing is known. */
static struct spent average(const struct spent *all)
{
	size_t priced = all->calls - all->unpriced, counted = all->calls - all->uncounted;
	return (struct spent){.cost_usd = priced ? all->cost_usd / (double)priced : 0, .tokens = counted ? all->tokens / (int64_t)counted : 0};
}

static const struct spent *of_agent(const struct map *by_agent, const struct task *t)
{
	const struct spent *of = t->agent ? map_get(by_agent, t->agent->name) : NULL;
	return of && (of->calls > of->unpriced || of->calls > of->uncounted) ? of : NULL;
}

/* Has anybody seen what a call of this kind takes, or that it does not tell? */
static bool known(const struct sched *s, const struct task *t)
{
	if (usual_of(t).telling)
		return true;
	return t->agent && (map_get(&s->spent_by_agent, t->agent->name) || map_get(&s->usual_by_agent, t->agent->name));
}

/* What the task usually takes. Where that is not known: what its agent's calls have taken in this run, or else what its agent's tasks usually take; of an agent of
 * which nothing is known, what all agents' have taken in this run. */
static struct spent expected_of(const struct sched *s, const struct task *t)
{
	struct usual u = usual_of(t);
	const struct spent *of = of_agent(&s->spent_by_agent, t);
	of = of ? of : of_agent(&s->usual_by_agent, t);
	of = of || known(s, t) ? of : &s->spent;
	struct spent guess = of ? average(of) : (struct spent){0};
	return (struct spent){.cost_usd = isnan(u.cost_usd) ? guess.cost_usd : u.cost_usd, .tokens = u.tokens < 0 ? guess.tokens : u.tokens};
}

/* Of calls that nothing is known of one goes first: it may cost anything, and so might each of the others. */
static bool first_runs(const struct sched *s, const struct task *t)
{
	bool any_known = s->spent_by_agent.n > 0;
	for (size_t i = 0; !known(s, t) && i < s->live.n; i++) {
		const struct task *other = s->live.p[i]->task;
		if (other->kind == TASK_AGENT && !known(s, other) && (!any_known || str_eq(other->agent->name, t->agent->name)))
			return true;
	}
	return false;
}

/* What the running try has reported so far. */
static struct spent so_far(const struct job *j)
{
	struct spent n = {0};
	if (!j->live || j->phase != PHASE_RUNNING)
		return n;
	struct counts c = live_seen(j->live).counts;
	add(&n, c.cost_usd, usual_tokens(c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens));
	return n;
}

/* Both at once: has the one reached the other, where that is a limit? */
static bool reaches(const struct budget_def *limit, double cost_usd, int64_t tokens)
{
	return (limit->cost_usd > 0 && cost_usd >= limit->cost_usd) || (limit->tokens > 0 && tokens >= limit->tokens);
}

/* Sums of costs are not exact. */
static bool exceeds(const struct budget_def *limit, double cost_usd, int64_t tokens)
{
	return (limit->cost_usd > 0 && cost_usd > limit->cost_usd * (1 + 1e-9)) || (limit->tokens > 0 && tokens > limit->tokens);
}

/* What running tries have reported (now), and what they may come to (expected). */
static void sum_running(const struct sched *s, struct spent *now, struct spent *expected)
{
	for (size_t i = 0; i < s->live.n; i++) {
		const struct job *j = s->live.p[i];
		if (j->task->kind != TASK_AGENT)
			continue;
		struct spent n = so_far(j), u = expected_of(s, j->task);
		now->cost_usd += n.cost_usd;
		now->tokens += n.tokens;
		expected->cost_usd += real_max(n.cost_usd, u.cost_usd);
		expected->tokens += n.tokens > u.tokens ? n.tokens : u.tokens;
	}
}

static enum budget_word ask(const struct sched *s, const struct task *t, const struct budget_def *limit)
{
	struct spent past = s->spent, now = {0}, expected = {0}, own = expected_of(s, t);
	const struct job *asker = t->asker ? s->jobs[delegate_task_for(t)->id] : NULL;
	if (asker && budget_gone(asker))
		return BUDGET_OVER;
	if (t->kind != TASK_AGENT || !limited(limit))
		return BUDGET_FITS;
	sum_running(s, &now, &expected);
	if (reaches(limit, past.cost_usd + now.cost_usd, past.tokens + now.tokens) ||
	    exceeds(limit, past.cost_usd + own.cost_usd, past.tokens + own.tokens))
		return BUDGET_OVER;
	if (exceeds(limit, past.cost_usd + expected.cost_usd + own.cost_usd, past.tokens + expected.tokens + own.tokens) || first_runs(s, t))
		return BUDGET_WAITS;
	return BUDGET_FITS;
}

enum budget_word budget_ask(const struct sched *s, const struct task *t)
{
	return ask(s, t, &s->c->budget);
}

void budget_left(struct sched *s, const struct task *t)
{
	s->over_cost = s->over_cost || ask(s, t, &(struct budget_def){.cost_usd = s->c->budget.cost_usd}) == BUDGET_OVER;
	s->over_tokens = s->over_tokens || ask(s, t, &(struct budget_def){.tokens = s->c->budget.tokens}) == BUDGET_OVER;
}

/* Cents, or where these would be none its hundredths. */
static int decimals(double usd)
{
	return usd > 0 && usd < 0.00995 ? 4 : 2;
}

/* "the budget is exceeded: $3.20 of $0.50 spent" */
static void tell_passed(struct sched *s, const struct task *t, const char *what, const struct budget_def *limit, double cost_usd, int64_t tokens)
{
	struct sbuf b = {0};
	if (limit->cost_usd > 0)
		sbuf_printf(&b, "$%.*f of $%.*f", decimals(cost_usd), cost_usd, decimals(limit->cost_usd), limit->cost_usd);
	if (limit->tokens > 0)
		sbuf_printf(&b, "%s%" PRId64 " of %" PRId64 " tokens", b.n ? ", " : "", tokens, limit->tokens);
	sched_warn(s, t, "%s: %.*s spent", what, STR_ARG(sbuf_view(&b)));
	sbuf_free(&b);
}

/* Once at four fifths, and once beyond. */
static void warn(struct job *j)
{
	struct sched *s = j->sched;
	const struct budget_def *limit = &s->c->budget;
	struct spent now = {0}, expected = {0};
	if (!limited(limit))
		return;
	sum_running(s, &now, &expected);
	struct budget_def mark = {.cost_usd = limit->cost_usd * WARN_AT, .tokens = (int64_t)((double)limit->tokens * WARN_AT)};
	double cost_usd = s->spent.cost_usd + now.cost_usd;
	int64_t tokens = s->spent.tokens + now.tokens;
	if (!s->budget_passed && exceeds(limit, cost_usd, tokens)) {
		s->budget_passed = s->budget_warned = true;
		tell_passed(s, NULL, "the budget is exceeded", limit, cost_usd, tokens);
	}
	if (!s->budget_warned && reaches(&mark, cost_usd, tokens)) {
		s->budget_warned = true;
		sched_warn(s, NULL, "80 %% of the budget is spent");
	}
}

/* One line of each: "provider 'mine' does not report …", or that a call did not, which failed. Of a provider that reports when all went well a failure tells nothing. */
static void tell_uncounted(struct job *j, unsigned *told, const char *what, const char *of_failed, const char *them)
{
	bool well = j->answer.class == TRY_OK;
	unsigned bit = well ? TOLD_OF_PROVIDER : TOLD_OF_FAILED;
	if (*told & (bit | TOLD_OF_PROVIDER))
		return;
	*told |= bit;
	if (well)
		sched_warn(j->sched, j->task, "provider '%.*s' does not report %s: the budget cannot count %s", STR_ARG(j->provider->name), what, them);
	else
		sched_warn(j->sched, j->task, "a call of provider '%.*s' that failed did not report %s: the budget cannot count %s", STR_ARG(j->provider->name), of_failed, them);
}

/* Where there is a limit to it. */
static void warn_uncounted(struct job *j, double cost_usd, int64_t tokens)
{
	struct sched *s = j->sched;
	if (isnan(cost_usd) && s->c->budget.cost_usd > 0)
		tell_uncounted(j, &s->unpriced_told, "what a call costs", "what it cost", "it");
	if (tokens < 0 && s->c->budget.tokens > 0)
		tell_uncounted(j, &s->uncounted_told, "tokens", "tokens", "them");
}

/* Who pays: what delegates spend is the task's whose answer asked. */
static struct job *payer(const struct job *j)
{
	return j->sched->jobs[delegate_task_for(j->task)->id];
}

/* A call that is complete counts, whatever it cost: that it went beyond its task's own budget is told of the first that did. */
static void warn_own(struct job *j, double cost_usd, int64_t tokens)
{
	const struct job *p = payer(j);
	const struct budget_def *limit = &p->task->def->budget;
	double before_usd = p->spent.cost_usd - (isnan(cost_usd) ? 0 : cost_usd);
	int64_t tokens_before = p->spent.tokens - (tokens > 0 ? tokens : 0);
	if (j->cause != END_BUDGET && exceeds(limit, p->spent.cost_usd, p->spent.tokens) && !exceeds(limit, before_usd, tokens_before))
		tell_passed(j->sched, p->task, "its own budget is exceeded", limit, p->spent.cost_usd, p->spent.tokens);
}

void budget_count(struct job *j)
{
	const struct answer *a = &j->answer;
	int64_t tokens = usual_tokens(a->input_tokens, a->output_tokens, a->cache_read_tokens, a->cache_write_tokens);
	add(&payer(j)->spent, a->cost_usd, tokens);
	add(&j->sched->spent, a->cost_usd, tokens);
	add_to_agent(j, a->cost_usd, tokens);
	warn(j);
	warn_uncounted(j, a->cost_usd, tokens);
	warn_own(j, a->cost_usd, tokens);
}

/* The oldest sample gives way, and all that are of another provider. */
static void add_sample(struct taken *t, const struct job *j)
{
	if (j->provider && !str_eq(j->taken_with, j->provider->name))
		t->n = 0;
	if (t->n == TAKEN_SAMPLES)
		memmove(&t->of[0], &t->of[1], --t->n * sizeof t->of[0]);
	t->of[t->n].duration_ns = j->took_ns;
	t->of[t->n].tokens = j->spent.calls > j->spent.uncounted ? j->spent.tokens : -1;
	t->of[t->n].cost_usd = j->spent.calls > j->spent.unpriced ? j->spent.cost_usd : NAN;
	t->n++;
}

/* What is on record is not added twice. */
static void add_spent(struct job *j)
{
	struct taken *t = &j->taken;
	t->calls += j->spent.calls - j->kept.calls;
	t->unpriced += j->spent.unpriced - j->kept.unpriced;
	t->uncounted += j->spent.uncounted - j->kept.uncounted;
	t->tokens += j->spent.tokens - j->kept.tokens;
	t->cost_usd += j->spent.cost_usd - j->kept.cost_usd;
	j->kept = j->spent;
}

static int write_taken(struct job *j)
{
	return log_take(j->sched->c->log, j->sched->c->graph->workflow->file, j->task->name, &j->taken);
}

int budget_keep(struct job *j)
{
	struct job *p = payer(j);
	if (p->spent.calls == p->kept.calls)
		return 0;
	add_spent(p);
	return write_taken(p);
}

int budget_lost(struct job *j, const struct answer *a)
{
	struct job *p = payer(j);
	struct spent lost = {0};
	add(&lost, a->cost_usd, usual_tokens(a->input_tokens, a->output_tokens, a->cache_read_tokens, a->cache_write_tokens));
	p->taken.calls += lost.calls;
	p->taken.unpriced += lost.unpriced;
	p->taken.uncounted += lost.uncounted;
	p->taken.tokens += lost.tokens;
	p->taken.cost_usd += lost.cost_usd;
	return write_taken(p);
}

int budget_record(struct job *j, enum try_class class)
{
	bool first = !j->taken.n;
	if (class == TRY_OK)
		add_sample(&j->taken, j);
	add_spent(j);
	if (j->task->kind == TASK_AGENT ? !j->spent.calls : first || class != TRY_OK)
		return 0; /* nothing that the record does not say */
	return write_taken(j);
}

bool budget_gone(const struct job *j)
{
	const struct job *p = payer(j);
	return reaches(&p->task->def->budget, p->spent.cost_usd, p->spent.tokens);
}

bool budget_news(struct job *j)
{
	const struct job *p = payer(j);
	struct spent now = so_far(j);
	warn(j);
	return reaches(&p->task->def->budget, p->spent.cost_usd + now.cost_usd, p->spent.tokens + now.tokens);
}

void budget_end(struct sched *s)
{
	struct spending told = {.limit = s->c->budget, .spent = s->spent, .over_cost = s->over_cost, .over_tokens = s->over_tokens};
	if (limited(&told.limit))
		sched_send(s, &(struct event){.kind = EVENT_BUDGET, .spending = &told});
	map_free(&s->spent_by_agent);
	map_free(&s->usual_by_agent);
}

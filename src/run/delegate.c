/* Delegates: agents that an answer asks, each a job of its own, whose answers are added to it. */
#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/utf8.h"
#include "graph/context.h"
#include "run/call_left.h"
#include "run/delegation.h"
#include "run/job.h"

#define DELEGATES_AT_MOST 8 /* of one answer */
#define DELEGATES_DEEP 2

/* One request on its way. Lives as long as the run: queues may name its task. */
struct delegate {
	struct job *asker;
	const struct delegate_agent *who;
	struct task task; /* as the scheduler sees it: no task of the graph, and of no dependency */
	struct task_def def;
	struct piece prompt;
	unsigned depth;   /* 1: asked by a task's own answer */
	bool answered;
	struct str text;  /* its answer, or why there is none */
};

/* All requests of one answer. */
struct delegation {
	struct delegate **of; /* in the order of the answer */
	size_t n, started, ended;
	int64_t began_ns;
	struct str answer;    /* without what is added to it */
};

const struct task *delegate_task_for(const struct task *t)
{
	return t && t->asker ? delegate_task_for(t->asker) : t;
}

struct job *delegate_asker(const struct job *j)
{
	return j->as ? j->as->asker : NULL;
}

/* Is the agent among those that have led here? */
static bool on_path(const struct job *j, const struct agent *who)
{
	for (; j; j = j->as ? j->as->asker : NULL)
		if (j->task->agent == who)
			return true;
	return false;
}

static const struct delegate_agent *find_agent(const struct task *t, struct str name)
{
	for (size_t i = 0; i < t->n_delegates; i++)
		if (str_eq(t->delegates[i].agent->name, name))
			return &t->delegates[i];
	return NULL;
}

/* Why a request is passed over, or NULL. */
static const char *refusal(const struct job *j, const struct delegate_agent *who, size_t taken)
{
	if (!who)
		return j->task->def->delegates_any ? "no agent of that name is known" : "it is not among the 'delegates' of this task";
	if (j->as && j->as->depth >= DELEGATES_DEEP)
		return "an answer to a delegate's delegate may ask nobody";
	if (on_path(j, who->agent))
		return "it is itself among those that led to this request";
	return taken >= DELEGATES_AT_MOST ? "an answer may ask eight at most, and what follows is passed over" : NULL;
}

static struct delegate *make_delegate(struct job *j, const struct delegation_request *r, const struct delegate_agent *who)
{
	struct delegate *d = arena_new(j->sched->arena, struct delegate);
	const struct task_def *def = j->task->def;
	assert(who);
	d->asker = j;
	d->who = who;
	d->depth = j->as ? j->as->depth + 1 : 1;
	d->prompt = (struct piece){.text = arena_copy(j->sched->arena, r->task)};
	d->def = (struct task_def){.name = def->name,
				   .at = def->at,
				   .matrix = def->matrix, /* `env` may name its keys */
				   .combination = def->combination,
				   .agent = {.s = who->agent->name, .at = def->at},
				   .timeout_ns = def->timeout_ns,
				   .stall_ns = def->stall_ns,
				   .retry = def->retry,
				   .delegates_any = def->delegates_any,
				   .sandbox = def->sandbox,
				   .jobserver = -1,
				   .slots = def->slots ? 1 : 0,
				   .pool_number = def->pool_number};
	d->task = (struct task){.def = &d->def,
				.asker = j->task,
				.name = j->task->name,
				.kind = TASK_AGENT,
				.executor = j->task->executor,
				.executor_number = j->task->executor_number,
				.prompt = {.pieces = &d->prompt, .n = 1}, /* no reference: nothing in it is expanded */
				.env = j->task->env,
				.n_env = j->task->n_env,
				.agent = who->agent,
				.providers = who->providers,
				.n_providers = who->n_providers,
				.role = who->agent->role,
				.model = who->agent->model,
				.delegates = j->task->delegates,
				.n_delegates = j->task->n_delegates,
				.priority_ns = j->task->priority_ns,
				.wanted = true};
	return d;
}

/* Was a request of this name passed over before? It is said once. */
static bool told(const struct delegation_list *asked, size_t until)
{
	for (size_t i = 0; i < until; i++)
		if (str_eq(asked->of.p[i].agent, asked->of.p[until].agent))
			return true;
	return false;
}

/* The requests that will be run; what is passed over is said. */
static void choose(struct job *j, struct delegation *all, const struct delegation_list *asked)
{
	size_t over = 0; /* beyond the limit there is one word for all */
	all->of = arena_array(&j->arena, struct delegate *, DELEGATES_AT_MOST);
	for (size_t i = 0; i < asked->of.n; i++) {
		const struct delegation_request *r = &asked->of.p[i];
		const struct delegate_agent *who = find_agent(j->task, r->agent);
		const char *why = refusal(j, who, all->n);
		if (!who && str_find(r->agent, STR(" "), 0) < r->agent.n)
			continue; /* "@you all: …" speaks to people */
		if (!why)
			all->of[all->n++] = make_delegate(j, r, who);
		else if (all->n == DELEGATES_AT_MOST ? !over++ : !told(asked, i))
			sched_warn(j->sched, j->task, "its answer asks '%.*s', which is not done: %s", STR_ARG(str_sub(r->agent, 0, 100)), why);
	}
}

static bool read_answer(struct job *j, struct str *text)
{
	int err = tries_answer(j, text);
	if (err)
		sched_warn(j->sched, j->task, "cannot read its answer for what it asks of others: %s", os_error(err));
	return !err;
}

/* Starts those that may run now. */
static void start_more(struct job *j)
{
	struct delegation *all = j->asked;
	while (all->started < all->n && (j->sched->c->parallel_delegation || all->started == all->ended)) {
		struct delegate *d = all->of[all->started++];
		struct job *own = sched_ask(j->sched, &d->task);
		own->as = d;
		own->start_id = j->start_id; /* by which the next run tells answers to this one's from earlier ones' */
		own->dir = arena_printf(&own->arena, "%.*s/delegates/%zu", STR_ARG(j->dir), all->started);
	}
}

bool delegate_ask(struct job *j)
{
	struct str text;
	if (!j->task->n_delegates || j->asked || !read_answer(j, &text))
		return false;
	struct delegation_list asked = delegation_parse(&j->arena, text);
	struct delegation *all = arena_new(&j->arena, struct delegation);
	if (asked.of.n)
		choose(j, all, &asked);
	if (!all->n)
		return false;
	all->answer = text;
	all->began_ns = clock_ns();
	j->asked = all;
	salvage_complete(j);
	j->phase = PHASE_ASKING;
	j->sched->asking++;
	sched_release(j);
	start_more(j);
	return true;
}

/* The answer with those of its delegates, each between two lines with a mark that does not occur in it. */
static struct str with_answers(struct job *j)
{
	const struct delegation *all = j->asked;
	struct sbuf b = {0};
	sbuf_str(&b, all->answer);
	if (b.n && b.p[b.n - 1] != '\n')
		sbuf_char(&b, '\n');
	for (size_t i = 0; i < all->n; i++) {
		const struct delegate *d = all->of[i];
		struct str mark = d->answered ? context_mark(&j->arena, d->text) : STR_NONE;
		sbuf_lit(&b, d->answered ? "\n--- answer of " : "\n--- no answer of ");
		utf8_escape(&b, d->who->agent->name);
		if (d->answered)
			sbuf_printf(&b, ", mark %.*s\n%.*s\n--- end of answer, mark %.*s\n", STR_ARG(mark), STR_ARG(d->text), STR_ARG(mark));
		else
			sbuf_printf(&b, ": %.*s\n", STR_ARG(d->text));
	}
	struct str s = arena_copy(&j->arena, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

bool delegate_keep(struct job *j)
{
	struct delegate *d = j->as;
	struct str text;
	if (!read_answer(j, &text))
		return false;
	d->answered = true;
	d->text = arena_copy(&d->asker->arena, str_trim_end_newlines(text));
	return true;
}

/* "timeout", "failed: Error 3", "auth: …": one line. */
static struct str why_none(struct arena *a, const struct outcome *o)
{
	struct sbuf b = {0};
	sbuf_lit(&b, o->interrupted ? "interrupted" : try_class_name(o->class));
	if (o->error.n && !o->interrupted) {
		sbuf_lit(&b, ": ");
		utf8_escape(&b, o->error);
	} else if (o->status && !o->interrupted && o->class != TRY_TIMEOUT && o->class != TRY_STALL) {
		sbuf_printf(&b, o->signaled ? ": signal %d" : ": exit status %d", o->status);
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static void forget_below(int at, struct arena *a, struct str dir, unsigned depth)
{
	for (size_t i = 1; depth && i <= DELEGATES_AT_MOST; i++) {
		struct str below = arena_printf(a, "%.*s/delegates/%zu", STR_ARG(dir), i);
		if (faccessat(at, below.p, F_OK, AT_SYMLINK_NOFOLLOW))
			return;
		call_left_forget(at, below);
		forget_below(at, a, below, depth - 1);
	}
}

void delegate_forget(struct job *j)
{
	if (j->task->n_delegates && !j->sched->c->store->apart)
		forget_below(j->sched->c->store->fd, &j->arena, j->dir, DELEGATES_DEEP);
}

static void follow_below(int at, struct arena *a, struct str from, struct str to, unsigned depth)
{
	for (size_t i = 1; depth && i <= DELEGATES_AT_MOST; i++) {
		struct str was = arena_printf(a, "%.*s/delegates/%zu", STR_ARG(from), i), now = arena_printf(a, "%.*s/delegates/%zu", STR_ARG(to), i);
		if (faccessat(at, now.p, F_OK, AT_SYMLINK_NOFOLLOW))
			return;
		call_left_follow(at, was, now);
		follow_below(at, a, was, now, depth - 1);
	}
}

void delegate_follow(struct job *j, struct str from)
{
	follow_below(j->sched->c->store->fd, &j->arena, from, j->dir, DELEGATES_DEEP);
}

void delegate_ended(struct job *j)
{
	struct sched *s = j->sched;
	struct delegate *d = j->as;
	struct job *asker = d->asker;
	struct outcome *sum = &asker->outcome, *o = &j->outcome;
	outcome_add(sum, o->input_tokens, o->output_tokens, o->cost_usd);
	sum->ended += o->ended;
	if (o->class != TRY_OK) {
		d->answered = false;
		d->text = why_none(&asker->arena, o);
		sched_warn(s, asker->task, "'%.*s', which its answer asks, did not answer: %.*s", STR_ARG(d->who->agent->name), STR_ARG(d->text));
	}
	asker->put_off = asker->put_off || (j->put_off && !s->c->store->apart); /* no other run takes up what `ax run` was told */
	sched_send(s, &(struct event){.kind = EVENT_END, .task = j->task, .outcome = o});
	sched_release(j);
	sched_job_gone(j);
	asker->asked->ended++;
	bool over = s->signal || s->broken;
	if (!over)
		start_more(asker);
	if (asker->asked->ended < asker->asked->started)
		return;
	s->asking--;
	asker->took_ns += clock_ns() - asker->asked->began_ns;
	if (!over && !asker->put_off) {
		asker->answer.text = with_answers(asker);
		answer_close(&asker->answer);
		asker->answer.text_is_stdout = false;
	}
	finish_asked(asker, !over);
}

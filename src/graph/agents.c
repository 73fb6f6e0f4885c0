/* Agents of tasks: role, model and the providers that may serve, in order. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "graph/build.h"

struct provider_list {
	VEC(struct provider *) of;
	struct str excluded;
};

static void exclude(struct builder *b, const struct provider *p, struct provider_list *out, const char *fmt)
{
	struct str why = arena_printf(b->a, fmt, STR_ARG(p->name), STR_ARG(p->name));
	out->excluded = out->excluded.n ? arena_printf(b->a, "%.*s; %.*s", STR_ARG(out->excluded), STR_ARG(why)) : why;
}

static bool allowed(const struct builder *b, const struct provider *p)
{
	return !p->switched_off && (p->is_private || !str_eq(b->c->workflow->policy.privacy.s, STR("private")));
}

/* One that the agent or the task names. */
static void add_one(struct builder *b, struct provider *p, struct provider_list *out)
{
	if (allowed(b, p))
		vec_push(b->a, &out->of, p);
	else if (p->switched_off)
		exclude(b, p, out, "'%.*s' is switched off by /providers/%.*s/enabled in the JSON settings");
	else
		exclude(b, p, out, "'%.*s' is public, and the policy wants private ones (add 'privacy = private' to [provider %.*s] in axmake.ini where it is)");
}

/* By priority; what has none stays behind, in the rules' order. */
static void add_unnamed(struct builder *b, struct provider *p, struct provider_list *out)
{
	size_t at = out->of.n;
	if (p->only_when_asked || !allowed(b, p))
		return;
	vec_push(b->a, &out->of, p);
	for (; at && p->has_priority && (!out->of.p[at - 1]->has_priority || out->of.p[at - 1]->priority > p->priority); at--)
		out->of.p[at] = out->of.p[at - 1];
	out->of.p[at] = p;
}

/* The provider that has this name, or whose program has; NULL. */
static const struct provider *provider_meant(const struct builder *b, struct str name)
{
	for (size_t i = 0; i < b->c->rules->provider_list.n; i++) {
		const struct provider *p = rules_provider(b->c->rules, b->c->rules->provider_list.p[i]->name);
		if (str_eq(p->name, name) || (p->command.n && str_eq(p->command.p[0], name)))
			return p;
	}
	return NULL;
}

static void unknown_provider(struct builder *b, struct text name)
{
	struct suggestion s = {.wanted = name.s};
	const struct provider *meant = provider_meant(b, name.s);
	if (meant)
		s.best = meant->name;
	for (size_t i = 0; !meant && i < b->c->rules->provider_list.n; i++)
		suggestion_offer(&s, b->c->rules->provider_list.p[i]->name);
	const char *near = diag_did_you_mean(b->d, &s);
	if (str_find(name.s, STR(" #"), 0) < name.s.n)
		near = "' ;' starts a comment within a line of INI; '#' does so at a line's beginning alone";
	diag_error(b->d, name.at, near ? near : diag_hint(b->d, "define [provider %.*s] in axmake.ini; ax list providers shows those that are there", STR_ARG(name.s)), "unknown provider '%.*s'",
		   STR_ARG(name.s));
}

static void unknown_agent(struct builder *b, const struct text *name)
{
	struct suggestion s = {.wanted = name->s};
	const struct provider *meant = provider_meant(b, name->s);
	for (size_t i = 0; !meant && i < b->c->rules->agent_list.n; i++) {
		assert(b->c->rules->agent_list.p[i]);
		suggestion_offer(&s, b->c->rules->agent_list.p[i]->name);
	}
	const char *near = diag_did_you_mean(b->d, &s);
	if (meant)
		near = diag_hint(b->d, "an agent is a role, such as those of ax list agents; which program serves it says 'provider: %.*s'", STR_ARG(meant->name));
	diag_error(b->d, name->at, near ? near : diag_hint(b->d, "define [agent %.*s] in axmake.ini; ax list agents shows those that are there", STR_ARG(name->s)), "unknown agent '%.*s'",
		   STR_ARG(name->s));
}

/* Names in a list like "mine, other", added where the policy allows them. What is wrong in a list that is for all tasks is told once. */
static void add_named(struct builder *b, struct text list, bool for_all, struct provider_list *out)
{
	for (size_t at = 0; at <= list.s.n;) {
		size_t end = str_find(list.s, STR(","), at);
		struct str name = str_trim(str_sub(list.s, at, end));
		struct provider *p = rules_provider(b->c->rules, name);
		if (p)
			add_one(b, p, out);
		else if (!for_all || !b->provider_told++)
			unknown_provider(b, (struct text){.s = name, .at = list.at});
		at = end + 1;
	}
}

/* The kernel's limit for one word of a command, with its NUL. */
#define WORD_MAX 131071

/* What is already known of a prompt's length: texts of results come on top. */
static size_t known_length(const struct builder *b, const struct task *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->prompt.n; i++) {
		const struct piece *p = &t->prompt.pieces[i];
		struct ref r = p->is_ref ? ref_resolve(b->g, t, p->text) : (struct ref){.kind = REF_UNKNOWN};
		n += !p->is_ref ? p->text.n : r.kind == REF_VAR ? r.var->value.s.n : 0;
	}
	return n;
}

/* A prompt that none of its providers can take is an error before anything runs. */
void build_prompt_length(struct builder *b, struct task *t)
{
	size_t n = known_length(b, t);
	uint64_t limit = 0;
	for (size_t i = 0; i < t->n_providers; i++) {
		const struct provider *p = t->providers[i];
		uint64_t most = p->max_prompt ? p->max_prompt : UINT64_MAX;
		if (p->prompt == PROMPT_ARG && most > WORD_MAX)
			most = WORD_MAX;
		if (n <= most)
			return;
		limit = most > limit ? most : limit;
	}
	if (t->n_providers)
		diag_error(b->d, t->prompt_source.at, limit == WORD_MAX ? "use a provider with 'prompt = stdin' or 'file'" : "shorten it, or name files under 'inputs'",
			   "prompt of %zu bytes exceeds the %llu bytes that its provider can take", n, (unsigned long long)limit);
}

/* With the place of the setting that says so, if one does. */
static struct text default_provider(const struct builder *b)
{
	struct text is = {.s = b->c->provider_default};
	for (size_t i = 0; i < b->c->rules->settings.n; i++) {
		const struct setting *s = &b->c->rules->settings.p[i];
		if (str_eq(s->name.s, STR("provider")) && str_eq(s->value.s, is.s))
			is.at = s->value.at;
	}
	return is;
}

/* The providers that may serve an agent, in order. `own`: of the task itself; absent: none. */
static struct provider_list providers_for(struct builder *b, const struct agent *agent, struct text own)
{
	struct provider_list list = {0};
	if (b->c->provider.n) {
		add_named(b, (struct text){.s = b->c->provider}, true, &list);
	} else if (own.s.p) {
		add_named(b, own, false, &list);
	} else if (agent->providers.n) {
		for (size_t i = 0; i < agent->providers.n; i++) {
			struct provider *p = rules_provider(b->c->rules, agent->providers.p[i]);
			if (p)
				add_one(b, p, &list);
		}
	} else if (b->c->provider_default.n) {
		add_named(b, default_provider(b), true, &list);
	} else {
		for (size_t i = 0; i < b->c->rules->provider_list.n; i++)
			add_unnamed(b, rules_provider(b->c->rules, b->c->rules->provider_list.p[i]->name), &list);
	}
	return list;
}

/* Who may be asked by its answer: those of its list; or every known one, where the user asked for that. */
static void build_delegates(struct builder *b, struct task *t)
{
	const struct text_list *names = &t->def->delegates;
	bool any = t->def->delegates_any;
	size_t n = any ? b->c->rules->agent_list.n : names->n;
	struct delegate_agent *all = arena_array(b->a, struct delegate_agent, n);
	for (size_t i = 0; i < n; i++) {
		const struct agent *agent = rules_agent(b->c->rules, any ? b->c->rules->agent_list.p[i]->name : names->p[i].s);
		if (!agent) {
			unknown_agent(b, &names->p[i]);
			continue;
		}
		struct provider_list list = providers_for(b, agent, (struct text){0});
		all[t->n_delegates++] = (struct delegate_agent){agent, list.of.p, list.of.n};
	}
	t->delegates = all;
}

void build_agent(struct builder *b, struct task *t)
{
	if (t->kind != TASK_AGENT)
		return;
	build_delegates(b, t);
	t->agent = rules_agent(b->c->rules, t->def->agent.s);
	if (!t->agent) {
		unknown_agent(b, &t->def->agent);
		return;
	}
	t->role = t->agent->role;
	t->model = t->def->model.s.p ? t->def->model.s : t->agent->model;
	struct provider_list list = providers_for(b, t->agent, t->def->provider);
	t->providers = list.of.p;
	t->n_providers = list.of.n;
	t->excluded = list.excluded;
}

/* Times to the first byte, by provider. */
struct latencies {
	struct map by_provider; /* name -> VEC(int64_t) * */
	struct arena *a;
};

struct times {
	VEC(int64_t) ns;
};

static void note_latency(void *self, const struct task_record *r)
{
	struct latencies *l = self;
	if (!r->provider.n || r->first_byte_ns < 0)
		return;
	void **slot = map_slot(&l->by_provider, r->provider);
	if (!*slot)
		*slot = arena_new(l->a, struct times);
	vec_push(l->a, &((struct times *)*slot)->ns, r->first_byte_ns);
}

static int by_number(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return a < b ? -1 : a > b;
}

static bool too_slow(const struct latencies *l, const struct provider *p, int64_t max_ns)
{
	const struct times *t = map_get(&l->by_provider, p->name);
	return t && t->ns.p[t->ns.n / 2] > max_ns;
}

void agents_by_latency(struct graph *g, struct log *log)
{
	int64_t max_ms = g->workflow->policy.max_latency_ms;
	if (max_ms < 0 || !log)
		return;
	struct latencies l = {.a = g->arena};
	log_each(log, g->workflow->file, note_latency, &l);
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&l.by_provider, &i));) {
		struct times *t = e->value;
		qsort(t->ns.p, t->ns.n, sizeof *t->ns.p, by_number);
	}
	for (size_t i = 0; i < g->tasks.n; i++) {
		struct task *t = g->tasks.p[i];
		struct provider **sorted = arena_array(g->arena, struct provider *, t->n_providers);
		size_t n = 0;
		for (int slow = 0; slow < 2; slow++)
			for (size_t k = 0; k < t->n_providers; k++)
				if (too_slow(&l, t->providers[k], max_ms * INT64_C(1000000)) == (slow == 1))
					sorted[n++] = t->providers[k];
		t->providers = sorted;
	}
	map_free(&l.by_provider);
}

const struct provider *graph_provider_of(const struct task *t, struct str name)
{
	for (size_t i = 0; i < t->n_providers; i++)
		if (str_eq(t->providers[i]->name, name))
			return t->providers[i];
	return NULL;
}

#include <stdlib.h>
#include <string.h>

#include "show/database.h"
#include "show/phrase.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FIELD(f) offsetof(struct task_def, f)
#define INDENT "    "

struct shown_key {
	const char *key;
	/* Adds its value to b, or nothing where it says nothing. */
	void (*add)(struct sbuf *b, const struct task *t, const void *field);
	size_t offset; /* of struct task_def */
};

static void add_text(struct sbuf *b, const struct task *t, const void *field)
{
	const struct text *text = field;
	(void)t;
	if (!text->s.p)
		return;
	if (str_find(text->s, STR("\n"), 0) >= str_trim_end_newlines(text->s).n) {
		database_text(b, str_trim_end_newlines(text->s));
		return;
	}
	sbuf_lit(b, "|\n");
	phrase_lines(b, text->s, INDENT "  ");
	b->n--; /* its line ends as all do */
}

static void add_list(struct sbuf *b, const struct task *t, const void *field)
{
	const struct text_list *list = field;
	(void)t;
	for (size_t i = 0; i < list->n; i++) {
		sbuf_lit(b, i ? ", " : "[");
		database_text(b, list->p[i].s);
	}
	if (list->n)
		sbuf_char(b, ']');
}

static void add_bool(struct sbuf *b, const struct task *t, const void *field)
{
	(void)t;
	if (*(const bool *)field)
		sbuf_lit(b, "true");
}

/* true, false, or nothing was said: -1. */
static void add_maybe(struct sbuf *b, const struct task *t, const void *field)
{
	int8_t said = *(const int8_t *)field;
	(void)t;
	if (said >= 0)
		sbuf_lit(b, said ? "true" : "false");
}

static void add_time(struct sbuf *b, const struct task *t, const void *field)
{
	int64_t ns = *(const int64_t *)field;
	(void)t;
	if (ns > 0)
		phrase_span(b, ns);
}

static void add_env(struct sbuf *b, const struct task *t, const void *field)
{
	(void)field;
	for (size_t i = 0; i < t->def->n_env; i++) {
		sbuf_lit(b, i ? ", " : "{");
		database_text(b, t->def->env[i].name.s);
		sbuf_lit(b, ": ");
		database_text(b, t->def->env[i].value.s);
	}
	if (t->def->n_env)
		sbuf_char(b, '}');
}

/* Those that may serve it, the first first; of a script none. */
static void add_providers(struct sbuf *b, const struct task *t, const void *field)
{
	(void)field;
	for (size_t i = 0; i < t->n_providers; i++) {
		sbuf_lit(b, i ? ", " : "");
		database_text(b, t->providers[i]->name);
	}
}

/* The task's, or its agent's. */
static void add_model(struct sbuf *b, const struct task *t, const void *field)
{
	(void)field;
	if (t->model.n)
		database_text(b, t->model);
}

static void add_retry(struct sbuf *b, const struct task *t, const void *field)
{
	const struct retry *r = field;
	const char *gap = "";
	(void)t;
	if (!r->set)
		return;
	sbuf_printf(b, "{attempts: %u, delay: ", r->attempts);
	if (r->delay_ns)
		phrase_span(b, r->delay_ns);
	else
		sbuf_char(b, '0');
	sbuf_printf(b, ", backoff: %s", r->exponential ? "exponential" : "fixed");
	if (r->max_delay_ns) {
		sbuf_lit(b, ", max_delay: ");
		phrase_span(b, r->max_delay_ns);
	}
	sbuf_lit(b, ", on: [");
	for (unsigned bit = 1; bit <= TRY_LOST; bit <<= 1)
		if (r->on & bit) {
			sbuf_printf(b, "%s%s", gap, try_class_name((enum try_class)bit));
			gap = ", ";
		}
	sbuf_lit(b, "]}");
}

static void add_budget(struct sbuf *b, const struct task *t, const void *field)
{
	const struct budget_def *budget = field;
	(void)t;
	if (budget->cost_usd <= 0 && budget->tokens <= 0)
		return;
	sbuf_char(b, '{');
	if (budget->cost_usd > 0)
		sbuf_printf(b, "cost_usd: %g%s", budget->cost_usd, budget->tokens > 0 ? ", " : "");
	if (budget->tokens > 0)
		sbuf_printf(b, "tokens: %lld", (long long)budget->tokens);
	sbuf_char(b, '}');
}

static void add_slots(struct sbuf *b, const struct task *t, const void *field)
{
	uint32_t n = *(const uint32_t *)field;
	(void)t;
	if (n != 1)
		sbuf_printf(b, "%u", n);
}

static void add_memory(struct sbuf *b, const struct task *t, const void *field)
{
	uint64_t n = *(const uint64_t *)field;
	(void)t;
	if (n)
		sbuf_printf(b, "%llu", (unsigned long long)n);
}

static void add_sandbox(struct sbuf *b, const struct task *t, const void *field)
{
	const struct sandbox *s = *(const struct sandbox *const *)field;
	if (!s)
		return;
	sbuf_printf(b, "{network: %s", s->network ? "true" : "false");
	if (s->read.n)
		sbuf_lit(b, ", read: ");
	add_list(b, t, &s->read);
	if (s->write.n)
		sbuf_lit(b, ", write: ");
	add_list(b, t, &s->write);
	sbuf_printf(b, ", disk: %llu, processes: %u}", (unsigned long long)s->disk, s->processes);
}

static void add_matrix(struct sbuf *b, const struct task *t, const void *field)
{
	const struct matrix *m = *(const struct matrix *const *)field;
	for (size_t i = 0; m && i < m->n; i++) {
		sbuf_lit(b, i ? ", " : "{");
		database_text(b, m->keys[i].name.s);
		sbuf_lit(b, ": ");
		database_text(b, t->def->combination[i]->value.s);
	}
	if (m)
		sbuf_char(b, '}');
}

#define ADD_WORD(type, of, ...)                                                                                                      \
	static void add_##of(struct sbuf *b, const struct task *t, const void *field)                                                \
	{                                                                                                                            \
		static const char *const words[] = {__VA_ARGS__};                                                                    \
		const char *word = words[*(const enum type *)field];                                                                 \
		(void)t;                                                                                                             \
		if (word)                                                                                                            \
			sbuf_lit(b, word);                                                                                           \
	}

/* What is usual says nothing. */
ADD_WORD(on_edit, on_edit, [ON_EDIT_KEEP] = "keep", [ON_EDIT_RERUN] = "rerun", [ON_EDIT_FAIL] = "fail")
ADD_WORD(complexity, complexity, [COMPLEXITY_MEDIUM] = "medium", [COMPLEXITY_HIGH] = "high")
ADD_WORD(context, context, [CONTEXT_PATHS] = "paths", [CONTEXT_RESULTS] = "results")
ADD_WORD(run_if, run_if, [RUN_IF_FAILURE] = "failure", [RUN_IF_DONE] = "done")
ADD_WORD(isolate, isolate, [ISOLATE_OVERLAY] = "overlay", [ISOLATE_COPY] = "copy")

/* In the order in which they are shown. */
static const struct shown_key fields[] = {
	{"description", add_text, FIELD(description)},
	{"agent", add_text, FIELD(agent)},
	{"provider", add_providers, FIELD(provider)},
	{"model", add_model, FIELD(model)},
	{"task", add_text, FIELD(prompt)},
	{"task_file", add_text, FIELD(prompt_file)},
	{"run", add_text, FIELD(run)},
	{"shell", add_text, FIELD(shell)},
	{"check", add_text, FIELD(check)},
	{"matrix", add_matrix, FIELD(matrix)},
	{"dependencies", add_list, FIELD(dependencies)},
	{"after", add_list, FIELD(after)},
	{"inputs", add_list, FIELD(inputs)},
	{"outputs", add_list, FIELD(outputs)},
	{"edits", add_list, FIELD(edits)},
	{"on_edit", add_on_edit, FIELD(on_edit)},
	{"env", add_env, FIELD(env)},
	{"env_inputs", add_list, FIELD(env_inputs)},
	{"context", add_context, FIELD(context)},
	{"delegates", add_list, FIELD(delegates)},
	{"when", add_text, FIELD(when)},
	{"run_if", add_run_if, FIELD(run_if)},
	{"approve", add_text, FIELD(approve)},
	{"always", add_bool, FIELD(always)},
	{"optional", add_bool, FIELD(optional)},
	{"timeout", add_time, FIELD(timeout_ns)},
	{"stall", add_time, FIELD(stall_ns)},
	{"retry", add_retry, FIELD(retry)},
	{"budget", add_budget, FIELD(budget)},
	{"complexity", add_complexity, FIELD(complexity)},
	{"pool", add_text, FIELD(pool)},
	{"memory", add_memory, FIELD(memory)},
	{"slots", add_slots, FIELD(slots)},
	{"jobserver", add_maybe, FIELD(jobserver)},
	{"cache", add_maybe, FIELD(cache)},
	{"isolate", add_isolate, FIELD(isolate)},
	{"sandbox", add_sandbox, FIELD(sandbox)},
	{"executor", add_text, FIELD(executor)},
	{"leave", add_bool, FIELD(leave)},
};

const char *const *database_task_keys(void)
{
	static const char *keys[COUNT(fields) + 1];
	for (size_t i = 0; i < COUNT(fields); i++)
		keys[i] = fields[i].key;
	return keys;
}

/* A comment with what the graph has found beyond `dependencies` and `after`. */
static void add_needs(struct sbuf *b, const struct task *t)
{
	bool any = false;
	for (size_t i = 0; i < t->deps.n; i++) {
		if (t->deps.p[i].how & (DEP_NAMED | DEP_AFTER))
			continue;
		sbuf_lit(b, any ? ", " : INDENT "# comes after ");
		database_text(b, t->deps.p[i].task->name);
		any = true;
	}
	if (any)
		sbuf_lit(b, ", by what it uses or changes\n");
}

void database_task(struct sbuf *b, const struct diag *d, const struct task *t)
{
	struct sbuf value = {0};
	sbuf_lit(b, "  ");
	database_text(b, t->name);
	sbuf_char(b, ':');
	database_where(b, d, t->def->at, '#');
	add_needs(b, t);
	for (size_t i = 0; i < COUNT(fields); i++) {
		sbuf_clear(&value);
		fields[i].add(&value, t, (const char *)t->def + fields[i].offset);
		if (value.n)
			sbuf_printf(b, INDENT "%s: %.*s\n", fields[i].key, (int)value.n, value.p);
	}
	sbuf_free(&value);
}

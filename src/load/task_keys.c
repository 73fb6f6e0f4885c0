#include "load/task_keys.h"

#include <string.h>

#include "base/clock.h"
#include "load/callwords.h"
#include "load/dialect.h"
#include "load/foreign_words.h"
#include "load/limit_keys.h"
#include "load/matrix.h"
#include "load/sandbox_keys.h"
#include "load/task_prompt.h"
#include "load/value.h"

#define DEFAULT_RETRY_DELAY_NS (5 * NS_PER_S)
#define MAX_TRIES 1000

static const struct {
	const char *name;
	enum try_class c;
} try_classes[] = {
    {"failed", TRY_FAILED}, {"transient", TRY_TRANSIENT}, {"quota", TRY_QUOTA}, {"auth", TRY_AUTH},   {"check", TRY_CHECK},
    {"answer", TRY_ANSWER}, {"timeout", TRY_TIMEOUT},     {"stall", TRY_STALL}, {"crash", TRY_CRASH}, {"budget", TRY_BUDGET}, {"lost", TRY_LOST},
};
enum { N_TRY_CLASSES = sizeof try_classes / sizeof *try_classes };

const char *try_class_name(enum try_class c)
{
	for (size_t i = 0; i < N_TRY_CLASSES; i++) {
		if (try_classes[i].c == c)
			return try_classes[i].name;
	}
	return "ok";
}

/* env: a map of names to texts. */
static void read_env(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct task_def *t = into;

	(void)row;
	if (node_is_null(value))
		return;
	if (value->kind != NODE_MAP) {
		reader_wants(r, key->text, value, "a map of NAME: value");
		return;
	}
	t->env = arena_array(r->a, struct env_def, value->n);
	for (size_t i = 0; i < value->n; i++) {
		const struct pair *p = &value->pairs[i];
		struct env_def *e = &t->env[t->n_env];

		if (!callwords_is_name(p->key->text)) { /* many shells would drop it without a word */
			reader_error(r, p->key->at, "a letter or '_', then letters, digits and '_'", "'%.*s' is no name of an environment variable", STR_ARG(p->key->text));
			continue;
		}
		e->name = reader_keep(r, p->key);
		if (node_is_null(p->value))
			e->value = (struct text){.s = STR(""), .at = p->value->at};
		else if (!reader_one_text(r, p->key->text, p->value, true, &e->value))
			continue;
		t->n_env++;
	}
}

static void read_env_inputs(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                            void *into)
{
	struct task_def *t = into;

	read_list(r, row, key, value, into);
	for (size_t i = 0; i < t->env_inputs.n; i++) {
		if (memchr(t->env_inputs.p[i].s.p, '=', t->env_inputs.p[i].s.n))
			reader_error(r, t->env_inputs.p[i].at, "'env' sets variables; 'env_inputs' lists names of inherited ones",
			             "'%.*s' is no name of a variable", STR_ARG(t->env_inputs.p[i].s));
	}
}

/* One of `words`, of which some may be NULL, as its number; -1 after reporting. */
static int one_word(struct reader *r, const struct node *key, const struct node *value, const char *const *words, int n, const char *wants)
{
	struct str s;

	if (!reader_scalar(r, key->text, value, wants, &s))
		return -1;
	for (int i = 0; i < n; i++)
		if (words[i] && str_eq(s, str_of(words[i])))
			return i;
	reader_wants(r, key->text, value, wants);
	return -1;
}

static void read_on_edit(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into)
{
	static const char *const words[] = {[ON_EDIT_KEEP] = "keep", [ON_EDIT_RERUN] = "rerun", [ON_EDIT_FAIL] = "fail"};
	int word = one_word(r, key, value, words, 4, "keep, rerun or fail");

	(void)row;
	if (word >= 0)
		((struct task_def *)into)->on_edit = (enum on_edit)word;
}

static void read_context(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into)
{
	static const char *const words[] = {[CONTEXT_NONE] = "none", [CONTEXT_PATHS] = "paths", [CONTEXT_RESULTS] = "results"};
	int word = one_word(r, key, value, words, 3, "none, paths or results");

	(void)row;
	if (word >= 0)
		((struct task_def *)into)->context = (enum context)word;
}

static void read_run_if(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                        void *into)
{
	static const char *const words[] = {[RUN_IF_SUCCESS] = "success", [RUN_IF_FAILURE] = "failure", [RUN_IF_DONE] = "done"};
	int word = one_word(r, key, value, words, 3, "success, failure or done");

	(void)row;
	((struct task_def *)into)->run_if_at = value->at;
	if (word >= 0)
		((struct task_def *)into)->run_if = (enum run_if)word;
}

static void read_isolate(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into)
{
	static const char *const words[] = {[ISOLATE_NONE] = "none", [ISOLATE_OVERLAY] = "overlay", [ISOLATE_COPY] = "copy"};
	int word = one_word(r, key, value, words, 3, "none, overlay or copy");

	(void)row;
	if (word >= 0)
		((struct task_def *)into)->isolate = (enum isolate)word;
}

static void read_jobserver(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                           void *into)
{
	struct task_def *t = into;
	bool yes = false;

	(void)row;
	read_bool(r, &(struct key_row){.offset = 0}, key, value, &yes);
	t->jobserver = yes;
}

static void read_cache(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	bool yes = false;

	(void)row;
	read_bool(r, &(struct key_row){.offset = 0}, key, value, &yes);
	((struct task_def *)into)->cache = yes;
}

static void read_attempts(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                          void *into)
{
	static const char wants[] = "a number of tries in all, from 1 to 1000";
	struct retry *retry = into;
	struct str s;
	int64_t n;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (value_int(s, 1, MAX_TRIES, &n))
		retry->attempts = (uint32_t)n;
	else
		reader_wants(r, key->text, value, wants);
}

static void read_backoff(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into)
{
	static const char wants[] = "fixed or exponential";
	struct retry *retry = into;
	struct str s;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	retry->exponential = str_eq(s, STR("exponential"));
	if (!retry->exponential && !str_eq(s, STR("fixed")))
		reader_wants(r, key->text, value, wants);
}

static void read_retry_on(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                          void *into)
{
	struct retry *retry = into;
	struct text_list list;

	(void)row;
	read_list(r, &(struct key_row){.offset = 0}, key, value, &list);
	retry->on = 0;
	for (size_t i = 0; i < list.n; i++) {
		struct suggestion near = {.wanted = list.p[i].s};
		size_t c = 0;

		while (c < N_TRY_CLASSES && !str_eq(list.p[i].s, str_of(try_classes[c].name)))
			suggestion_offer(&near, str_of(try_classes[c++].name));
		if (c < N_TRY_CLASSES)
			retry->on |= try_classes[c].c;
		else
			reader_error(
			    r, list.p[i].at,
			    near.best.n
			        ? diag_did_you_mean(r->d, &near)
			        : "it is one of failed, transient, quota, auth, check, answer, timeout, stall, crash, budget, lost",
			    "'%.*s' is no class of a failed try", STR_ARG(list.p[i].s));
	}
}

static const char *retry_hint(struct diag *d, struct str key, struct suggestion *near)
{
	(void)d, (void)near;
	return foreign_word_of_retry(key);
}

static void read_retry(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const struct key_row rows[] = {
	    {"attempts", 0, read_attempts, 0, false},
	    {"delay", 1, read_duration, offsetof(struct retry, delay_ns), false},
	    {"backoff", 2, read_backoff, 0, false},
	    {"max_delay", 3, read_duration, offsetof(struct retry, max_delay_ns), false},
	    {"on", 4, read_retry_on, 0, false},
	};
	static const struct key_table table = {"'retry'", rows, sizeof rows / sizeof *rows, NULL, retry_hint};
	struct retry *retry = &((struct task_def *)into)->retry;
	struct slots slots;

	retry->set = true;
	if (value->kind != NODE_MAP) {
		read_attempts(r, row, key, value, retry);
		return;
	}
	reader_map(r, &table, value, &slots, retry);
	if (!slots.pair[0])
		reader_error(r, value->at, "add 'attempts: 3'", "'retry' does not say how many tries in all");
}

#define FIELD(f) offsetof(struct task_def, f)
static const struct key_row task_rows[] = {
    {"name", SLOT_NAME, read_text, FIELD(name), false},
    {"id", SLOT_NAME, read_text, FIELD(name), false},
    {"agent", SLOT_AGENT, read_text, FIELD(agent), true},
    {"actor", SLOT_AGENT, read_text, FIELD(agent), false},
    {"task", SLOT_TASK, read_text, FIELD(prompt), false},
    {"prompt", SLOT_TASK, read_text, FIELD(prompt), false},
    {"task_file", SLOT_TASK_FILE, read_text, FIELD(prompt_file), false},
    {"run", SLOT_RUN, read_any_text, FIELD(run), false},
    {"shell", SLOT_SHELL, read_text, FIELD(shell), true},
    {"dependencies", SLOT_DEPENDENCIES, read_names, FIELD(dependencies), false},
    {"depends_on", SLOT_DEPENDENCIES, read_names, FIELD(dependencies), false},
    {"dependsOn", SLOT_DEPENDENCIES, read_names, FIELD(dependencies), false},
    {"deps", SLOT_DEPENDENCIES, read_names, FIELD(dependencies), false},
    {"needs", SLOT_DEPENDENCIES, read_names, FIELD(dependencies), false},
    {"depends", SLOT_DEPENDENCIES, read_names, FIELD(dependencies), false},
    {"after", SLOT_AFTER, read_names, FIELD(after), false},
    {"inputs", SLOT_INPUTS, read_list, FIELD(inputs), false},
    {"outputs", SLOT_OUTPUTS, read_list, FIELD(outputs), false},
    {"edits", SLOT_EDITS, read_list, FIELD(edits), false},
    {"env", SLOT_ENV, read_env, 0, true},
    {"env_inputs", SLOT_ENV_INPUTS, read_env_inputs, FIELD(env_inputs), true},
    {"model", SLOT_MODEL, read_text, FIELD(model), true},
    {"provider", SLOT_PROVIDER, read_text, FIELD(provider), true},
    {"description", SLOT_DESCRIPTION, read_any_text, FIELD(description), false},
    {"on_edit", SLOT_ON_EDIT, read_on_edit, 0, true},
    {"timeout", SLOT_TIMEOUT, read_timeout, FIELD(timeout_ns), true},
    {"stall", SLOT_STALL, read_duration, FIELD(stall_ns), true},
    {"check", SLOT_CHECK, read_any_text, FIELD(check), true},
    {"retry", SLOT_RETRY, read_retry, 0, true},
    {"optional", SLOT_OPTIONAL, read_bool, FIELD(optional), true},
    {"always", SLOT_ALWAYS, read_bool, FIELD(always), true},
    {"jobserver", SLOT_JOBSERVER, read_jobserver, 0, true},
    {"context", SLOT_CONTEXT, read_context, 0, true},
    {"cache", SLOT_CACHE, read_cache, 0, true},
    {"leave", SLOT_LEAVE, read_bool, FIELD(leave), false},
    {"slots", SLOT_SLOTS, read_slots, 0, true},
    {"pool", SLOT_POOL, read_pool, 0, true},
    {"complexity", SLOT_COMPLEXITY, read_complexity, 0, true},
    {"memory", SLOT_MEMORY, read_memory, 0, true},
    {"approve", SLOT_APPROVE, read_text, FIELD(approve), false},
    {"delegates", SLOT_DELEGATES, read_list, FIELD(delegates), true},
    {"budget", SLOT_BUDGET, read_budget, 0, true},
    {"matrix", SLOT_MATRIX, read_matrix, 0, false},
    {"when", SLOT_WHEN, read_text, FIELD(when), false},
    {"run_if", SLOT_RUN_IF, read_run_if, 0, false},
    {"isolate", SLOT_ISOLATE, read_isolate, 0, true},
    {"sandbox", SLOT_SANDBOX, read_sandbox, 0, true},
    {"executor", SLOT_EXECUTOR, read_text, FIELD(executor), true},
};

enum { N_TASK_ROWS = sizeof task_rows / sizeof *task_rows };

static const char *task_hint(struct diag *d, struct str key, struct suggestion *near)
{
	(void)d, (void)near;
	return foreign_word_of_task(key);
}

static const struct key_table task_table = {"a task", task_rows, N_TASK_ROWS, NULL, task_hint};
static const struct key_table stage_table = {"a stage", task_rows, N_TASK_ROWS, dialect_other_key, dialect_hint};
static const struct key_table actor_table = {"an actor", task_rows, N_TASK_ROWS, dialect_other_key, dialect_hint};

static const struct key_table *table_of(const struct dialect *d)
{
	if (!d)
		return &task_table;
	return str_eq(str_of(d->section), STR("stages")) ? &stage_table : &actor_table;
}

const char *const *workflow_task_keys(void)
{
	static const char *const keys[] = {
	    "name",    "agent",   "task",     "task_file", "run",       "shell",       "dependencies", "after",
	    "inputs",  "outputs", "edits",    "on_edit",   "env",       "env_inputs",  "model",        "provider",
	    "timeout", "stall",   "check", "retry",    "optional",  "always",    "jobserver",   "slots",        "pool",
	    "complexity", "memory", "description", "context", "leave",
	    "approve", "delegates", "budget",   "matrix", "when", "run_if", "isolate", "sandbox", "cache", "executor", NULL,
	};

	return keys;
}

static const struct key_row *task_row(struct str key)
{
	for (size_t i = 0; i < task_table.n; i++) {
		if (str_eq(key, str_of(task_rows[i].name)))
			return &task_rows[i];
	}
	return NULL;
}

bool task_key_known(struct str key)
{
	return task_row(key);
}

bool task_key_in_defaults(struct str key)
{
	const struct key_row *row = task_row(key);

	return row && row->in_defaults;
}

void task_init(struct task_def *t, struct pos at)
{
	t->at = at;
	t->timeout_ns = TIMEOUT_UNSET;
	t->jobserver = -1;
	t->cache = -1;
	t->slots = 1;
	t->retry = (struct retry){.attempts = 1, .delay_ns = DEFAULT_RETRY_DELAY_NS, .on = TRY_RETRIED_BY_DEFAULT};
}

void defaults_read(struct reader *r, const struct node *value, struct defaults *out)
{
	static const struct key_table table = {"'defaults'", task_rows, N_TASK_ROWS, NULL, task_hint};

	task_init(&out->task, value->at);
	if (node_is_null(value))
		return;
	if (value->kind != NODE_MAP) {
		reader_wants(r, STR("defaults"), value, "a map of a task's keys");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct key_row *row = task_row(value->pairs[i].key->text);

		if (row && !row->in_defaults)
			reader_error(r, value->pairs[i].key->at, "give it to each task", "'%s' cannot be a default", row->name);
	}
	reader_map(r, &table, value, &out->slots, &out->task);
}

static void add_task(struct reader *r, struct task_def *t)
{
	if (r->wf->tasks.n == MOST_TASKS) {
		if (!r->full)
			reader_error(r, t->at, NULL, "a workflow has at most %d tasks", MOST_TASKS);
		r->full = true;
		return;
	}
	task_prompt(r, t);
	vec_push(r->a, &r->wf->tasks, t);
}

void actor_read(struct reader *r, const struct node *value, struct defaults *out)
{
	task_init(&out->task, value->at);
	if (value->kind != NODE_MAP) {
		reader_error(r, value->at, NULL, "an actor must be a map of keys");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct key_row *row = task_row(value->pairs[i].key->text);

		if (row && !row->in_defaults && row->slot != SLOT_NAME && row->slot != SLOT_DESCRIPTION)
			reader_error(r, value->pairs[i].key->at, "give it to the stages",
			             "where there are 'stages' an actor is no task: it has no '%s'", row->name);
	}
	reader_map(r, &actor_table, value, &out->slots, &out->task);
}

/* The name of a task that is a key of a map stands there, and in no key of its own. */
static void take_name(struct reader *r, struct task_def *t, const struct node *name, const struct pair *own)
{
	if (own && reader_error(r, own->key->at, "take it out", "'%.*s' has its name already", STR_ARG(name->text)))
		diag_note(r->d, name->at, "it is this key");
	if (name->text.n)
		t->name = reader_keep(r, name);
	else
		reader_error(r, name->at, NULL, "the name is empty");
}

void task_read(struct reader *r, const struct node *name, const struct node *value, const struct defaults *defaults)
{
	const struct defaults *actor;
	struct task_def *t;
	struct slots own;

	if (value->kind != NODE_MAP) {
		reader_error(r, value->at, "write '- name: NAME', and its other keys below 'name'",
		             "a task must be a map of keys");
		return;
	}
	t = arena_new(r->a, struct task_def);
	task_init(t, value->at);
	reader_map(r, table_of(r->dialect), value, &own, t);
	if (name)
		take_name(r, t, name, own.pair[SLOT_NAME]);
	else if (!own.pair[SLOT_NAME])
		reader_error(r, value->at, "add 'name: NAME'", "a task without a name");
	actor = dialect_agent(r, t, own.pair[SLOT_AGENT]);
	task_finish(r, t, &own, actor, defaults);
	if (t->matrix && t->name.s.p)
		matrix_expand(r, t);
	else
		add_task(r, t);
}

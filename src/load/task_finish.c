/* What is said of a task once all its keys are read. */
#include "load/task_keys.h"

#include <string.h>

#include "base/utf8.h"
#include "load/executor.h"

static struct pos key_at(const struct slots *s, enum task_slot slot)
{
	return s->pair[slot] ? s->pair[slot]->key->at : POS_NONE;
}

/* Own variables win over the default ones of the same name. */
static void merge_env(struct reader *r, struct task_def *t, const struct task_def *d)
{
	struct env_def *all = arena_array(r->a, struct env_def, t->n_env + d->n_env);
	size_t n = t->n_env;

	if (n)
		memcpy(all, t->env, n * sizeof *all);
	for (size_t i = 0; i < d->n_env; i++) {
		bool own = false;

		for (size_t j = 0; j < t->n_env && !own; j++)
			own = str_eq(t->env[j].name.s, d->env[i].name.s);
		if (!own)
			all[n++] = d->env[i];
	}
	t->env = all;
	t->n_env = n;
}

/* Gives the task those defaults that it does not say itself and that fit what it is. */
static void apply_defaults(struct reader *r, struct task_def *t, const struct slots *own, const struct defaults *defaults)
{
	const struct task_def *d = &defaults->task;
	const struct pair *const *has = defaults->slots.pair;

#define WANTED(slot) (has[slot] && !own->pair[slot])
	if (WANTED(SLOT_AGENT) && !t->run.s.p && (t->prompt.s.p || t->prompt_file.s.p))
		t->agent = d->agent;
	if (WANTED(SLOT_MODEL) && t->agent.s.p)
		t->model = d->model;
	if (WANTED(SLOT_PROVIDER) && t->agent.s.p)
		t->provider = d->provider;
	if (WANTED(SLOT_CONTEXT) && t->agent.s.p)
		t->context = d->context;
	if (WANTED(SLOT_DELEGATES) && t->agent.s.p)
		t->delegates = d->delegates;
	if (WANTED(SLOT_SHELL) && t->run.s.p)
		t->shell = d->shell;
	if (WANTED(SLOT_ENV_INPUTS))
		t->env_inputs = d->env_inputs;
	if (WANTED(SLOT_ON_EDIT))
		t->on_edit = d->on_edit;
	if (WANTED(SLOT_TIMEOUT))
		t->timeout_ns = d->timeout_ns;
	if (WANTED(SLOT_CHECK) && (t->agent.s.p || t->run.s.p))
		t->check = d->check;
	if (WANTED(SLOT_ISOLATE) && (t->agent.s.p || t->run.s.p))
		t->isolate = d->isolate;
	if (WANTED(SLOT_SANDBOX) && (t->agent.s.p || t->run.s.p))
		t->sandbox = d->sandbox;
	if (WANTED(SLOT_EXECUTOR) && (t->agent.s.p || t->run.s.p))
		t->executor = d->executor;
	if (WANTED(SLOT_STALL))
		t->stall_ns = d->stall_ns;
	if (WANTED(SLOT_RETRY))
		t->retry = d->retry;
	if (WANTED(SLOT_OPTIONAL))
		t->optional = d->optional;
	if (WANTED(SLOT_ALWAYS))
		t->always = d->always;
	if (WANTED(SLOT_JOBSERVER))
		t->jobserver = d->jobserver;
	if (WANTED(SLOT_CACHE))
		t->cache = d->cache;
	if (WANTED(SLOT_BUDGET) && t->agent.s.p)
		t->budget = d->budget;
	if (WANTED(SLOT_SLOTS))
		t->slots = d->slots;
	if (WANTED(SLOT_POOL))
		t->pool = d->pool;
	if (WANTED(SLOT_COMPLEXITY))
		t->complexity = d->complexity;
	if (WANTED(SLOT_MEMORY))
		t->memory = d->memory;
#undef WANTED
	if (d->n_env)
		merge_env(r, t, d);
}

/* What cannot be had again from what is known of the task before it runs. */
static void check_cache(struct reader *r, const struct task_def *t, const struct slots *own, bool runs)
{
	const char *why = !runs         ? "'cache' is for a task with an 'agent' or 'run'"
			  : !t->cache   ? NULL
			  : t->edits.n  ? "what 'edits' leave hangs on what stood there before: it cannot be restored"
			  : t->leave    ? "what 'leave' leaves running cannot be restored"
			  : t->always   ? "a task with 'always' runs every time, and is never restored"
					: NULL;

	if (own->pair[SLOT_CACHE] && why)
		reader_error(r, key_at(own, SLOT_CACHE), "take it out", "%s", why);
}

/* A sandbox is a wall around a view. */
static void check_sandbox(struct reader *r, struct task_def *t, const struct slots *own, bool runs)
{
	if (own->pair[SLOT_SANDBOX] && !runs)
		reader_error(r, key_at(own, SLOT_SANDBOX), "give it to a task that runs something", "'sandbox' is for a task with an 'agent' or 'run'");
	if (!t->sandbox)
		return;
	if (own->pair[SLOT_ISOLATE] && t->isolate == ISOLATE_NONE)
		reader_error(r, key_at(own, SLOT_ISOLATE), "take it out, or say 'sandbox: false'",
		             "a sandboxed task works in a view of the root: 'isolate' is overlay or copy");
	else if (t->isolate == ISOLATE_NONE)
		t->isolate = ISOLATE_OVERLAY;
	if (t->leave)
		reader_error(r, key_at(own, SLOT_LEAVE), "take it out, or say 'sandbox: false'", "nothing that a sandboxed task starts outlives its sandbox");
}

/* What an executor's far side cannot give. `local` is none. */
static void check_executor(struct reader *r, struct task_def *t, const struct slots *own, bool runs)
{
	static const char wants[] = "take one of them out, or say 'executor: " EXECUTOR_LOCAL "'";
	struct pos at = own->pair[SLOT_EXECUTOR] ? key_at(own, SLOT_EXECUTOR) : t->at;

	if (own->pair[SLOT_EXECUTOR] && !runs)
		reader_error(r, at, "give it to a task that runs something", "'executor' is for a task with an 'agent' or 'run'");
	if (str_eq(t->executor.s, STR(EXECUTOR_LOCAL)))
		t->executor = (struct text){0};
	if (!t->executor.s.p)
		return;
	if (t->sandbox)
		reader_error(r, at, wants, "'sandbox' is a wall on this machine, and an executor runs its tasks elsewhere");
	else if (t->isolate == ISOLATE_OVERLAY)
		reader_error(r, at, "use 'isolate: copy'", "an overlay is seen on this machine only, and an executor runs its tasks elsewhere");
	if (t->leave)
		reader_error(r, at, wants, "what 'leave' leaves running would be left elsewhere, where nobody could end it");
	if (own->pair[SLOT_JOBSERVER] && t->jobserver == 1)
		reader_error(r, key_at(own, SLOT_JOBSERVER), wants, "the jobserver does not reach where an executor runs its tasks");
}

/* Keys that contradict each other, and keys that would do nothing. */
static void check_together(struct reader *r, struct task_def *t, const struct slots *own)
{
	bool agent = t->agent.s.p || own->pair[SLOT_AGENT], run = own->pair[SLOT_RUN];
	enum task_slot prompt = own->pair[SLOT_TASK] ? SLOT_TASK : SLOT_TASK_FILE;

	if (own->pair[SLOT_TASK] && own->pair[SLOT_TASK_FILE] &&
	    reader_error(r, key_at(own, SLOT_TASK_FILE), "give one of them", "'task' and 'task_file' both give the prompt"))
		diag_note(r->d, key_at(own, SLOT_TASK), "'%.*s' is here", STR_ARG(own->pair[SLOT_TASK]->key->text));
	if (agent && run) {
		if (reader_error(r, key_at(own, SLOT_RUN), "make two tasks of it, one depending on the other",
		                 "a task has an 'agent' or a script to 'run', not both"))
			diag_note(r->d, key_at(own, SLOT_AGENT), "'agent' is here");
		return;
	}
	if (own->pair[prompt] && !agent)
		reader_error(r, key_at(own, prompt),
		             run ? "take one of them out" : "add 'agent: NAME', or use 'run' for a shell script",
		             run ? "'%.*s' is a prompt, but this task runs a script" : "'%.*s' needs an 'agent' to do it",
		             STR_ARG(own->pair[prompt]->key->text));
	if (own->pair[SLOT_SHELL] && !run)
		reader_error(r, key_at(own, SLOT_SHELL), "take it out", "'shell' is for a task with 'run'");
	static const enum task_slot of_work[] = {SLOT_APPROVE, SLOT_WHEN, SLOT_RUN_IF};
	for (size_t i = 0; i < sizeof of_work / sizeof *of_work && !agent && !run; i++) {
		const struct pair *p = own->pair[of_work[i]];

		if (p)
			reader_error(r, p->key->at, "give it to a task that runs something", "'%.*s' is for a task with an 'agent' or 'run'",
			             STR_ARG(p->key->text));
	}
	if (own->pair[SLOT_CHECK] && !agent && !run)
		reader_error(r, key_at(own, SLOT_CHECK), "make it the 'run' of the task", "'check' judges what an 'agent' or a script made, and this task has neither");
	if (own->pair[SLOT_ISOLATE] && !agent && !run)
		reader_error(r, key_at(own, SLOT_ISOLATE), "give it to a task that runs something",
		             "'isolate' is for a task with an 'agent' or 'run'");
	if (own->pair[SLOT_LEAVE] && !run)
		reader_error(r, key_at(own, SLOT_LEAVE), "take it out, and start the server in a task with 'run'",
		             "'leave' is for a task with 'run'");
	if (t->leave && own->pair[SLOT_JOBSERVER] && t->jobserver == 1)
		reader_error(r, key_at(own, SLOT_JOBSERVER), "take one of them out",
		             "what a task with 'leave' leaves running could keep the jobserver's tokens, so it gets none");
	check_cache(r, t, own, agent || run);
	check_sandbox(r, t, own, agent || run);
	check_executor(r, t, own, agent || run);
	static const enum task_slot of_agents[] = {SLOT_MODEL, SLOT_PROVIDER, SLOT_CONTEXT, SLOT_DELEGATES, SLOT_BUDGET};
	for (size_t i = 0; i < sizeof of_agents / sizeof *of_agents; i++) {
		const struct pair *p = own->pair[of_agents[i]];

		if (p && !agent)
			reader_error(r, p->key->at, "take it out", "'%.*s' is for a task with an 'agent'", STR_ARG(p->key->text));
	}
}

/* What is wrong with a task's name, or NULL. */
static const char *name_fault(struct str name)
{
	if (name.n > 255)
		return "is longer than 255 bytes";
	if (memchr(name.p, '/', name.n))
		return "holds a '/'";
	if (memchr(name.p, '=', name.n))
		return "holds a '='";
	if (name_has_control(name))
		return "holds a control character";
	if (name.p[0] == '-')
		return "begins with '-'";
	if (name.p[0] == '.')
		return "begins with '.'";
	if (name.p[0] == ' ' || name.p[name.n - 1] == ' ')
		return "begins or ends with a space";
	return NULL;
}

static void check_name(struct reader *r, struct task_def *t)
{
	const char *fault;
	struct task_def *earlier;

	t->at = t->name.at;
	t->name.s = utf8_nfc(r->a, t->name.s);
	fault = name_fault(t->name.s);
	if (fault) {
		struct sbuf b = {0};

		utf8_escape(&b, str_sub(t->name.s, 0, 60));
		reader_error(r, t->at, NULL, "the task's name '%s%s' %s", b.p, t->name.s.n > 60 ? "…" : "", fault);
		sbuf_free(&b);
		return;
	}
	earlier = map_get(&r->tasks, t->name.s);
	if (!earlier) {
		*map_slot(&r->tasks, t->name.s) = t;
		return;
	}
	if (reader_error(r, t->at,
	                 utf8_length(t->name.s) < t->name.s.n ? "names are equal when their Unicode normal forms (NFC) are"
	                                                      : NULL,
	                 "a second task is called '%.*s'", STR_ARG(t->name.s)))
		diag_note(r->d, earlier->at, "the first one is here");
}

void task_finish(struct reader *r, struct task_def *t, const struct slots *own, const struct defaults *actor,
                 const struct defaults *defaults)
{
	struct slots said = *own;

	if (t->name.s.p)
		check_name(r, t);
	if (actor)
		apply_defaults(r, t, own, actor);
	for (size_t i = 0; actor && i < MAX_SLOTS; i++) {
		if (!said.pair[i])
			said.pair[i] = actor->slots.pair[i];
	}
	apply_defaults(r, t, &said, defaults);
	check_together(r, t, own);
}

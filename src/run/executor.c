/* Executors: a task's command is wrapped, so that it runs elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/home.h"
#include "base/os.h"
#include "base/path.h"
#include "base/vec.h"
#include "run/job.h"

#define MIB ((uint64_t)1 << 20)

/* What placeholders stand for; one without p has no value. */
struct values {
	struct str name, root, mark, slots, memory;
};

static const struct {
	struct str name;
	size_t offset; /* in struct values */
} placeholders[] = {
    {{"name", 4}, offsetof(struct values, name)},   {{"root", 4}, offsetof(struct values, root)},     {{"mark", 4}, offsetof(struct values, mark)},
    {{"slots", 5}, offsetof(struct values, slots)}, {{"memory", 6}, offsetof(struct values, memory)},
};

static const struct str *value_of(const void *values, struct str name)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (str_eq(placeholders[i].name, name))
			return (const struct str *)(const void *)((const char *)values + placeholders[i].offset);
	return NULL;
}

/* A word that names what the task does not say. */
static bool lacks_value(const struct values *v, struct str word)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (!value_of(v, placeholders[i].name)->p && callwords_word_uses(word, placeholders[i].name))
			return true;
	return false;
}

static struct values values_of(struct job *j)
{
	const struct task_def *def = j->task->def;
	return (struct values){
		.name = j->task->name,
		.root = isolate_root(j),
		.mark = j->mark,
		.slots = def->slots > 1 ? arena_printf(&j->arena, "%u", def->slots) : STR_NONE,
		.memory = def->memory ? arena_printf(&j->arena, "%llu", (unsigned long long)((def->memory + MIB - 1) / MIB)) : STR_NONE,
	};
}

struct word_list {
	VEC(char *) of;
};

/* A `~/` at the beginning is the home folder, as in a provider's command. */
static void push_words(struct job *j, const struct words *w, struct word_list *out)
{
	struct values v = values_of(j);
	for (size_t i = 0; i < w->n; i++) {
		const char *home = str_starts(w->p[i], STR("~/")) ? home_folder(&j->arena) : NULL;
		struct str word = callwords_expand(&j->arena, home ? str_sub(w->p[i], 1, w->p[i].n) : w->p[i], value_of, &v);
		if (!lacks_value(&v, w->p[i]))
			vec_push(&j->arena, &out->of, (char *)(home ? arena_printf(&j->arena, "%s%.*s", home, STR_ARG(word)) : word).p);
	}
}

/* A relative path with '/' is the root's, as a provider's command is. */
static bool find_program(struct arena *a, const struct sched *s, const char *word, struct str *out)
{
	struct str path = str_of(word);
	if (memchr(word, '/', path.n) && *word != '/')
		path = path_join(a, s->c->root, path);
	return os_find_program(a, arena_copy(a, path).p, s->path_env, out);
}

/* The program as it is called elsewhere: by its name where it was found in PATH, since it may lie in another folder there. */
static const char *program_word(struct job *j, const struct call *call)
{
	struct str found;
	if (!strchr(call->argv[0], '/') && os_find_program(&j->arena, call->argv[0], j->sched->path_env, &found) && str_eq(found, str_of(call->file)))
		return call->argv[0];
	return call->file;
}

bool executor_wrap(struct job *j, struct call *call, struct str *why)
{
	const struct executor *e = j->task->executor;
	struct word_list w = {0};
	struct str file;
	if (!e)
		return true;
	push_words(j, &e->wrap, &w);
	if (!find_program(&j->arena, j->sched, w.of.p[0], &file)) {
		*why = arena_printf(&j->arena, "'%s' of executor '%.*s' is not installed any more", w.of.p[0], STR_ARG(e->name));
		return false;
	}
	vec_push(&j->arena, &w.of, (char *)program_word(j, call));
	for (char **word = call->argv + 1; *word; word++)
		vec_push(&j->arena, &w.of, *word);
	vec_push(&j->arena, &w.of, NULL);
	call->file = file.p;
	call->argv = w.of.p;
	return true;
}

/* Is the first of the executor's words a program here? A placeholder in it is left to the start. */
static bool is_there(struct sched *s, struct arena *a, const struct executor *e)
{
	const struct str *word = &e->wrap.p[0];
	struct str found;
	const char *home = str_starts(*word, STR("~/")) ? home_folder(a) : NULL;
	if (str_find(*word, STR("${"), 0) < word->n)
		return true;
	return find_program(a, s, home ? arena_printf(a, "%s%.*s", home, STR_ARG(str_sub(*word, 1, word->n))).p : word->p, &found);
}

static bool may_run(const struct task *t)
{
	return t->wanted && t->executor && t->state != STATE_UPTODATE && t->state != STATE_DONE && t->state != STATE_SKIPPED;
}

bool executor_possible(struct sched *s)
{
	const struct graph *g = s->c->graph;
	struct arena a = {0};
	bool ok = true;
	for (size_t i = 0; ok && i < g->tasks.n; i++) {
		const struct executor *e = g->tasks.p[i]->executor;
		if (!may_run(g->tasks.p[i]) || is_there(s, &a, e))
			continue;
		ok = false;
		sched_send(s, &(struct event){.kind = EVENT_REFUSED,
					      .task = g->tasks.p[i],
					      .text = arena_printf(&a, "executor '%.*s' cannot be used: '%.*s' is not installed (not found in PATH); 'executor: " EXECUTOR_LOCAL "' runs it here",
								   STR_ARG(e->name), STR_ARG(e->wrap.p[0]))});
	}
	arena_free(&a);
	return ok;
}

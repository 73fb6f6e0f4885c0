/* Executors: a task's command is wrapped, so that it runs elsewhere. */
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/os.h"
#include "base/path.h"
#include "base/vec.h"
#include "run/executor.h"
#include "state/elsewhere.h"

#define MIB ((uint64_t)1 << 20)
#define WORD_MAX 131071 /* the kernel's limit for an argument, without its NUL */

/* What runs there: it works in the root, and says when the command has begun and how it has ended, since not every executor's program does. A signal for all that is there reaches
 * the command too, and is not to keep its end from being told. A shell's status is the same for a signal and for an exit with 128 more; but of a signal (not of SIGINT and SIGPIPE) it
 * says a word, which nobody else can write to where that is kept. */
static const char far_script[] = "[ $3 = 0 ] || eval \"$(dd bs=1 count=$3 2>/dev/null)\"\n" /* not a byte of the prompt behind it is read */
				 "cd \"$1\" || exit 126\n"
				 "e=$2\n"
				 "shift 3\n"
				 ": >\"$e.began\" || exit 126\n"
				 "trap : TERM INT HUP\n"
				 "exec 9>&2 2>\"$e.began\"\n"
				 "(exec \"$@\" 2>&9 9>&-)\n"
				 "s=$?\n"
				 "n=$s\n"
				 "[ $s -le 128 ] || [ ! -s \"$e.began\" ] || n=$((s + 128))\n"
				 "umask 022\n"
				 "[ -d \"${e%/*}\" ] || mkdir -p \"${e%/*}\"\n"
				 "echo $n >\"$e.ended\"\n"
				 "exit $s";

static const struct {
	struct str name;
	size_t offset; /* in struct executor_values */
} placeholders[] = {
    {{"name", 4}, offsetof(struct executor_values, name)},   {{"root", 4}, offsetof(struct executor_values, root)},     {{"mark", 4}, offsetof(struct executor_values, mark)},
    {{"run", 3}, offsetof(struct executor_values, run)},     {{"lane", 4}, offsetof(struct executor_values, lane)},
    {{"host", 4}, offsetof(struct executor_values, host)},
    {{"image", 5}, offsetof(struct executor_values, image)}, {{"uid", 3}, offsetof(struct executor_values, uid)},       {{"gid", 3}, offsetof(struct executor_values, gid)},
    {{"slots", 5}, offsetof(struct executor_values, slots)}, {{"memory", 6}, offsetof(struct executor_values, memory)},
};

static const struct str *value_at(const void *values, size_t i)
{
	return (const struct str *)(const void *)((const char *)values + placeholders[i].offset);
}

static const struct str *value_of(const void *values, struct str name)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (str_eq(placeholders[i].name, name))
			return value_at(values, i);
	return NULL;
}

/* A word that names what the task does not say. */
static bool lacks_value(const struct executor_values *v, struct str word)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (!value_at(v, i)->p && callwords_word_uses(word, placeholders[i].name))
			return true;
	return false;
}

void executor_values_add(struct executor_values *v, struct arena *a, const struct executor *e, uint64_t run_id)
{
	v->run = arena_printf(a, "%llx", (unsigned long long)run_id);
	v->image = e->image.n ? e->image : STR_NONE;
	v->uid = arena_printf(a, "%u", (unsigned)getuid());
	v->gid = arena_printf(a, "%u", (unsigned)getgid());
}

struct executor_values executor_values(struct job *j)
{
	const struct task_def *def = j->task->def;
	struct executor_values v = {
		.name = j->task->name,
		.root = isolate_root(j),
		.mark = j->mark,
		.lane = arena_printf(&j->arena, "%u", (unsigned)j->elsewhere.lane),
		.host = j->elsewhere.host,
		.slots = def->slots > 1 ? arena_printf(&j->arena, "%u", def->slots) : STR_NONE,
		.memory = def->memory ? arena_printf(&j->arena, "%llu", (unsigned long long)((def->memory + MIB - 1) / MIB)) : STR_NONE,
	};
	executor_values_add(&v, &j->arena, j->task->executor, j->sched->c->run_id);
	return v;
}

void executor_expand(struct arena *a, const struct words *w, const struct executor_values *v, struct executor_words *out)
{
	for (size_t i = 0; i < w->n; i++) {
		const char *home = str_starts(w->p[i], STR("~/")) ? home_folder(a) : NULL;
		if (lacks_value(v, w->p[i]))
			continue;
		struct str word = callwords_expand(a, home ? str_sub(w->p[i], 1, w->p[i].n) : w->p[i], value_of, v);
		vec_push(a, &out->of, (char *)(home ? arena_printf(a, "%s%.*s", home, STR_ARG(word)) : word).p);
	}
}

bool executor_find(struct arena *a, struct str root, const char *path_env, const char *word, struct str *out)
{
	struct str path = str_of(word);
	if (memchr(word, '/', path.n) && *word != '/')
		path = path_join(a, root, path);
	return os_find_program(a, arena_copy(a, path).p, path_env, out);
}

/* The program as it is called elsewhere: by its name where it was found in PATH, since it may lie in another folder there. */
static const char *program_word(struct job *j, const struct call *call)
{
	struct str found;
	if (!strchr(call->argv[0], '/') && os_find_program(&j->arena, call->argv[0], j->sched->path_env, &found) && str_eq(found, str_of(call->file)))
		return call->argv[0];
	return call->file;
}

static bool note_start(struct job *j, const struct executor *e, const struct executor_values *v, struct str *why)
{
	const struct str noted[NOTED_N] = {[NOTED_EXECUTOR] = e->name, [NOTED_NAME] = v->name, [NOTED_ROOT] = v->root, [NOTED_HOST] = v->host, [NOTED_SLOTS] = v->slots, [NOTED_MEMORY] = v->memory, [NOTED_LANE] = v->lane};
	int err = elsewhere_begin(j->sched->c->store, j->mark, noted, NOTED_N);
	if (err)
		*why = arena_printf(&j->arena, "cannot note its start in .axmake/" ELSEWHERE ": %s", os_error(err));
	return !err;
}

/* The command with the shell around it, as the far side is to execute it. */
static char **far_words(struct job *j, const struct call *call, const struct executor_values *v)
{
	struct arena *a = &j->arena;
	struct executor_words w = {0};
	const char *first[] = {"/bin/sh", "-c", far_script, "sh", arena_copy(a, v->root).p, arena_printf(a, ".axmake/" ELSEWHERE "/%.*s", STR_ARG(j->mark)).p, arena_printf(a, "%zu", j->elsewhere.sent.n).p};
	for (size_t i = 0; !executor_carries(j->task) && i < sizeof first / sizeof *first; i++)
		vec_push(a, &w.of, (char *)first[i]);
	if (executor_carries(j->task))
		executor_carry_words(j, &w);
	vec_push(a, &w.of, (char *)program_word(j, call));
	for (char **word = call->argv + 1; *word; word++)
		vec_push(a, &w.of, *word);
	vec_push(a, &w.of, NULL);
	return w.of.p;
}

static bool add_far(struct job *j, const struct executor *e, char **far, struct executor_words *w, struct str *why)
{
	if (e->quote == EXECUTOR_QUOTE_NONE) {
		for (; *far; far++)
			vec_push(&j->arena, &w->of, *far);
		return true;
	}
	struct str line = executor_quoted(&j->arena, far);
	if (line.n > WORD_MAX) {
		*why = arena_printf(&j->arena, "its command of %zu bytes, in quotes, exceeds the %d bytes that one argument can have: use a shorter script, or prompt = stdin", line.n, WORD_MAX);
		return false;
	}
	vec_push(&j->arena, &w->of, (char *)line.p);
	return true;
}

bool executor_wrap(struct job *j, struct call *call, char *const *env, struct str *why)
{
	const struct executor *e = j->task->executor;
	struct executor_words w = {0};
	struct str file;
	if (!e)
		return true;
	executor_started(j);
	j->elsewhere.host = executor_take_host(j);
	executor_take_lane(j);
	struct executor_values v = executor_values(j);
	executor_expand(&j->arena, &e->wrap, &v, &w);
	if (!w.of.n || !executor_find(&j->arena, j->sched->c->root, j->sched->path_env, w.of.p[0], &file)) {
		*why = arena_printf(&j->arena, "'%s' of executor '%.*s' is not installed any more", w.of.n ? w.of.p[0] : "", STR_ARG(e->name));
		return false;
	}
	if (e->env == EXECUTOR_ENV_STDIN)
		j->elsewhere.sent = executor_variables(j, env);
	if (!add_far(j, e, far_words(j, call, &v), &w, why) || !executor_used(j, e, why) || !note_start(j, e, &v, why))
		return false;
	vec_push(&j->arena, &w.of, NULL);
	call->file = file.p;
	call->argv = w.of.p;
	return !executor_carries(j->task) || executor_carry(j, call, why);
}

/* Is the first of the executor's words a program here? A placeholder in it is left to the start. */
static bool is_there(struct sched *s, struct arena *a, const struct executor *e)
{
	const struct str *word = &e->wrap.p[0];
	struct str found;
	const char *home = str_starts(*word, STR("~/")) ? home_folder(a) : NULL;
	if (str_find(*word, STR("${"), 0) < word->n)
		return true;
	return executor_find(a, s->c->root, s->path_env, home ? arena_printf(a, "%s%.*s", home, STR_ARG(str_sub(*word, 1, word->n))).p : word->p, &found);
}

static bool may_run(const struct task *t)
{
	return t->wanted && t->executor && t->state != STATE_UPTODATE && t->state != STATE_DONE && t->state != STATE_SKIPPED;
}

bool executor_possible(struct sched *s)
{
	struct task_span open = graph_open(s->c->graph);
	struct arena a = {0};
	bool ok = true;
	for (size_t i = 0; ok && i < open.n; i++) {
		const struct executor *e = open.p[i]->executor;
		if (!may_run(open.p[i]) || is_there(s, &a, e))
			continue;
		ok = false;
		demands_refuse(s, open.p[i], arena_printf(&a, "executor '%.*s' cannot be used: '%.*s' is not installed (not found in PATH); 'executor: " EXECUTOR_LOCAL "' runs it here",
							  STR_ARG(e->name), STR_ARG(e->wrap.p[0])));
	}
	arena_free(&a);
	return ok;
}

/* What a task's program finds in its environment. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "graph/content.h"
#include "graph/script.h"
#include "run/job.h"

/* Set by axmake for each task, or carriers of somebody else's jobserver: not inherited. */
static bool own_name(const char *entry)
{
	static const char *const exact[] = {"AX_TASK=", "AX_ROOT=",   "AX_OUTPUTS=",	   "AX_INPUTS=", "AX_RESULTS=",
					    "AX_RUN=",	"MAKEFLAGS=", "CARGO_MAKEFLAGS=", "MFLAGS=",	  "GNUMAKEFLAGS=", "AXMAKEFLAGS="};
	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		if (!strncmp(entry, exact[i], strlen(exact[i])))
			return true;
	/* What opens the shared cache is none of a task's business. */
	return !strncmp(entry, "AX_RESULT_", 10) || !strncmp(entry, "AXMAKE_CACHE_", 13);
}

/* Does an absolute path name the current folder? */
static bool is_here(const char *path)
{
	struct stat there, here;
	return *path == '/' && !stat(path, &there) && !stat(".", &here) && there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/* PWD as a shell leaves it: what was inherited where that is true, else the root's path (-C led away from there). */
static void set_pwd(struct sched *s, const char *inherited)
{
	if (inherited && is_here(inherited + 4))
		s->pwd = inherited;
	else if (str_starts(s->c->root, STR("/")))
		s->pwd = arena_printf(s->arena, "PWD=%.*s", STR_ARG(s->c->root)).p;
	if (s->pwd)
		s->base_env[s->n_base_env++] = (char *)s->pwd;
}

void childenv_base(struct sched *s)
{
	const char *pwd = NULL;
	size_t n = 0;
	mask_read(&s->mask, s->arena, s->c->environ);
	while (s->c->environ[n])
		n++;
	s->base_env = arena_array(s->arena, char *, n + 2);
	for (size_t i = 0; i < n; i++) {
		const char *e = s->c->environ[i];
		if (!strncmp(e, "AX_RUN=", 7))
			s->outer_mark = str_of(e + 7);
		if (!strncmp(e, "PATH=", 5))
			s->path_env = e + 5;
		if (!strncmp(e, "PWD=", 4))
			pwd = e;
		else if (!own_name(e))
			s->base_env[s->n_base_env++] = (char *)e;
	}
	set_pwd(s, pwd);
}

struct env_list {
	VEC(char *) items;
	struct arena *a;
};

static void set(struct env_list *l, struct str name, struct str value)
{
	char *e = arena_text(l->a, name.n + value.n + 2);
	memcpy(e, name.p, name.n);
	e[name.n] = '=';
	if (value.n)
		memcpy(e + name.n + 1, value.p, value.n);
	e[name.n + 1 + value.n] = '\0';
	for (size_t i = 0; i < l->items.n; i++)
		if (*l->items.p[i] == *e && !strncmp(l->items.p[i], e, name.n + 1)) {
			l->items.p[i] = e;
			return;
		}
	vec_push(l->a, &l->items, e);
}

static size_t joined_size(const struct str_list *l)
{
	size_t n = l->items.n ? l->items.n - 1 : 0;
	for (size_t i = 0; i < l->items.n; i++)
		n += l->items.p[i].n;
	return n;
}

static struct str joined(struct arena *a, const struct str_list *l)
{
	size_t n = joined_size(l), at = 0;
	char *p = arena_text(a, n + 1);
	for (size_t i = 0; i < l->items.n; i++) {
		if (i)
			p[at++] = '\n';
		memcpy(p + at, l->items.p[i].p, l->items.p[i].n);
		at += l->items.p[i].n;
	}
	p[n] = '\0';
	return (struct str){p, n};
}

#define WORD_MAX 131071 /* the kernel's limit for one string of an environment, with its NUL */

static bool scripts_name(const struct job *j, struct str name)
{
	const struct task_def *def = j->task->def;
	return str_find(def->run.s, name, 0) < def->run.s.n || str_find(def->check.s, name, 0) < def->check.s.n;
}

/* AX_INPUTS and AX_OUTPUTS; one that is too long for the kernel is left out where the script does not ask for it. */
static bool set_paths(struct job *j, struct env_list *l, struct str name, const struct str_list *paths, struct str *problem)
{
	size_t n = joined_size(paths);
	if (name.n + n + 2 <= WORD_MAX) {
		set(l, name, joined(l->a, paths));
		return true;
	}
	if (!scripts_name(j, name))
		return true;
	*problem = arena_printf(l->a, "%.*s of %zu bytes exceeds the system's limit of 128 KiB for a variable: use fewer paths, or a folder", STR_ARG(name), n);
	return false;
}

static bool has_name(const struct env_list *l, struct str name)
{
	for (size_t i = 0; i < l->items.n; i++)
		if (!strncmp(l->items.p[i], name.p, name.n) && l->items.p[i][name.n] == '=')
			return true;
	return false;
}

static bool set_results(struct job *j, struct env_list *l, struct str *problem)
{
	struct task *t = j->task;
	struct sbuf lines = {0};
	for (size_t i = 0; i < t->deps.n; i++) {
		const struct dep *d = &t->deps.p[i];
		if (!(d->how & DEP_NAMED) || !(d->how & DEP_RESULT) || !d->task->has_result)
			continue;
		struct str path = store_result_path(l->a, d->task->result);
		if (!store_has_result(j->sched->c->store, d->task->result, d->task->result_size))
			store_write_result(j->sched->c->store, STR_NONE, d->task->result); /* only the empty one is not kept at once */
		struct str name = script_result_name(l->a, d->task->name);
		if (scripts_name(j, name) && !script_result_collides(l->a, t, d->task))
			set(l, name, path);
		sbuf_printf(&lines, "%.*s\t%.*s\n", STR_ARG(d->task->name), STR_ARG(path));
	}
	struct str own = script_result_name(l->a, t->name);
	if (j->checking && scripts_name(j, own) && !has_name(l, own))
		set(l, own, arena_printf(l->a, ".axmake/%.*s/answer", STR_ARG(tries_dir(j))));
	if (t->names_results) {
		struct str file = arena_printf(l->a, "%.*s/results", STR_ARG(j->dir));
		int err = os_mkdirs(j->sched->c->store->fd, j->dir.p, 0700);
		if (!err)
			err = os_replace_file(j->sched->c->store->fd, file.p, 0600, sbuf_view(&lines));
		if (err)
			*problem = arena_printf(l->a, "cannot write .axmake/%.*s: %s", STR_ARG(file), os_error(err));
		set(l, STR("AX_RESULTS"), arena_printf(l->a, ".axmake/%.*s", STR_ARG(file)));
	}
	sbuf_free(&lines);
	return !problem->n;
}

static bool set_run_variables(struct job *j, struct env_list *l, struct str *problem)
{
	struct task *t = j->task;
	struct str_list outputs = {0};
	for (size_t i = 0; i < t->outputs.n; i++)
		vec_push(l->a, &outputs.items, content_label(l->a, &t->outputs.p[i]));
	if (!set_paths(j, l, STR("AX_INPUTS"), &j->signing.inputs, problem) || !set_paths(j, l, STR("AX_OUTPUTS"), &outputs, problem))
		return false;
	if (t->names_task)
		set(l, STR("AX_TASK"), t->name);
	set(l, STR("AX_ROOT"), isolate_root(j));
	for (size_t i = 0; i < t->vars.n; i++)
		set(l, t->vars.p[i]->name.s, t->vars.p[i]->value.s);
	return set_results(j, l, problem);
}

static bool has(const struct env_list *l, const char *entry)
{
	size_t n = (size_t)(strchr(entry, '=') - entry) + 1;
	for (size_t i = 0; i < l->items.n; i++)
		if (!strncmp(l->items.p[i], entry, n))
			return true;
	return false;
}

/* The task's `env`. */
static void set_own(struct job *j, struct env_list *l, struct str *problem)
{
	struct sbuf b = {0};
	for (size_t i = 0; i < j->task->n_env && !problem->n; i++) {
		const struct env_template *e = &j->task->env[i];
		sbuf_clear(&b);
		if (!content_expand(&j->sched->c->stale->hashing, l->a, j->task, &e->value, &b, problem))
			break;
		if (b.n && memchr(b.p, 0, b.n))
			*problem = arena_printf(l->a, "a NUL byte stands in what 'env' gives %.*s, and no variable can hold one", STR_ARG(e->name));
		set(l, e->name, sbuf_view(&b));
	}
	sbuf_free(&b);
}

bool childenv_build(struct job *j, const struct jobserver_env *je, char *const *extra, char ***out, struct str *problem)
{
	struct env_list l = {.a = &j->arena};
	struct sched *s = j->sched;
	l.items.p = arena_array(l.a, char *, s->n_base_env + 16);
	l.items.cap = s->n_base_env + 16;
	l.items.n = s->n_base_env;
	if (s->n_base_env)
		memcpy(l.items.p, s->base_env, s->n_base_env * sizeof *l.items.p);
	if (je->makeflags.n)
		vec_push(l.a, &l.items, (char *)arena_printf(l.a, "MAKEFLAGS=%.*s", STR_ARG(je->makeflags)).p);
	vec_push(l.a, &l.items,
		 (char *)arena_printf(l.a, PROCESS_MARK "=%.*s%s%.*s", STR_ARG(s->outer_mark), s->outer_mark.n ? ":" : "", STR_ARG(j->mark)).p);
	if (isolate_place(j) && !str_eq(isolate_root(j), s->c->root))
		set(&l, STR("PWD"), isolate_root(j));
	if ((j->task->kind == TASK_RUN || j->checking) && !set_run_variables(j, &l, problem))
		return false;
	set_own(j, &l, problem);
	for (; extra && *extra; extra++)
		if (!has(&l, *extra))
			vec_push(l.a, &l.items, *extra);
	vec_push(l.a, &l.items, NULL);
	*out = l.items.p;
	return !problem->n;
}

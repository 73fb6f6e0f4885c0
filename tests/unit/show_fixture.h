/* A small graph built by hand, and a look at what is printed about it. */
#ifndef AXMAKE_TESTS_SHOW_FIXTURE_H
#define AXMAKE_TESTS_SHOW_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "show/views.h"

struct fixture {
	struct arena a;
	struct diag *diag;
	uint32_t source;
	struct workflow workflow;
	struct graph graph;
	struct store store;
	char dir[64];
	int dir_fd;
	struct verdict verdicts[128];
	struct view view;
};

static inline int show_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/test_show.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir_fd >= 0);
	f->diag = diag_new();
	f->source = diag_source(f->diag, STR("workflow.ax.yaml"), STR_NONE);
	f->workflow.file = STR("workflow.ax.yaml");
	f->graph.arena = &f->a;
	f->graph.workflow = &f->workflow;
	f->store = (struct store){.root_fd = f->dir_fd, .fd = -1, .lock_fd = -1};
	f->view = (struct view){.graph = &f->graph, .diag = f->diag, .store = &f->store, .verdicts = f->verdicts, .arena = &f->a};
	*state = f;
	return 0;
}

static inline int show_teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(os_remove_tree(AT_FDCWD, f->dir), 0);
	close(f->dir_fd);
	if (f->store.fd >= 0)
		close(f->store.fd);
	map_free(&f->graph.by_name);
	diag_free(f->diag);
	arena_free(&f->a);
	free(f);
	return 0;
}

/* A wanted task on a line of its own; `what` is its script, or "@AGENT", or NULL for a group. Stale: it never ran. */
static inline struct task *add_task(struct fixture *f, const char *name, const char *what)
{
	struct task *t = arena_new(&f->a, struct task);
	struct task_def *def = arena_new(&f->a, struct task_def);

	def->name.s = str_of(name);
	def->timeout_ns = TIMEOUT_UNSET;
	def->slots = 1;
	t->id = (uint32_t)f->graph.tasks.n;
	def->at = (struct pos){f->source, 10 + t->id, 3};
	t->def = def;
	t->name = def->name.s;
	t->wanted = true;
	t->kind = !what ? TASK_GROUP : *what == '@' ? TASK_AGENT : TASK_RUN;
	if (t->kind == TASK_AGENT)
		def->agent.s = str_of(what + 1);
	else
		def->run.s = str_of(what);
	vec_push(&f->a, &t->outputs, (struct pattern){.path = STR("made")});
	vec_push(&f->a, &f->graph.tasks, t);
	vec_push(&f->a, &f->graph.order, t);
	*map_slot(&f->graph.by_name, t->name) = t;
	f->verdicts[t->id].why = WHY_NEVER;
	return t;
}

static inline struct task_def *def_of(struct task *t)
{
	return (struct task_def *)(uintptr_t)t->def;
}

static inline void add_dep(struct fixture *f, struct task *user, struct task *needed, unsigned how)
{
	vec_push(&f->a, &user->deps, (struct dep){.task = needed, .how = how});
	vec_push(&f->a, &needed->users, user);
}

/* It ended well once, after that many seconds. */
static inline struct task_record *add_record(struct fixture *f, struct task *t, int64_t seconds, double usd)
{
	struct task_record *r = arena_new(&f->a, struct task_record);

	r->duration_ns = seconds * 1000000000;
	r->tries = 1;
	r->input_tokens = r->output_tokens = -1;
	r->cost_usd = usd;
	t->record = r;
	if (t->kind == TASK_AGENT) { /* who answered may be asked again */
		struct provider *p = arena_new(&f->a, struct provider), **providers = arena_array(&f->a, struct provider *, 1);
		p->name = r->provider = STR("offline");
		*providers = p;
		t->providers = providers;
		t->n_providers = 1;
	}
	return r;
}

static inline void put_file(struct fixture *f, const char *path, const char *content, size_t n)
{
	char *dir = xstrdup(path);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(os_mkdirs(f->dir_fd, dir, 0700), 0);
	assert_int_equal(os_replace_file(f->dir_fd, path, 0600, (struct str){content, n}), 0);
	free(dir);
}

static inline void open_store(struct fixture *f)
{
	assert_int_equal(os_mkdirs(f->dir_fd, ".axmake", 0700), 0);
	f->store.fd = openat(f->dir_fd, ".axmake", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->store.fd >= 0);
}

/* Everything that an open file holds, as text in the arena. */
static inline char *content_of(struct fixture *f, int fd)
{
	struct stat st;
	char *text;

	assert_int_equal(fstat(fd, &st), 0);
	text = arena_text(&f->a, (size_t)st.st_size + 1);
	assert_int_equal(pread(fd, text, (size_t)st.st_size, 0), st.st_size);
	text[st.st_size] = '\0';
	return text;
}

#endif

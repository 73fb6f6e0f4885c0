#include "show/agentstatus.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "base/vec.h"
#include "run/mask.h"
#include "show/failure.h"
#include "show/phrase.h"
#include "state/statusdir.h"

/* An agent under way. */
struct running {
	const struct task *task;
	struct statusdir_mark mark;
	bool tried; /* to make the mark */
};

struct agentstatus {
	struct agentstatus_config config;
	struct arena arena;
	struct mask mask;
	int fd;  /* the folder; -1: not opened yet */
	int err; /* the first one */
	VEC(struct running) running;
};

/* Opened when the first agent starts: a run of scripts leaves no such folder. */
static bool open_folder(struct agentstatus *s)
{
	if (s->fd >= 0)
		return true;
	if (s->err)
		return false;
	mask_read(&s->mask, &s->arena, s->config.environ);
	s->err = statusdir_make(s->config.root_fd, &s->fd);
	if (!s->err)
		statusdir_prune(s->fd, clock_wall_ns() / NS_PER_MS);
	return !s->err;
}

static void note(struct agentstatus *s, int err)
{
	if (!s->err)
		s->err = err;
}

static void on_start(struct agentstatus *s, const struct task *t)
{
	vec_push(NULL, &s->running, (struct running){.task = t});
}

static void take_mark_away(struct agentstatus *s, const struct task *t)
{
	size_t i = 0;
	while (i < s->running.n && s->running.p[i].task != t)
		i++;
	if (i == s->running.n)
		return;
	statusdir_end(s->fd, &s->running.p[i].mark);
	s->running.p[i] = s->running.p[--s->running.n];
}

/* What it was asked to do: a task's name, or the words of ax run or of another's answer. */
static struct str asked(const struct agentstatus *s, const struct task *t)
{
	if (t->asker)
		return t->prompt.pieces[0].text;
	return s->config.task.n ? s->config.task : t->name;
}

static void on_end(struct agentstatus *s, const struct task *t, const struct outcome *o, bool failed)
{
	if ((!failed && !o->tries) || !open_folder(s)) /* without a try nothing has run: -t */
		return;
	struct arena a = {0};
	struct sbuf text = {0}, why = {0}, at = {0};
	struct jsonout j = {.b = &text};
	int64_t now_ns = clock_wall_ns();
	if (failed)
		failure_words(&why, t, o);
	clock_iso(&at, now_ns);
	jsonout_object(&j, NULL);
	jsonout_text(&j, "agent", t->agent->name);
	jsonout_word(&j, "status", failed ? "failed" : "completed");
	jsonout_text(&j, "timestamp", sbuf_view(&at));
	jsonout_number(&j, "pid", getpid());
	jsonout_number(&j, "duration", o->duration_ns / NS_PER_MS);
	jsonout_text(&j, "task", mask_copy(&s->mask, &a, asked(s, t)));
	jsonout_known(&j, "provider", o->provider);
	jsonout_text(&j, "error", failed ? mask_copy(&s->mask, &a, sbuf_view(&why)) : STR_NONE);
	jsonout_end(&j);
	sbuf_char(&text, '\n');
	note(s, statusdir_put(s->fd, t->agent->name, now_ns / NS_PER_MS, sbuf_view(&text)));
	/* Only now: who waits for the mark to go finds the file. */
	take_mark_away(s, t);
	sbuf_free(&text);
	sbuf_free(&at);
	sbuf_free(&why);
	arena_free(&a);
}

static void hear(void *self, const struct event *e)
{
	if (!e->task || e->task->kind != TASK_AGENT)
		return;
	if (e->kind == EVENT_START || e->kind == EVENT_ASKED)
		on_start(self, e->delegate ? e->delegate : e->task);
	else if (e->kind == EVENT_END && e->outcome)
		on_end(self, e->task, e->outcome, e->task->state == STATE_FAILED);
	else if (e->kind == EVENT_ANSWERED)
		on_end(self, e->delegate, e->outcome, e->outcome->class != TRY_OK);
}

/* The marks are made while the agents already run: they need not wait for that. */
static void flush(void *self)
{
	struct agentstatus *s = self;
	for (size_t i = 0; i < s->running.n; i++) {
		struct running *r = &s->running.p[i];
		if (!r->mark.name && !r->tried && open_folder(s))
			note(s, statusdir_begin(s->fd, r->task->agent->name, &r->mark));
		r->tried = true;
	}
}

struct agentstatus *agentstatus_new(const struct agentstatus_config *c)
{
	struct agentstatus *s = xcalloc(1, sizeof *s);
	s->config = *c;
	s->fd = -1;
	return s;
}

struct observer agentstatus_observer(struct agentstatus *s)
{
	return (struct observer){hear, flush, s};
}

int agentstatus_free(struct agentstatus *s)
{
	int err = s->err;
	for (size_t i = 0; i < s->running.n; i++)
		statusdir_end(s->fd, &s->running.p[i].mark);
	vec_free(&s->running);
	if (s->fd >= 0)
		close(s->fd);
	arena_free(&s->arena);
	free(s);
	return err;
}

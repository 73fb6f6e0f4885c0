/* What jobs tell the scheduler, and give back to it. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/choice.h"
#include "run/job.h"

void sched_send(struct sched *s, const struct event *e)
{
	struct event at = *e;
	struct str text = STR_NONE;
	at.at_ns = clock_ns();
	at.task = delegate_task_for(e->task);
	at.delegate = at.task == e->task ? NULL : e->task;
	if (at.task != e->task && e->kind == EVENT_START) {
		at.kind = EVENT_ASKED;
		text = arena_printf(s->arena, "%.*s via %.*s", STR_ARG(e->task->agent->name), STR_ARG(e->text));
	} else if (at.task != e->task && e->kind == EVENT_END) {
		at.kind = EVENT_ANSWERED;
	} else if (at.task != e->task && e->kind == EVENT_RETRY) {
		at.kind = EVENT_WARNING;
		text = e->outcome->unstarted
			       ? arena_printf(s->arena, "'%.*s', which its answer asks, could not be asked yet: %.*s", STR_ARG(e->task->agent->name), STR_ARG(e->outcome->error))
			       : arena_printf(s->arena, "'%.*s', which its answer asks, failed (%s) and is asked again", STR_ARG(e->task->agent->name), try_class_name(e->outcome->class));
	}
	if (text.n)
		at.text = text;
	s->c->observer->event(s->c->observer->self, &at);
}

void sched_warn(struct sched *s, const struct task *t, const char *fmt, ...)
{
	struct sbuf b = {0}, masked = {0};
	va_list ap;
	va_start(ap, fmt);
	sbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	mask_text(&s->mask, sbuf_view(&b), &masked); /* parts of it may be an agent's words */
	sched_send(s, &(struct event){.kind = EVENT_WARNING, .task = t, .text = sbuf_view(&masked)});
	sbuf_free(&b);
	sbuf_free(&masked);
}

void sched_state_lost(struct sched *s, int err)
{
	if (!s->broken)
		sched_warn(s, NULL, "cannot write .axmake/log: %s; nothing new is started, and what is not on record runs again next time", os_error(err));
	s->broken = true;
}

/* Tokens that died with a program of this task are put back, once nobody alive could still hold them. */
static void top_up(struct sched *s, struct job *j)
{
	if (!j->has_pipe || jobserver_role(s->c->jobserver) != JOBSERVER_SERVER)
		return;
	for (size_t i = 0; i < s->live.n; i++)
		if (s->live.p[i]->has_pipe)
			return;
	int missing = jobserver_top_up(s->c->jobserver);
	if (missing > 0)
		sched_warn(s, j->task, "%d jobserver token%s died with its programs and %s put back", missing, missing == 1 ? "" : "s",
			   missing == 1 ? "was" : "were");
	else if (missing < 0)
		sched_warn(s, j->task, "its programs gave back %d jobserver token%s too many; taken out again", -missing, missing == -1 ? "" : "s");
}

void sched_release(struct job *j)
{
	struct sched *s = j->sched;
	for (size_t i = 0; i < s->live.n; i++)
		if (s->live.p[i] == j) {
			s->live.p[i] = s->live.p[--s->live.n];
			break;
		}
	admission_give(s->admission, &j->places);
	executor_give_place(j);
	s->slot_came = true;
	top_up(s, j);
	choice_release(j);
}

void sched_job_gone(struct job *j)
{
	struct sched *s = j->sched;
	s->jobs[j->task->id] = NULL;
	loop_timer_clear(s->c->loop, &j->timer);
	loop_timer_clear(s->c->loop, &j->disk_timer);
	if (j->capture)
		capture_free(j->capture);
	isolate_end(j);
	live_free(j->live);
	answer_close(&j->answer);
	ending_free(&j->ending);
	ending_free(&j->command_ending);
	sbuf_free(&j->signing.fields);
	seen_free(j->listing);
	sbuf_free(&j->carry[0]);
	sbuf_free(&j->carry[1]);
	executor_gone(j);
	sandbox_gone(j);
	arena_free(&j->arena);
	free(j);
}

void sched_offer(struct sched *s, struct task *t)
{
	admission_add(s->admission, t);
}

struct job *sched_ask(struct sched *s, struct task *t)
{
	if (s->n_jobs == s->room) {
		size_t room = s->room * 2;
		struct job **jobs = arena_array(s->arena, struct job *, room);
		struct verdict **verdicts = arena_array(s->arena, struct verdict *, room);
		memcpy(jobs, s->jobs, s->n_jobs * sizeof *jobs);
		memcpy(verdicts, s->verdicts, s->n_jobs * sizeof *verdicts);
		s->jobs = jobs;
		s->verdicts = verdicts;
		s->room = room;
	}
	t->id = (uint32_t)s->n_jobs++;
	struct job *j = job_make(s, t);
	j->phase = PHASE_WAITING;
	s->retrying++;
	sched_offer(s, t);
	return j;
}

static void delay_over(void *job)
{
	struct job *j = job;
	sched_offer(j->sched, j->task);
}

void sched_retry_at(struct job *j, int64_t at_ns)
{
	if (j->capture)
		capture_free(j->capture);
	j->capture = NULL;
	ending_free(&j->ending);
	j->phase = PHASE_WAITING;
	j->sched->retrying++;
	j->timer.fn = delay_over;
	j->timer.self = j;
	/* Others that waited for the same moment have not been looked at yet: it comes among them. */
	if (at_ns && at_ns <= clock_ns())
		sched_offer(j->sched, j->task);
	else
		loop_timer_set(j->sched->c->loop, &j->timer, at_ns);
}

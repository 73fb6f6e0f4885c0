/* A running try is attended: its whole time, its silence, what it says, and the line after which its answer is whole. */
#include "base/clock.h"
#include "run/budget.h"
#include "run/job.h"

/* The program's time to leave once its answer is complete. */
#define LEAVE_NS (10 * NS_PER_S)
/* Most programs tell what a call took with their last line. Where no rule says which one completes the answer, that is known by their end alone. */
#define LAST_LINE_NS (2 * NS_PER_S)

static void set_timer(struct job *j, void (*fn)(void *job), int64_t at_ns)
{
	j->timer.fn = fn;
	loop_timer_set(j->sched->c->loop, &j->timer, at_ns);
}

/* When its time is over, and the run's with it at the latest; INT64_MAX: never. */
static int64_t whole_until(const struct job *j)
{
	int64_t whole = job_timeout(j), at = whole ? j->limit_from_ns + whole : INT64_MAX, until = job_run_until(j);
	return at < until ? at : until;
}

/* When the next limit is over at the earliest; INT64_MAX: there is none. */
static int64_t next_limit(const struct job *j)
{
	int64_t silence = j->task->def->stall_ns;
	int64_t a = whole_until(j), b = silence ? j->last_byte_ns + silence : INT64_MAX;
	return b < a ? b : a;
}

static void limit_due(void *job);

static void wait_for_limit(struct job *j)
{
	int64_t at = next_limit(j);
	if (at != INT64_MAX)
		set_timer(j, limit_due, at);
}

/* What came meanwhile and was not read yet counts: output that breaks a silence, a final line that makes a limit pointless. */
static void limit_due(void *job)
{
	struct job *j = job;
	capture_drain(j->capture);
	int64_t now = clock_ns();
	if (attend_answered(j))
		return; /* its own timer is set */
	if (next_limit(j) > now || (executor_not_yet(j) && next_limit(j) > now))
		wait_for_limit(j);
	else
		reaper_end_try(j, now >= whole_until(j) ? END_TIMEOUT : END_STALL);
}

static void leave_over(void *job)
{
	reaper_end_try(job, END_OWN);
}

static void answer_complete(void *job)
{
	struct job *j = job;
	finish_answered(j);
	salvage_answered(j);
	set_timer(j, leave_over, clock_ns() + LEAVE_NS);
}

bool attend_answered(const struct job *j)
{
	return !j->checking && j->live && live_seen(j->live).final;
}

bool attend_answered_by_now(struct job *j)
{
	if (j->capture && j->live && !j->checking)
		capture_drain(j->capture);
	return attend_answered(j);
}

void attend_begin(struct job *j)
{
	j->last_byte_ns = j->limit_from_ns = j->try_began_ns;
	j->over_budget = false;
	wait_for_limit(j);
	sandbox_attend(j);
}

static void check_due(void *job)
{
	struct job *j = job;
	if (executor_not_yet(j) && whole_until(j) > clock_ns())
		set_timer(j, check_due, whole_until(j));
	else
		reaper_end_try(j, END_TIMEOUT);
}

void attend_check(struct job *j)
{
	j->limit_from_ns = clock_ns();
	if (whole_until(j) != INT64_MAX)
		set_timer(j, check_due, whole_until(j));
	sandbox_attend(j);
}

static void tell(struct job *j)
{
	struct live_seen seen = live_seen(j->live);
	struct activity now = {
		.text = mask_copy(&j->sched->mask, &j->arena, seen.activity),
		.session = seen.session,
		.input_tokens = seen.counts.input_tokens,
		.output_tokens = seen.counts.output_tokens,
		.cost_usd = seen.counts.cost_usd,
	};
	sched_send(j->sched, &(struct event){.kind = EVENT_ACTIVITY, .task = j->task, .activity = &now});
}

static void budget_over(void *job)
{
	struct job *j = job;
	if (!attend_answered_by_now(j))
		reaper_end_try(j, END_BUDGET);
}

/* Called from within the capture, which must not be ended below its feet: all that follows from a final line is left to a timer. */
static void take_news(struct job *j, bool was_answered)
{
	if (!was_answered && attend_answered(j) && j->phase == PHASE_RUNNING)
		set_timer(j, answer_complete, clock_ns());
	else if (budget_news(j) && !j->over_budget && j->phase == PHASE_RUNNING && !attend_answered(j)) {
		j->over_budget = true;
		set_timer(j, budget_over, clock_ns() + (j->provider->final.where.kind == WHERE_NONE ? LAST_LINE_NS : 0));
	}
	tell(j);
}

void attend_data(struct job *j, enum stream from, const char *p, size_t n)
{
	bool before = attend_answered(j);
	j->last_byte_ns = clock_ns();
	if (from == STREAM_ERR)
		executor_said(j, p, n);
	if (from == STREAM_OUT && !j->checking && j->live && live_add(j->live, p, n))
		take_news(j, before);
}

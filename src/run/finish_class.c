/* What the end of a try means, by its status and its answer. */
#include <math.h>
#include <sys/wait.h>

#include "base/os.h"
#include "run/budget.h"
#include "run/finish.h"

static void add_number(int64_t *sum, int64_t n)
{
	if (n >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + n;
}

void outcome_add(struct outcome *o, int64_t input_tokens, int64_t output_tokens, double cost_usd)
{
	add_number(&o->input_tokens, input_tokens);
	add_number(&o->output_tokens, output_tokens);
	if (!isnan(cost_usd))
		o->cost_usd = (isnan(o->cost_usd) ? 0 : o->cost_usd) + cost_usd;
}

/* What a run task's end means. */
static enum try_class class_of_script(const struct job *j, struct outcome *o)
{
	o->signaled = WIFSIGNALED(j->status);
	if (o->signaled) {
		o->status = WTERMSIG(j->status);
		return TRY_CRASH;
	}
	o->status = WEXITSTATUS(j->status);
	return o->status ? TRY_FAILED : TRY_OK;
}

struct answer_input finish_answer_input(struct job *j, const struct provider *p)
{
	return (struct answer_input){
		.provider = p,
		.at = j->sched->c->store->fd,
		.out = arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p,
		.err = arena_printf(&j->arena, "%.*s/stderr", STR_ARG(j->dir)).p,
		.result_file = arena_printf(&j->arena, "%.*s/answer", STR_ARG(j->dir)).p,
		.exited = true,
	};
}

/* How an agent ends after its final line, by itself or not, says nothing of its answer. */
static void read_answer(struct job *j, const struct outcome *o)
{
	bool final = attend_answered(j);
	struct answer_input in = finish_answer_input(j, j->provider);
	in.exited = final || !o->signaled;
	in.status = final ? 0 : o->status;
	in.unfinished = !final && j->provider->final.where.kind != WHERE_NONE;
	in.says_failed = final && live_seen(j->live).final_is_error;
	answer_close(&j->answer);
	j->answer = answer_read(&j->arena, &in);
}

/* The result is safe from here on, whatever becomes of the program or of axmake. A failure, or an answer that is yet to be written,
 * is judged by what stands there in the end. */
void finish_answered(struct job *j)
{
	read_answer(j, &j->outcome);
	j->has_answer = j->answer.class == TRY_OK;
	if (!j->has_answer || j->answer.text_is_stdout)
		return;
	int err = result_write(j);
	if (err)
		sched_warn(j->sched, j->task, "its answer could not be kept at once in %.*s/%s: %s", STR_ARG(j->sched->c->store->folder), store_result_folder(j->sched->c->store), os_error(err));
}

void outcome_take(struct outcome *o, const struct answer *a)
{
	outcome_add(o, a->input_tokens, a->output_tokens, a->cost_usd);
	add_number(&o->cache_read_tokens, a->cache_read_tokens);
	add_number(&o->cache_write_tokens, a->cache_write_tokens);
}

void finish_count(struct job *j)
{
	outcome_take(&j->outcome, &j->answer);
	budget_count(j);
}

static enum try_class class_of_agent(struct job *j, struct outcome *o)
{
	const struct answer *answer = &j->answer;
	if (!j->has_answer)
		class_of_script(j, o);
	if (!j->has_answer)
		read_answer(j, o);
	if (attend_answered(j)) {
		o->signaled = false;
		o->status = 0;
	}
	o->error = answer->unread ? arena_printf(&j->arena, "%.*s; it is kept in %.*s/%.*s/stdout", STR_ARG(answer->error), STR_ARG(j->sched->c->store->folder), STR_ARG(tries_dir(j)))
				    : answer->error;
	finish_count(j);
	return answer->class;
}

enum try_class finish_class(struct job *j)
{
	struct outcome *o = &j->outcome;
	enum try_class class = j->task->kind == TASK_AGENT ? class_of_agent(j, o) : class_of_script(j, o);
	if (attend_answered(j))
		return class;
	if (j->elsewhere.end != FAR_ENDED) {
		o->error = j->elsewhere.error;
		o->signaled = false;
		o->status = j->elsewhere.end == FAR_LOST ? 0 : o->status;
		return j->elsewhere.end == FAR_LOST ? TRY_LOST : TRY_FAILED;
	}
	if (j->cause == END_TIMEOUT || j->cause == END_STALL) {
		o->timeout_ns = j->cause == END_STALL ? j->task->def->stall_ns : job_timeout(j);
		o->error = STR_NONE;
		return j->cause == END_STALL ? TRY_STALL : TRY_TIMEOUT;
	}
	if (j->cause == END_BUDGET) {
		o->error = STR("it has spent its budget");
		return TRY_BUDGET;
	}
	if (j->cause == END_DISK) {
		o->error = sandbox_disk_full(j);
		return TRY_FAILED;
	}
	if (j->cause == END_INTERRUPT) {
		o->error = STR("interrupted");
		o->interrupted = true;
		return class == TRY_OK ? TRY_CRASH : class;
	}
	return class;
}

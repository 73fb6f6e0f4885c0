/* Answers that lack a field which some task uses: they have failed, and are kept to be read, and to be taken up once all that is used is there. */
#include "base/os.h"
#include "graph/fields.h"
#include "run/job.h"

/* Looks for the fields in the answer. NULL with an empty *problem: none is missing. */
static const struct used_field *missing(struct job *j, struct str *problem)
{
	struct task *t = j->task;
	struct str text;
	int err = t->fields.n ? tries_answer(j, &text) : 0;
	if (err)
		*problem = arena_printf(&j->arena, "its answer cannot be read for the fields that others use: %s", os_error(err));
	if (err || !t->fields.n)
		return NULL;
	fields_read(j->sched->arena, t, hash_bytes(text.p, text.n), text);
	return fields_missing(t);
}

bool unfit_still(struct job *j)
{
	struct str problem = STR_NONE;
	return missing(j, &problem) || problem.n;
}

/* What the next try of an agent is told. */
static struct str feedback(struct job *j, struct str lack)
{
	return arena_printf(&j->arena,
			    "Your last answer to this task cannot be used: it %.*s. It must be JSON, or hold one fenced block of JSON, in which this "
			    "field is.\nPut that right, then give the complete answer again.\n",
			    STR_ARG(lack));
}

bool unfit_judge(struct job *j)
{
	struct outcome *o = &j->outcome;
	struct str problem = STR_NONE;
	const struct used_field *f = missing(j, &problem);
	if (!f) {
		o->error = problem.n ? problem : o->error;
		if (problem.n)
			salvage_unkept(j);
		return problem.n;
	}
	struct str lack = fields_lack(&j->arena, j->task, f);
	tries_keep_answer(j);
	j->unfit = true;
	j->feedback = feedback(j, lack);
	j->session = o->session;
	j->session_of = j->provider;
	o->error = arena_printf(&j->arena, "its %s %.*s, which task '%.*s' uses; it is kept in %.*s/%.*s/answer", j->task->kind == TASK_AGENT ? "answer" : "output",
				STR_ARG(lack), STR_ARG(f->user->name), STR_ARG(j->sched->c->store->folder), STR_ARG(tries_dir(j)));
	return true;
}

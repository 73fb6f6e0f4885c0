/* The result of a try that ended well: what it is, and that it is kept. */
#include "base/os.h"
#include "run/job.h"

/* Keeps the result; false with an error in *o. */
static bool keep_result(struct job *j)
{
	const struct capture_sizes *sizes = &j->sizes;
	const struct answer *answer = &j->answer;
	struct outcome *o = &j->outcome;
	struct store *store = j->sched->c->store;
	struct task *t = j->task;
	int err = 0;
	if (t->kind == TASK_AGENT && !answer->text_is_stdout) {
		t->result = hash_bytes(answer->text.p, answer->text.n);
		t->result_size = answer->text.n;
		err = store_write_result(store, answer->text, t->result);
	} else {
		t->result = sizes->out_hash;
		t->result_size = sizes->out;
		if (sizes->out)
			err = store_keep_result(store, arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p, t->result);
	}
	if (!err && !store->apart && (t->result_size || t->kind == TASK_AGENT))
		err = store_show_result(store, t->name, t->result);
	t->has_result = !err;
	if (err)
		o->error = arena_printf(&j->arena, "its result could not be kept: %s", os_error(err));
	return !err;
}

/* An answer that stands in what its program printed is not asked for again because the disk was full. */
enum try_class result_keep(struct job *j)
{
	if (j->as)
		return delegate_keep(j) ? TRY_OK : TRY_FAILED;
	if (keep_result(j))
		return TRY_OK;
	salvage_unkept(j);
	return TRY_FAILED;
}

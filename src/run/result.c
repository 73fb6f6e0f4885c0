/* The result of a try that ended well: what it is, and that it is kept. */
#include "base/os.h"
#include "run/job.h"

int result_write(struct job *j)
{
	struct store *store = j->sched->c->store;
	const struct answer *answer = &j->answer;
	if (answer->long_text)
		return store_write_result_by(store, answer->long_text->hash, longtext_write, answer->long_text);
	return store_write_result(store, answer->text, hash_bytes(answer->text.p, answer->text.n));
}

/* Its hash and size are the task's result from now on. 0 or errno. */
static int keep_content(struct job *j)
{
	const struct capture_sizes *sizes = &j->sizes;
	const struct answer *answer = &j->answer;
	struct task *t = j->task;
	if (t->kind == TASK_AGENT && !answer->text_is_stdout) {
		t->result = answer->long_text ? answer->long_text->hash : hash_bytes(answer->text.p, answer->text.n);
		t->result_size = answer->long_text ? answer->long_text->size : answer->text.n;
		return result_write(j);
	}
	t->result = sizes->out_hash;
	t->result_size = sizes->out;
	return sizes->out ? store_keep_result(j->sched->c->store, arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p, t->result) : 0;
}

/* Keeps the result; false with an error in the outcome. */
static bool keep_result(struct job *j)
{
	struct store *store = j->sched->c->store;
	struct task *t = j->task;
	int err = keep_content(j);
	struct str folder = err ? str_of(store_result_folder(store)) : j->dir;
	if (!err && !store->apart && (t->result_size || t->kind == TASK_AGENT))
		err = store_show_result(store, t->name, t->result);
	t->has_result = !err;
	if (err)
		j->outcome.error = arena_printf(&j->arena, "its result could not be kept in %.*s/%.*s: %s", STR_ARG(store->folder), STR_ARG(folder), os_error(err));
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

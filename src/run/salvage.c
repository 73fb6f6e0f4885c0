/* Answers that were paid for when a run was killed. While an agent is at work `tasks/NAME/call` tells what it was asked, so that the
 * next run can take up an answer that is complete in its output, but on no record. */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "graph/field.h"
#include "run/budget.h"
#include "run/call_left.h"
#include "run/finish.h"
#include "run/job.h"
#include "run/renamed.h"
#include "run/shelf.h"

static int store_of(const struct job *j)
{
	return j->sched->c->store->fd;
}

/* What tells, when it may be asked again only later, whether the answer stands for what was asked: inputs, and all that it makes.
 */
static void add_files(struct job *j, struct sbuf *files)
{
	struct str all = sbuf_view(&j->signing.fields);
	struct field f;
	for (size_t at = 0; field_next(all, &at, &f);)
		if (f.kind == FIELD_INPUT || f.kind == FIELD_EDIT)
			field_add(files, f.kind, f.label, f.hash, STR_NONE);
	for (size_t i = 0; i < j->task->outputs.n; i++)
		field_add(files, FIELD_OUTPUT, j->task->outputs.p[i].path, (struct hash128){j->task->outputs.p[i].kind, 0},
		          STR_NONE);
}

/* What counts but for the check, which judges the answer and is no part of the question. */
static struct hash128 asked(const struct job *j)
{
	struct str all = sbuf_view(&j->signing.fields);
	struct sbuf rest = {0};
	struct field f;
	for (size_t at = 0; field_next(all, &at, &f);)
		if (f.kind != FIELD_CHECK)
			field_add(&rest, f.kind, f.label, f.hash, STR_NONE);
	struct hash128 h = hash_bytes(rest.p, rest.n);
	sbuf_free(&rest);
	return h;
}

static bool add_made(struct job *j, const struct pattern *p, size_t n, struct sbuf *all)
{
	struct str problem = STR_NONE;
	for (size_t i = 0; i < n && !problem.n; i++) {
		struct hash128 now = {0, 0};
		enum file_state st = content_of_output(&j->sched->c->stale->hashing, &j->arena, &p[i], &now, &problem);
		field_add(all, (uint8_t)p[i].kind, p[i].path, now, STR_NONE);
		if (st == FILE_FAILED)
			return false;
	}
	return !problem.n;
}

struct hash128 salvage_made(struct job *j)
{
	struct task *t = j->task;
	struct sbuf all = {0};
	struct hash128 h = {0, 0};
	if (t->kind != TASK_AGENT || j->as || isolate_wanted(t)) /* a view goes with its failure */
		return h;
	if (add_made(j, t->outputs.p, t->outputs.n, &all) && add_made(j, t->edits.p, t->edits.n, &all))
		h = hash_bytes(all.p, all.n);
	sbuf_free(&all);
	return h;
}

static bool inputs_stand(struct job *j)
{
	struct signing now;
	if (!j->task->inputs.n)
		return true;
	signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, j->provider, true, false, &now);
	return !now.problem.n && hash_eq(now.hash, j->signing.hash);
}

static int try_write_call(struct job *j, bool answered, bool complete, bool unfit, bool refused)
{
	struct sbuf files = {0};
	add_files(j, &files);
	struct call_left c = {.refused = refused, .files = sbuf_view(&files), .stood = answered && inputs_stand(j), .start_id = j->start_id, .tries = j->tries, .complete = complete, .unfit = unfit, .unmoved = j->unpublished, .unkept = j->unkept, .in_view = j->view, .counted = j->counted, .provider = j->provider->name};
	hash_hex(j->signing.hash, c.signature);
	hash_hex(asked(j), c.asked);
	hash_hex(j->made, c.made);
	/* What is complete is taken up after a loss of power, too. */
	int err = complete ? lasting_answer(j) : 0;
	if (!err)
		err = call_left_write(store_of(j), j->dir, &c);
	if (!err && complete)
		err = lasting_call(j);
	sbuf_free(&files);
	return err;
}

static void write_call(struct job *j, bool answered, bool complete, bool unfit)
{
	int err = try_write_call(j, answered, complete, unfit, false);
	if (err)
		sched_warn(j->sched, j->task, "cannot write .axmake/%s: %s; a killed run would ask it again", call_left_path(&j->arena, j->dir).p, os_error(err));
}

/* A run apart is taken up by nobody. */
static bool is_kept(const struct job *j)
{
	return j->task->kind == TASK_AGENT && !j->sched->c->store->apart;
}

int salvage_begin(struct job *j)
{
	j->counted = false;
	int err = is_kept(j) ? try_write_call(j, false, false, false, false) : 0;
	j->unnoted = err;
	return err;
}

void salvage_answered(struct job *j)
{
	if (is_kept(j) && !j->as && j->task->inputs.n)
		write_call(j, true, false, false);
}

/* Who takes it up must know whether to count it. */
static void count(struct job *j)
{
	int err = budget_keep(j);
	j->counted = !err;
	if (err)
		sched_state_lost(j->sched, err);
}

void salvage_complete(struct job *j)
{
	if (!is_kept(j) || (j->refused && j->counted)) /* what tells of that does so until it has passed */
		return;
	count(j);
	write_call(j, true, true, false);
}

void salvage_unkept(struct job *j)
{
	j->unkept = j->task->kind == TASK_AGENT && !j->as;
	if (j->unkept && !j->taking_up) /* what tells of an earlier answer does so already */
		salvage_complete(j);
}

void salvage_stay(struct job *j)
{
	int err = is_kept(j) ? call_left_put_aside(store_of(j), j->dir, &j->sched->mask) : 0;
	if (err)
		sched_warn(j->sched, j->task, "cannot keep its answer beside a masked copy: %s", os_error(err));
}

void salvage_unfit(struct job *j)
{
	if (is_kept(j))
		write_call(j, true, true, true);
}

void salvage_refused(struct job *j)
{
	struct hash128 none = {0, 0};
	bool stands = is_kept(j) && j->counted && !hash_eq(j->made, none) && hash_eq(j->made, salvage_made(j));
	int err = stands ? try_write_call(j, true, true, false, true) : 0;
	if (err)
		sched_warn(j->sched, j->task, "cannot write .axmake/%s: %s; another check will not judge its refused answer, but ask for a new one", call_left_path(&j->arena, j->dir).p, os_error(err));
	if (!stands || err)
		salvage_forget(j);
}

bool salvage_forget(struct job *j)
{
	return is_kept(j) && call_left_forget(store_of(j), j->dir);
}

static const struct provider *provider_named(const struct task *t, struct str name)
{
	for (size_t i = 0; i < t->n_providers; i++)
		if (str_eq(t->providers[i]->name, name))
			return t->providers[i];
	return NULL;
}

static bool same_call(struct job *j, const struct call_left *left)
{
	char hex[HASH_HEX];
	signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, j->provider, true, true, &j->signing);
	if (left->refused)
		return !j->signing.problem.n && str_eq(str_of(hash_hex(asked(j), hex)), str_of(left->asked)) && str_eq(str_of(hash_hex(salvage_made(j), hex)), str_of(left->made));
	return !j->signing.problem.n && str_eq(str_of(hash_hex(j->signing.hash, hex)), str_of(left->signature));
}

/* Reads the output again as if it came now, and what it took. false: it cannot be read. */
static bool read_output(struct job *j)
{
	struct store *store = j->sched->c->store;
	const char *out = arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p;
	int fd = openat(store->fd, out, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st, begun;
	char piece[65536];
	ssize_t n = -1;
	if (fd < 0)
		return false;
	bool good = !fstat(fd, &st) && S_ISREG(st.st_mode) && !fstatat(store->fd, call_left_path(&j->arena, j->dir).p, &begun, AT_SYMLINK_NOFOLLOW);
	if (good)
		j->took_ns = (st.st_mtim.tv_sec - begun.st_mtim.tv_sec) * NS_PER_S + st.st_mtim.tv_nsec - begun.st_mtim.tv_nsec;
	if (j->took_ns < 0)
		j->took_ns = 0;
	while (good && j->live && (n = read(fd, piece, sizeof piece)) > 0)
		live_add(j->live, piece, (size_t)n);
	if (j->live)
		live_end(j->live);
	if (lseek(fd, 0, SEEK_SET) < 0 || (j->live && n < 0) || hash_fd(fd, &j->sizes.out_hash, &j->sizes.out))
		good = false;
	close(fd);
	return good;
}

/* Has another task, on another branch perhaps, made its outputs since it began? Then they are not what it made. */
static bool is_overtaken(struct job *j, const struct call_left *left)
{
	const struct sched_config *c = j->sched->c;
	struct open_start open = log_open_start(c->log, c->graph->workflow->file, j->task->name);
	return !j->as && open.open && open.start_id == left->start_id && stale_outputs_taken(c->stale, j->task, open.seq);
}

/* What it holds is masked again when it has been judged, or when a new try begins. */
static bool is_whole(struct job *j, const struct call_left *left, bool from_shelf)
{
	call_left_take_back(store_of(j), j->dir);
	if (!from_shelf && !left->in_view && (is_overtaken(j, left) || !shelf_outputs_stand(j, left)))
		return false;
	j->live = live_new(j->provider);
	if (!read_output(j) || !(left->complete || attend_answered(j)))
		return false;
	finish_answered(j);
	if (!j->has_answer)
		return false;
	j->taking_up = true;
	bool made = finish_made(j);
	j->taking_up = false;
	j->barred = !made && j->unkept;
	return j->barred || (made && !((left->unfit || left->refused) && unfit_still(j)));
}

void salvage_drop(struct job *j)
{
	isolate_end(j);
	sbuf_free(&j->signing.fields);
	j->signing = (struct signing){0};
	live_free(j->live);
	j->live = NULL;
	j->has_answer = j->unkept = false;
	answer_close(&j->answer);
	j->answer = (struct answer){0};
	j->sizes = (struct capture_sizes){0};
	j->outcome.error = STR_NONE;
	j->signed_for = NULL;
	j->tries = 0;
}

/* Goes on with it, if it is what would be asked now, and all of it is there. */
static bool take_up(struct job *j, const struct call_left *left, bool from_shelf)
{
	/* A delegate's answer may be part of a recorded one: it stands for that start of its asker alone. */
	if (left->refused && (from_shelf || j->verdict.why == WHY_REJECTED))
		return false;
	if (left->lost || (j->as && left->complete && left->start_id != j->start_id))
		return false;
	const struct provider *answered = provider_named(j->task, left->provider);
	if (!answered)
		return false;
	bool recorded = j->task->record && j->task->record->start_id == left->start_id;
	const struct provider *chosen = j->provider;
	j->tries = left->tries;
	j->provider = j->signed_for = answered;
	uint64_t own_start = j->start_id;
	j->start_id = left->start_id;
	if (!recorded && same_call(j, left) && (!left->in_view || isolate_take_up(j)) && is_whole(j, left, from_shelf)) {
		j->refused = left->refused;
		j->paid_before = left->refused || left->unfit || left->unmoved || left->unkept;
		j->counted = left->counted;
		j->unpublished = left->unmoved;
		j->unkept = left->unkept;
		return true;
	}
	salvage_drop(j);
	j->start_id = own_start;
	j->provider = chosen;
	return false;
}

/* It was paid for, as far as it came, and nobody will ask what it took once the next try has begun. */
static void count_lost(struct job *j, const struct call_left *left)
{
	const struct provider *p = provider_named(j->task, left->provider);
	struct answer a = {.input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN};
	if (left->counted || (j->task->record && j->task->record->start_id == left->start_id))
		return;
	if (p) {
		struct answer_input in = finish_answer_input(j, p);
		in.status = 1;
		a = answer_read(&j->arena, &in);
	}
	int err = budget_lost(j, &a);
	answer_close(&a);
	if (err)
		sched_state_lost(j->sched, err);
	else
		call_left_forget(store_of(j), j->dir);
}

static void forget_lost(struct job *j)
{
	struct call_left left;
	if (call_left_read(&j->arena, store_of(j), j->dir, &left))
		count_lost(j, &left);
}

bool salvage_take(struct job *j)
{
	struct call_left left;
	enum why why = j->verdict.why;
	bool asks_anew = why == WHY_FORCED || why == WHY_WHAT_IF || why == WHY_ALWAYS || why == WHY_FAILURE;
	if (!is_kept(j))
		return false;
	if (j->asks_again) /* what is left there has just been judged */
		return shelf_take(j, NULL, &left) && take_up(j, &left, true);
	if (!asks_anew && (call_left_read(&j->arena, store_of(j), j->dir, &left) || renamed_take(j, &left)) && take_up(j, &left, false))
		return true;
	const struct cache_entry *kept = j->as ? NULL : shelf_put(j);
	forget_lost(j);
	if (j->as || asks_anew || why == WHY_REJECTED || !shelf_take(j, kept, &left))
		return false;
	if (take_up(j, &left, true))
		return true;
	forget_lost(j);
	return false;
}

/* What a success made, and its record. */
#include <math.h>

#include "base/clock.h"
#include "base/os.h"
#include "graph/cached.h"
#include "graph/content.h"
#include "graph/difference.h"
#include "graph/field.h"
#include "run/finish.h"

static enum file_state hash_output(struct job *j, size_t i, struct str *problem)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	struct task *t = j->task;
	if (j->parts)
		return content_parts(h, &j->arena, &t->outputs.p[i], &j->parts[i], &t->out_hash[i], problem);
	return content_of_output(h, &j->arena, &t->outputs.p[i], &t->out_hash[i], problem);
}

/* Every declared output must stand there. */
bool finish_outputs_made(struct job *j)
{
	struct outcome *o = &j->outcome;
	struct task *t = j->task;
	if (!t->out_hash)
		t->out_hash = arena_array(j->sched->arena, struct hash128, t->outputs.n);
	j->parts = j->sched->c->cache && cached_wanted(t) ? arena_array(&j->arena, struct filehash_parts, t->outputs.n + 1) : NULL;
	for (size_t i = 0; i < t->outputs.n; i++) {
		const struct pattern *p = &t->outputs.p[i];
		struct str problem = STR_NONE;
		enum file_state st = hash_output(j, i, &problem);
		if (problem.n)
			o->error = problem;
		if (st == FILE_FAILED)
			salvage_unkept(j);
		else if (st == FILE_MISSING)
			o->error = arena_printf(&j->arena, "it ended well but did not make its output '%.*s'", STR_ARG(content_label(&j->arena, p)));
		if (problem.n || st == FILE_MISSING)
			return false;
	}
	return true;
}

/* What an isolated task made is in its view yet. */
bool finish_made(struct job *j)
{
	return j->view ? isolate_outputs_made(j) : finish_outputs_made(j);
}

/* Are the inputs still the files that they were, whatever is in them? A folder in which names come and go tells of it. */
static bool same_files(const struct job *j)
{
	const struct hashing *h = &j->sched->c->stale->hashing;
	return j->listed_in == h->g && seen_stands(j->listing, h->store->root_fd);
}

/* "input 'in.txt' is not there" tells how it stands; what happened to it while the task ran: "input 'in.txt' was removed". */
static struct str happened(struct arena *a, struct str stands)
{
	static const struct {
		const char *stands, *happened;
	} words[] = {{" is not there", "was removed"}, {" is no longer there", "was removed"}, {" is new", "was made"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_ends(stands, str_of(words[i].stands)))
			return arena_printf(a, "%.*s %s", (int)(stands.n - str_of(words[i].stands).n), stands.p, words[i].happened);
	return stands;
}

static bool is_tainted(struct job *j)
{
	struct sched *s = j->sched;
	struct signing after;
	struct difference d = {0};
	if (!j->task->inputs.n)
		return false;
	signature_compute(&s->c->stale->hashing, &j->arena, j->task, j->provider, true, false, &after);
	/* Nobody knows whether it has changed: the answer waits until somebody does. */
	if (after.problem.n && j->task->kind == TASK_AGENT) {
		salvage_unkept(j);
		j->outcome.error = after.problem;
		sbuf_free(&after.fields);
		return false;
	}
	bool changed = after.problem.n || !hash_eq(after.hash, j->signing.hash);
	if (changed && !after.problem.n) {
		signature_compute(&s->c->stale->hashing, &j->arena, j->task, j->provider, false, true, &after);
		d = difference_find(&j->arena, sbuf_view(&j->signing.fields), sbuf_view(&after.fields));
	}
	if (changed)
		sched_warn(s, j->task, "%.*s while it ran, so it stays stale; if it changes that file itself, declare it under 'edits'",
			   STR_ARG(happened(&j->arena, after.problem.n ? after.problem : d.subject)));
	sbuf_free(&after.fields);
	return changed;
}

#define FEW_INPUTS 16 /* more are looked at by several threads */

/* The same files are listed: do they hold what was signed, and can nothing else of a script's signature have changed? Most end so, and need no second signature. */
static bool as_signed(struct job *j)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	const struct task *t = j->task;
	struct str problem = STR_NONE, fields = sbuf_view(&j->signing.fields);
	bool same = t->kind == TASK_RUN && j->signing.inputs.items.n <= FEW_INPUTS;
	struct field f;
	for (size_t i = 0; i < t->deps.n && same; i++)
		same = !(t->deps.p[i].how & DEP_NAMED); /* what they contribute others may edit */
	for (size_t at = 0; same && field_next(fields, &at, &f);) {
		struct hash128 now;
		if (f.kind == FIELD_INPUT)
			same = content_of_input(h, &j->arena, j->task, f.label, true, &now, &problem) && hash_eq(now, f.hash);
	}
	return same;
}

/* Did a file that counts change while the task ran? Then what it made belongs to neither content. */
bool finish_taints(struct job *j)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	bool listed = j->task->inputs.n && same_files(j);
	if (listed && as_signed(j))
		return false;
	h->listed = listed ? &j->signing.inputs : NULL;
	bool tainted = is_tainted(j);
	h->listed = NULL;
	return tainted;
}

/* What the task edits, as it left it; and others' outputs that this touches, so that they are known as edited by a task and not by somebody. */
static void hash_edits(struct job *j, struct task_record *r)
{
	struct hashing *h = &j->sched->c->stale->hashing;
	VEC(struct output_record) all = {0};
	struct str problem = STR_NONE;
	struct hash128 now;
	for (size_t i = 0; i < j->task->edits.n; i++) {
		const struct pattern *p = &j->task->edits.p[i];
		now = (struct hash128){0, 0};
		content_of_output(h, &j->arena, p, &now, &problem);
		vec_push(&j->arena, &all, (struct output_record){p->path, now, (uint8_t)p->kind});
	}
	for (size_t i = 0; i < j->task->deps.n; i++) {
		struct task *maker = j->task->deps.p[i].task;
		for (size_t k = 0; (j->task->deps.p[i].how & DEP_EDIT) && k < maker->outputs.n; k++) {
			const struct pattern *p = &maker->outputs.p[k];
			if (!content_edited_by(j->task, p))
				continue;
			now = (struct hash128){0, 0};
			content_of_output(h, &j->arena, p, &now, &problem);
			vec_push(&j->arena, &all, (struct output_record){p->path, now, (uint8_t)p->kind});
			if (maker->out_hash)
				maker->out_hash[k] = now;
			content_forget(maker);
		}
	}
	r->edits = all.p;
	r->n_edits = (uint32_t)all.n;
}

int finish_log(struct job *j, int64_t duration_ns, uint8_t flags)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct outcome took = j->outcome;
	if (j->outcome.unasked) /* what that run counted is what the answer took all the same */
		outcome_take(&took, &j->answer);
	struct task_record r = {
		.workflow = s->c->graph->workflow->file,
		.name = t->name,
		.signature = j->signing.hash,
		.start_id = j->start_id,
		.provider = j->provider ? j->provider->name : STR_NONE,
		.ended_at_ms = clock_wall_ns() / NS_PER_MS,
		.duration_ns = duration_ns,
		.first_byte_ns = j->last_first_byte_ns,
		.tries = j->tries,
		.flags = flags,
		.input_tokens = took.input_tokens,
		.output_tokens = took.output_tokens,
		.cache_read_tokens = took.cache_read_tokens,
		.cache_write_tokens = took.cache_write_tokens,
		.cost_usd = took.cost_usd,
		.has_result = t->has_result,
		.result = t->result,
		.result_size = t->result_size,
		.fields = sbuf_view(&j->signing.fields),
	};
	r.n_outputs = (uint32_t)t->outputs.n;
	r.outputs = arena_array(&j->arena, struct output_record, t->outputs.n);
	for (size_t i = 0; i < t->outputs.n; i++)
		r.outputs[i] = (struct output_record){t->outputs.p[i].path, t->out_hash[i], (uint8_t)t->outputs.p[i].kind};
	hash_edits(j, &r);
	/* What a script made can be made again: that it did may be written with the next start. */
	bool late = t->kind == TASK_RUN && !(flags & (RECORD_RESTORED | RECORD_TOUCHED)) && !lasting_wanted(j);
	return late ? log_done_late(s->c->log, &r) : log_done(s->c->log, &r);
}

int finish_record(struct job *j, int64_t duration_ns, uint8_t flags)
{
	struct sched *s = j->sched;
	bool lasting = lasting_wanted(j);
	int err = 0;
	if (lasting)
		lasting_made(s, &j, 1, &err);
	if (!err)
		err = finish_log(j, duration_ns, flags);
	if (!err && lasting)
		err = log_sync(s->c->log);
	if (!err)
		finish_known(j);
	return err;
}

void finish_known(struct job *j)
{
	const struct sched_config *c = j->sched->c;
	j->task->record = log_find(c->log, c->graph->workflow->file, j->task->name);
}

uint8_t finish_flags(const struct job *j)
{
	return j->tainted ? RECORD_TAINTED : 0;
}

void finish_succeeded(struct job *j, int err)
{
	j->unrecorded = err;
	if (err) {
		salvage_complete(j);
		sched_state_lost(j->sched, err);
	} else if (!j->tainted) {
		stash_task(j);
	}
}

/* Records a task as up to date without running it. false with why not. */
static bool touch(struct job *j, const char **why)
{
	struct task *t = j->task;
	struct sched *s = j->sched;
	if (t->kind == TASK_AGENT) {
		if (!t->record || !t->record->has_result) {
			*why = "it never answered";
			return false;
		}
		for (size_t i = 0; i < t->n_providers; i++)
			if (str_eq(t->providers[i]->name, t->record->provider))
				j->provider = t->providers[i];
		if (!j->provider) {
			*why = "the provider that answered may no longer serve it";
			return false;
		}
	}
	if (!finish_outputs_made(j)) {
		*why = "an output is missing";
		return false;
	}
	t->has_result = true;
	t->result = t->record ? t->record->result : hash_bytes("", 0);
	t->result_size = t->record ? t->record->result_size : 0;
	signature_compute(&s->c->stale->hashing, &j->arena, t, j->provider, true, true, &j->signing);
	if (j->signing.problem.n) {
		*why = arena_copy(&j->arena, j->signing.problem).p;
		return false;
	}
	int err = store_mark_start(s->c->store, t->name, j->start_id);
	if (!err)
		err = finish_record(j, t->record ? t->record->duration_ns : 0, RECORD_TOUCHED);
	*why = err ? os_error(err) : "";
	return !err;
}

void finish_touch(struct sched *s, struct task *t, const struct verdict *v)
{
	struct job j = {.sched = s, .task = t, .start_id = s->next_start_id++, .last_first_byte_ns = -1, .verdict = *v};
	const char *why = "";
	j.outcome = (struct outcome){.input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN, .tries = 0};
	j.dir = store_task_dir(&j.arena, t->name);
	if (touch(&j, &why)) {
		t->state = STATE_DONE;
		s->result.done++;
		sched_send(s, &(struct event){.kind = EVENT_END, .task = t, .outcome = &j.outcome, .verdict = v});
	} else {
		t->state = STATE_FAILED;
		finish_spared(s, t); /* it counts as one that failed */
		sched_send(s, &(struct event){.kind = EVENT_NOT_RUN, .task = t, .text = arena_printf(&j.arena, "-t cannot record it: %s", why), .unsaid = true});
		s->result.untouched = true;
	}
	sbuf_free(&j.signing.fields);
	arena_free(&j.arena);
	sched_completed(s, t);
}

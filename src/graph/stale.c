#include "graph/stale.h"

#include <string.h>

#include "base/glob.h"
#include "base/path.h"
#include "graph/content.h"
#include "graph/difference.h"
#include "graph/ended.h"
#include "graph/gate.h"
#include "graph/neighbours.h"
#include "graph/orphans.h"
#include "state/cache_entry.h"
#include "state/record.h"

static struct verdict because(enum why why, struct str subject)
{
	return (struct verdict){.why = why, .subject = subject};
}

static bool comes_from_dependency(const struct task *t, struct str path)
{
	for (size_t i = 0; i < t->deps.n; i++)
		for (size_t k = 0; (t->deps.p[i].how & DEP_NAMED) && k < t->deps.p[i].task->outputs.n; k++)
			if (str_eq(t->deps.p[i].task->outputs.p[k].path, path))
				return true;
	return false;
}

/* Is one of the files of -W an input of the task, or -W the task itself? */
static bool what_if(const struct stale *s, const struct task *t, struct str *which)
{
	struct map_entry *e;
	for (size_t i = 0; s->new_files && (e = map_next(s->new_files, &i));) {
		*which = e->key;
		if (str_eq(e->key, t->name))
			return true;
		bool in = false, out = false;
		for (size_t k = 0; k < t->inputs.n; k++) {
			const struct pattern *p = &t->inputs.p[k];
			bool hit = p->kind == PATTERN_GLOB ? glob_match(p->path, e->key, false) : path_under(e->key, p->path);
			in = in || (hit && !p->exclude);
			out = out || (hit && p->exclude);
		}
		if ((in && !out) || comes_from_dependency(t, e->key))
			return true;
	}
	return false;
}

static struct orphans *orphans_of(struct stale *s)
{
	if (!s->orphans)
		s->orphans = orphans_find(s->arena, &s->hashing, s->log, !s->planning);
	return s->orphans;
}

/* When a task last wrote: its success, or a try since that did not succeed. */
static uint64_t last_touch(const struct stale *s, const struct task *t)
{
	uint64_t tried = log_open_start(s->log, s->hashing.g->workflow->file, t->name).seq;
	return t->record && t->record->seq > tried && !orphans_other_work(t->record, t) ? t->record->seq : tried;
}

/* When a task last made its outputs. A try since that did not succeed changes nothing, where they are as an editor left them before. */
static uint64_t last_made(const struct stale *s, const struct task *t)
{
	bool own = t->record && !orphans_other_work(t->record, t);
	return own ? t->record->seq : log_open_start(s->log, s->hashing.g->workflow->file, t->name).seq;
}

bool stale_left_by_editor(struct stale *s, const struct task *t, const struct pattern *p, struct hash128 now)
{
	bool renamed = false;
	uint64_t since = last_made(s, t);
	for (size_t i = 0; i < t->users.n; i++) {
		const struct task *user = t->users.p[i];
		if (orphans_left_by(user->record, since, p, now))
			return true;
		renamed = renamed || (content_edited_by(user, p) && (!user->record || user->record->seq < since || !orphans_edited(user->record, p)));
	}
	renamed = renamed || s->hashing.g->workflow->partial; /* the user may stand in a file that was left out */
	/* The user may have a new name, and takes its record over only when it is judged itself, after t. */
	return renamed && orphans_left_by_editor(orphans_of(s), since, p, now);
}

static const struct task_record *made_since(struct stale *s, const struct task_record *r, const struct pattern *p)
{
	const struct task_record *made = orphans_made_since(orphans_of(s), r, p);
	if (made)
		return made;
	if (!s->neighbours)
		s->neighbours = neighbours_find(s->arena, &s->hashing, s->log);
	return neighbours_made_since(s->neighbours, r, p);
}

const struct task_record *stale_made_since(struct stale *s, const struct task *t, const struct pattern *p)
{
	return made_since(s, t->record, p);
}

bool stale_outputs_taken(struct stale *s, const struct task *t, uint64_t since)
{
	struct task_record begun = {.seq = since};
	bool taken = false;
	for (size_t i = 0; i < t->outputs.n && !taken; i++)
		taken = made_since(s, &begun, &t->outputs.p[i]);
	return taken;
}

bool stale_left_by_try(struct stale *s, const struct task *t)
{
	uint64_t mark = store_marked_start(s->hashing.store, t->record->name);
	return mark != t->record->start_id && (mark || t->kind == TASK_AGENT || log_damaged(s->log));
}

int stale_begin(struct stale *s, struct arena *a, const struct task *t, uint64_t start_id, struct makers *out)
{
	return t->outputs.n ? orphans_begin(orphans_of(s), a, t, start_id, out) : 0;
}

void stale_failed(struct stale *s, struct arena *a, const struct makers *m)
{
	if (m->n)
		orphans_failed(orphans_of(s), a, m);
}

static struct str short_hex(struct arena *a, struct hash128 h)
{
	char hex[HASH_HEX];
	return arena_printf(a, "%.8s", hash_hex(h, hex));
}

/* Where it stands, if not in this file. */
static struct str file_of(const struct stale *s, const struct task_record *r)
{
	return str_eq(r->workflow, s->hashing.g->workflow->file) ? STR_NONE : arena_copy(s->arena, r->workflow);
}

/* An output that is not as it was recorded. */
static struct verdict edited_output(struct stale *s, struct task *t, const struct pattern *p, const struct output_record *r, struct hash128 now)
{
	enum on_edit rule = t->def->on_edit;
	if (rule == ON_EDIT_DEFAULT)
		rule = t->kind == TASK_AGENT ? ON_EDIT_KEEP : ON_EDIT_RERUN;
	struct str label = content_label(s->arena, p);
	if (stale_left_by_editor(s, t, p, now))
		return because(WHY_NOT, STR_NONE);
	if (log_open_start(s->log, s->hashing.g->workflow->file, t->name).open)
		return because(WHY_INTERRUPTED, label);
	const struct task_record *other = stale_made_since(s, t, p);
	if (other) /* of another branch, perhaps: nobody's edit */
		return (struct verdict){.why = WHY_OUTPUT_TAKEN, .subject = label, .before = arena_copy(s->arena, record_task(other)), .now = file_of(s, other)};
	if (rule == ON_EDIT_KEEP) {
		/* The log may have lost its end: only the mark that each start leaves beside it tells an edit from a lost run. */
		if (stale_left_by_try(s, t))
			return because(WHY_INTERRUPTED, label);
		if (!log_edit_noted(s->log, s->hashing.g->workflow->file, t->name, p->path, now)) {
			if (s->observer.edit_kept)
				s->observer.edit_kept(s->observer.self, t, label);
			if (!s->planning)
				log_note_edit(s->log, s->hashing.g->workflow->file, t->name, p->path, now);
		}
		return because(WHY_NOT, STR_NONE);
	}
	struct verdict v = because(rule == ON_EDIT_FAIL ? WHY_EDIT_REFUSED : WHY_OUTPUT_EDITED, label);
	v.before = short_hex(s->arena, r->hash);
	v.now = short_hex(s->arena, now);
	return v;
}

/* Are all outputs there, and as recorded? Sets out_hash. */
static struct verdict judge_outputs(struct stale *s, struct task *t)
{
	if (!t->out_hash)
		t->out_hash = arena_array(s->arena, struct hash128, t->outputs.n);
	for (size_t i = 0; i < t->outputs.n; i++) {
		const struct pattern *p = &t->outputs.p[i];
		struct str problem = STR_NONE;
		enum file_state st = content_of_output(&s->hashing, s->arena, p, &t->out_hash[i], &problem);
		if (problem.n)
			return because(WHY_PROBLEM, problem);
		if (st == FILE_MISSING)
			return because(WHY_OUTPUT_MISSING, content_label(s->arena, p));
		const struct output_record *r = content_output_record(t, p);
		if (!r)
			return because(WHY_OUTPUT_MISSING, content_label(s->arena, p));
		if (hash_eq(r->hash, t->out_hash[i]))
			continue;
		struct verdict v = edited_output(s, t, p, r, t->out_hash[i]);
		if (v.why != WHY_NOT)
			return v;
	}
	return because(WHY_NOT, STR_NONE);
}

static struct verdict refused_edit(struct stale *s, struct task *t, const struct cache_entry *e)
{
	for (size_t i = 0; t->def->on_edit == ON_EDIT_FAIL && t->record && i < t->outputs.n; i++) {
		const struct pattern *p = &t->outputs.p[i];
		const struct output_record *r = content_output_record(t, p);
		struct hash128 now = {0, 0};
		struct str problem = STR_NONE;
		bool stands = r && content_of_output(&s->hashing, s->arena, p, &now, &problem) != FILE_MISSING && !problem.n;
		if (!stands || hash_eq(now, r->hash) || (e && hash_eq(now, e->outputs[i].hash)))
			continue;
		struct verdict v = edited_output(s, t, p, r, now);
		if (v.why == WHY_EDIT_REFUSED)
			return v;
	}
	return because(WHY_NOT, STR_NONE);
}

/* A script may clear what is in its way, an agent would be paid for what cannot be its output. Planning: what runs first may clear it. */
static struct verdict obstructed(struct stale *s, const struct task *t)
{
	struct str problem;
	for (size_t i = 0; s->planning && i < t->deps.n; i++)
		if (t->deps.p[i].task->state == STATE_STALE)
			return because(WHY_NOT, STR_NONE);
	for (size_t i = 0; i < t->outputs.n; i++)
		if (content_obstructed(&s->hashing, s->arena, &t->outputs.p[i], &problem))
			return because(WHY_PROBLEM, problem);
	return because(WHY_NOT, STR_NONE);
}

bool stale_refused(struct stale *s, struct task *t, const struct cache_entry *e, struct verdict *v)
{
	struct verdict found = refused_edit(s, t, e);
	if (found.why == WHY_NOT && t->kind == TASK_AGENT && !e)
		found = obstructed(s, t);
	if (found.why == WHY_NOT)
		return false;
	*v = found;
	content_as_it_stands(&s->hashing, s->arena, t);
	return true;
}

/* What is edited in place: was it made again since, or left half done? */
static struct verdict judge_edits(struct stale *s, struct task *t)
{
	for (size_t i = 0; i < t->deps.n; i++) {
		const struct task *before = t->deps.p[i].task;
		if (!(t->deps.p[i].how & DEP_EDIT))
			continue;
		/* Also one that was tried since and left its outputs as they were before the edit: what stands there is its, without the edit. */
		if (last_touch(s, before) > t->record->seq)
			return because(WHY_REMADE, before->name);
	}
	if (!log_open_start(s->log, s->hashing.g->workflow->file, t->name).open)
		return because(WHY_NOT, STR_NONE);
	for (size_t i = 0; i < t->edits.n; i++) {
		const struct pattern *p = &t->edits.p[i];
		struct hash128 now = {0, 0};
		struct str problem = STR_NONE;
		content_of_output(&s->hashing, s->arena, p, &now, &problem);
		for (size_t k = 0; k < t->record->n_edits; k++) {
			const struct output_record *r = &t->record->edits[k];
			if (str_eq(r->path, p->path) && r->kind == (uint8_t)p->kind && !hash_eq(r->hash, now))
				return because(WHY_INTERRUPTED, content_label(s->arena, p));
		}
	}
	return because(WHY_NOT, STR_NONE);
}

static void take_result(struct task *t)
{
	t->has_result = t->record && t->record->has_result;
	if (t->has_result) {
		t->result = t->record->result;
		t->result_size = t->record->result_size;
	}
}

bool stale_rejected(const struct stale *s, const struct task *t, struct str *why)
{
	struct str workflow = s->hashing.g->workflow->file;
	if (!t->record || orphans_other_work(t->record, t))
		return false;
	return log_rejected(s->log, workflow, t->name, why) || log_rejected(s->log, workflow, t->record->name, why);
}

/* Compares with the record: signature, outputs, edits, result. */
static struct verdict judge_record(struct stale *s, struct task *t, struct arena *scratch)
{
	const struct provider *p = NULL;
	struct str why;
	if (stale_rejected(s, t, &why))
		return because(WHY_REJECTED, why);
	if ((t->kind == TASK_AGENT) != (t->record->provider.n > 0)) /* a script has become an agent's task, or the other way round */
		return because(WHY_CHANGED, STR("kind of task changed"));
	if (t->record->flags & RECORD_TAINTED)
		return because(WHY_TAINTED, STR_NONE);
	if (t->kind == TASK_AGENT && !(p = graph_provider_of(t, t->record->provider)))
		return because(WHY_PROVIDER_GONE, t->record->provider);
	struct signing now;
	signature_compute(&s->hashing, scratch, t, p, false, false, &now);
	if (now.problem.n)
		return because(WHY_PROBLEM, arena_copy(s->arena, now.problem));
	if (!hash_eq(now.hash, t->record->signature)) {
		signature_compute(&s->hashing, scratch, t, p, false, true, &now);
		struct difference d = difference_find(s->arena, t->record->fields, sbuf_view(&now.fields));
		sbuf_free(&now.fields);
		return (struct verdict){.why = WHY_CHANGED, .subject = d.subject, .before = d.before, .now = d.now};
	}
	struct verdict v = judge_outputs(s, t);
	if (v.why == WHY_NOT && t->edits.n)
		v = judge_edits(s, t);
	/* The empty result needs no file: one is made when somebody asks for its path. */
	if (v.why == WHY_NOT && t->record->has_result && t->record->result_size &&
	    !store_has_result(s->hashing.store, t->record->result, t->record->result_size))
		v = because(WHY_RESULT_LOST, STR_NONE);
	return v;
}

/* Planning: a dependency that is held for sure. */
static bool waits_for_held(const struct task *t, struct str *which)
{
	for (size_t i = 0; i < t->deps.n; i++) {
		const struct task *d = t->deps.p[i].task;
		*which = d->name;
		if (d->state == STATE_HELD && !d->perhaps_held)
			return true;
	}
	return false;
}

/* Planning: WHY_DEPENDENCY or WHY_PERHAPS_HELD where something that counts may come to be another one; else WHY_NOT. */
static struct verdict waits(const struct stale *s, const struct task *t)
{
	for (size_t i = 0; s->planning && i < t->deps.n; i++)
		if (content_may_change(&t->deps.p[i]))
			return because(t->deps.p[i].task->perhaps_held ? WHY_PERHAPS_HELD : WHY_DEPENDENCY, t->deps.p[i].task->name);
	return because(WHY_NOT, STR_NONE);
}

bool stale_may_be_fresh(struct stale *s, const struct task *t, const struct verdict *v)
{
	if (v->why == WHY_DEPENDENCY || v->why == WHY_PERHAPS_HELD || v->why == WHY_WHEN_UNKNOWN)
		return true;
	return v->why == WHY_NEVER && waits(s, t).why != WHY_NOT && orphans_any(orphans_of(s)); /* it may have had another name */
}

/* Planning: a dependency for want of which it would not be run. What fails before it starts may be optional, or used only as `${x?}`; what is not run for that is not optional. */
static bool is_blocked(const struct stale *s, const struct task *t, struct str *which)
{
	for (size_t i = 0; t->def->run_if == RUN_IF_SUCCESS && i < t->deps.n; i++) {
		const struct dep *d = &t->deps.p[i];
		bool fails = d->task->state == STATE_FAILED && !d->task->def->optional && !s->ignore_errors;
		*which = d->task->name;
		if ((fails || d->task->state == STATE_NOT_RUN) && !d->tolerant)
			return true;
	}
	return false;
}

static struct verdict judge_group(struct stale *s, struct task *t)
{
	struct str which;
	if (s->planning && is_blocked(s, t, &which))
		return because(WHY_BLOCKED, which);
	if (s->planning && waits_for_held(t, &which))
		return because(WHY_HELD_BEHIND, which);
	struct verdict v = waits(s, t);
	if (v.why != WHY_NOT)
		return v;
	content_contribution(&s->hashing, t, NULL); /* now, so that no deep chain of groups is walked later */
	return because(WHY_NOT, STR_NONE);
}

/* Not WHY_NOT: `run_if` or `when` have the last word. */
static struct verdict judge_gate(struct stale *s, struct task *t)
{
	static const enum why whys[] = {
		[GATE_OPEN] = WHY_NOT,		     [GATE_WHEN] = WHY_WHEN,		[GATE_NO_FAILURE] = WHY_NO_FAILURE,
		[GATE_IF_FAILURE] = WHY_IF_FAILURE, [GATE_UNKNOWN] = WHY_WHEN_UNKNOWN, [GATE_PROBLEM] = WHY_PROBLEM,
	};
	struct gate_word word = gate_judge(&s->hashing, s->arena, t, s->planning);
	struct verdict v = because(whys[word.gate], word.text);
	if (verdict_is_skip(&v))
		gate_skip(&s->hashing, s->arena, t);
	return v;
}

static struct verdict judge(struct stale *s, struct task *t, struct arena *scratch)
{
	struct str which;
	const struct task *failed = ended_without_success(t);
	if (failed && !t->same_failure)
		return because(WHY_FAILURE, failed->name);
	if (what_if(s, t, &which))
		return because(WHY_WHAT_IF, which);
	if (s->always_make && !(s->spare_agents && t->kind == TASK_AGENT))
		return because(WHY_FORCED, STR_NONE);
	if (t->def->always)
		return because(WHY_ALWAYS, STR_NONE);
	struct verdict unknown = waits(s, t);
	const struct task_record *known = t->record && !orphans_other_work(t->record, t) ? t->record : NULL;
	if (!known && unknown.why == WHY_NOT && (known = orphans_adopt(orphans_of(s), t, scratch)))
		t->record = known;
	if (!t->record)
		return because(WHY_NEVER, STR_NONE);
	if (unknown.why != WHY_NOT)
		return unknown;
	struct verdict v = judge_record(s, t, scratch);
	const struct task_record *renamed = known && (v.why == WHY_CHANGED || v.why == WHY_PROVIDER_GONE) ? orphans_adopt(orphans_of(s), t, scratch) : NULL;
	if (!renamed)
		return v;
	t->record = renamed;
	return judge_record(s, t, scratch);
}

/* -o: it counts as it stands. */
static void keep_old(struct stale *s, struct task *t, struct arena *scratch)
{
	if (!t->record && waits(s, t).why == WHY_NOT)
		t->record = orphans_adopt(orphans_of(s), t, scratch);
	content_as_it_stands(&s->hashing, s->arena, t);
}

static struct verdict judge_whole(struct stale *s, struct task *t)
{
	struct arena scratch = {0};
	struct verdict v = judge_gate(s, t);
	s->hashing.old_files = s->old_files;
	if (v.why == WHY_NOT && content_is_old(s->old_files, t))
		keep_old(s, t, &scratch);
	else if (v.why == WHY_NOT)
		v = judge(s, t, &scratch);
	s->hashing.old_files = NULL; /* what is recorded, or approved, is so of what stands there */
	arena_free(&scratch);
	return v;
}

/* Who is to make the file with which the names may come that are not known. */
static struct str maker_left(const struct stale *s)
{
	const struct task *maker = graph_maker_left(s->hashing.g);
	return maker ? maker->name : STR("include");
}

static struct verdict judge_task(struct stale *s, struct task *t)
{
	struct verdict v;
	struct str which;
	if (s->planning)
		gate_look_ahead(t);
	if (s->planning && (t->lacks_name || t->lacks_file))
		return because(WHY_DEPENDENCY, maker_left(s));
	if (t->kind == TASK_GROUP)
		return judge_group(s, t);
	if (s->planning && is_blocked(s, t, &which))
		return because(WHY_BLOCKED, which);
	if (s->planning && waits_for_held(t, &which))
		return because(WHY_HELD_BEHIND, which);
	v = judge_whole(s, t);
	if (v.why == WHY_NOT)
		take_result(t);
	else if (v.why == WHY_PROBLEM || v.why == WHY_EDIT_REFUSED)
		content_as_it_stands(&s->hashing, s->arena, t); /* it fails before it starts, and not all its outputs were looked at */
	else if (!s->planning && t->record && !verdict_is_skip(&v) && orphans_other_work(t->record, t))
		orphans_set_aside(orphans_of(s), t);
	return v;
}

struct verdict stale_judge(struct stale *s, struct task *t)
{
	filehash_attend(s->hashing.fh, t->asker ? FILEHASH_NOBODY : t->id);
	struct verdict v = judge_task(s, t);
	filehash_attend(s->hashing.fh, FILEHASH_NOBODY);
	return v;
}

void stale_take_fresh(struct stale *s, struct task *t)
{
	content_as_it_stands(&s->hashing, s->arena, t);
	take_result(t);
	t->state = STATE_UPTODATE;
	t->ended = true;
}

void stale_begin_anew(struct stale *s)
{
	stale_free(s);
	s->observer = (struct stale_observer){0};
	orphans_of(s);
}

void stale_free(struct stale *s)
{
	if (s->orphans)
		orphans_free(s->orphans);
	if (s->neighbours)
		neighbours_free(s->neighbours);
	s->orphans = NULL;
	s->neighbours = NULL;
}

bool stale_unchecked(const struct task *t)
{
	return t->kind != TASK_GROUP && !t->outputs.n && !t->edits.n;
}

struct str stale_reason(struct arena *a, const struct verdict *v)
{
	switch (v->why) {
	case WHY_NOT:
		return STR("up to date");
	case WHY_NEVER:
		return STR("it has not succeeded yet");
	case WHY_ALWAYS:
		return STR("it says 'always: true'");
	case WHY_FORCED:
		return STR("-B was given");
	case WHY_WHAT_IF:
		return arena_printf(a, "-W %.*s was given", STR_ARG(v->subject));
	case WHY_CHANGED:
		if (v->before.n || v->now.n)
			return arena_printf(a, "%.*s (%.*s -> %.*s)", STR_ARG(v->subject), STR_ARG(v->before), STR_ARG(v->now));
		return v->subject;
	case WHY_OUTPUT_MISSING:
		return arena_printf(a, "output '%.*s' is missing", STR_ARG(v->subject));
	case WHY_OUTPUT_EDITED:
		return arena_printf(a, "output '%.*s' was changed by someone else (%.*s -> %.*s)", STR_ARG(v->subject), STR_ARG(v->before), STR_ARG(v->now));
	case WHY_OUTPUT_TAKEN:
		return arena_printf(a, "output '%.*s' was made anew by task '%.*s'%s%.*s", STR_ARG(v->subject), STR_ARG(v->before), v->now.n ? " of " : "", STR_ARG(v->now));
	case WHY_EDIT_REFUSED:
		return arena_printf(a, "output '%.*s' was changed by someone else and 'on_edit: fail' forbids to go on; restore it, or change on_edit",
				    STR_ARG(v->subject));
	case WHY_INTERRUPTED:
		return arena_printf(a, "an interrupted or failed try left '%.*s' changed", STR_ARG(v->subject));
	case WHY_RESULT_LOST:
		return STR("its kept result is missing");
	case WHY_PROVIDER_GONE:
		return arena_printf(a, "provider '%.*s', which answered, may no longer serve it", STR_ARG(v->subject));
	case WHY_TAINTED:
		return STR("an input changed while it ran; if the task itself changes it, declare it under 'edits'");
	case WHY_REMADE:
		return arena_printf(a, "task '%.*s' ran again and wrote what this one edits", STR_ARG(v->subject));
	case WHY_REJECTED:
		if (v->subject.n)
			return arena_printf(a, "what it made was rejected: %.*s", STR_ARG(v->subject));
		return STR("what it made was rejected");
	case WHY_HELD_BEHIND:
		return arena_printf(a, "its dependency '%.*s' is held", STR_ARG(v->subject));
	case WHY_DEPENDENCY:
		return arena_printf(a, "its dependency '%.*s' runs first and may change", STR_ARG(v->subject));
	case WHY_PERHAPS_HELD:
		return arena_printf(a, "its dependency '%.*s' is held, unless what runs first leaves it up to date", STR_ARG(v->subject));
	case WHY_BLOCKED:
		return arena_printf(a, "its dependency '%.*s' cannot run", STR_ARG(v->subject));
	case WHY_FAILURE:
		return arena_printf(a, "its dependency '%.*s' did not succeed", STR_ARG(v->subject));
	case WHY_WHEN_UNKNOWN:
		return arena_printf(a, "whether its 'when' holds is known when '%.*s' has ended", STR_ARG(v->subject));
	case WHY_PROBLEM:
		return v->subject;
	case WHY_WHEN:
		return arena_printf(a, "'when' does not hold: %.*s", STR_ARG(v->subject));
	case WHY_NO_FAILURE:
		return STR("no dependency failed");
	case WHY_IF_FAILURE:
		return STR("it runs only if a dependency fails");
	}
	return STR_NONE;
}

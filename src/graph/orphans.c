#include "graph/orphans.h"

#include "graph/content.h"
#include "state/store.h"

/* Ids of starts are counted on from a random number, which each run draws. */
#define STARTS_OF_A_RUN (UINT64_C(1) << 32)

struct orphan {
	const struct task_record *record;
	struct task *bearer; /* of its name; NULL: nobody */
	struct orphan *older; /* of the same signature */
	bool taken; /* each is for one task only */
};

struct orphans {
	struct hashing *h;
	struct log *log;
	struct arena *a;
	bool writable;
	struct map by_signature; /* 16 bytes of the signature -> struct orphan *, the youngest */
	struct map by_output; /* declared path -> struct task_record *, of all records the youngest that made it */
	VEC(struct str) providers; /* that answered any of them; the empty one stands for scripts */
	VEC(const struct orphan *) all, wide; /* wide: those with an output that is a tree or a pattern */
	VEC(const struct task_record *) editors; /* those with edits; and of names whose bearers edit no such thing now */
};

static struct str workflow_of(const struct orphans *o)
{
	return o->h->g->workflow->file;
}

static struct str signature_key(const struct hash128 *h)
{
	return (struct str){(const char *)h, sizeof *h};
}

static bool declares(const struct output_record *of, size_t n, const struct pattern *p)
{
	for (size_t i = 0; i < n; i++)
		if (of[i].kind == (uint8_t)p->kind && str_eq(of[i].path, p->path))
			return true;
	return false;
}

static bool shares_output(const struct task_record *r, const struct task *t)
{
	for (size_t i = 0; i < t->outputs.n; i++)
		if (declares(r->outputs, r->n_outputs, &t->outputs.p[i]))
			return true;
	return false;
}

static bool shares_edit(const struct task_record *r, const struct task *t)
{
	for (size_t i = 0; i < t->edits.n; i++)
		if (declares(r->edits, r->n_edits, &t->edits.p[i]))
			return true;
	return false;
}

bool orphans_other_work(const struct task_record *r, const struct task *t)
{
	return (r->n_outputs || r->n_edits) && (t->outputs.n || t->edits.n) && !shares_output(r, t) && !shares_edit(r, t);
}

static bool has_wide_output(const struct task_record *r)
{
	for (size_t i = 0; i < r->n_outputs; i++)
		if (r->outputs[i].kind != PATTERN_FILE)
			return true;
	return false;
}

static void note(struct orphans *o, const struct task_record *r, struct task *bearer)
{
	struct orphan **at = (struct orphan **)map_slot(&o->by_signature, signature_key(&r->signature));
	while (*at && (*at)->record->seq > r->seq)
		at = &(*at)->older;
	struct orphan *here = arena_new(o->a, struct orphan);
	*here = (struct orphan){.record = r, .bearer = bearer, .older = *at};
	*at = here;
	vec_push(o->a, &o->all, here);
	if (has_wide_output(r))
		vec_push(o->a, &o->wide, here);
	for (size_t i = 0; i < o->providers.n; i++)
		if (str_eq(o->providers.p[i], r->provider))
			return;
	vec_push(o->a, &o->providers, r->provider);
}

static void look_at(void *self, const struct task_record *r)
{
	struct orphans *o = self;
	struct task *bearer = graph_task(o->h->g, r->name);
	for (size_t i = 0; i < r->n_outputs; i++) {
		const struct task_record **youngest = (const struct task_record **)map_slot(&o->by_output, r->outputs[i].path);
		if (!*youngest || (*youngest)->seq < r->seq)
			*youngest = r;
	}
	bool orphan = !bearer || orphans_other_work(r, bearer);
	if (orphan)
		note(o, r, bearer);
	if (r->n_edits && (orphan || !shares_edit(r, bearer)))
		vec_push(o->a, &o->editors, r);
}

struct orphans *orphans_find(struct arena *a, struct hashing *h, struct log *log, bool writable)
{
	struct orphans *o = arena_new(a, struct orphans);
	*o = (struct orphans){.h = h, .log = log, .a = a, .writable = writable};
	log_each(log, workflow_of(o), look_at, o);
	return o;
}

void orphans_free(struct orphans *o)
{
	map_free(&o->by_signature);
	map_free(&o->by_output);
}

bool orphans_any(const struct orphans *o)
{
	return o->providers.n > 0;
}

bool orphans_edited(const struct task_record *r, const struct pattern *p)
{
	return declares(r->edits, r->n_edits, p);
}

bool orphans_left_by(const struct task_record *r, uint64_t since, const struct pattern *p, struct hash128 now)
{
	for (size_t k = 0; r && r->seq > since && k < r->n_edits; k++)
		if (r->edits[k].kind == (uint8_t)p->kind && str_eq(r->edits[k].path, p->path) && hash_eq(r->edits[k].hash, now))
			return true;
	return false;
}

bool orphans_left_by_editor(const struct orphans *o, uint64_t since, const struct pattern *p, struct hash128 now)
{
	for (size_t i = 0; i < o->editors.n; i++)
		if (orphans_left_by(o->editors.p[i], since, p, now))
			return true;
	return false;
}

static const struct task_record *made_since(const struct orphans *o, const struct task_record *r, struct str path)
{
	const struct task_record *made = map_get(&o->by_output, path);
	return made && made->seq > r->seq ? made : NULL;
}

/* Is it on record still, or has its name's bearer written over it? */
static bool is_on_record(const struct orphans *o, const struct task_record *r)
{
	const struct task_record *now = log_find(o->log, workflow_of(o), r->name);
	return now && now->seq == r->seq;
}

/* Has the record an output that has files in common with this one? Within a workflow no two tasks have such. */
static bool meets(const struct orphans *o, const struct task_record *r, const struct pattern *p)
{
	for (size_t i = 0; i < r->n_outputs; i++)
		if (content_meets(&(struct pattern){.path = r->outputs[i].path, .kind = r->outputs[i].kind}, p))
			return is_on_record(o, r);
	return false;
}

const struct task_record *orphans_made_since(const struct orphans *o, const struct task_record *r, const struct pattern *p)
{
	const struct task_record *made = made_since(o, r, p->path);
	for (size_t i = 0; !made && i < o->all.n; i++) {
		const struct task_record *at = o->all.p[i]->record;
		if (at->seq > r->seq && meets(o, at, p))
			made = at;
	}
	return made;
}

/* Within a run a task succeeds once: two records of one are never of the same task. */
static bool of_one_run(const struct task_record *x, const struct task_record *y)
{
	return x->start_id - y->start_id < STARTS_OF_A_RUN || y->start_id - x->start_id < STARTS_OF_A_RUN;
}

/* Has what r stands for been written over, or may it have been: by the task itself since, or by another that made the same output? */
static bool is_overwritten(const struct orphans *o, const struct task *t, const struct task_record *r)
{
	const struct task_record *own = t->record;
	if (own && own->seq > r->seq && !of_one_run(own, r) && !orphans_other_work(own, t))
		return true;
	for (size_t i = 0; i < r->n_outputs; i++)
		if (made_since(o, r, r->outputs[i].path))
			return true;
	return false;
}

static void replace_maker(struct orphans *o, const struct task_record *was, const struct task_record *now)
{
	for (size_t i = 0; i < now->n_outputs; i++) {
		const struct task_record **at = (const struct task_record **)map_slot(&o->by_output, now->outputs[i].path);
		if (*at == was)
			*at = now;
	}
}

/* The record goes over to another name, and with it the mark of who last began to write its outputs. A yes that was said by the old name stays there as well:
 * it may have been meant for who bears that now. Returns the record as it is there; NULL: it could not be written. */
static const struct task_record *move(struct orphans *o, const struct task_record *r, struct str name, bool borne)
{
	struct hash128 yes;
	bool approved = borne && log_approval(o->log, workflow_of(o), r->name, &yes);
	uint64_t mark = store_marked_start(o->h->store, r->name);
	if (mark)
		store_mark_start(o->h->store, name, mark);
	seen_spoil(o->h->seen); /* the verdict came about by another record than the next one will */
	struct str old = arena_copy(o->a, r->name);
	if (log_rename(o->log, workflow_of(o), old, name) || (approved && log_approve(o->log, workflow_of(o), old, yes)))
		return NULL;
	const struct task_record *now = log_find(o->log, workflow_of(o), name);
	if (now)
		replace_maker(o, r, now);
	return now;
}

/* The mark of a script's record says nothing where there is none; that of an agent's says then that nobody knows. */
static bool may_be_marked(const struct orphans *o, const struct task_record *made)
{
	uint64_t mark = store_marked_start(o->h->store, made->name);
	return mark ? mark == made->start_id : !made->provider.n;
}

static void note_maker(const struct orphans *o, struct arena *a, const struct task *t, const struct pattern *p, const struct task_record *made, struct makers *out)
{
	struct str problem;
	if (!made || str_eq(made->name, t->name) || !is_on_record(o, made) || !may_be_marked(o, made))
		return;
	struct maker m = {.name = made->name, .start_id = made->start_id, .output = p};
	m.seen = content_of_output(o->h, a, p, &m.before, &problem) != FILE_FAILED;
	vec_push(a, out, m);
}

int orphans_begin(const struct orphans *o, struct arena *a, const struct task *t, uint64_t start_id, struct makers *out)
{
	int err = 0;
	for (size_t i = 0; i < t->outputs.n; i++) {
		const struct pattern *p = &t->outputs.p[i];
		const struct task_record *made = map_get(&o->by_output, p->path);
		size_t n = p->kind == PATTERN_FILE ? o->wide.n : o->all.n;
		note_maker(o, a, t, p, made, out);
		for (size_t k = 0; k < n; k++) {
			const struct task_record *at = (p->kind == PATTERN_FILE ? o->wide.p[k] : o->all.p[k])->record;
			if (at != made && meets(o, at, p))
				note_maker(o, a, t, p, at, out);
		}
	}
	for (size_t i = 0; !err && i < out->n; i++)
		err = store_mark_start(o->h->store, out->p[i].name, start_id);
	return err;
}

static bool is_as_before(const struct orphans *o, struct arena *a, const struct maker *m)
{
	struct hash128 now = {0, 0};
	struct str problem;
	return m->seen && content_of_output(o->h, a, m->output, &now, &problem) != FILE_FAILED && hash_eq(now, m->before);
}

void orphans_failed(const struct orphans *o, struct arena *a, const struct makers *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (!is_as_before(o, a, &m->p[i]))
			return;
	for (size_t i = 0; i < m->n; i++)
		store_mark_start(o->h->store, m->p[i].name, m->p[i].start_id);
}

static struct orphan *entry_of(const struct orphans *o, const struct task_record *r)
{
	struct orphan *e = map_get(&o->by_signature, signature_key(&r->signature));
	while (e && e->record->seq != r->seq)
		e = e->older;
	return e;
}

void orphans_set_aside(struct orphans *o, struct task *t)
{
	struct orphan *e = entry_of(o, t->record);
	struct str name = arena_printf(o->a, "%.*s\n%016llx", STR_ARG(t->name), (unsigned long long)t->record->start_id);
	t->record = NULL;
	if (!e || e->taken || !str_eq(e->record->name, t->name) || graph_task(o->h->g, name) || !is_on_record(o, e->record))
		return;
	const struct task_record *aside = move(o, e->record, name, true);
	if (aside)
		*e = (struct orphan){.record = aside, .older = e->older};
}

/* Of those with the signature that t has where this provider answers. */
static struct orphan *find(struct orphans *o, struct task *t, struct str provider, const struct provider *p, struct arena *scratch)
{
	struct signing now;
	signature_compute(o->h, scratch, t, p, false, false, &now);
	struct orphan *e = now.problem.n ? NULL : map_get(&o->by_signature, signature_key(&now.hash));
	while (e && (e->taken || !str_eq(e->record->provider, provider) || !is_on_record(o, e->record) || is_overwritten(o, t, e->record)))
		e = e->older;
	return e;
}

static const struct task_record *take(struct orphans *o, struct task *t, struct orphan *e)
{
	const struct task_record *r = e->record;
	e->taken = true;
	if (e->bearer && e->bearer->record && e->bearer->record->seq == r->seq) /* else it has its own by now */
		e->bearer->record = NULL;
	if (!o->writable)
		return r;
	if (t->record && orphans_other_work(t->record, t))
		orphans_set_aside(o, t);
	return move(o, r, t->name, e->bearer != NULL);
}

const struct task_record *orphans_adopt(struct orphans *o, struct task *t, struct arena *scratch)
{
	for (size_t i = 0; i < o->providers.n; i++) {
		struct str name = o->providers.p[i];
		const struct provider *p = name.n ? graph_provider_of(t, name) : NULL;
		struct orphan *e = (t->kind == TASK_AGENT) != (name.n > 0) || (name.n && !p) ? NULL : find(o, t, name, p, scratch);
		if (e)
			return take(o, t, e);
	}
	return NULL;
}

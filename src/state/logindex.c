#include "state/logindex.h"

#include <stdlib.h>

#include "base/mem.h"
#include "state/frame.h"
#include "state/record.h"

struct log_index log_index_of(struct arena *a)
{
	return (struct log_index){.arena = a};
}

void log_index_free(struct log_index *ix)
{
	map_free(&ix->tasks);
	map_free(&ix->files);
	vec_free(&ix->all);
}

void log_index_reserve(struct log_index *ix, size_t tasks, size_t files)
{
	map_reserve(&ix->tasks, ix->tasks.n + tasks);
	map_reserve(&ix->files, ix->files.n + files);
}

/* Puts a frame in the place of another (either may be NULL) and keeps the count of live bytes. */
static void replace(struct log_index *ix, const unsigned char **place, const unsigned char *payload)
{
	if (*place)
		ix->live -= frame_whole(*place).n;
	if (payload)
		ix->live += frame_whole(payload).n;
	*place = payload;
}

/* What a success ends: the open start, and edits told of the outputs before. */
static void forget_since(struct log_index *ix, struct log_task *t)
{
	replace(ix, &t->start, NULL);
	replace(ix, &t->failed, NULL);
	replace(ix, &t->rejected, NULL);
	replace(ix, &t->asked, NULL);
	for (struct log_note *n = t->notes; n; n = n->next)
		replace(ix, &n->frame, NULL);
	t->notes = NULL;
}

static struct log_task *task_of(struct log_index *ix, const struct record_head *h)
{
	void **slot = map_slot(&ix->tasks, h->key);
	struct log_task *t = *slot;

	if (!t) {
		t = arena_new(ix->arena, struct log_task);
		vec_push(NULL, &ix->all, t);
		*slot = t;
	}
	return t;
}

static void take_success(struct log_index *ix, struct log_task *t, const unsigned char *payload)
{
	forget_since(ix, t);
	replace(ix, &t->done, payload);
	t->record = NULL;
}

static bool apply_done(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	(void)r; /* decoded when it is asked for */
	take_success(ix, task_of(ix, h), payload);
	return true;
}

/* The task of the old name is gone, with all that was known of it. */
static void drop_task(struct log_index *ix, struct str workflow, struct str name)
{
	struct sbuf key = {0};
	struct log_task *t;

	record_key(&key, workflow, name);
	t = map_get(&ix->tasks, sbuf_view(&key));
	if (t) {
		take_success(ix, t, NULL);
		replace(ix, &t->approved, NULL);
		replace(ix, &t->taken, NULL);
		*map_slot(&ix->tasks, sbuf_view(&key)) = NULL;
	}
	sbuf_free(&key);
}

static bool apply_renamed(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	struct str old = reader_str(r);

	if (r->bad)
		return false;
	drop_task(ix, h->workflow, old);
	take_success(ix, task_of(ix, h), payload);
	return true;
}

static bool apply_start(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	struct log_task *t;

	if (!reader_take(r, 3 * 8) || !reader_at_end(r))
		return false;
	t = task_of(ix, h);
	replace(ix, &t->failed, NULL);
	replace(ix, &t->start, payload);
	return true;
}

/* A frame's start id: the first number behind the head of a start or a failure. */
static uint64_t start_id_of(const unsigned char *payload)
{
	struct reader r = reader_of(frame_payload(payload));
	struct record_head h;

	record_head(&r, &h);
	return reader_u64(&r);
}

static bool apply_failed(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	uint64_t start_id = reader_u64(r);
	struct log_task *t;

	reader_str(r);
	if (!reader_take(r, 4 + 8) || !reader_at_end(r))
		return false;
	t = task_of(ix, h);
	/* The start may be one that a damage took: what is left still says that one was made. */
	if (t->start && start_id_of(t->start) != start_id)
		replace(ix, &t->start, NULL);
	replace(ix, &t->failed, payload);
	return true;
}

static bool apply_edit(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	struct str path = reader_str(r);
	struct hash128 now = reader_hash(r);
	struct log_note *n;
	struct log_task *t;

	if (!reader_at_end(r))
		return false;
	t = task_of(ix, h);
	for (n = t->notes; n && !str_eq(n->path, path);)
		n = n->next;
	if (!n) {
		n = arena_new(ix->arena, struct log_note);
		n->next = t->notes;
		t->notes = n;
	}
	n->path = path;
	n->now = now;
	replace(ix, &n->frame, payload);
	return true;
}

static bool apply_approved(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	reader_hash(r);
	if (!reader_at_end(r))
		return false;
	replace(ix, &task_of(ix, h)->approved, payload);
	return true;
}

static bool apply_asked(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	reader_hash(r);
	if (!reader_at_end(r))
		return false;
	replace(ix, &task_of(ix, h)->asked, payload);
	return true;
}

static bool apply_taken(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	struct taken t;

	if (!record_taken(r, &t))
		return false;
	replace(ix, &task_of(ix, h)->taken, payload);
	return true;
}

static bool apply_rejected(struct log_index *ix, const struct record_head *h, struct reader *r, const unsigned char *payload)
{
	reader_str(r);
	if (!reader_at_end(r))
		return false;
	replace(ix, &task_of(ix, h)->rejected, payload);
	return true;
}

void log_index_put_file(struct log_index *ix, struct str path, const unsigned char *entry)
{
	void **slot = map_slot(&ix->files, path);

	if (!*slot)
		ix->live += ENTRY_FIXED + path.n;
	*slot = (void *)entry; /* only ever read */
}

static bool apply_files(struct log_index *ix, struct str payload)
{
	struct reader r = reader_of(payload), check;
	const unsigned char *entry;
	struct str path;
	uint64_t seq;
	size_t n;

	reader_u8(&r);
	seq = reader_u64(&r);
	n = reader_u32(&r);
	check = r;
	for (size_t i = 0; i < n; i++)
		if (!record_entry(&check, &path))
			return false;
	if (!reader_at_end(&check))
		return false;
	if (seq > ix->seq)
		ix->seq = seq;
	while ((entry = record_entry(&r, &path)))
		log_index_put_file(ix, path, entry);
	return true;
}

void log_index_forget_files(struct log_index *ix)
{
	const struct map_entry *e;

	for (size_t i = 0; (e = map_next(&ix->files, &i));)
		ix->live -= ENTRY_FIXED + e->key.n;
	map_free(&ix->files);
	ix->files = (struct map){0};
}

/* What stands below a record of another boot was hashed before the machine may have lost it. */
static bool apply_boot(struct log_index *ix, struct str payload)
{
	struct reader r = reader_of(payload);
	uint64_t seq;
	struct hash128 boot;

	reader_u8(&r);
	seq = reader_u64(&r);
	boot = reader_hash(&r);
	if (!reader_at_end(&r))
		return false;
	if (seq > ix->seq)
		ix->seq = seq;
	if (!hash_eq(boot, ix->boot))
		log_index_forget_files(ix);
	ix->boot = boot;
	replace(ix, &ix->boot_frame, (const unsigned char *)payload.p);
	return true;
}

static uint32_t place_of(uint64_t at)
{
	return at < UINT32_MAX ? (uint32_t)at + 1 : 0;
}

bool log_index_apply(struct log_index *ix, struct str payload, uint64_t at)
{
	static bool (*const apply[RECORD_TYPES])(struct log_index *, const struct record_head *, struct reader *,
	                                         const unsigned char *) = {
	    [RECORD_START] = apply_start,     [RECORD_DONE] = apply_done, [RECORD_FAILED] = apply_failed,
	    [RECORD_RENAMED] = apply_renamed, [RECORD_EDIT] = apply_edit, [RECORD_APPROVED] = apply_approved, [RECORD_REJECTED] = apply_rejected,
	    [RECORD_ASKED] = apply_asked,     [RECORD_TAKEN] = apply_taken,
	};
	struct reader r = reader_of(payload);
	struct record_head h;

	if (payload.n && payload.p[0] == RECORD_FILES)
		return apply_files(ix, payload);
	if (payload.n && payload.p[0] == RECORD_BOOT)
		return apply_boot(ix, payload);
	if (!record_head(&r, &h) || h.type >= RECORD_TYPES || !apply[h.type])
		return false;
	if (!apply[h.type](ix, &h, &r, (const unsigned char *)payload.p))
		return false;
	if (h.seq > ix->seq)
		ix->seq = h.seq;
	if (h.seq > ix->task_seq)
		ix->task_seq = h.seq;
	if (h.type == RECORD_DONE || h.type == RECORD_RENAMED)
		task_of(ix, &h)->done_at = place_of(at);
	else if (h.type == RECORD_TAKEN)
		task_of(ix, &h)->taken_at = place_of(at);
	return true;
}

struct log_task *log_index_task(const struct log_index *ix, struct str key)
{
	return map_get(&ix->tasks, key);
}

bool log_index_belongs(const struct log_task *t, struct str workflow)
{
	struct record_head h;
	struct reader r;

	if (!t->done)
		return false;
	r = reader_of(frame_payload(t->done));
	return record_head(&r, &h) && str_eq(h.workflow, workflow);
}

bool log_index_taken(const struct log_task *t, struct str workflow, struct taken *taken)
{
	struct record_head h;
	struct reader r;

	if (!t || !t->taken)
		return false;
	r = reader_of(frame_payload(t->taken));
	return record_head(&r, &h) && str_eq(h.workflow, workflow) && record_taken(&r, taken);
}

void log_index_each_taken(const struct log_index *ix, struct str workflow, void (*fn)(void *self, const struct taken *t), void *self)
{
	struct taken t;

	for (size_t i = 0; i < ix->all.n; i++)
		if (log_index_taken(ix->all.p[i], workflow, &t))
			fn(self, &t);
}

const struct task_record *log_index_success(struct log_index *ix, struct log_task *t)
{
	if (t->done && !t->record) {
		t->record = record_success(ix->arena, frame_payload(t->done));
		if (!t->record)
			replace(ix, &t->done, NULL); /* no sense in it, though its checksum is right: nothing is known */
	}
	return t->record;
}

static int by_seq(const void *a, const void *b)
{
	uint64_t x = record_seq(frame_payload(*(const unsigned char *const *)a)), y = record_seq(frame_payload(*(const unsigned char *const *)b));

	return (x > y) - (x < y);
}

size_t log_index_live(const struct log_index *ix, const unsigned char ***frames)
{
	VEC(const unsigned char *) v = {0};

	if (ix->boot_frame)
		vec_push(NULL, &v, ix->boot_frame);
	for (size_t i = 0; i < ix->all.n; i++) {
		const struct log_task *t = ix->all.p[i];

		if (t->done)
			vec_push(NULL, &v, t->done);
		if (t->start)
			vec_push(NULL, &v, t->start);
		if (t->failed)
			vec_push(NULL, &v, t->failed);
		if (t->rejected)
			vec_push(NULL, &v, t->rejected);
		if (t->approved)
			vec_push(NULL, &v, t->approved);
		if (t->asked)
			vec_push(NULL, &v, t->asked);
		if (t->taken)
			vec_push(NULL, &v, t->taken);
		for (const struct log_note *n = t->notes; n; n = n->next)
			vec_push(NULL, &v, n->frame);
	}
	if (v.n)
		qsort(v.p, v.n, sizeof *v.p, by_seq);
	*frames = v.p;
	return v.n;
}

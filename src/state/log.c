#include "state/log.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "state/frame.h"
#include "state/log_parts.h"
#include "state/record.h"

enum { FILES_HELD = 256 << 10 }; /* bytes of entries that wait for the next record */

/* Frames to write are gathered in out. */
static void begin(struct log *l)
{
	sbuf_clear(&l->out);
}

static size_t put_head(struct log *l, enum record_type type, struct str workflow, struct str name)
{
	size_t start = frame_begin(&l->out);

	record_put_head(&l->out, type, ++l->ix.seq, workflow, name);
	return start;
}

static void put_start(struct log *l, struct str workflow, struct str name, uint64_t start_id, uint64_t run_id, int64_t at_ms)
{
	size_t start = put_head(l, RECORD_START, workflow, name);

	bytes_put_u64(&l->out, start_id);
	bytes_put_u64(&l->out, run_id);
	bytes_put_i64(&l->out, at_ms);
	frame_end(&l->out, start);
}

static void put_failed(struct log *l, struct str workflow, struct str name, const struct open_start *s)
{
	size_t start = put_head(l, RECORD_FAILED, workflow, name);

	bytes_put_u64(&l->out, s->start_id);
	bytes_put_str(&l->out, s->class);
	bytes_put_u32(&l->out, s->tries);
	bytes_put_i64(&l->out, s->duration_ns);
	frame_end(&l->out, start);
}

static void put_edit(struct log *l, struct str workflow, struct str name, struct str path, struct hash128 now)
{
	size_t start = put_head(l, RECORD_EDIT, workflow, name);

	bytes_put_str(&l->out, path);
	bytes_put_hash(&l->out, now);
	frame_end(&l->out, start);
}

/* RECORD_APPROVED or RECORD_ASKED */
static void put_approval(struct log *l, enum record_type type, struct str workflow, struct str name, struct hash128 what)
{
	size_t start = put_head(l, type, workflow, name);

	bytes_put_hash(&l->out, what);
	frame_end(&l->out, start);
}

static void put_taken(struct log *l, struct str workflow, struct str name, const struct taken *t)
{
	size_t start = put_head(l, RECORD_TAKEN, workflow, name);

	record_put_taken(&l->out, t);
	frame_end(&l->out, start);
}

static bool put_rejected(struct log *l, struct str workflow, struct str name, struct str why)
{
	size_t start = put_head(l, RECORD_REJECTED, workflow, name);

	bytes_put_str(&l->out, why);
	return frame_end(&l->out, start);
}

/* Behind the head of a payload of that kind. */
static struct reader body_of(const unsigned char *payload)
{
	struct reader r = reader_of(frame_payload(payload));
	struct record_head h;

	record_head(&r, &h);
	return r;
}

static void put_boot(struct log *l)
{
	size_t start = frame_begin(&l->out);

	bytes_put_u8(&l->out, RECORD_BOOT);
	bytes_put_u64(&l->out, ++l->ix.seq);
	bytes_put_hash(&l->out, l->ix.boot);
	frame_end(&l->out, start);
}

static struct str keep(struct log *l, struct str frames)
{
	char *room = (char *)l->spare.p;

	if (frames.n > l->spare.n)
		return arena_copy(l->arena, frames);
	l->spare = STR_NONE;
	return (struct str){memcpy(room, frames.p, frames.n), frames.n};
}

/* The first n bytes of out count from now on; they begin there in the file. */
static void apply(struct log *l, size_t n, uint64_t at)
{
	struct str payload, bytes = n ? keep(l, str_sub(sbuf_view(&l->out), 0, n)) : STR_NONE;
	struct frame_scan s = frame_scan_of(bytes.p, bytes.n);

	while (n && frame_next(&s, &payload))
		log_index_apply(&l->ix, payload, at + (uint64_t)(payload.p - bytes.p) - FRAME_HEAD);
}

/* In one write with what is late. */
static int append(struct log *l)
{
	int err;

	if (!l->late.n)
		return logfile_append(&l->file, sbuf_view(&l->out));
	sbuf_str(&l->late, sbuf_view(&l->out));
	err = logfile_append(&l->file, sbuf_view(&l->late));
	sbuf_clear(&l->late);
	return err;
}

/* Writes the frames in out with what was held back before them, and then lets them count. */
static int finish(struct log *l)
{
	uint64_t before = l->file.size, at = before + l->late.n;
	size_t records;
	int err;
	if (l->boot_due)
		put_boot(l);
	records = l->out.n;
	/* Held entries are not in anybody's way at the end: they bear no order with the records. */
	held_frames(&l->held, &l->ix, &l->out);
	err = append(l);
	if (err)
		return err;
	l->boot_due = false;
	held_written(&l->held, &l->ix, &l->file, before);
	apply(l, records, at);
	return 0;
}

/* Lets the frames in out count; they are late. */
static int finish_late(struct log *l)
{
	if (l->file.error || l->file.read_only)
		return finish(l);
	if (l->boot_due)
		put_boot(l);
	l->boot_due = false;
	apply(l, l->out.n, l->file.size + l->late.n);
	sbuf_str(&l->late, sbuf_view(&l->out));
	return 0;
}

int log_write_late(struct log *l)
{
	int err;

	if (!l->late.n)
		return 0;
	err = logfile_append(&l->file, sbuf_view(&l->late));
	sbuf_clear(&l->late);
	return err;
}

int log_flush(struct log *l)
{
	begin(l);
	return finish(l);
}

static struct log_task *find_task(struct log *l, struct str workflow, struct str name)
{
	sbuf_clear(&l->key);
	record_key(&l->key, workflow, name);
	return log_index_task(&l->ix, sbuf_view(&l->key));
}

const struct task_record *log_find(struct log *l, struct str workflow, struct str name)
{
	struct log_task *t = find_task(l, workflow, name);

	return t ? log_index_success(&l->ix, t) : NULL;
}

static struct open_start start_of(const struct log_task *t)
{
	struct open_start s = {0};
	struct record_head h;
	struct reader r;
	if (t->start) {
		r = reader_of(frame_payload(t->start));
		record_head(&r, &h);
		s.open = true;
		s.seq = h.seq;
		s.start_id = reader_u64(&r);
		s.run_id = reader_u64(&r);
		s.started_at_ms = reader_i64(&r);
	}
	if (t->failed) {
		r = reader_of(frame_payload(t->failed));
		record_head(&r, &h);
		s.open = s.failed = true;
		s.seq = t->start ? s.seq : h.seq;
		s.start_id = reader_u64(&r);
		s.class = reader_str(&r);
		s.tries = reader_u32(&r);
		s.duration_ns = reader_i64(&r);
	}
	return s;
}

struct open_start log_open_start(struct log *l, struct str workflow, struct str name)
{
	const struct log_task *t = find_task(l, workflow, name);
	return t ? start_of(t) : (struct open_start){0};
}

static void each(struct log *l, struct str workflow, bool of_it, void (*fn)(void *self, const struct task_record *r), void *self)
{
	size_t n = l->ix.all.n; /* fn may write: what comes in by that is not for this round */
	for (size_t i = 0; i < n; i++) {
		struct log_task *t = l->ix.all.p[i];
		const struct task_record *r = log_index_belongs(t, workflow) == of_it ? log_index_success(&l->ix, t) : NULL;
		if (r)
			fn(self, r);
	}
}

void log_each(struct log *l, struct str workflow, void (*fn)(void *self, const struct task_record *r), void *self)
{
	each(l, workflow, true, fn, self);
}

void log_each_other(struct log *l, struct str workflow, void (*fn)(void *self, const struct task_record *r), void *self)
{
	each(l, workflow, false, fn, self);
}

void log_each_open(struct log *l, struct str workflow, void (*fn)(void *self, struct str name), void *self)
{
	for (size_t i = 0; i < l->ix.all.n; i++) {
		const struct log_task *t = l->ix.all.p[i];
		struct reader r = t->start ? reader_of(frame_payload(t->start)) : (struct reader){0};
		struct record_head h;
		if (t->start && record_head(&r, &h) && str_eq(h.workflow, workflow))
			fn(self, h.name);
	}
}

size_t log_tasks(const struct log *l)
{
	return l->ix.all.n;
}

int log_start(struct log *l, struct str workflow, struct str name, uint64_t start_id, uint64_t run_id)
{
	begin(l);
	put_start(l, workflow, name, start_id, run_id, clock_wall_ns() / NS_PER_MS);
	return finish(l);
}

/* A start does not count any more: the next has its room, or else there would be one for each task. The table's key may lie in it. */
static void spare_start(struct log *l, const struct log_task *t, const unsigned char *start)
{
	struct reader r = reader_of(frame_payload(t->done));
	struct record_head h;

	if ((l->data && start >= l->data && start < l->data + l->data_n) || !record_head(&r, &h))
		return;
	map_rekey(&l->ix.tasks, h.key);
	l->spare = frame_whole(start);
}

static int put_done(struct log *l, const struct task_record *r, int (*how)(struct log *l))
{
	const struct log_task *t = find_task(l, r->workflow, r->name);
	const unsigned char *begun = t ? t->start : NULL;
	size_t start;
	int err;

	begin(l);
	start = put_head(l, RECORD_DONE, r->workflow, r->name);
	record_put_success(&l->out, r);
	if (!frame_end(&l->out, start))
		return EFBIG;
	err = how(l);
	if (!err && begun)
		spare_start(l, t, begun);
	return err;
}

int log_done(struct log *l, const struct task_record *r)
{
	return put_done(l, r, finish);
}

int log_done_late(struct log *l, const struct task_record *r)
{
	return put_done(l, r, finish_late);
}

int log_failed(struct log *l, struct str workflow, struct str name, uint64_t start_id, struct str class, uint32_t tries,
               int64_t duration_ns)
{
	struct open_start s = {.start_id = start_id, .class = class, .tries = tries, .duration_ns = duration_ns};

	begin(l);
	put_failed(l, workflow, name, &s);
	return finish(l);
}

/* What people said of a task and what it took goes over to its new name, unless that is known of that name too. */
static void carry_over(struct log *l, const struct log_task *from, const struct log_task *to, struct str workflow, struct str name)
{
	struct reader r;

	if (from->rejected) {
		r = body_of(from->rejected);
		put_rejected(l, workflow, name, reader_str(&r));
	}
	if (from->approved && !(to && to->approved)) {
		r = body_of(from->approved);
		put_approval(l, RECORD_APPROVED, workflow, name, reader_hash(&r));
	}
	if (from->taken && !(to && to->taken)) {
		struct taken t;
		r = body_of(from->taken);
		if (record_taken(&r, &t))
			put_taken(l, workflow, name, &t);
	}
}

int log_rename(struct log *l, struct str workflow, struct str old_name, struct str new_name)
{
	struct log_task *t = find_task(l, workflow, old_name);
	const struct task_record *r = t ? log_index_success(&l->ix, t) : NULL;
	struct open_start s;
	size_t start;

	if (!r)
		return ENOENT;
	if (str_eq(old_name, new_name))
		return 0;
	begin(l);
	start = put_head(l, RECORD_RENAMED, workflow, new_name);
	bytes_put_str(&l->out, old_name);
	bytes_put_u64(&l->out, r->seq);
	record_put_success(&l->out, r);
	if (!frame_end(&l->out, start))
		return EFBIG;
	/* The rest of what is known goes along, under the new name: no later frame has to know of the old one. */
	s = start_of(t);
	if (t->start)
		put_start(l, workflow, new_name, s.start_id, s.run_id, s.started_at_ms);
	if (t->failed)
		put_failed(l, workflow, new_name, &s);
	for (const struct log_note *n = t->notes; n; n = n->next)
		put_edit(l, workflow, new_name, n->path, n->now);
	carry_over(l, t, find_task(l, workflow, new_name), workflow, new_name);
	return finish(l);
}

int log_note_edit(struct log *l, struct str workflow, struct str name, struct str path, struct hash128 now)
{
	begin(l);
	put_edit(l, workflow, name, path, now);
	return finish(l);
}

bool log_edit_noted(struct log *l, struct str workflow, struct str name, struct str path, struct hash128 now)
{
	const struct log_task *t = find_task(l, workflow, name);

	for (const struct log_note *n = t ? t->notes : NULL; n; n = n->next)
		if (str_eq(n->path, path))
			return hash_eq(n->now, now);
	return false;
}

static int write_approval(struct log *l, enum record_type type, struct str workflow, struct str name, struct hash128 what)
{
	begin(l);
	put_approval(l, type, workflow, name, what);
	return finish(l);
}

static bool read_approval(const unsigned char *payload, struct hash128 *what)
{
	struct reader r;

	if (!payload)
		return false;
	r = body_of(payload);
	*what = reader_hash(&r);
	return true;
}

int log_approve(struct log *l, struct str workflow, struct str name, struct hash128 what)
{
	return write_approval(l, RECORD_APPROVED, workflow, name, what);
}

bool log_approval(struct log *l, struct str workflow, struct str name, struct hash128 *what)
{
	const struct log_task *t = find_task(l, workflow, name);

	return t && read_approval(t->approved, what);
}

int log_ask(struct log *l, struct str workflow, struct str name, struct hash128 what)
{
	return write_approval(l, RECORD_ASKED, workflow, name, what);
}

bool log_asked(struct log *l, struct str workflow, struct str name, struct hash128 *what)
{
	const struct log_task *t = find_task(l, workflow, name);

	return t && read_approval(t->asked, what);
}

int log_reject(struct log *l, struct str workflow, struct str name, struct str why)
{
	begin(l);
	if (!put_rejected(l, workflow, name, why))
		return EFBIG;
	return finish(l);
}

bool log_rejected(struct log *l, struct str workflow, struct str name, struct str *why)
{
	const struct log_task *t = find_task(l, workflow, name);
	struct reader r;

	if (!t || !t->rejected)
		return false;
	r = body_of(t->rejected);
	*why = reader_str(&r);
	return true;
}

int log_take(struct log *l, struct str workflow, struct str name, const struct taken *t)
{
	begin(l);
	put_taken(l, workflow, name, t);
	return finish(l);
}

bool log_taken(struct log *l, struct str workflow, struct str name, struct taken *t)
{
	return log_index_taken(find_task(l, workflow, name), workflow, t);
}

void log_each_taken(struct log *l, struct str workflow, void (*fn)(void *self, const struct taken *t), void *self)
{
	log_index_each_taken(&l->ix, workflow, fn, self);
}

bool log_file_known(struct log *l, struct str path, struct file_stat *st, struct hash128 *h)
{
	const unsigned char *entry = map_get(&l->ix.files, path);

	if (entry)
		record_entry_read(entry, st, h);
	return entry != NULL;
}

bool log_file_get(struct log *l, struct str path, struct file_stat *st, struct hash128 *h)
{
	held_index(&l->held, &l->ix, &l->file);
	return log_file_known(l, path, st, h);
}

void log_file_put(struct log *l, struct str path, const struct file_stat *st, struct hash128 h)
{
	struct file_stat known_st;
	struct hash128 known;
	bool was = log_file_known(l, path, &known_st, &known);

	if (was && file_stat_same(st, &known_st) && hash_eq(h, known))
		return;
	held_put(&l->held, path, st, h);
	if (was)
		held_index(&l->held, &l->ix, &l->file);
	if (l->file.read_only || l->file.error || l->held.entries.n < FILES_HELD)
		return;
	log_flush(l);
}

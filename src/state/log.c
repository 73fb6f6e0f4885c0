#include "state/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "state/frame.h"
#include "state/logfile.h"
#include "state/logheld.h"
#include "state/logindex.h"
#include "state/record.h"

enum {
	FILES_HELD = 256 << 10,  /* bytes of entries that wait for the next record */
	COMPACT_LEAST = 1 << 20, /* a smaller log is never worth it */
	COMPACT_LIVE = 3,        /* written anew when less than one in so many bytes counts */
};

struct log {
	struct arena *arena;
	struct logfile file;
	struct log_index ix;
	unsigned char *data; /* the file as it was opened */
	size_t data_n;
	bool damaged;
	bool other_boot, boot_due; /* it was of another; that it is of this one is yet to be written */
	struct log_held held; /* entries of files to write */
	struct str spare;     /* room that a frame of this run had which does not count any more; n 0: none */
	struct sbuf out, key;
};

static const uint64_t FAR = UINT64_C(1) << 48; /* records that no log comes to */

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

/* Writes the frames in out with what was held back before them, and then lets them count. */
static int finish(struct log *l)
{
	uint64_t before = l->file.size;
	struct str bytes, payload;
	struct frame_scan s;
	size_t records;
	int err;
	if (l->boot_due)
		put_boot(l);
	records = l->out.n;
	/* Held entries are not in anybody's way at the end: they bear no order with the records. */
	held_frames(&l->held, &l->ix, &l->out);
	err = logfile_append(&l->file, sbuf_view(&l->out));
	if (err)
		return err;
	l->boot_due = false;
	held_written(&l->held, &l->ix, &l->file, before);
	if (!records)
		return 0;
	bytes = keep(l, str_sub(sbuf_view(&l->out), 0, records));
	s = frame_scan_of(bytes.p, bytes.n);
	while (frame_next(&s, &payload))
		log_index_apply(&l->ix, payload);
	return 0;
}

/* How many tasks and files a whole log holds at most, by what its frames say of themselves. */
static void reserve(struct log *l)
{
	struct frame_scan s = frame_scan_of(l->data, (size_t)l->file.size);
	size_t tasks = 0, files = 0;
	struct str payload;

	while (frame_next_unchecked(&s, &payload)) {
		tasks += payload.n && (payload.p[0] == RECORD_DONE || payload.p[0] == RECORD_RENAMED);
		files += record_files(payload);
	}
	log_index_reserve(&l->ix, tasks, files);
}

/* Is it younger than all before it? A frame that stands in the log a second time, or in another place, would call back what has been forgotten since. Nor is it by more than
 * could ever lie between two: behind the highest number of all nothing could follow. */
static bool is_younger(const struct log *l, struct str payload)
{
	struct reader r = reader_of(payload);
	uint64_t seq;

	reader_u8(&r);
	seq = reader_u64(&r);
	return seq > l->ix.seq && seq - l->ix.seq < FAR;
}

/* Reads all frames into the index. */
static struct frame_scan load(struct log *l)
{
	struct frame_scan s = frame_scan_of(l->data, (size_t)l->file.size);
	struct str payload;

	reserve(l);
	while (frame_next(&s, &payload))
		if (!is_younger(l, payload) || !log_index_apply(&l->ix, payload))
			frame_reject(&s, payload);
	return s;
}

/* All that counts, as a log. */
static void write_live(struct log *l, struct sbuf *b)
{
	struct sbuf entries = {0};
	const unsigned char **frames;
	size_t n = log_index_live(&l->ix, &frames);
	const struct map_entry *e;

	sbuf_reserve(b, l->ix.live + HELD_FRAME);
	for (size_t i = 0; i < n; i++)
		sbuf_str(b, frame_whole(frames[i]));
	free(frames);
	held_index(&l->held, &l->ix, &l->file);
	for (size_t i = 0; (e = map_next(&l->ix.files, &i));)
		sbuf_str(&entries, (struct str){e->value, ENTRY_FIXED + e->key.n});
	held_put_frames(&l->ix, b, sbuf_view(&entries));
	sbuf_free(&entries);
}

static int rewrite(struct log *l)
{
	struct sbuf b = {0};
	int err;

	write_live(l, &b);
	err = logfile_rewrite(&l->file, sbuf_view(&b));
	sbuf_free(&b);
	return err;
}

/* What cannot be a log of ours: no good frame, and not our magic at its head either (that would be a damaged one). */
static bool is_foreign(const struct log *l, const struct frame_scan *s)
{
	return s->bad_bytes == s->n && s->n && !s->cut &&
	       (s->n < FRAME_MAGIC_SIZE || memcmp(s->p, frame_magic, FRAME_MAGIC_SIZE) != 0) && !l->ix.all.n && !l->ix.files.n;
}

static bool is_other_version(const struct log *l)
{
	return l->file.size >= FRAME_MAGIC_SIZE && !memcmp(l->data, frame_magic, FRAME_MAGIC_SIZE - 1) &&
	       l->data[FRAME_MAGIC_SIZE - 1] != frame_magic[FRAME_MAGIC_SIZE - 1];
}

/* Frees all but the arena's. */
static void release(struct log *l)
{
	logfile_close(&l->file);
	logfile_unload(l->data, l->data_n);
	log_index_free(&l->ix);
	held_free(&l->held);
	sbuf_free(&l->out);
	sbuf_free(&l->key);
}

static struct log *fail(struct log *l, const char *what, int err, struct str *note)
{
	*note = arena_printf(l->arena, "cannot %s: %s", what, os_error(err));
	release(l);
	return NULL;
}

/* Where `log` is something else: moved aside and begun anew, or (read-only) as if there were none. */
static struct log *pass_over(struct log *l, struct str *note)
{
	const char *what = is_other_version(l) ? "was written by another version of axmake" : "is not a build log";
	bool read_only = l->file.read_only;
	int dir_fd = l->file.dir_fd, err;

	l->damaged = true;
	logfile_close(&l->file);
	if (read_only) {
		*note = arena_printf(l->arena, ".axmake/log %s: passed over, so every task counts as never run", what);
		return l;
	}
	err = logfile_move_aside(&l->file);
	if (err)
		return fail(l, "move what stands in the place of .axmake/log to .axmake/log.bad", err, note);
	if (logfile_open(&l->file, dir_fd, false, &err) != LOGFILE_OPEN)
		return fail(l, "create .axmake/log", err, note);
	*note = arena_printf(l->arena, ".axmake/log %s: moved to .axmake/log.bad, so every task counts as never run", what);
	return l;
}

/* Something is missing or wrong: what is good is kept. */
static struct log *mend(struct log *l, const struct frame_scan *s, struct str *note)
{
	bool only_cut = s->cut && s->bad_places == 1;
	struct str what;
	int err;

	/* A reader may just see another process's write before its end. */
	if (l->file.read_only && only_cut)
		return l;
	l->damaged = true;
	what = only_cut ? arena_printf(l->arena, ".axmake/log ends within a record (%zu bytes)", s->bad_bytes)
	                : arena_printf(l->arena, ".axmake/log is damaged (%zu bytes in %zu place%s)", s->bad_bytes, s->bad_places,
	                               s->bad_places == 1 ? "" : "s");
	if (l->file.read_only) {
		*note = arena_printf(l->arena, "%.*s: what is left of it is used; the next run mends it", STR_ARG(what));
		return l;
	}
	err = logfile_keep_bad(&l->file, (struct str){(const char *)l->data, (size_t)l->file.size});
	if (err)
		return fail(l, "keep the damaged log as .axmake/log.bad", err, note);
	err = rewrite(l);
	if (err)
		return fail(l, "mend .axmake/log", err, note);
	*note = arena_printf(l->arena, "%.*s: mended with what is left of it; the damaged one is kept as .axmake/log.bad",
	                     STR_ARG(what));
	return l;
}

static struct log *open_as_it_is(struct arena *a, int store_fd, bool read_only, struct str *note)
{
	struct log *l = arena_new(a, struct log);
	enum logfile_state state;
	struct frame_scan s;
	int err = 0;

	*note = STR_NONE;
	l->arena = a;
	l->ix = log_index_of(a);
	state = logfile_open(&l->file, store_fd, read_only, &err);
	if (state == LOGFILE_FAILED)
		return fail(l, "open .axmake/log", err, note);
	if (state == LOGFILE_FOREIGN)
		return pass_over(l, note);
	if (state == LOGFILE_ABSENT)
		return l;
	err = logfile_load(&l->file, &l->data, &l->data_n);
	if (err)
		return fail(l, "read .axmake/log", err, note);
	s = load(l);
	if (is_foreign(l, &s))
		return pass_over(l, note);
	return s.bad_places ? mend(l, &s, note) : l;
}

/* What is believed from now on is of this boot. */
static void begin_boot(struct log *l, struct hash128 boot)
{
	if (hash_eq(l->ix.boot, boot))
		return;
	log_index_forget_files(&l->ix);
	l->other_boot = l->ix.all.n;
	l->boot_due = true;
	l->ix.boot = boot;
}

struct log *log_open_in(struct arena *a, int store_fd, bool read_only, struct hash128 boot, struct str *note)
{
	struct log *l = open_as_it_is(a, store_fd, read_only, note);

	if (l)
		begin_boot(l, boot);
	return l;
}

struct log *log_open(struct arena *a, int store_fd, bool read_only, struct str *note)
{
	return log_open_in(a, store_fd, read_only, boot_id(), note);
}

bool log_of_other_boot(const struct log *l)
{
	return l->other_boot;
}

int log_sync(struct log *l)
{
	return logfile_sync(&l->file);
}

struct log *log_in_memory(struct arena *a)
{
	struct log *l = arena_new(a, struct log);

	l->arena = a;
	l->ix = log_index_of(a);
	l->file = (struct logfile){.dir_fd = -1, .fd = -1, .nowhere = true};
	return l;
}

int log_regain(struct log *l)
{
	return logfile_is_removed(&l->file) ? rewrite(l) : 0;
}

int log_close(struct log *l)
{
	int err;

	if (!l->file.read_only && (l->held.entries.n || (l->boot_due && l->other_boot))) {
		begin(l);
		finish(l);
	}
	err = l->file.error;
	/* A failure to write it anew costs nothing but room: the old one stands, and the next run tries again. */
	if (!err && !l->file.read_only && l->file.size > COMPACT_LEAST && l->ix.live + l->held.apart < l->file.size / COMPACT_LIVE)
		rewrite(l);
	release(l);
	return err;
}

bool log_damaged(const struct log *l)
{
	return l->damaged;
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

void log_each(struct log *l, struct str workflow, void (*fn)(void *self, const struct task_record *r), void *self)
{
	size_t n = l->ix.all.n; /* fn may write: what comes in by that is not for this round */
	for (size_t i = 0; i < n; i++) {
		struct log_task *t = l->ix.all.p[i];
		const struct task_record *r = log_index_belongs(t, workflow) ? log_index_success(&l->ix, t) : NULL;
		if (r)
			fn(self, r);
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

int log_done(struct log *l, const struct task_record *r)
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
	err = finish(l);
	if (!err && begun)
		spare_start(l, t, begun);
	return err;
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
	begin(l);
	finish(l);
}

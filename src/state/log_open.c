/* How a log is opened, mended, written anew and closed. */
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/os.h"
#include "state/frame.h"
#include "state/log.h"
#include "state/log_parts.h"
#include "state/record.h"

enum {
	COMPACT_LEAST = 1 << 20, /* a smaller log is never worth it */
	COMPACT_LIVE = 3,        /* written anew when less than one in so many bytes counts */
};

static const uint64_t FAR = UINT64_C(1) << 48; /* records that no log comes to: nor are there so many numbers between two */

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
	uint64_t seq = record_seq(payload);

	return seq > l->ix.seq && seq - l->ix.seq < FAR;
}

/* Reads all frames into the index. */
static struct frame_scan load(struct log *l)
{
	struct frame_scan s = frame_scan_of(l->data, (size_t)l->file.size);
	struct str payload;

	reserve(l);
	while (frame_next(&s, &payload))
		if (!is_younger(l, payload) || !log_index_apply(&l->ix, payload, (uint64_t)((const unsigned char *)payload.p - l->data) - FRAME_HEAD))
			frame_reject(&s, payload);
	return s;
}

/* Where the numbers between `from` and `to` went with what does not count any more, frames of no files lead there: a reader takes none that is FAR ahead. */
static void bridge(struct sbuf *b, uint64_t from, uint64_t to)
{
	for (; to > from && to - from >= FAR; from += FAR - 1)
		held_put_none(b, from + FAR - 1);
}

/* All that counts, as a log. */
static void write_live(struct log *l, struct sbuf *b)
{
	struct sbuf entries = {0};
	const unsigned char **frames;
	size_t n = log_index_live(&l->ix, &frames);
	const struct map_entry *e;
	uint64_t seq = 0;

	sbuf_reserve(b, l->ix.live + HELD_FRAME);
	for (size_t i = 0; i < n; i++) {
		uint64_t next = record_seq(frame_payload(frames[i]));

		bridge(b, seq, next);
		sbuf_str(b, frame_whole(frames[i]));
		seq = next;
	}
	bridge(b, seq, l->ix.seq);
	free(frames);
	held_index(&l->held, &l->ix, &l->file);
	for (size_t i = 0; (e = map_next(&l->ix.files, &i));)
		sbuf_str(&entries, (struct str){e->value, ENTRY_FIXED + e->key.n});
	held_put_frames(&l->ix, b, sbuf_view(&entries));
	sbuf_free(&entries);
}

/* Of one that was read in parts: all of the file, which has what this run wrote as well. What was handed out stays, in the arena. */
static int read_rest(struct log *l)
{
	struct log_index parts = l->ix;
	int err = log_write_late(l);

	err = err ? err : logfile_load(&l->file, &l->data, &l->data_n);
	if (err)
		return err;
	l->ix = log_index_of(l->arena);
	load(l);
	l->ix.boot = parts.boot;
	log_index_free(&parts);
	l->sparse = false;
	return 0;
}

static int rewrite(struct log *l)
{
	struct sbuf b = {0};
	int err = l->sparse ? read_rest(l) : 0;

	if (err)
		return err;
	write_live(l, &b);
	err = logfile_rewrite(&l->file, sbuf_view(&b));
	sbuf_free(&b);
	if (!err)
		sbuf_clear(&l->late); /* it is in there */
	l->moved = true;
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

void log_release(struct log *l)
{
	logfile_close(&l->file);
	logfile_unload(l->data, l->data_n);
	log_index_free(&l->ix);
	held_free(&l->held);
	sbuf_free(&l->late);
	sbuf_free(&l->out);
	sbuf_free(&l->key);
}

static struct log *fail(struct log *l, const char *what, int err, struct str *note)
{
	*note = arena_printf(l->arena, "cannot %s: %s", what, os_error(err));
	log_release(l);
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
	l->cut = only_cut;
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

bool log_go_on(struct log *l, int store_fd)
{
	return !l->damaged && !l->cut && l->file.fd >= 0 && logfile_go_on(&l->file, store_fd);
}

bool log_of_other_boot(const struct log *l)
{
	return l->other_boot;
}

int log_sync(struct log *l)
{
	int err = log_write_late(l);

	return err ? err : logfile_sync(&l->file);
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

/* Is it to be written anew at its end? */
static bool is_due(const struct log *l)
{
	return !l->file.error && !l->file.read_only && !l->sparse && l->file.size > COMPACT_LEAST && l->ix.live + l->held.apart < l->file.size / COMPACT_LIVE;
}

int log_settle(struct log *l, bool *moves)
{
	if (!l->file.read_only && (l->late.n || l->held.entries.n || (l->boot_due && l->other_boot)))
		log_flush(l);
	*moves = l->moved || is_due(l);
	return l->file.error;
}

int log_close(struct log *l)
{
	bool moves;
	int err = log_settle(l, &moves);

	/* A failure to write it anew costs nothing but room: the old one stands, and the next run tries again. */
	if (is_due(l))
		rewrite(l);
	log_release(l);
	return err;
}

bool log_damaged(const struct log *l)
{
	return l->damaged;
}

/* Where in the file a task's records stand, and a log that is read at such places alone. */
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "state/frame.h"
#include "state/log.h"
#include "state/log_parts.h"
#include "state/record.h"

/* A frame of the file, in the arena; STR_NONE: there is none. */
static struct str read_frame(struct log *l, struct log_place place)
{
	struct frame_scan s;
	struct str payload;
	char *p;

	if (place.n < FRAME_EXTRA || place.at > l->file.size || place.n > l->file.size - place.at)
		return STR_NONE;
	p = arena_text(l->arena, place.n);
	if (logfile_read(&l->file, place.at, p, place.n))
		return STR_NONE;
	s = frame_scan_of(p, place.n);
	return frame_next(&s, &payload) && payload.p == p + FRAME_HEAD && payload.n + FRAME_EXTRA == place.n ? payload : STR_NONE;
}

static int by_place(const void *a, const void *b)
{
	uint64_t x = ((const struct log_place *)a)->at, y = ((const struct log_place *)b)->at;

	return (x > y) - (x < y);
}

/* As they stand in the file: a task that got another's name takes from that one only what was before. */
static const struct log_place *in_order(struct arena *a, const struct log_place *places, size_t n)
{
	struct log_place *sorted = arena_array(a, struct log_place, n);

	if (!n)
		return NULL;
	memcpy(sorted, places, n * sizeof *places);
	qsort(sorted, n, sizeof *sorted, by_place);
	return sorted;
}

struct log *log_open_sparse(struct arena *a, int store_fd, const struct log_place *places, size_t n, uint64_t seq)
{
	struct log *l = arena_new(a, struct log);
	const struct log_place *at = in_order(a, places, n);
	int err;
	bool well;

	*l = (struct log){.arena = a, .ix = log_index_of(a), .sparse = true};
	well = logfile_open(&l->file, store_fd, false, &err) == LOGFILE_OPEN;
	log_index_reserve(&l->ix, n, 0);
	for (size_t i = 0; i < n && well; i++) {
		struct str payload = read_frame(l, at[i]);

		well = payload.p && log_index_apply(&l->ix, payload, at[i].at) && l->ix.seq <= seq;
	}
	l->ix.seq = seq;
	l->ix.boot = boot_id();
	if (well)
		return l;
	log_release(l);
	return NULL;
}

uint64_t log_seq(const struct log *l)
{
	return l->ix.seq;
}

uint64_t log_task_seq(const struct log *l)
{
	return l->ix.task_seq;
}

uint64_t log_size(const struct log *l)
{
	return l->file.size;
}

static struct log_place place_of(const unsigned char *payload, uint32_t at)
{
	return payload && at ? (struct log_place){at - 1, (uint32_t)frame_whole(payload).n} : (struct log_place){0};
}

static bool is_alone(const struct log_task *t)
{
	return !t->start && !t->failed && !t->rejected && !t->asked && !t->approved && !t->notes;
}

void log_each_place(struct log *l, struct str workflow, void (*fn)(void *self, struct str name, const struct log_places *p), void *self)
{
	for (size_t i = 0; i < l->ix.all.n; i++) {
		const struct log_task *t = l->ix.all.p[i];
		struct record_head h;
		struct reader r;

		if (!log_index_belongs(t, workflow))
			continue;
		r = reader_of(frame_payload(t->done));
		record_head(&r, &h);
		fn(self, h.name, &(struct log_places){place_of(t->done, t->done_at), place_of(t->taken, t->taken_at), is_alone(t) && (!t->taken || t->taken_at)});
	}
}

/* The build log. The first byte says how the rest is taken: 'm': checksums of what looks like frames are put right before; anything else: as it is. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "fuzz.h"
#include "state/bytes.h"
#include "state/frame.h"
#include "state/log.h"
#include "state/logindex.h"

#define WORKFLOW STR("w.ax.yaml")

static int here = -1;

static void put_checksums(unsigned char *p, size_t n)
{
	size_t length;

	for (size_t at = 0; n - at >= FRAME_EXTRA; at++) {
		if (memcmp(p + at, frame_magic, FRAME_MAGIC_SIZE) != 0)
			continue;
		length = bytes_u32(p + at + FRAME_MAGIC_SIZE);
		if (length > n - at - FRAME_EXTRA)
			continue;
		uint64_t sum = htole64(hash64_bytes(p + at, FRAME_HEAD + length));
		memcpy(p + at + FRAME_HEAD + length, &sum, sizeof sum);
		at += FRAME_EXTRA + length - 1;
	}
}

/* Everything that can be asked of a task. */
struct said {
	struct hash128 sum;
	size_t n;
	struct log *log;
};

static void see_task(void *self, const struct task_record *r)
{
	struct said *s = self;
	struct open_start o = log_open_start(s->log, r->workflow, r->name);
	struct hash128 h, now = {0};
	struct taken t = {0};
	struct str why;

	always(log_find(s->log, r->workflow, r->name) == r);
	always(str_eq(r->workflow, WORKFLOW));
	for (size_t i = 0; i < r->n_outputs; i++)
		now.lo += hash_bytes(r->outputs[i].path.p, r->outputs[i].path.n).lo + r->outputs[i].hash.lo + r->outputs[i].kind;
	for (size_t i = 0; i < r->n_edits; i++) {
		now.hi += hash_bytes(r->edits[i].path.p, r->edits[i].path.n).lo + r->edits[i].hash.lo;
		log_edit_noted(s->log, r->workflow, r->name, r->edits[i].path, r->edits[i].hash);
	}
	now.lo += r->signature.lo + r->start_id + r->tries + r->flags + hash_bytes(r->fields.p, r->fields.n).lo + hash_bytes(r->provider.p, r->provider.n).lo;
	now.lo += o.open + o.failed + o.start_id + hash_bytes(o.class.p, o.class.n).lo;
	now.hi += log_approval(s->log, r->workflow, r->name, &h) ? h.lo : 1;
	now.hi += log_asked(s->log, r->workflow, r->name, &h) ? h.lo : 1;
	now.hi += log_rejected(s->log, r->workflow, r->name, &why) ? hash_bytes(why.p, why.n).lo : 1;
	if (log_taken(s->log, r->workflow, r->name, &t))
		always(t.n <= TAKEN_SAMPLES);
	/* A sum: it does not hang on the order in which tasks are told. */
	now = hash_bytes(&now, sizeof now);
	s->sum.lo += now.lo;
	s->sum.hi += now.hi;
	s->n++;
}

static struct said see(struct log *l)
{
	struct said s = {.log = l};

	log_each(l, WORKFLOW, see_task, &s);
	log_find(l, WORKFLOW, STR("a"));
	log_open_start(l, STR("other.ax.yaml"), STR("b"));
	return s;
}

/* From memory of the very length, where a look beyond the end is seen. */
static void read_index(struct arena *a, struct str bytes)
{
	struct log_index ix = log_index_of(a);
	struct frame_scan s = frame_scan_of(bytes.p, bytes.n);
	const unsigned char **frames;
	struct str payload;

	while (frame_next(&s, &payload))
		log_index_apply(&ix, payload, 0);
	for (size_t i = 0; i < ix.all.n; i++)
		log_index_success(&ix, ix.all.p[i]);
	always(s.at == bytes.n && s.bad_bytes <= bytes.n);
	log_index_live(&ix, &frames);
	free(frames);
	log_index_free(&ix);
}

static struct said open_and_see(bool read_only, struct str *note)
{
	struct arena a = {0};
	struct log *l = log_open(&a, here, read_only, note);
	struct file_stat st;
	struct hash128 h;
	struct said s;

	always(l);
	s = see(l);
	log_file_get(l, STR("src/a.c"), &st, &h);
	note->p = NULL; /* what is left of it goes with the arena */
	always(!log_close(l));
	arena_free(&a);
	return s;
}

/* Mended once, it is good for ever, and says what the damaged one said. */
static void check_mending(const struct said *before)
{
	struct str note;
	struct said s = open_and_see(false, &note), again;

	always(s.n == before->n && hash_eq(s.sum, before->sum));
	again = open_and_see(false, &note);
	always(!note.n);
	always(again.n == s.n && hash_eq(again.sum, s.sum));
}

/* What is written behind it is found. */
static void check_writing(void)
{
	struct arena a = {0};
	struct str note;
	struct log *l = log_open(&a, here, false, &note);
	struct task_record r = {.workflow = WORKFLOW, .name = STR("new"), .start_id = 77, .tries = 1};

	always(l && !log_start(l, WORKFLOW, STR("new"), 77, 1) && !log_done(l, &r) && !log_close(l));
	l = log_open(&a, here, true, &note);
	always(l && !log_damaged(l) && log_find(l, WORKFLOW, STR("new")) && log_find(l, WORKFLOW, STR("new"))->start_id == 77);
	always(!log_open_start(l, WORKFLOW, STR("new")).open);
	log_close(l);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool mend = size && data[0] == 'm';
	struct str bytes = fuzz_copy(data + (size > 0), size - (size > 0)), note;
	struct arena a = {0};
	struct said s;

	if (here < 0) {
		fuzz_enter();
		here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (mend)
		put_checksums((unsigned char *)bytes.p, bytes.n);
	read_index(&a, bytes);
	fuzz_put("log", bytes);
	s = open_and_see(true, &note);
	check_mending(&s);
	check_writing();
	unlink("log.bad");
	arena_free(&a);
	free((char *)bytes.p);
	return 0;
}

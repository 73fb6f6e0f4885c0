/* A log in a folder of its own, and records whose every field is known. */
#ifndef AXMAKE_TESTS_LOG_FIXTURE_H
#define AXMAKE_TESTS_LOG_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/frame.h"
#include "state/log.h"
#include "state/record.h"

#define WF STR("w.ax.yaml")

/* A folder of its own for each test. */
struct box {
	char path[64];
	int fd;
	struct arena arena;
	struct str note;
};

static inline int box_setup(void **state)
{
	struct box *b = calloc(1, sizeof *b);

	/* In memory where there is such a place: thousands of logs are mended, each with an fsync. */
	snprintf(b->path, sizeof b->path, "%s/axmake-log-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(b->path))
		return -1;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = b;
	return b->fd < 0;
}

static inline int box_teardown(void **state)
{
	struct box *b = *state;

	arena_free(&b->arena);
	close(b->fd);
	os_remove_tree(AT_FDCWD, b->path);
	free(b);
	return 0;
}

static inline struct log *open_log(struct box *b, bool read_only)
{
	struct log *l = log_open_in(&b->arena, b->fd, read_only, (struct hash128){0, 0}, &b->note); /* of no boot: what is written is what the test writes */

	assert_non_null(l);
	return l;
}

static inline struct str content(struct box *b, const char *name)
{
	struct str s = STR_NONE;

	assert_int_equal(os_read_file(&b->arena, b->fd, name, SIZE_MAX, &s), 0);
	return s;
}

static inline void set_content(struct box *b, const char *name, struct str s)
{
	assert_int_equal(os_replace_file(b->fd, name, 0600, s), 0);
}

static inline bool is_there(struct box *b, const char *name)
{
	struct stat st;

	return !fstatat(b->fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* A record whose every field hangs on i. */
static inline struct task_record sample(struct arena *a, unsigned i)
{
	struct task_record r = {.workflow = WF, .name = arena_printf(a, "task-%u", i)};

	r.signature = hash_bytes(&i, sizeof i);
	r.start_id = 1000 + i;
	r.provider = i % 2 ? arena_printf(a, "provider-%u", i) : STR_NONE;
	r.ended_at_ms = 1700000000000 + i;
	r.duration_ns = i * 7;
	r.first_byte_ns = i % 3 ? (int64_t)i : -1;
	r.tries = i + 1;
	r.flags = (uint8_t)(i % 4);
	r.input_tokens = i % 2 ? (int64_t)i : -1;
	r.output_tokens = INT64_MAX - i;
	r.cache_read_tokens = -1;
	r.cache_write_tokens = i;
	r.cost_usd = i % 2 ? i * 0.25 : NAN;
	r.has_result = i % 2;
	r.result = hash_bytes("x", i % 2);
	r.result_size = i;
	r.n_outputs = i % 3;
	r.n_edits = i % 2;
	r.outputs = arena_array(a, struct output_record, 3);
	r.edits = arena_array(a, struct output_record, 3);
	for (unsigned k = 0; k < 3; k++) {
		r.outputs[k] = (struct output_record){arena_printf(a, "out/%u/%u", i, k), {i, k}, (uint8_t)k};
		r.edits[k] = (struct output_record){arena_printf(a, "edit/%u/%u", i, k), {k, i}, (uint8_t)(2 - k)};
	}
	r.fields = arena_printf(a, "fields\xA5xl\x01%c%u", 0, i);
	return r;
}

static inline void assert_str(struct str a, struct str b)
{
	assert_true(str_eq(a, b));
}

static inline void assert_outputs(const struct output_record *a, size_t n_a, const struct output_record *b, size_t n_b)
{
	assert_int_equal(n_a, n_b);
	for (size_t i = 0; i < n_a; i++) {
		assert_str(a[i].path, b[i].path);
		assert_true(hash_eq(a[i].hash, b[i].hash));
		assert_int_equal(a[i].kind, b[i].kind);
	}
}

static inline void assert_record(const struct task_record *a, const struct task_record *b)
{
	assert_non_null(a);
	assert_str(a->workflow, b->workflow);
	assert_str(a->name, b->name);
	assert_true(hash_eq(a->signature, b->signature));
	assert_int_equal(a->start_id, b->start_id);
	assert_str(a->provider, b->provider);
	assert_int_equal(a->ended_at_ms, b->ended_at_ms);
	assert_int_equal(a->duration_ns, b->duration_ns);
	assert_int_equal(a->first_byte_ns, b->first_byte_ns);
	assert_int_equal(a->tries, b->tries);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->input_tokens, b->input_tokens);
	assert_int_equal(a->output_tokens, b->output_tokens);
	assert_int_equal(a->cache_read_tokens, b->cache_read_tokens);
	assert_int_equal(a->cache_write_tokens, b->cache_write_tokens);
	assert_memory_equal(&a->cost_usd, &b->cost_usd, sizeof a->cost_usd);
	assert_int_equal(a->has_result, b->has_result);
	assert_true(hash_eq(a->result, b->result));
	assert_int_equal(a->result_size, b->result_size);
	assert_outputs(a->outputs, a->n_outputs, b->outputs, b->n_outputs);
	assert_outputs(a->edits, a->n_edits, b->edits, b->n_edits);
	assert_str(a->fields, b->fields);
}

static inline const struct task_record *find(struct log *l, struct str name)
{
	return log_find(l, WF, name);
}

static inline void done(struct log *l, struct str name, unsigned i)
{
	struct arena a = {0};
	struct task_record r = sample(&a, i);

	r.name = name;
	assert_int_equal(log_done(l, &r), 0);
	arena_free(&a);
}

static inline void assert_done(struct log *l, struct str name, unsigned i)
{
	struct arena a = {0};
	struct task_record r = sample(&a, i);

	r.name = name;
	assert_record(find(l, name), &r);
	arena_free(&a);
}

#endif

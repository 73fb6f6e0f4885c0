#include "show/underway.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/runs.h"

#define JOURNAL_LIMIT (256u << 20)

static struct str text_of(struct arena *a, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? arena_copy(a, (struct str){json_string_value(v), json_string_length(v)}) : STR_NONE;
}

static int64_t number_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* "2026-11-25T22:06:19.417Z"; 0 where it is none. */
static int64_t wall_ms(struct str at)
{
	struct tm tm = {0};
	int ms;
	if (!at.n || sscanf(at.p, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

static struct underway_task *task_of(struct underway *u, const json_t *o)
{
	struct str name = text_of(u->arena, o, "task");
	void **slot = map_slot(&u->tasks, name);
	if (!*slot)
		*slot = arena_new(u->arena, struct underway_task);
	return *slot;
}

static void on_begin(struct underway *u, const json_t *o)
{
	const json_t *options = json_object_get(o, "options"), *targets = json_object_get(options, "targets"), *t;
	size_t i;
	u->told = true;
	u->workflow = text_of(u->arena, o, "what");
	u->jobs = number_of(options, "jobs");
	u->agents = number_of(options, "agents");
	u->keep_going = json_is_true(json_object_get(options, "keep_going"));
	json_array_foreach(targets, i, t)
		if (json_is_string(t))
			vec_push(u->arena, &u->targets, arena_copy(u->arena, (struct str){json_string_value(t), json_string_length(t)}));
}

static void on_try(struct underway *u, const json_t *o)
{
	struct underway_task *t = task_of(u, o);
	int64_t n = number_of(o, "try");
	*t = (struct underway_task){.tries = n > 0 ? (uint32_t)n : 1, .provider = text_of(u->arena, o, "provider")};
}

static void on_retry(struct underway *u, const json_t *o)
{
	struct underway_task *t = task_of(u, o);
	int64_t delay = number_of(o, "delay_ms"), n = number_of(o, "try");
	*t = (struct underway_task){.tries = n > 0 ? (uint32_t)n : 1, .class = text_of(u->arena, o, "class"), .provider = text_of(u->arena, o, "provider")};
	t->due_ms = wall_ms(text_of(u->arena, o, "at")) + (delay > 0 ? delay : 0);
}

static void on_waits(struct underway *u, const json_t *o)
{
	task_of(u, o)->waits = text_of(u->arena, o, "text");
}

static void on_asked(struct underway *u, const json_t *o)
{
	task_of(u, o)->asks = text_of(u->arena, o, "agent");
}

static void on_answered(struct underway *u, const json_t *o)
{
	task_of(u, o)->asks = STR_NONE;
}

static void on_not_run(struct underway *u, const json_t *o)
{
	struct underway_task *t = task_of(u, o);
	*t = (struct underway_task){.not_run = text_of(u->arena, o, "reason")};
}

static void on_ended(struct underway *u, const json_t *o)
{
	*task_of(u, o) = (struct underway_task){0};
	u->stopped = u->stopped || (!u->keep_going && str_eq(text_of(u->arena, o, "state"), STR("failed")));
}

static void take(struct underway *u, const json_t *o)
{
	static const struct {
		const char *ev;
		void (*fn)(struct underway *, const json_t *);
		bool of_task;
	} lines[] = {
		{"begin", on_begin, false}, {"start", on_try, true},       {"try", on_try, true},         {"retry", on_retry, true},
		{"waits", on_waits, true},  {"asked", on_asked, true},     {"answered", on_answered, true}, {"not-run", on_not_run, true},
		{"ended", on_ended, true},
	};
	struct str ev = text_of(u->arena, o, "ev");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (str_eq(ev, str_of(lines[i].ev)) && (!lines[i].of_task || json_is_string(json_object_get(o, "task"))))
			lines[i].fn(u, o);
}

static bool is_of_run(const json_t *begin, uint64_t run_id)
{
	const char *run = json_string_value(json_object_get(begin, "run"));
	uint64_t id;
	return run && sscanf(run, "%" SCNx64, &id) == 1 && id == run_id;
}

/* A line that is not whole yet is left alone. false: it is another run's. */
static bool read_journal(struct underway *u, int state_fd, struct str id)
{
	struct arena a = {0};
	struct str text = STR_NONE;
	os_read_file(&a, state_fd, arena_printf(&a, "runs/%.*s/" RUNS_JOURNAL, STR_ARG(id)).p, JOURNAL_LIMIT, &text);
	for (size_t at = 0, end; (end = str_find(text, STR("\n"), at)) < text.n; at = end + 1) {
		json_t *o = json_loadb(text.p + at, end - at, 0, NULL);
		if (at || is_of_run(o, u->holder.run_id))
			take(u, o);
		json_decref(o);
		if (!u->told)
			break;
	}
	arena_free(&a);
	return u->told;
}

struct underway underway_look(struct arena *a)
{
	struct underway u = {.jobs = -1, .agents = -1, .arena = a};
	struct store s;
	struct store_error err = {0};
	struct str *ids;
	size_t n;
	if (!store_open(&s, a, false, &err))
		return u;
	if (s.fd >= 0)
		u.holder = store_lock_holder(&s);
	if (u.holder.held && !runs_list(a, s.fd, &ids, &n))
		while (n-- && !(runs_alive(s.fd, ids[n]) && read_journal(&u, s.fd, ids[n])))
			;
	store_close(&s);
	return u;
}

void underway_free(struct underway *u)
{
	map_free(&u->tasks);
}

const struct underway_task *underway_task(const struct underway *u, struct str name)
{
	static const struct underway_task nothing;
	const struct underway_task *t = map_get(&u->tasks, name);
	return t ? t : &nothing;
}

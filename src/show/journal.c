#include "show/journal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/mask.h"
#include "show/failure.h"
#include "show/phrase.h"
#include "state/runs.h"

struct journal {
	struct journal_config config;
	struct arena arena;
	struct mask mask;
	struct sbuf lines; /* not written yet */
	int fd;            /* -1: not made yet */
	int err;
	int64_t began_ns;
	struct usage usage;
	size_t done, failed;
};

static void add_line(struct journal *j, json_t *line)
{
	phrase_json_line(&j->lines, line);
}

static json_t *event(const char *name)
{
	json_t *o = phrase_json_must(json_object());
	phrase_json_set(o, "ev", phrase_json(str_of(name)));
	return o;
}

static void set_now(json_t *o)
{
	struct sbuf b = {0};
	clock_iso(&b, clock_wall_ns());
	phrase_json_set(o, "at", phrase_json(sbuf_view(&b)));
	sbuf_free(&b);
}

/* tokens -1 and cost NaN: not reported. */
static void set_usage(json_t *o, int64_t input, int64_t output, double usd)
{
	json_t *tokens = phrase_json_must(json_object());
	phrase_json_set(tokens, "input", input < 0 ? json_null() : json_integer(input));
	phrase_json_set(tokens, "output", output < 0 ? json_null() : json_integer(output));
	phrase_json_set(o, "tokens", tokens);
	phrase_json_set(o, "cost_usd", isnan(usd) ? json_null() : json_real(usd));
}

static void write_lines(struct journal *j)
{
	if (j->fd < 0 || j->err || !j->lines.n)
		return;
	j->err = os_write_all(j->fd, j->lines.p, j->lines.n);
	sbuf_clear(&j->lines);
}

static void begin(struct journal *j)
{
	int run_fd = j->config.run_fd;
	if (j->fd >= 0 || j->err)
		return;
	if (run_fd < 0)
		j->err = runs_make(j->config.state_fd, j->config.id, &run_fd);
	if (!j->err && (j->fd = runs_journal(run_fd)) < 0)
		j->err = errno;
	if (run_fd >= 0 && run_fd != j->config.run_fd)
		close(run_fd);
	if (j->err)
		return;
	mask_read(&j->mask, &j->arena, j->config.environ);
	json_t *o = event("begin");
	set_now(o);
	phrase_json_set(o, "pid", json_integer(getpid()));
	struct sbuf run = {0};
	sbuf_printf(&run, "%llx", (unsigned long long)j->config.run_id);
	phrase_json_set(o, "run", phrase_json(sbuf_view(&run)));
	sbuf_free(&run);
	phrase_json_set(o, "what", phrase_json(j->config.what));
	add_line(j, o);
	write_lines(j);
}

/* What making it took, and now did not. */
static json_t *saved(const struct task *t, const struct outcome *out)
{
	json_t *o = phrase_json_must(json_object());
	phrase_json_set(o, "duration_ms", json_integer(out->duration_ns / NS_PER_MS));
	if (t->kind == TASK_AGENT)
		set_usage(o, out->input_tokens, out->output_tokens, out->cost_usd);
	return o;
}

static void on_end(struct journal *j, const struct task *t, const struct outcome *out)
{
	struct sbuf why = {0};
	struct arena a = {0};
	bool failed = t->state == STATE_FAILED;
	json_t *o = event("task");
	phrase_json_set(o, "name", phrase_json(t->name));
	phrase_json_set(o, "agent", phrase_json(t->kind == TASK_AGENT ? t->agent->name : STR_NONE));
	phrase_json_set(o, "provider", phrase_json(out->provider.n ? out->provider : STR_NONE));
	phrase_json_set(o, "state", phrase_json(out->restored ? STR("restored") : !failed ? STR("done") : out->ignored ? STR("ignored") : STR("failed")));
	phrase_json_set(o, "tries", json_integer(out->tries));
	phrase_json_set(o, "duration_ms", json_integer(out->restored ? 0 : out->duration_ns / NS_PER_MS));
	if (out->restored)
		phrase_json_set(o, "saved", saved(t, out));
	if (t->kind == TASK_AGENT && !out->restored)
		set_usage(o, out->input_tokens, out->output_tokens, out->cost_usd);
	if (failed)
		failure_words(&why, t, out);
	phrase_json_set(o, "error", phrase_json(failed ? mask_copy(&j->mask, &a, sbuf_view(&why)) : STR_NONE));
	add_line(j, o);
	j->done += !failed;
	j->failed += failed && !out->ignored;
	if (t->kind == TASK_AGENT && out->tries)
		usage_add(&j->usage, out->input_tokens, out->output_tokens, out->cost_usd);
	sbuf_free(&why);
	arena_free(&a);
}

static void hear(void *self, const struct event *e)
{
	struct journal *j = self;
	if (e->kind == EVENT_RUN_BEGIN)
		j->began_ns = e->at_ns;
	if (!e->task || e->task->kind == TASK_GROUP)
		return;
	if (e->kind == EVENT_START || e->kind == EVENT_END)
		begin(j);
	if (e->kind == EVENT_END && e->outcome)
		on_end(j, e->task, e->outcome);
}

static void flush(void *self)
{
	write_lines(self);
}

struct journal *journal_new(const struct journal_config *c)
{
	struct journal *j = xcalloc(1, sizeof *j);
	j->config = *c;
	j->fd = -1;
	j->began_ns = clock_ns();
	return j;
}

struct observer journal_observer(struct journal *j)
{
	return (struct observer){hear, flush, j};
}

static void add_end(struct journal *j, int signal, int status)
{
	const struct usage *u = &j->usage;
	json_t *o = event("end");
	set_now(o);
	phrase_json_set(o, "state", phrase_json(signal ? STR("interrupted") : status ? STR("failed") : STR("done")));
	phrase_json_set(o, "status", json_integer(signal ? 128 + signal : status));
	phrase_json_set(o, "duration_ms", json_integer((clock_ns() - j->began_ns) / NS_PER_MS));
	phrase_json_set(o, "done", json_integer((json_int_t)j->done));
	phrase_json_set(o, "failed", json_integer((json_int_t)j->failed));
	set_usage(o, u->tokens_known ? u->input_tokens : -1, u->tokens_known ? u->output_tokens : -1, u->costs_known ? u->cost_usd : NAN);
	add_line(j, o);
}

int journal_end(struct journal *j, int signal, int status)
{
	if (j->fd >= 0) {
		add_end(j, signal, status);
		write_lines(j);
		close(j->fd);
	}
	int err = j->err;
	sbuf_free(&j->lines);
	arena_free(&j->arena);
	free(j);
	return err;
}

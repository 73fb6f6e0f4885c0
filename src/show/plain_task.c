#include "show/plain.h"
#include "show/plain_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/utf8.h"
#include "show/failure.h"

static void show_output(struct plain *p, const struct event *e, const struct outcome *o)
{
	const struct task *t = e->task;
	struct arena a = {0};
	bool any = false;
	int fd, err;

	if (p->config.live || !o->log_path.n || !o->log_size || (p->config.quiet && t->state != STATE_FAILED))
		return;
	if (p->console.drawn) {
		if (!p->config.trace)
			plain_head(p, e);
		console_flush(&p->console);
		terminal_add_file(p->console.drawn, p->config.root_fd, o->log_path, t->kind == TASK_AGENT);
		p->shown = t;
		return;
	}
	plain_short_head(p, t);
	fd = openat(p->config.root_fd, arena_copy(&a, o->log_path).p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	err = fd < 0 ? errno : console_stream(&p->console, t->kind == TASK_AGENT, fd, &any);
	if (fd >= 0)
		close(fd);
	if (any)
		p->shown = t;
	if (err) {
		struct sbuf b = {0};

		sbuf_printf(&b, "%s: warning: cannot show the output of ", p->config.program);
		utf8_escape(&b, t->name);
		sbuf_printf(&b, ": %.*s: %s\n", STR_ARG(o->log_path), os_error(err));
		console_say(&p->console, &b);
	}
	arena_free(&a);
}
/* "axmake: *** [workflow.ax.yaml:12: backend] Error 2" and what helps to see why. */
static void say_failure(struct plain *p, const struct task *t, const struct outcome *o)
{
	struct sbuf b = {0}, head = {0}, log = {0};

	if (o->tail.n && !(p->shown == t && p->console.one_place))
		phrase_lines(&b, failure_tail(o->tail), "    ");
	sbuf_printf(&head, "%s: %s[", p->config.program, o->ignored ? "" : "*** ");
	diag_where(p->config.diag, t->def->at, &head);
	sbuf_lit(&head, ": ");
	utf8_escape(&head, t->name);
	sbuf_lit(&head, "] ");
	failure_brief(&head, t, o);
	if (o->ignored)
		sbuf_lit(&head, " (ignored)");
	phrase_color(&b, p->config.color_err, o->ignored ? "33" : "1;31", head.p);
	sbuf_char(&b, '\n');
	if (failure_log(&log, t, o)) {
		sbuf_printf(&b, "    log: %s (", log.p);
		phrase_command(&b, p->config.graph);
		sbuf_lit(&b, " --log ");
		phrase_word(&b, t->name);
		sbuf_lit(&b, ")\n");
	}
	if (o->session.n) {
		sbuf_lit(&b, "    session: ");
		phrase_line(&b, o->session);
		sbuf_char(&b, '\n');
	}
	sbuf_clear(&p->failure);
	if (o->tail.n && p->shown == t && p->console.one_place)
		phrase_lines(&p->failure, failure_tail(o->tail), "");
	sbuf_str(&p->failure, sbuf_view(&b));
	console_say(&p->console, &b);
	sbuf_free(&head);
	sbuf_free(&log);
}

static void say_left_behind(struct plain *p, const struct task *t, size_t n)
{
	struct sbuf b = {0};

	sbuf_printf(&b, "%s: ", p->config.program);
	utf8_escape(&b, t->name);
	sbuf_printf(&b, ": %zu process%s left behind and ended\n", n, n == 1 ? "" : "es");
	console_say(&p->console, &b);
}

/* "done in 0.12s (3 tries, 812+96 tokens, $0.01)" */
static void add_done(struct plain *p, const struct outcome *o)
{
	struct sbuf more = {0};

	sbuf_clear(&p->failure);
	if (o->restored) {
		phrase_color(&p->console.out, p->config.color_out, "32", "restored");
		sbuf_lit(&p->console.out, o->restored_from.n ? " from the shared cache (" : " from the cache (");
		phrase_saved(&p->console.out, o->duration_ns, o->input_tokens, o->output_tokens, o->cost_usd);
		sbuf_lit(&p->console.out, ")\n");
		return;
	}
	if (!o->tries) {
		sbuf_lit(&p->console.out, "recorded as up to date, not run\n");
		return;
	}
	phrase_color(&p->console.out, p->config.color_out, "32", "done");
	sbuf_lit(&p->console.out, " in ");
	clock_duration(&p->console.out, o->duration_ns);
	if (o->fell_back) {
		sbuf_lit(&more, "by ");
		utf8_escape(&more, o->provider);
	}
	if (o->tries > 1)
		sbuf_printf(&more, "%s%u tries", more.n ? ", " : "", o->tries);
	if (o->input_tokens >= 0 || o->output_tokens >= 0) {
		sbuf_lit(&more, more.n ? ", " : "");
		phrase_tokens(&more, o->input_tokens, o->output_tokens);
	}
	if (!isnan(o->cost_usd)) {
		sbuf_lit(&more, more.n ? ", " : "");
		phrase_usd(&more, o->cost_usd);
	}
	if (more.n)
		sbuf_printf(&p->console.out, " (%s)", more.p);
	sbuf_char(&p->console.out, '\n');
	sbuf_free(&more);
}

static void note_end(struct plain *p, const struct event *e)
{
	const struct task *t = e->task;
	const struct outcome *o = e->outcome;
	struct row row = {.task = t,
	                  .duration_ns = o->duration_ns,
	                  .tries = o->tries,
	                  .input_tokens = o->input_tokens,
	                  .output_tokens = o->output_tokens,
	                  .cost_usd = o->cost_usd};
	struct sbuf why = {0}, log = {0};
	enum row_state state = o->restored ? ROW_RESTORED : t->state != STATE_FAILED ? ROW_DONE : o->ignored ? ROW_IGNORED : ROW_FAILED;

	if (o->restored) {
		if (o->restored_from.n)
			sbuf_lit(&why, "from the shared cache; ");
		phrase_saved(&why, o->duration_ns, o->input_tokens, o->output_tokens, o->cost_usd);
		p->restored.ns += o->duration_ns;
		usage_add(&p->restored.usage, o->input_tokens, o->output_tokens, o->cost_usd);
	}
	if (!o->tries) {
		row.duration_ns = row.input_tokens = row.output_tokens = -1;
		row.cost_usd = NAN;
	}
	if (t->kind == TASK_AGENT && outcome_asked(o))
		usage_add(&p->usage, o->input_tokens, o->output_tokens, o->cost_usd);
	row.anew = state == ROW_FAILED && e->verdict && (e->verdict->why == WHY_FORCED || e->verdict->why == WHY_WHAT_IF);
	if (state == ROW_FAILED || state == ROW_IGNORED) {
		failure_words(&why, t, o);
		row.has_log = failure_log(&log, t, o);
	}
	row.why = sbuf_view(&why);
	table_add(&p->table, &p->arena, state, &row);
	sbuf_free(&why);
	sbuf_free(&log);
}

static const struct outcome *outcome_of(const struct event *e)
{
	static const struct outcome nothing = {.input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN};

	return e->outcome ? e->outcome : &nothing;
}

void plain_on_end(struct plain *p, const struct event *e)
{
	const struct task *t = e->task;
	const struct outcome *o = outcome_of(e);

	if (t->kind == TASK_GROUP)
		return;
	plain_say_why(p);
	plain_number(p, t); /* it may have ended without a start */
	console_live_end(&p->console, t->name, t->kind == TASK_AGENT);
	show_output(p, e, o);
	note_end(p, e);
	if (t->state == STATE_FAILED) {
		say_failure(p, t, o);
	} else if (!plain_quiet(p)) {
		plain_name(p, t);
		add_done(p, o);
	}
	if (o->ended)
		say_left_behind(p, t, o->ended);
	p->shown = p->headed = NULL;
	console_room(&p->console);
}

/* "axmake: backend: try 1 failed (transient: 529 overloaded); next in 5s" */
void plain_on_retry(struct plain *p, const struct event *e)
{
	const struct outcome *o = outcome_of(e);
	struct sbuf b = {0};

	console_live_end(&p->console, e->task->name, e->task->kind == TASK_AGENT);
	sbuf_printf(&b, "%s: ", p->config.program);
	utf8_escape(&b, e->task->name);
	if (o->class == TRY_LOST || o->unstarted) {
		sbuf_lit(&b, ": ");
		utf8_escape(&b, o->error);
		sbuf_lit(&b, "; that is no failure of its own, next ");
	} else if (o->earlier) {
		sbuf_lit(&b, ": its last answer fails again (");
		failure_words(&b, e->task, o);
		sbuf_lit(&b, "); another is asked for ");
	} else {
		sbuf_printf(&b, ": try %u failed (", o->tries);
		failure_words(&b, e->task, o);
		sbuf_lit(&b, "); next ");
	}
	if (e->delay_ns > 0) {
		sbuf_lit(&b, "in ");
		phrase_span(&b, e->delay_ns);
	} else {
		sbuf_lit(&b, "at once");
	}
	if (e->text.n) {
		sbuf_lit(&b, " by ");
		utf8_escape(&b, e->text);
	}
	sbuf_char(&b, '\n');
	console_say(&p->console, &b);
}

#include "show/failure.h"

#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "show/lastline.h"
#include "show/phrase.h"
#include "state/store.h"

#define TAIL_LINES 10
#define TAIL_BYTES 2048

/* "Timeout after 10m; last: Reading the schema" */
static void limit_words(struct sbuf *b, const struct outcome *o)
{
	sbuf_lit(b, o->class == TRY_STALL ? "Stall: no output for " : "Timeout after ");
	phrase_span(b, o->timeout_ns);
	if (!o->activity.n)
		return;
	sbuf_lit(b, "; last: ");
	utf8_escape(b, o->activity);
}

static void reason_words(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	if (o->error.n && (t->kind == TASK_AGENT || !o->tries || (!o->status && !o->signaled))) {
		utf8_escape(b, o->error);
		return;
	}
	if (o->signaled)
		sbuf_lit(b, strsignal(o->status));
	else if (o->status)
		sbuf_printf(b, "Error %d", o->status);
	if (o->error.n) {
		sbuf_lit(b, ": ");
		utf8_escape(b, o->error);
	}
}

/* A check fails by what it has found: ": it holds no title". */
static void check_said(struct sbuf *b, const struct outcome *o)
{
	struct lastline last = {0};
	struct sbuf said = {0};

	lastline_add(&last, o->tail);
	lastline_show(&last, &said);
	if (said.n) {
		sbuf_lit(b, ": ");
		sbuf_str(b, sbuf_view(&said));
	}
	sbuf_free(&said);
}

void failure_words(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	failure_brief(b, t, o);
	if (o->class == TRY_CHECK)
		check_said(b, o);
}

void failure_brief(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	bool says_nothing = !o->error.n && !o->signaled && !o->status;

	if (o->class == TRY_TIMEOUT || o->class == TRY_STALL) {
		limit_words(b, o);
	} else if (o->class == TRY_FAILED || o->interrupted) {
		if (says_nothing)
			sbuf_lit(b, "Error");
		reason_words(b, t, o);
	} else if (o->signaled && t->kind == TASK_RUN && !o->error.n) {
		/* make's form, and then the class */
		reason_words(b, t, o);
		sbuf_printf(b, " (%s)", try_class_name(o->class));
	} else {
		sbuf_printf(b, "%s%s", try_class_name(o->class), says_nothing ? "" : ": ");
		reason_words(b, t, o);
	}
}

struct str failure_tail(struct str output)
{
	size_t from, lines = 0;

	output = str_trim_end_newlines(output);
	from = output.n;
	while (from > 0 && output.n - from < TAIL_BYTES) {
		if (output.p[from - 1] == '\n' && ++lines == TAIL_LINES)
			return str_sub(output, from, output.n);
		from--;
	}
	if (from == 0)
		return output;
	/* The bytes ran out within a line: it is left out if there are others, else cut between characters. */
	if (lines > 0 && output.p[from - 1] != '\n')
		from = str_find(output, STR("\n"), from) + 1;
	while (from < output.n && ((unsigned char)output.p[from] & 0xc0) == 0x80)
		from++;
	return str_sub(output, from, output.n);
}

bool failure_log(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	struct arena a = {0};

	if (o->log_path.n) {
		phrase_line(b, o->log_path);
		return true;
	}
	/* An agent writes its files itself, so they are there as soon as it was started. */
	if (t->kind != TASK_AGENT || !o->tries || o->unstarted)
		return false;
	sbuf_lit(b, ".axmake/");
	phrase_line(b, store_task_dir(&a, t->name));
	sbuf_lit(b, "/stdout");
	arena_free(&a);
	return true;
}

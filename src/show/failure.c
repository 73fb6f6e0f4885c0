#include "show/failure.h"

#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "show/phrase.h"
#include "state/store.h"

#define TAIL_LINES 10
#define TAIL_BYTES 2048

void failure_words(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	if (o->class == TRY_TIMEOUT) {
		sbuf_lit(b, "Timeout after ");
		phrase_span(b, o->timeout_ns);
		return;
	}
	if (o->error.n && (t->kind == TASK_AGENT || !o->tries || (!o->status && !o->signaled))) {
		utf8_escape(b, o->error);
		return;
	}
	if (o->signaled)
		sbuf_lit(b, strsignal(o->status));
	else if (o->status)
		sbuf_printf(b, "Error %d", o->status);
	else
		sbuf_printf(b, "Error (%s)", try_class_name(o->class));
	if (o->error.n) {
		sbuf_lit(b, ": ");
		utf8_escape(b, o->error);
	}
}

void failure_try(struct sbuf *b, const struct task *t, const struct outcome *o)
{
	/* These words name their class themselves. */
	if (o->class == TRY_FAILED || o->class == TRY_TIMEOUT) {
		failure_words(b, t, o);
		return;
	}
	sbuf_lit(b, try_class_name(o->class));
	if (o->error.n || o->signaled || o->status) {
		sbuf_lit(b, ": ");
		failure_words(b, t, o);
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
	if (t->kind != TASK_AGENT || !o->tries)
		return false;
	sbuf_lit(b, ".axmake/");
	phrase_line(b, store_task_dir(&a, t->name));
	sbuf_lit(b, "/stdout");
	arena_free(&a);
	return true;
}

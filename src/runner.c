#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/os.h"
#include "show/actions.h"

#define ROWS 100                  /* of tasks in a summary, and of failures */
#define SUMMARY_ROOM (512u << 10) /* the runner takes a megabyte a step, or nothing */

static void add_failure(const struct program *g, struct sbuf *b, const struct ledger_entry *e)
{
	const struct task_def *def = e->task->def;
	struct arena a = {0};
	struct sbuf message = {0};
	sbuf_str(&message, e->note);
	if (e->tail.n)
		sbuf_char(&message, '\n');
	phrase_lines(&message, e->tail, "");
	actions_annotate(b, e->state == LEDGER_IGNORED ? "warning" : "error", program_in_workspace(g, &a, diag_source_name(g->project.diag, def->at.source)), def->at.line, e->task->name,
			 sbuf_view(&message));
	sbuf_free(&message);
	arena_free(&a);
}

static void annotate(const struct program *g, const struct ledger *l)
{
	struct sbuf b = {0};
	size_t n;
	struct ledger_entry *const *all = ledger_entries(l, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i]->state == LEDGER_FAILED || all[i]->state == LEDGER_REFUSED || all[i]->state == LEDGER_IGNORED)
			add_failure(g, &b, all[i]);
	fflush(stdout);
	fwrite(b.n ? b.p : "", 1, b.n, stderr);
	sbuf_free(&b);
}

static void summarize(const struct program *g, const struct report *r)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	struct sbuf b = {0};
	if (!path || !*path)
		return;
	report_markdown(&b, r, ROWS);
	if (b.n > SUMMARY_ROOM) {
		sbuf_clear(&b);
		report_markdown(&b, r, ROWS / 10);
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	int err = fd < 0 ? errno : os_write_all(fd, b.p, b.n);
	if (fd >= 0 && close(fd) && !err)
		err = errno;
	if (err)
		fprintf(stderr, "%s: warning: cannot write the step's summary: %s\n", g->name, os_error(err));
	sbuf_free(&b);
}

void runner_tell(const struct program *g, const struct report *r)
{
	annotate(g, r->ledger);
	summarize(g, r);
}

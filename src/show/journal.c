#include "show/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "state/runs.h"

struct journal {
	struct journal_config config;
	struct eventline *writer;
	struct sbuf line;  /* just made, where nobody follows */
	bool recorded;     /* a record is to be kept */
	int state_fd, run_fd;
	struct sbuf lines; /* of the record, not written yet */
	int fd, err;       /* of the record; fd -1: not made yet */
};

/* Lines before the record is there wait for it. */
static void write_record(struct journal *j)
{
	if (j->fd < 0 || j->err || !j->lines.n)
		return;
	j->err = os_write_all(j->fd, j->lines.p, j->lines.n);
	sbuf_clear(&j->lines);
}

static void make_record(struct journal *j)
{
	int run_fd = j->run_fd;
	if (!j->recorded || j->fd >= 0 || j->err)
		return;
	if (run_fd < 0) {
		j->err = runs_make(j->state_fd, j->config.run.id, &run_fd);
		if (!j->err)
			runs_prune(j->state_fd);
	}
	if (!j->err && (j->fd = runs_journal(run_fd)) < 0)
		j->err = errno;
	if (run_fd >= 0 && run_fd != j->run_fd)
		close(run_fd);
}

static void add_gathered(struct journal *j)
{
	if (j->config.file && j->config.file->fd >= 0)
		eventline_gathered(j->writer, &j->config.file->waiting);
}

static void hear(void *self, const struct event *e)
{
	struct journal *j = self;
	struct linefile *file = j->config.file && j->config.file->fd >= 0 ? j->config.file : NULL;
	struct sbuf *to = file ? &file->waiting : &j->line;
	sbuf_clear(&j->line);
	if (e->kind != EVENT_FOUND_FRESH)
		add_gathered(j);
	size_t before = to->n;
	enum eventline_kind kind = eventline_add(j->writer, to, e, file);
	if (kind == EVENTLINE_FACT && !j->err)
		sbuf_add(&j->lines, to->p + before, to->n - before);
	if (kind && file)
		linefile_added(file, before);
	if (kind && (e->kind == EVENT_START || e->kind == EVENT_END))
		make_record(j);
}

static void flush(void *self)
{
	struct journal *j = self;
	write_record(j);
	add_gathered(j);
	if (j->config.file)
		linefile_flush(j->config.file);
}

struct journal *journal_new(const struct journal_config *c)
{
	struct journal *j = xcalloc(1, sizeof *j);
	j->config = *c;
	j->writer = eventline_new(&c->run, c->graph);
	j->fd = -1;
	return j;
}

struct observer journal_observer(struct journal *j)
{
	return (struct observer){hear, flush, j};
}

void journal_record(struct journal *j, int state_fd, int run_fd)
{
	j->recorded = true;
	j->state_fd = state_fd;
	j->run_fd = run_fd;
}

int journal_end(struct journal *j, int signal, int status)
{
	add_gathered(j);
	sbuf_clear(&j->line);
	eventline_end(j->writer, &j->line, signal, status);
	sbuf_str(&j->lines, sbuf_view(&j->line));
	if (j->config.file)
		linefile_add(j->config.file, sbuf_view(&j->line));
	flush(j);
	if (j->fd >= 0)
		close(j->fd);
	int err = j->err;
	eventline_free(j->writer);
	sbuf_free(&j->line);
	sbuf_free(&j->lines);
	free(j);
	return err;
}

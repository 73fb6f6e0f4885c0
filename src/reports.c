#include "reports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/os.h"
#include "base/path.h"
#include "runner.h"
#include "show/actions.h"
#include "show/linefile.h"
#include "show/report.h"
#include "version.h"

bool reports_wanted(const struct options *o)
{
	return o->trace_file.path.n || o->reports.n || actions_here();
}

bool reports_need_ledger(const struct options *o)
{
	return reports_wanted(o) || o->notify.n;
}

const char *reports_path(const struct program *g, const struct file_option *file)
{
	struct arena *a = g->project.arena;
	struct str start = file->of_root ? STR_NONE : g->project.start;
	return arena_copy(a, start.n ? path_join(a, start, path_normal(a, file->path)) : file->path).p;
}

static struct str own_path(const struct program *g, const struct file_option *file)
{
	struct str path = path_normal(g->project.arena, str_of(reports_path(g, file))), root = g->project.graph->root;
	return path_under(path, root) && path.n > root.n + 1 ? str_sub(path, root.n + 1, path.n) : path;
}

const struct str *reports_own(const struct program *g, size_t *n)
{
	const struct options *o = &g->options;
	struct str *own = arena_array(g->project.arena, struct str, o->reports.n + 2);
	*n = 0;
	for (size_t i = 0; i < o->reports.n; i++)
		own[(*n)++] = own_path(g, &o->reports.p[i]);
	if (o->trace_file.path.n)
		own[(*n)++] = own_path(g, &o->trace_file);
	if (o->events.path.n)
		own[(*n)++] = own_path(g, &o->events);
	return own;
}

/* By rename; a pipe or a device, which that would replace, is written to. */
static int write_whole(const char *path, struct str text)
{
	struct stat st;
	struct linefile l;
	if (stat(path, &st) || S_ISREG(st.st_mode))
		return os_replace_file(AT_FDCWD, path, 0666, text);
	int err = S_ISDIR(st.st_mode) ? EISDIR : linefile_open(&l, path, false);
	if (err)
		return err;
	linefile_add(&l, text);
	return linefile_close(&l);
}

static void write_file(const struct program *g, const struct file_option *file, const struct sbuf *text)
{
	const char *path = reports_path(g, file);
	int err = write_whole(path, sbuf_view(text));
	if (err)
		fprintf(stderr, "%s: warning: cannot write '%s': %s\n", g->name, path, os_error(err));
}

static void write_report(const struct program *g, const struct file_option *file, const struct report *r)
{
	struct sbuf b = {0};
	if (str_ends(file->path, STR(".json")))
		report_json(&b, r);
	else if (str_ends(file->path, STR(".xml")))
		report_junit(&b, r);
	else if (str_ends(file->path, STR(".html")))
		report_html(&b, r);
	else
		report_markdown(&b, r, SIZE_MAX);
	write_file(g, file, &b);
	sbuf_free(&b);
}

void reports_write(struct program *g, const struct ledger *l, int signal, int status)
{
	const struct options *o = &g->options;
	struct report r = {.ledger = l, .diag = g->project.diag, .version = AXMAKE_VERSION, .store = &g->project.store, .signal = signal, .status = status};
	struct sbuf trace = {0}, summary = {0};
	for (size_t i = 0; i < o->reports.n; i++)
		write_report(g, &o->reports.p[i], &r);
	if (o->trace_file.path.n) {
		report_trace(&trace, &r);
		write_file(g, &o->trace_file, &trace);
	}
	if (actions_here())
		runner_tell(g, &r);
	if (o->notify.n && ledger_did_something(l)) {
		report_summary(&summary, &r);
		g->summary = arena_copy(&g->arena, sbuf_view(&summary));
	}
	sbuf_free(&summary);
	sbuf_free(&trace);
}

#include "reports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/os.h"
#include "base/path.h"
#include "followed.h"
#include "runner.h"
#include "samereport.h"
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

/* A file on its way to disk. */
struct writing {
	const struct report *what;
	void (*write)(struct sbuf *b, const struct report *r);
	int fd, err;
	struct report_time time;
	struct stat written;
};

static void drain(void *to, struct sbuf *b)
{
	struct writing *w = to;
	if (!w->err)
		w->err = os_write_all(w->fd, b->p, b->n);
	sbuf_clear(b);
}

/* In pieces, as it is made. */
static int write_pieces(void *self, int fd)
{
	struct writing *w = self;
	struct report r = *w->what;
	struct sbuf b = {0};
	w->fd = fd;
	r.drain = drain;
	r.to = w;
	r.time = &w->time;
	w->write(&b, &r);
	drain(w, &b);
	sbuf_free(&b);
	if (!w->err && fstat(fd, &w->written))
		w->err = errno;
	return w->err;
}

/* What is no file would be replaced by a rename: it is written to. */
static int write_in_place(const char *path, const struct writing *w)
{
	struct linefile l;
	struct sbuf b = {0};
	int err = linefile_open(&l, path, false);
	if (err)
		return err;
	w->write(&b, w->what);
	linefile_add(&l, sbuf_view(&b));
	sbuf_free(&b);
	return linefile_close(&l);
}

static void write_file(struct program *g, const struct file_option *file, const struct report *r, void (*write)(struct sbuf *, const struct report *))
{
	const char *path = reports_path(g, file);
	struct writing w = {.what = r, .write = write};
	struct stat st;
	bool by_rename = stat(path, &st) || S_ISREG(st.st_mode);
	int err = by_rename ? os_replace_by(AT_FDCWD, path, 0666, write_pieces, &w) : S_ISDIR(st.st_mode) ? EISDIR : write_in_place(path, &w);
	if (by_rename && !err)
		followed_file(g, path, &w.written, &w.time);
	else
		followed_unfit(g);
	if (err)
		fprintf(stderr, "%s: warning: cannot write '%s': %s\n", g->name, path, os_error(err));
}

static void write_markdown(struct sbuf *b, const struct report *r)
{
	report_markdown(b, r, SIZE_MAX);
}

static void write_report(struct program *g, const struct file_option *file, const struct report *r)
{
	static const struct {
		const char *ending;
		void (*write)(struct sbuf *b, const struct report *r);
	} forms[] = {{".json", report_json}, {".xml", report_junit}, {".html", report_html}, {"", write_markdown}};
	size_t i = 0;
	while (!str_ends(file->path, str_of(forms[i].ending)))
		i++;
	write_file(g, file, r, forms[i].write);
}

/* Say those of an earlier run what these would? */
static bool stand(struct program *g, const struct ledger *l)
{
	const struct options *o = &g->options;
	const char **paths = arena_array(&g->arena, const char *, o->reports.n + 1);
	struct hash128 key;
	size_t n = 0;
	for (size_t i = 0; i < o->reports.n; i++)
		paths[n++] = reports_path(g, &o->reports.p[i]);
	if (o->trace_file.path.n)
		paths[n++] = reports_path(g, &o->trace_file);
	if (!n || !samereport_key(g, l, &key))
		return false;
	followed_says(g, key);
	return followed_again(g, key, paths, n, ledger_began_wall_ns(l));
}

void reports_write(struct program *g, const struct ledger *l, int signal, int status)
{
	const struct options *o = &g->options;
	if (!signal && !status && stand(g, l))
		return;
	struct report r = {.ledger = l, .diag = g->project.diag, .version = AXMAKE_VERSION, .store = &g->project.store, .signal = signal, .status = status};
	struct sbuf summary = {0};
	for (size_t i = 0; i < o->reports.n; i++)
		write_report(g, &o->reports.p[i], &r);
	if (o->trace_file.path.n)
		write_file(g, &o->trace_file, &r, report_trace);
	if (actions_here())
		runner_tell(g, &r);
	if (o->notify.n && ledger_did_something(l)) {
		report_summary(&summary, &r);
		g->summary = arena_copy(&g->arena, sbuf_view(&summary));
	}
	sbuf_free(&summary);
}

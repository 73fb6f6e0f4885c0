/* A run that is prepared before anybody asks for it: everything is read and judged, but without the lock, and nothing is written. What it is then told to have changed is looked at again, and what that reaches judged again,
 * now with the lock; all else stands as it was found. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "graph/reached.h"
#include "project.h"
#include "show/phrase.h"

enum { QUICK_MS = 1000 };

struct ready {
	struct reached reached;
	size_t fresh; /* tasks that have ended before the run, without groups */
	struct saving saving; /* of these */
	struct file_stat results; /* the folder in which they are kept */
};

/* Is it one graph from beginning to end, of a folder that is known? */
static bool is_whole(const struct project *p)
{
	bool whole = p->graph && !diag_errors(p->diag) && !p->making && !p->workflow->partial && !p->start.p && !p->seen_outside && p->store.fd >= 0 && p->may_seal;
	for (size_t i = 0; whole && i < p->workflow->includes.n; i++)
		whole = !p->graph->makers[i];
	return whole;
}

static void count(struct project *p)
{
	struct ready *r = p->ready;
	for (size_t i = 0; i < p->graph->tasks.n; i++) {
		const struct task *t = p->graph->tasks.p[i];
		if (!t->ended || t->kind == TASK_GROUP)
			continue;
		r->fresh++;
		saving_add(&r->saving, t, t->record);
	}
}

/* Its times tell whether results have come or gone. */
static struct file_stat results_folder(const struct project *p)
{
	struct stat st = {0};
	if (fstatat(p->store.fd, store_result_folder(&p->store), &st, AT_SYMLINK_NOFOLLOW))
		st = (struct stat){0};
	return file_stat_of(&st);
}

bool project_make_ready(struct project *p)
{
	struct str note = STR_NONE;
	if (!is_whole(p))
		return false;
	p->store.seen = p->seen;
	p->log = log_open(p->arena, p->store.fd, true, &note);
	if (!p->log || note.n || log_of_other_boot(p->log))
		return false;
	p->ready = arena_new(p->arena, struct ready);
	p->ready->results = results_folder(p);
	project_remember(p, false);
	reached_judge(&p->ready->reached, &p->stale);
	count(p);
	return true;
}

/* Somebody may have given the root another name, and there may be another one by the old name. */
static bool is_where_it_was(const struct project *p)
{
	char *cwd = getcwd(NULL, 0);
	bool is = cwd && str_eq(str_of(cwd), p->root);
	free(cwd);
	return is;
}

bool project_ready_for(struct project *p, const struct str *paths, size_t n)
{
	return p->ready && is_where_it_was(p) && reached_by(&p->ready->reached, paths, n);
}

bool project_ready_is_quick(const struct project *p)
{
	return p->ready && reached_is_quick(&p->ready->reached, QUICK_MS * NS_PER_MS);
}

/* What has been reached counts no more. */
static void count_out(struct ready *r)
{
	for (size_t i = r->reached.n_first; i < r->reached.open.n; i++) {
		const struct task *t = r->reached.open.p[i];
		if (t->kind == TASK_GROUP)
			continue;
		r->fresh--;
		saving_take(&r->saving, t, t->record);
	}
}

static bool has_other_results(const struct project *p)
{
	struct file_stat now = results_folder(p);
	return !file_stat_same(&now, &p->ready->results);
}

bool project_ready_begin(struct project *p)
{
	p->lost = has_other_results(p) || p->waited || p->killed_run || !log_go_on(p->log, p->store.fd) || !reached_has_results(&p->ready->reached);
	if (p->lost)
		return false;
	p->store.seen = p->seen;
	filehash_use(p->filehash, p->store.root_fd, p->log);
	p->may_seal = false; /* not all was looked at just now */
	count_out(p->ready);
	reached_end(&p->ready->reached);
	return true;
}

size_t project_beside(const struct project *p, const struct saving **saving)
{
	*saving = p->slice ? &p->slice->saving : p->ready ? &p->ready->saving : NULL;
	return p->slice ? p->slice->fresh : p->ready ? p->ready->fresh : 0;
}

#include "listeners.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/runs.h"
#include "state/statusdir.h"

extern char **environ;

void listeners_add_files(struct listeners *l, const struct program *g, const struct listeners_config *c)
{
	const struct project *p = &g->project;
	const char *const *env = (const char *const *)environ;
	struct journal_config jc = {.state_fd = p->store.fd, .run_fd = c->run_fd, .id = c->id, .run_id = c->run_id, .what = c->what, .environ = env};
	struct agentstatus_config ac = {.root_fd = p->store.root_fd, .environ = env, .task = c->asked};
	if (!c->id.n)
		jc.id = runs_id(p->arena, clock_wall_ns(), c->run_id);
	l->journal = journal_new(&jc);
	l->status = agentstatus_new(&ac);
	tee_add(&l->tee, journal_observer(l->journal));
	tee_add(&l->tee, agentstatus_observer(l->status));
}

struct observer listeners_observer(struct listeners *l)
{
	return tee_observer(&l->tee);
}

static void warn(const struct program *g, const char *what, int err)
{
	if (err)
		fprintf(stderr, "%s: warning: cannot write %s: %s\n", g->name, what, os_error(err));
}

void listeners_close(struct listeners *l, const struct program *g, const struct sched_result *r, int status)
{
	int unjournaled = l->journal ? journal_end(l->journal, r->signal, status) : 0;
	int unsaid = l->status ? agentstatus_free(l->status) : 0;
	*l = (struct listeners){0};
	if (!r->refused) /* else it was said that the state cannot be written */
		warn(g, "this run's record in .axmake/runs", unjournaled);
	warn(g, STATUSDIR, unsaid);
}

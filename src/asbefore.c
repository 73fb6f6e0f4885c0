#include "asbefore.h"

#include <stdio.h>

#include "base/os.h"
#include "engine.h"
#include "graph/apart.h"
#include "listeners.h"

/* By what is on record and what stands there now; nothing runs. */
static bool all_fresh(struct project *p)
{
	p->stale.planning = true;
	return !p->killed_run && !p->waited && apart_all_fresh(&p->stale, p->slice);
}

int asbefore(struct program *g)
{
	struct project *p = &g->project;
	struct str said;
	bool open = project_open(p, true, os_random64());
	if (open)
		p->lost = !all_fresh(p) || diag_errors(p->diag) || !listeners_sealed(g, p->slice->word, &said);
	if (p->lost)
		engine_end_previous(g); /* whether a run was killed before is known no more when the lock is taken again */
	if (!open || p->lost)
		return EXIT_TROUBLE;
	fwrite(said.p, 1, said.n, stdout);
	p->judge_again = true;
	int err = project_close(p);
	if (err)
		fprintf(stderr, "%s: warning: cannot write .axmake/log: %s\n", g->name, os_error(err));
	return err ? EXIT_TROUBLE : 0;
}

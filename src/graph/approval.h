/* Approval: a task that says `approve` is held until a person has said yes to it as it is now. The yes is bound to the signature,
 * as if no provider were chosen yet: another prompt or input asks again, another provider does not. */
#ifndef AXMAKE_GRAPH_APPROVAL_H
#define AXMAKE_GRAPH_APPROVAL_H

#include "graph/stale.h"

/* Is t, which is stale as `v` says, to be held? */
bool approval_lacks(struct stale *s, struct task *t, const struct verdict *v);
/* A run holds t: notes for what. 0 or errno. */
int approval_ask(struct stale *s, struct task *t);
/* Of t that is up to date: has a run that was to run it anew (-B, -W) held it as it is now, and nobody said yes to that? */
bool approval_waits(struct stale *s, struct task *t);
/* What a yes to t would be to: as it is now or, where a dependency is to run first, to what a run held it for. *what: its prompt where it can be told, in a. false: what->problem says why not. */
bool approval_subject(struct stale *s, struct arena *a, struct task *t, struct signing *what);
/* The yes to that. *err: that of writing it. */
bool approval_give(struct stale *s, struct arena *a, struct task *t, struct signing *what, int *err);

#endif

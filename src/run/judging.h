/* Judges tasks whose dependencies have ended, and sends each on its way: it is up to date, left out, held, failed, had from a cache, or offered to the admission. */
#ifndef AXMAKE_RUN_JUDGING_H
#define AXMAKE_RUN_JUDGING_H

struct sched;

/* All that can be judged before anything runs, in the order of the graph: where nothing is stale, no queue is ever filled. */
void judging_all(struct sched *s);
/* The first of s->ready, which is not empty, unless it was left meanwhile. */
void judging_next(struct sched *s);
/* Those that a server has answered for. */
void judging_answered(struct sched *s);

#endif

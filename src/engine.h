/* A run: what is stale is made, under the lock, with a jobserver and an observer. */
#ifndef AXMAKE_ENGINE_H
#define AXMAKE_ENGINE_H

#include "program.h"
#include "run/loop.h"
#include "run/observer.h"
#include "run/sched.h"

/* Runs what is wanted and stale; says so on standard output and error. The exit status; ends by a signal where the run was ended by one. */
int engine_build(struct program *g);

/* The run itself, seen by `seen`. The project is open for writing. */
struct sched_result engine_run(struct program *g, struct loop *loop, const struct observer *seen, uint64_t run_id);

/* Ends what an earlier run that was killed left, and says so. */
void engine_end_previous(const struct program *g);

/* Ends this process by the signal. */
void engine_raise(int signal_number);

#endif

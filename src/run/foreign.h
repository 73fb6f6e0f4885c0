/* What others made of a task's outputs, just before the task writes over it. */
#ifndef AXMAKE_RUN_FOREIGN_H
#define AXMAKE_RUN_FOREIGN_H

#include "run/sched.h"

/* How an output came not to be as it was recorded: words that follow its name in a message. NULL: a file of it, as it was found just now. */
const char *foreign_word(const struct sched_config *c, const struct task *t, const struct pattern *output);
/* Keeps what somebody else put into an output of the task under tasks/NAME/edited: *kept says whether there was such. false with *why, in a: it would be lost. */
bool foreign_keep(const struct sched_config *c, struct arena *a, struct task *t, const struct pattern *output, bool *kept, struct str *why);

#endif

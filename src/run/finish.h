/* Private to finish*.c: the steps of a try's end. */
#ifndef AXMAKE_RUN_FINISH_H
#define AXMAKE_RUN_FINISH_H

#include "run/job.h"

/* What the try was, by how its program and its time ended and what it answered, with all the outcome says of that. Reads an agent's answer, and counts its usage. */
enum try_class finish_class(struct job *j);
/* Adds the usage that an answer tells. */
void outcome_take(struct outcome *o, const struct answer *a);
/* The usage that j->answer tells: into the outcome and the budget. */
void finish_count(struct job *j);

/* finish_outputs_made, where what an isolated task made is in its view yet. */
bool finish_made(struct job *j);
/* Did a file that counts change while the task ran? Warns. Then what it made belongs to neither content. */
bool finish_taints(struct job *j);
/* All was kept: the success goes on record, and where nothing taints it into the cache. */
void finish_succeeded(struct job *j);

/* Ends the task so, and frees the job. */
void finish_end(struct job *j, enum try_class class);
/* The try has failed: there is another one, later or with another provider, or the task ends so. */
void finish_fail(struct job *j, enum try_class class);

#endif

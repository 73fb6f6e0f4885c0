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
/* Puts the success into the log, from which finish_known takes its record once it is to count. 0 or errno. */
int finish_log(struct job *j, int64_t duration_ns, uint8_t flags);
void finish_known(struct job *j);
uint8_t finish_flags(const struct job *j);
/* All was kept, and the success is on record unless err says why not: it goes into the cache where nothing taints it. */
void finish_succeeded(struct job *j, int err);
/* What was judged, and as a success recorded, goes its way: what may be taken up stays for that, and the task ends or is tried again. */
void finish_told(struct job *j, enum try_class class);
/* The success waits for settle_all. */
void settle_later(struct job *j);

/* Ends the task so, and frees the job. */
void finish_end(struct job *j, enum try_class class);
/* The try has failed: there is another one, later or with another provider, or the task ends so. */
void finish_fail(struct job *j, enum try_class class);

#endif

/* What people say of tasks, for the log: yes to one that is held, no to what one has made. */
#ifndef AXMAKE_WORDS_H
#define AXMAKE_WORDS_H

#include "project.h"

/* --approve, --reject: of each task that the options name. The state is open for writing, or, under -n, for reading. Says on stdout what was recorded (or would be) and on
 * stderr what could not be; exit status. */
int words_approve(struct project *p);
int words_reject(struct project *p);
/* Are all names tasks of which that can be said at all? Reports in p->diag those that are not. Marks them as wanted. */
bool words_check(struct project *p);

#endif

/* Private to run/: what a killed run had got for a task that has another name now. */
#ifndef AXMAKE_RUN_RENAMED_H
#define AXMAKE_RUN_RENAMED_H

#include "run/call_left.h"
#include "run/job.h"

/* Of a task that has never succeeded, with no call in its folder: has a name that no task bears any more one that was cut short, whose whole answer is to what is asked now? Then it
 * stands in j's folder as if it had been asked by that name, its start is on record as j's, and *left says what it is; strings in the job's arena. What is in a view is not taken. */
bool renamed_take(struct job *j, struct call_left *left);

#endif

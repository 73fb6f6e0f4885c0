/* The prompt of an agent that was given none. Private to workflow. */
#ifndef AXMAKE_LOAD_TASK_PROMPT_H
#define AXMAKE_LOAD_TASK_PROMPT_H

#include "load/reader.h"

/* Its description, or what is composed of its name and the task's. */
void task_prompt(struct reader *r, struct task_def *t);

#endif

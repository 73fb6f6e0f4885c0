/* `matrix` of a task: read, and made into one task a combination. Private to workflow. */
#ifndef AXMAKE_LOAD_MATRIX_H
#define AXMAKE_LOAD_MATRIX_H

#include "load/reader.h"

#define MOST_TASKS 1000000 /* of a workflow, once each matrix is made into tasks */

/* Reader for a table: into a struct task_def, whose matrix stays NULL where it is wrong. */
key_read_fn read_matrix;

/* Adds a task for each combination of base's matrix, the last key's values changing fastest. base: finished, but for its prompt. */
void matrix_expand(struct reader *r, const struct task_def *base);

/* Once all files are read: a key that is also a task is reported. */
void matrix_check_keys(struct reader *r);

#endif

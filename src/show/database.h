/* -p: what was read, as it holds now. Private to the data base's own files. */
#ifndef AXMAKE_SHOW_DATABASE_H
#define AXMAKE_SHOW_DATABASE_H

#include "show/views.h"

/* "  # workflow.ax.yaml:3" and the line's end; `mark`: what begins a comment. */
void database_where(struct sbuf *b, const struct diag *d, struct pos at, char mark);
/* A text on the line that it is added to: as it is where it is plain, else in quotes with what is special escaped, as YAML and JSON have it. */
void database_text(struct sbuf *b, struct str s);
/* "  build:  # workflow.ax.yaml:3", and a line a field that says something. */
void database_task(struct sbuf *b, const struct diag *d, const struct task *t);
/* The keys of a task that are shown; the last one is NULL. */
const char *const *database_task_keys(void);

#endif

/* Values of JSON that reports have in common. All are the caller's. */
#ifndef AXMAKE_SHOW_REPORT_PARTS_H
#define AXMAKE_SHOW_REPORT_PARTS_H

#include <jansson.h>

#include "show/report.h"

/* The run, with its tasks, which are taken over. */
json_t *report_run(const struct report *r, json_t *tasks);
/* What became of a task in it. */
json_t *report_task(const struct report *r, const struct ledger_entry *e);
/* What stands on record of it now, where it came out well; NULL: nothing. */
const struct task_record *report_record(const struct ledger_entry *e);
/* Adds that to a task's object: of the hashes that counted `most`. */
void report_set_record(json_t *o, const struct report *r, const struct ledger_entry *e, size_t most);

#endif

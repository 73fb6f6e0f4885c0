/* What the forms of a report have in common. */
#ifndef AXMAKE_SHOW_REPORT_PARTS_H
#define AXMAKE_SHOW_REPORT_PARTS_H

#include "base/jsonout.h"
#include "show/report.h"

/* These add keys and values to an object of JSON that has been begun. */

/* Of the run, but for its tasks and warnings. */
void report_add_run(struct jsonout *o, const struct report *r);
void report_add_warnings(struct jsonout *o, const struct report *r);
/* What became of a task in it. */
void report_add_task(struct jsonout *o, const struct report *r, const struct ledger_entry *e, bool lanes);
/* What stands on record of it now, where it came out well; NULL: nothing. */
const struct task_record *report_record(const struct ledger_entry *e);
/* That: of the hashes that counted `most`. */
void report_add_record(struct jsonout *o, const struct report *r, const struct ledger_entry *e, size_t most);
/* A text that has not been masked; null where it is empty. */
void report_text(struct jsonout *o, const struct report *r, const char *key, struct str s);

#endif

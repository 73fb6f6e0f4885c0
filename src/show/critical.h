/* The chain of tasks that a run had to wait for. */
#ifndef AXMAKE_SHOW_CRITICAL_H
#define AXMAKE_SHOW_CRITICAL_H

#include "show/ledger.h"

/* From the task that ended last backwards, each with the one that ended last of all that it came after: *n of them, in the order in which they ran, in the arena. What did not run is looked
 * through. */
const struct ledger_entry *const *critical_path(const struct ledger *l, struct arena *a, size_t *n);

#endif

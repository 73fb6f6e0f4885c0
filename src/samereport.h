/* What a report of a run that found all up to date hangs on, but for its time. Two such runs of which that is the same say the same. */
#ifndef AXMAKE_SAMEREPORT_H
#define AXMAKE_SAMEREPORT_H

#include <stdbool.h>

#include "base/hash.h"
#include "program.h"
#include "show/ledger.h"

/* The log is open. false: some task is not just up to date, something was said, or it cannot be told. */
bool samereport_key(const struct program *g, const struct ledger *l, struct hash128 *key);

#endif

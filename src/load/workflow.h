/* Workflow files, found and read: what they say, checked by itself. What names mean together is the graph's. */
#ifndef AXMAKE_LOAD_WORKFLOW_H
#define AXMAKE_LOAD_WORKFLOW_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/seen.h"
#include "base/str.h"
#include "load/definition.h"

/* Finds the workflow file: `wanted` (may be STR_NONE) or, in folder "." : workflow.ax.yaml, axmake.yaml, the only *.ax.yaml.
 * STR_NONE after reporting. seen (or NULL): where what was looked at is noted, here and below. */
struct str workflow_find(struct arena *a, struct diag *d, struct seen *seen, struct str wanted);

/* Reads `file` and what it includes, relative to the current folder. Reports every mistake to d; never NULL, but to be used only
 * when d has no errors. Checks by itself: keys (with the nearest known one suggested; two spellings of one key; keys that are not
 * built yet by name), types, values, names (rules of the contract; duplicates also as NFC and NFD), agent and run together, task
 * without agent, include cycles and depth (32), bounds. */
struct workflow *workflow_load(struct arena *a, struct diag *d, struct seen *seen, struct str file);

#endif

/* Workflow files, found and read: what they say, checked by itself. What names mean together is the graph's. */
#ifndef AXMAKE_LOAD_WORKFLOW_H
#define AXMAKE_LOAD_WORKFLOW_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/seen.h"
#include "base/str.h"
#include "load/definition.h"

/* Finds the workflow file: `wanted` (may be STR_NONE) or, in folder "." : workflow.ax.yaml, axmake.yaml, the only *.ax.yaml.
 * STR_NONE after reporting. seen (or NULL): where what was looked at is noted, here and below. */
struct str workflow_find(struct arena *a, struct diag *d, struct seen *seen, struct str wanted);

struct trees;

/* How includes are dealt with that tasks may make. Zeroed: what is there is read, what is not is left out. Maps are by path, normal and relative to the root. */
struct inclusion {
	struct map hold;     /* left out, there or not */
	struct map final;    /* nobody is going to make these any more: where there is none that is an error */
	struct map may_lack; /* of those: or nothing at all */
	struct trees *trees; /* load/trees.h: of files that were read before; NULL: none is known */
	const struct map *only; /* of the tasks of the main file's list those whose name it has are read, no others; NULL: all */
	bool strict;         /* what is left out excuses nothing: the workflow is not partial */
};

/* Reads `file` and what it includes, as far as `how` says (NULL: zeroed), relative to the current folder. Reports every mistake to d; never NULL, but to be used only
 * when d has no errors. Checks by itself: keys (with the nearest known one suggested; two spellings of one key; keys that are not
 * built yet by name), types, values, names (rules of the contract; duplicates also as NFC and NFD), agent and run together, task
 * without agent, include cycles and depth (32), bounds. */
struct workflow *workflow_load(struct arena *a, struct diag *d, struct seen *seen, struct str file, const struct inclusion *how);

#endif

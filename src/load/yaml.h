/* YAML 1.1 (libyaml) as a tree of nodes. */
#ifndef AXMAKE_LOAD_YAML_H
#define AXMAKE_LOAD_YAML_H

#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/node.h"

/* Bounds, each with its message. */
#define YAML_MAX_DEPTH 64
#define YAML_MAX_ALIAS_NODES 4000000
#define YAML_MAX_FILE (512u << 20)

/* Parses registered source `source` (text given again). NULL after reporting at least one error; an empty document is NULL and
 * reports an error too. Reports: syntax errors (with what to do for tabs, `@x`, unquoted `*`, `{`, `%`, unterminated quotes), bad
 * UTF-8 and NUL with their true place, a second document, duplicate keys in a map (both places), keys that are no scalars,
 * unknown tags (`!src/ **`: "quote it"), the bounds; and the warning for a comment that cuts a plain `task:`/`prompt:`/`run:`
 * value short. A BOM is accepted. Aliases share their node; a node that holds itself is an error. */
struct node *yaml_parse(struct arena *a, struct diag *d, uint32_t source, struct str text);

#endif

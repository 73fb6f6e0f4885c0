/* A map's pairs from what stands in the file: keys checked, merge keys (<<) merged. Private to yaml. */
#ifndef AXMAKE_LOAD_YAML_MAP_H
#define AXMAKE_LOAD_YAML_MAP_H

#include "base/arena.h"
#include "base/diag.h"
#include "load/node.h"

/* Fills `map` from its keys and values in turn (n of both together): own pairs first, so that they win, then what `<<` adds.
 * Reports keys that are no texts or stand twice, and `<<` of what is no map. */
void yaml_map_finish(struct arena *a, struct diag *d, struct node *map, struct node *const *members, size_t n);

#endif

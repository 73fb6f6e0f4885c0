/* A tree of nodes in bytes, from which it is made again much sooner than from YAML. What is read may be anything: it stays within
 * its bounds, and is a tree or none. */
#ifndef AXMAKE_LOAD_TREEBYTES_H
#define AXMAKE_LOAD_TREEBYTES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "load/node.h"

/* Adds the tree to b; what stands in it several times, by aliases, is put several times. false where that makes more than `most`
 * nodes: b is then of no use. */
bool treebytes_put(struct sbuf *b, const struct node *top, size_t most);

/* The tree that was put, of registered source `source`; NULL when the bytes are none. Its texts lie in `bytes`, all else in a. only, unless NULL: members of lists right below the top
 * are left out, whatever they are, where their `name` is not in it. */
struct node *treebytes_take(struct arena *a, uint32_t source, struct str bytes, const struct map *only);

#endif

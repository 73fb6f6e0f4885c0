/* `.axmake/trees`: what large workflow files hold, as trees that earlier runs have read. A tree is found by the hash of its
 * file's text, so one of another text is never taken; what is wrong with the file makes it as good as not there. The format
 * stands in doc/trees-format.md. */
#ifndef AXMAKE_LOAD_TREES_H
#define AXMAKE_LOAD_TREES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/str.h"
#include "load/node.h"

struct trees;

/* program: which one reads, version and all; only its own trees are taken. keeps: trees that are read from YAML are remembered
 * for trees_keep. Never NULL: there need be no file. */
struct trees *trees_open(int at, const char *path, struct str program, bool keeps);
void trees_close(struct trees *t); /* or NULL */

/* As yaml_parse, which it calls where there is no such tree. t may be NULL. only: what treebytes_take may leave out may be missing; or NULL. */
struct node *trees_parse(struct trees *t, struct arena *a, struct diag *d, uint32_t source, struct str text, const struct map *only);

/* Writes what was read, if some of it was read from YAML. Whether that succeeds is no matter of anybody's. */
void trees_keep(struct trees *t, int at, const char *path);

/* Smaller files are as soon read from YAML. */
#define TREES_FROM ((size_t)64 << 10)

#endif

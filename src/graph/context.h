/* `context`: what follows an agent's prompt of the results that it does not name. */
#ifndef AXMAKE_GRAPH_CONTEXT_H
#define AXMAKE_GRAPH_CONTEXT_H

#include "graph/content.h"

/* Does the result of this dependency follow t's prompt? Not where the prompt names it, and not where it has none or an empty one. */
bool context_takes(const struct task *t, const struct dep *d);
/* Does any? */
bool context_follows(const struct task *t);
/* Adds them to the prompt in *out, by the names of their tasks: their paths, or their texts, each between two lines with a mark that does not occur in it. Nothing in them is
 * expanded. false with *problem. */
bool context_add(struct hashing *h, struct arena *a, const struct task *t, struct sbuf *out, struct str *problem);

/* A mark for the lines around a text: its hash, hashed again while the text holds it. So no text can close its own block. */
struct str context_mark(struct arena *a, struct str text);

#endif

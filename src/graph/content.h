/* The contents that signatures are made of: inputs, outputs, edits as they stand on disk. */
#ifndef AXMAKE_GRAPH_CONTENT_H
#define AXMAKE_GRAPH_CONTENT_H

#include "graph/signature.h"

/* An input file's content hash; with -o the recorded one. false with *problem. */
bool content_of_input(struct hashing *h, struct arena *a, struct task *t, struct str path, bool fresh, struct hash128 *out, struct str *problem);
/* A declared path as written: a tree with its slash. */
struct str content_label(struct arena *a, const struct pattern *p);
/* The hash that t's record has for a field; false when it has none. */
bool content_recorded(const struct task *t, enum field_kind kind, struct str label, struct hash128 *out);
/* The record's hash of an output path, or NULL. */
const struct output_record *content_output_record(const struct task *t, const struct pattern *p);
/* Does the task edit the output, or something in it? */
bool content_edited_by(const struct task *t, const struct pattern *output);
/* Is path among what the task edits? */
bool content_edits(const struct task *t, struct str path);
/* May a file match both? */
bool content_meets(const struct pattern *x, const struct pattern *y);
/* An output or edit as it stands on disk. *problem for what cannot be read. */
enum file_state content_of_output(struct hashing *h, struct arena *a, const struct pattern *p, struct hash128 *out, struct str *problem);

#endif

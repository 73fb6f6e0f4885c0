/* The contents that signatures are made of: inputs, outputs, edits as they stand on disk. */
#ifndef AXMAKE_GRAPH_CONTENT_H
#define AXMAKE_GRAPH_CONTENT_H

#include "base/map.h"
#include "graph/field.h"
#include "graph/graph.h"
#include "state/store.h"

/* Planning: what would stand there once tasks that are `foreseen` are restored. */
struct foresight {
	struct map files;   /* path -> struct hash128 *: content */
	struct str_list paths; /* of these */
	struct map results; /* 16 bytes of a hash -> struct str * */
};

struct hashing {
	struct graph *g;
	struct store *store;
	struct filehash *fh;
	struct hasher hasher;
	/* While something is judged under -o: what these paths and tasks count is taken from the record. NULL: none. */
	const struct map *old_files;
	struct foresight foresight;
	struct str_list *secrets; /* signature.c's: values of the environment that are not to be shown; NULL: not looked for yet */
	struct seen *seen; /* where variables asked for and folders listed are noted; NULL: nowhere */
	struct seen *listing; /* instead, where folders listed for inputs are; it may tell `seen`. NULL: there */
	const struct str_list *listed; /* the inputs of the task at hand, where it is known which they are. NULL: they are looked for */
};

/* An input file's content hash; with -o the recorded one. false with *problem. */
bool content_of_input(struct hashing *h, struct arena *a, struct task *t, struct str path, bool fresh, struct hash128 *out, struct str *problem);
/* Is one that a pattern has found, and that content_of_input did not, gone? Then it is no input any more, and this run is nothing to be built upon. */
bool content_vanished(const struct hashing *h, const struct task *t, struct str path);
/* All inputs are going to be asked for by content_of_input, until filehash_ahead_end: many are looked at together. */
void content_look_ahead(struct hashing *h, struct arena *a, const struct task *t, const struct str_list *inputs, bool fresh);
/* Does -o name the task, or something that it makes? */
bool content_is_old(const struct map *old_files, const struct task *t);
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
/* An output as it stands on disk, and what it is made of: in a. *problem for what cannot be read (FILE_FAILED), and for a folder in a file's place or a file in a folder's. */
enum file_state content_parts(struct hashing *h, struct arena *a, const struct pattern *p, struct filehash_parts *parts, struct hash128 *out, struct str *problem);
/* Of a task that made nothing in this run, and that others bear: its outputs count for them as they stand. Sets out_hash, in a; nothing there is zeros. */
void content_as_it_stands(struct hashing *h, struct arena *a, struct task *t);
/* An output or edit as it stands on disk. *problem likewise. */
enum file_state content_of_output(struct hashing *h, struct arena *a, const struct pattern *p, struct hash128 *out, struct str *problem);

/* Does a folder stand where the output is a file, or anything else where it is a tree? Then *problem says so, for a person. Nothing is read. */
bool content_obstructed(struct hashing *h, struct arena *a, const struct pattern *p, struct str *problem);

/* Expands a template with everything known now (dependencies' results are read from the store). false with *problem. */
bool content_expand(struct hashing *h, struct arena *a, struct task *t, const struct template *tpl, struct sbuf *out, struct str *problem);

/* The same of one reference: what `${task}`, `${task.a.b}`, `${var}`, … is for t. Tasks that it names have ended; fields that it names were noted as used when the graph was
 * built (fields_use). */
bool content_ref(struct hashing *h, struct arena *a, struct task *t, const struct piece *p, struct sbuf *out, struct str *problem);

/* The text of a task's result, without newlines at its end. false with *problem. */
bool content_result(struct hashing *h, struct arena *a, const struct task *t, struct str *text, struct str *problem);

/* The inputs as a task sees them: files found by literals, trees and patterns, sorted, each once. */
void content_inputs(struct hashing *h, struct arena *a, struct task *t, bool fresh, struct str_list *out, struct str *problem);

/* Planning: may something that counts of a dependency come to be another one, because it runs first, or perhaps does? */
bool content_may_change(const struct dep *d);

/* What a dependency counts for its user: its outputs as they stand (those that the user edits: as they were made), else its result; for a group that of its dependencies. */
struct hash128 content_contribution(struct hashing *h, struct task *dep, const struct task *user);

/* Its outputs stand otherwise now: what it counts is to be computed anew, and so for groups that hold it. */
void content_forget(struct task *t);

#endif

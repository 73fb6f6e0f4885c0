/* The top-level keys of one workflow file. Private to workflow. */
#ifndef AXMAKE_LOAD_FILE_KEYS_H
#define AXMAKE_LOAD_FILE_KEYS_H

#include "load/reader.h"
#include "load/task_keys.h"

/* What is read from one file besides what goes to the workflow at once. */
struct file_part {
	bool is_main;
	struct text root;
	struct text_list include;
	struct defaults defaults;
};

/* Reads a file's tree: vars, policy and tasks go to r->wf, what includes earlier files said wins. */
void file_read(struct reader *r, const struct node *top, struct file_part *part);

#endif

#include "load/candidates.h"

#include <fcntl.h>

#include "base/path.h"
#include "base/vec.h"
#include "load/yaml.h"

struct candidate {
	struct str file;
	VEC(size_t) includes; /* of the other candidates */
	bool included, reached;
};

static void note_include(struct arena *a, struct candidate *all, size_t n, struct candidate *from, const struct node *path)
{
	struct str file = path->kind == NODE_SCALAR ? path_normal(a, path->text) : STR_NONE;
	for (size_t i = 0; i < n; i++)
		if (&all[i] != from && str_eq(all[i].file, file)) {
			all[i].included = true;
			vec_push(a, &from->includes, i);
		}
}

static void read_includes(struct arena *a, struct seen *seen, struct candidate *all, size_t n, struct candidate *from)
{
	struct diag *unheard = diag_new();
	struct str text;
	struct node *root = NULL, *include = NULL;
	if (!seen_read_file(seen, a, AT_FDCWD, from->file.p, YAML_MAX_FILE, &text))
		root = yaml_parse(a, unheard, diag_source(unheard, from->file, text), text);
	if (root && root->kind == NODE_MAP && !node_get(root, STR("root")))
		include = node_get(root, STR("include"));
	if (include && include->kind == NODE_SCALAR)
		note_include(a, all, n, from, include);
	for (size_t i = 0; include && include->kind == NODE_LIST && i < include->n; i++)
		note_include(a, all, n, from, include->items[i]);
	diag_free(unheard);
}

static size_t reach(struct arena *a, struct candidate *all, size_t from)
{
	VEC(size_t) todo = {0};
	size_t n = 1;
	all[from].reached = true;
	vec_push(a, &todo, from);
	while (todo.n) {
		const struct candidate *c = &all[todo.p[--todo.n]];
		for (size_t i = 0; i < c->includes.n; i++) {
			size_t to = c->includes.p[i];
			if (all[to].reached)
				continue;
			all[to].reached = true;
			n++;
			vec_push(a, &todo, to);
		}
	}
	return n;
}

struct str candidates_main(struct arena *a, struct seen *seen, const struct str *files, size_t n)
{
	struct candidate *all = arena_array(a, struct candidate, n);
	size_t first = n, alone = 0;
	for (size_t i = 0; i < n; i++)
		all[i].file = files[i];
	for (size_t i = 0; i < n; i++)
		read_includes(a, seen, all, n, &all[i]);
	for (size_t i = 0; i < n; i++)
		if (!all[i].included) {
			first = i;
			alone++;
		}
	return alone == 1 && reach(a, all, first) == n ? files[first] : STR_NONE;
}

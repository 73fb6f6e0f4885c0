#include "graph/fields.h"

#include <stdlib.h>

#include "base/jsonfield.h"

void fields_use(struct arena *a, struct task *t, struct str path, const struct task *user)
{
	vec_push(a, &t->fields, (struct used_field){.path = path, .user = user});
}

/* By path; those that nobody can do without come first, in the order of the file. */
static int by_path_and_user(const void *x, const void *y)
{
	const struct used_field *a = x, *b = y;
	int by_path = str_cmp(a->path, b->path);
	uint32_t i = a->user ? a->user->id : UINT32_MAX, k = b->user ? b->user->id : UINT32_MAX;
	return by_path ? by_path : i < k ? -1 : i > k;
}

void fields_sort(struct task *t)
{
	size_t n = 0;
	if (t->fields.n > 1)
		qsort(t->fields.p, t->fields.n, sizeof *t->fields.p, by_path_and_user);
	for (size_t i = 0; i < t->fields.n; i++)
		if (!n || !str_eq(t->fields.p[i].path, t->fields.p[n - 1].path))
			t->fields.p[n++] = t->fields.p[i];
	t->fields.n = n;
}

void fields_read(struct arena *a, struct task *t, struct hash128 of, struct str result)
{
	t->fields_fault = STR_NONE;
	json_t *root = jsonfield_load(a, result, &t->fields_fault);
	for (size_t i = 0; i < t->fields.n; i++)
		t->fields.p[i].found = root && jsonfield_get(a, root, t->fields.p[i].path, &t->fields.p[i].text);
	json_decref(root);
	t->fields_read = true;
	t->fields_of = of;
	if (root)
		t->fields_fault = STR_NONE;
}

bool fields_known(const struct task *t)
{
	return t->fields_read && hash_eq(t->fields_of, t->result);
}

static int to_path(const void *key, const void *element)
{
	return str_cmp(*(const struct str *)key, ((const struct used_field *)element)->path);
}

const struct used_field *fields_find(const struct task *t, struct str path)
{
	return t->fields.n ? bsearch(&path, t->fields.p, t->fields.n, sizeof *t->fields.p, to_path) : NULL;
}

const struct used_field *fields_missing(const struct task *t)
{
	for (size_t i = 0; i < t->fields.n; i++)
		if (t->fields.p[i].user && !t->fields.p[i].found)
			return &t->fields.p[i];
	return NULL;
}

struct str fields_lack(struct arena *a, const struct task *t, const struct used_field *f)
{
	if (!t->fields_fault.n)
		return arena_printf(a, "has no field '%.*s'", STR_ARG(f->path));
	return arena_printf(a, "%.*s; so it has no field '%.*s'", STR_ARG(t->fields_fault), STR_ARG(f->path));
}

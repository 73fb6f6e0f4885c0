#include "load/makers.h"

#include "base/glob.h"
#include "base/path.h"

static bool is_wide(struct str output)
{
	return str_ends(output, STR("/")) || glob_is_pattern(output) || str_find(output, STR("${"), 0) < output.n;
}

void makers_add(struct makers *m, struct arena *a, const struct workflow *wf)
{
	for (size_t i = 0; i < wf->tasks.n; i++) {
		const struct text_list *outputs = &wf->tasks.p[i]->outputs;

		for (size_t k = 0; k < outputs->n; k++) {
			const struct text *t = &outputs->p[k];

			if (is_wide(t->s))
				vec_push(NULL, &m->wide, t);
			else
				*map_slot(&m->by_path, path_normal(a, glob_literal(a, t->s))) = (void *)t;
		}
	}
}

/* What stands for `${…}` can be anything; what stands before it in the first part of the path that holds one cannot. */
static bool may_be(struct str output, struct str path)
{
	size_t ref = str_find(output, STR("${"), 0);
	struct arena a = {0};
	bool found;

	if (ref < output.n)
		return str_find(output, STR(".."), 0) < output.n || glob_is_pattern(str_sub(output, 0, ref)) || output.p[0] == '.' || output.p[0] == '/' ||
		       str_starts(path, str_sub(output, 0, ref));
	struct str normal = path_normal(&a, output);
	found = glob_is_pattern(normal) ? glob_match(str_ends(output, STR("/")) ? path_join(&a, normal, STR("**")) : normal, path, false)
					: path_under(path, normal);
	arena_free(&a);
	return found;
}

struct pos makers_find(const struct makers *m, struct str path)
{
	const struct text *exact = map_get(&m->by_path, path);

	if (exact)
		return exact->at;
	for (size_t i = 0; i < m->wide.n; i++)
		if (may_be(m->wide.p[i]->s, path))
			return m->wide.p[i]->at;
	return POS_NONE;
}

void makers_free(struct makers *m)
{
	map_free(&m->by_path);
	vec_free(&m->wide);
}

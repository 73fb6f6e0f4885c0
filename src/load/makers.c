#include "load/makers.h"

#include "base/glob.h"
#include "base/path.h"

/* Where a path lies is known only once this is put in, or the root is. */
static bool is_vague(struct str output)
{
	return str_find(output, STR("${"), 0) < output.n || str_starts(output, STR("/"));
}

static bool is_wide(struct str output)
{
	return is_vague(output) || str_ends(output, STR("/")) || glob_is_pattern(output);
}

static void add_plain(struct makers *m, struct arena *a, const struct text *t)
{
	struct str path = path_normal(a, glob_literal(a, t->s));

	*map_slot(&m->by_path, path) = (void *)t;
	*map_slot(&m->by_base, path_base(path)) = (void *)t;
}

void makers_add(struct makers *m, struct arena *a, const struct workflow *wf)
{
	for (size_t i = 0; i < wf->tasks.n; i++) {
		const struct text_list *outputs = &wf->tasks.p[i]->outputs;

		for (size_t k = 0; k < outputs->n; k++)
			if (is_wide(outputs->p[k].s))
				vec_push(NULL, &m->wide, &outputs->p[k]);
			else
				add_plain(m, a, &outputs->p[k]);
	}
}

static bool holds(struct str output, struct str path)
{
	struct arena a = {0};
	struct str normal = path_normal(&a, output);
	bool tree = str_ends(output, STR("/"));
	bool yes = glob_is_pattern(normal) ? glob_match(tree ? path_join(&a, normal, STR("**")) : normal, path, false) : path_under(path, normal);

	arena_free(&a);
	return yes;
}

struct pos makers_find(const struct makers *m, struct str path, bool *sure)
{
	const struct text *found = map_get(&m->by_path, path), *vague = map_get(&m->by_base, path_base(path));

	for (size_t i = 0; i < m->wide.n && !found; i++) {
		if (is_vague(m->wide.p[i]->s))
			vague = m->wide.p[i];
		else if (holds(m->wide.p[i]->s, path))
			found = m->wide.p[i];
	}
	*sure = found;
	return found ? found->at : vague ? vague->at : POS_NONE;
}

void makers_free(struct makers *m)
{
	map_free(&m->by_path);
	map_free(&m->by_base);
	vec_free(&m->wide);
}

/* Declared paths: expanded, checked, sorted; and who makes what. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/path.h"
#include "graph/build.h"
#include "graph/content.h"

bool build_expand_path(struct builder *b, struct task *owner, struct text t, struct sbuf *out)
{
	struct template tpl = template_parse(b->a, b->d, t);
	struct text_walk w = {.t = t};
	for (size_t i = 0; i < tpl.n; i++) {
		const struct piece *p = &tpl.pieces[i];
		if (!p->is_ref) {
			sbuf_str(out, p->text);
			continue;
		}
		struct ref r = ref_resolve(b->g, owner, p->text);
		struct pos at = text_walk_to(&w, p->offset);
		if (r.kind == REF_VAR) {
			sbuf_str(out, r.var->value.s);
		} else if (r.kind == REF_ENV) {
			const char *v = seen_getenv(b->c->seen, arena_copy(b->a, r.rest).p);
			if (!v && !p->optional) {
				diag_error(b->d, at, "set it, or write '?' behind the name to allow that", "environment variable '%.*s' is not set",
					   STR_ARG(r.rest));
				return false;
			}
			sbuf_lit(out, v ? v : "");
		} else if (r.kind == REF_UNKNOWN && build_may_come(b, owner)) {
			return false;
		} else if (r.kind == REF_UNKNOWN) {
			ref_report(b->g, b->d, owner, &r, p->text, at);
			return false;
		} else {
			diag_error(b->d, at, "paths are known before anything runs: use 'vars' or '${env.NAME}'", "'${%.*s}' cannot stand in a path",
				   STR_ARG(p->text));
			return false;
		}
	}
	return true;
}

struct str graph_path(const struct graph *g, struct arena *a, struct str path)
{
	struct str normal = path_normal(a, path);
	if (path_inside(normal))
		return normal;
	struct str whole = path_normal(a, path_join(a, g->root, normal));
	if (!path_under(whole, g->root))
		return normal;
	return whole.n == g->root.n ? STR(".") : str_sub(whole, g->root.n + (g->root.n > 1), whole.n);
}

/* One item of inputs, outputs or edits as a pattern; false after reporting. */
static bool path_item(struct builder *b, struct task *owner, struct text t, bool may_exclude, struct pattern *out)
{
	struct sbuf buf = {0};
	if (!build_expand_path(b, owner, t, &buf)) {
		sbuf_free(&buf);
		return false;
	}
	struct str s = arena_copy(b->a, sbuf_view(&buf));
	sbuf_free(&buf);
	*out = (struct pattern){.kind = PATTERN_FILE, .at = t.at};
	if (may_exclude && s.n && s.p[0] == '!') {
		out->exclude = true;
		s = str_sub(s, 1, s.n);
	}
	if (!s.n || memchr(s.p, '\0', s.n)) {
		diag_error(b->d, t.at, "name a file, a folder with a final '/', or a pattern", "empty path");
		return false;
	}
	if (s.n >= PATH_MAX) {
		diag_error(b->d, t.at, NULL, "path of %zu bytes is longer than the system's limit of %d", s.n, PATH_MAX - 1);
		return false;
	}
	bool slash = s.p[s.n - 1] == '/';
	out->path = graph_path(b->g, b->a, s);
	if (glob_is_pattern(out->path)) {
		out->kind = PATTERN_GLOB;
		if (slash) /* every folder that matches, whole */
			out->path = arena_printf(b->a, "%.*s/**", STR_ARG(out->path));
	} else {
		out->path = glob_literal(b->a, out->path);
		if (slash || str_eq(out->path, STR(".")))
			out->kind = PATTERN_TREE;
	}
	return true;
}

static int by_path(const void *x, const void *y)
{
	const struct pattern *a = x, *b = y;
	int c = str_cmp(a->path, b->path);
	return c ? c : (int)a->exclude - (int)b->exclude;
}

/* A real path in the real root, relative to that. */
static struct str below_root(const struct builder *b, struct str real)
{
	size_t n = b->real_root.n;
	return real.n == n ? STR(".") : str_sub(real, n + (n > 1), real.n);
}

bool graph_never_counts(struct str path)
{
	return path_under(path, STR(".axmake")) || path_under(path, STR(".git")) || path_under(path, STR(".automatosx/status"));
}

/* Does a folder of the path, followed through links, lie outside the root, or in a folder that never counts? The answer is kept by folder: many outputs share one. */
static bool leaves_root(struct builder *b, struct str path, struct str *real)
{
	struct str dir = path_dir(path);
	if (str_eq(dir, STR(".")))
		return false;
	void **known = map_slot(&b->real_folders, arena_copy(b->a, dir));
	if (!*known) {
		struct str *answer = arena_new(b->a, struct str);
		char buf[PATH_MAX];
		struct str at = dir;
		while (!str_eq(at, STR(".")) && !seen_realpath(b->c->seen, arena_copy(b->a, at).p, buf))
			at = path_dir(at);
		if (!str_eq(at, STR(".")) && (!path_under(str_of(buf), b->real_root) || graph_never_counts(below_root(b, str_of(buf)))))
			*answer = arena_copy(b->a, str_of(buf));
		*known = answer;
	}
	*real = *(struct str *)*known;
	return real->n > 0;
}

/* Checks a path that a task will write. */
static bool writable_place(struct builder *b, const struct pattern *p, const char *what)
{
	struct str real;
	if (!path_inside(p->path)) {
		diag_error(b->d, p->at, "write below the root, or set 'root:' in the file", "%s '%.*s' is outside the root", what, STR_ARG(p->path));
		return false;
	}
	if (str_eq(p->path, STR("."))) {
		diag_error(b->d, p->at, "name the folder that the task writes", "the root itself cannot be in %ss", what);
		return false;
	}
	if (graph_never_counts(p->path)) {
		diag_error(b->d, p->at, "choose another folder", "%s '%.*s' is inside a folder that never counts", what, STR_ARG(p->path));
		return false;
	}
	struct str dir = p->kind == PATTERN_GLOB ? glob_prefix(p->path) : p->path;
	struct pattern probe = {.path = p->kind == PATTERN_GLOB ? path_join(b->a, dir, STR("x")) : dir};
	if (leaves_root(b, probe.path, &real)) {
		bool inside = path_under(real, b->real_root);
		diag_error(b->d, p->at, inside ? "a link leads there; choose another folder" : "a link leads there; write below the root",
			   "%s '%.*s' is %s: its folder is really '%.*s'", what, STR_ARG(p->path), inside ? "inside a folder that never counts" : "outside the root",
			   STR_ARG(real));
		return false;
	}
	return true;
}

struct str build_real_path(struct builder *b, struct str path)
{
	struct str dir = path_dir(path);
	char buf[PATH_MAX];
	if (str_eq(dir, STR(".")) || path_dir(path).n >= sizeof buf)
		return path;
	void **known = map_slot(&b->linked_folders, dir);
	if (!*known) {
		struct str *real = arena_new(b->a, struct str);
		*real = dir;
		if (seen_realpath(b->c->seen, arena_copy(b->a, dir).p, buf) && path_under(str_of(buf), b->real_root))
			*real = graph_path(b->g, b->a, arena_copy(b->a, str_of(buf)));
		*known = real;
	}
	const struct str *real = *known;
	return str_eq(*real, dir) ? path : path_join(b->a, *real, path_base(path));
}

static bool edited(const struct task *t, struct str path)
{
	for (size_t i = 0; i < t->edits.n; i++) {
		const struct pattern *e = &t->edits.p[i];
		if (e->kind == PATTERN_GLOB ? glob_match(e->path, path, false) : path_under(path, e->path))
			return true;
	}
	return false;
}

static void take_outputs(struct builder *b, struct task *t, const struct text_list *list, bool edits)
{
	for (size_t i = 0; i < list->n; i++) {
		struct pattern p;
		if (!path_item(b, t, list->p[i], false, &p) || !writable_place(b, &p, edits ? "edit" : "output"))
			continue;
		if (edits)
			vec_push(b->a, &t->edits, p);
		else
			vec_push(b->a, &t->outputs, p);
	}
}

/* Sorts and drops what stands twice. */
#define sort_unique(v)                                                                                                         \
	do {                                                                                                                   \
		if ((v)->n > 1) {                                                                                              \
			qsort((v)->p, (v)->n, sizeof *(v)->p, by_path);                                                        \
			size_t kept_ = 1;                                                                                      \
			for (size_t i_ = 1; i_ < (v)->n; i_++)                                                                 \
				if (by_path(&(v)->p[i_], &(v)->p[kept_ - 1]))                                                  \
					(v)->p[kept_++] = (v)->p[i_];                                                          \
			(v)->n = kept_;                                                                                        \
		}                                                                                                              \
	} while (0)

void build_paths(struct builder *b, struct task *t)
{
	take_outputs(b, t, &t->def->outputs, false);
	take_outputs(b, t, &t->def->edits, true);
	sort_unique(&t->outputs);
	sort_unique(&t->edits);
	for (size_t i = 0; i < t->def->inputs.n; i++) {
		struct pattern p;
		if (!path_item(b, t, t->def->inputs.p[i], true, &p))
			continue;
		if (p.kind == PATTERN_FILE && !p.exclude && edited(t, p.path))
			continue; /* in both: it is an edit */
		vec_push(b->a, &t->inputs, p);
	}
	sort_unique(&t->inputs);
}

static void claim_conflict(struct builder *b, const struct claim *late, const struct claim *early, const char *how)
{
	diag_error(b->d, late->pattern->at, "let one task make it, or give each its own path", "output '%.*s' of task '%.*s' %s",
		   STR_ARG(late->pattern->path), STR_ARG(late->task->name), how);
	diag_note(b->d, early->pattern->at, "'%.*s' is an output of task '%.*s'", STR_ARG(early->pattern->path), STR_ARG(early->task->name));
}

static void claim_exact(struct builder *b, struct task *t, const struct pattern *p)
{
	struct claim *c = arena_new(b->a, struct claim);
	*c = (struct claim){.task = t, .pattern = p};
	if (p->kind == PATTERN_GLOB) {
		c->prefix = glob_prefix(p->path);
		if (str_eq(c->prefix, STR(".")))
			c->prefix = STR_NONE;
		vec_push(b->a, &b->g->glob_claims, *c);
		return;
	}
	void **slot = map_slot(&b->g->claims, p->path);
	if (*slot) {
		const struct claim *early = *slot;
		if (early->task != t)
			claim_conflict(b, c, early, "is made by another task too");
		return;
	}
	*slot = c;
	vec_push(b->a, &b->sorted, c);
}

/* A path inside another task's output. */
static void claim_inside(struct builder *b, const struct claim *c)
{
	for (struct str dir = path_dir(c->pattern->path); !str_eq(dir, STR(".")); dir = path_dir(dir)) {
		const struct claim *above = map_get(&b->g->claims, dir);
		if (above && above->task != c->task) {
			claim_conflict(b, c, above, "lies inside another task's output");
			return;
		}
	}
}

static bool claims_conflict(struct builder *b, const struct claim *late, const struct claim *early)
{
	if (early->task == late->task || !content_meets(late->pattern, early->pattern))
		return false;
	claim_conflict(b, late, early, "may match another task's output");
	return true;
}

/* A glob against all literal outputs below its folder, trees above it, and the globs before it whose folders lie below or above. */
static void claim_glob(struct builder *b, const struct claim *c, const struct claim *globs, size_t n)
{
	for (size_t k = build_first_from(b, c->prefix); k < b->sorted.n && str_starts(b->sorted.p[k]->pattern->path, c->prefix); k++)
		if (claims_conflict(b, c, b->sorted.p[k]))
			return;
	for (struct str up = c->prefix; up.n && !str_eq(up, STR(".")); up = path_dir(up)) {
		const struct claim *tree = map_get(&b->g->claims, up);
		if (tree && claims_conflict(b, c, tree))
			return;
	}
	/* Globs stand sorted by folder: whatever lies below begins with it and comes behind it. */
	for (size_t k = 0; k < n && str_starts(globs[k].prefix, c->prefix); k++)
		if (claims_conflict(b, &globs[k], c))
			return;
}

static int glob_order(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;
	int c = str_cmp(a->prefix, b->prefix);
	return c ? c : a->task->id < b->task->id ? -1 : a->task->id > b->task->id;
}

static int claim_order(const void *x, const void *y)
{
	const struct claim *const *a = x, *const *b = y;
	return str_cmp((*a)->pattern->path, (*b)->pattern->path);
}

size_t build_first_from(const struct builder *b, struct str key)
{
	size_t lo = 0, hi = b->sorted.n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (str_cmp(b->sorted.p[mid]->pattern->path, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void build_claims(struct builder *b)
{
	size_t outputs = 0;
	for (size_t i = 0; i < b->g->tasks.n; i++)
		outputs += b->g->tasks.p[i]->outputs.n;
	map_reserve(&b->g->claims, outputs);
	for (size_t i = 0; i < b->g->tasks.n; i++) {
		struct task *t = b->g->tasks.p[i];
		for (size_t k = 0; k < t->outputs.n; k++)
			claim_exact(b, t, &t->outputs.p[k]);
	}
	for (size_t i = 0; i < b->sorted.n; i++)
		claim_inside(b, b->sorted.p[i]);
	if (b->sorted.n > 1)
		qsort(b->sorted.p, b->sorted.n, sizeof *b->sorted.p, claim_order);
	if (b->g->glob_claims.n > 1)
		qsort(b->g->glob_claims.p, b->g->glob_claims.n, sizeof *b->g->glob_claims.p, glob_order);
	for (size_t i = 0; i < b->g->glob_claims.n; i++)
		claim_glob(b, &b->g->glob_claims.p[i], &b->g->glob_claims.p[i + 1], b->g->glob_claims.n - i - 1);
}

struct task *graph_producer(const struct graph *g, struct str path)
{
	const struct claim *c = map_get(&g->claims, path);
	if (c)
		return c->task;
	for (struct str dir = path_dir(path); dir.n > 1 || (dir.n == 1 && dir.p[0] != '.' && dir.p[0] != '/'); dir = path_dir(dir))
		if ((c = map_get(&g->claims, dir)) && c->pattern->kind == PATTERN_TREE)
			return c->task;
	for (size_t i = 0; i < g->glob_claims.n; i++)
		if (str_starts(path, g->glob_claims.p[i].prefix) && glob_match(g->glob_claims.p[i].pattern->path, path, false))
			return g->glob_claims.p[i].task;
	return NULL;
}

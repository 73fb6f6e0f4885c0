/* --graph as text: a tree that hides nothing. A task stands below the one through which all ways to it lead (its immediate dominator), so that what joins several
 * branches stands behind them all, where their common beginning branches; and it names what it needs, unless a line of the tree says that. */
#include "show/graphtext.h"

#include "base/utf8.h"
#include "show/phrase.h"

#define MOST_LEVELS 20  /* deeper branches are not drawn: a graph of 100 000 must not fill a disk with spaces */
#define MOST_NAMED 8    /* dependencies, where nothing else bounds a line */
#define NAME_COLUMNS 60 /* of a name, for the columns behind it */
#define SHORTEST_NEEDS 14 /* columns of "  <- backend-…" */
#define NEEDS_COLUMNS 24 /* what a task needs stands in a column of its own where so many are left for it, else behind the kind */
#define COLLAPSES 3     /* tasks of a matrix that are alike in all but their values take one line, if they are so many */

struct node {
	const struct task *up, *jump;     /* immediate dominator, and one far above; NULL: it has none */
	const struct task *child, *last, *next; /* first and last child, next sibling */
	uint32_t depth, level;            /* below its root; branches drawn above it */
	const struct task *branch;        /* the nearest at which a branch is drawn, of it and those above; NULL: none */
	size_t alike;                     /* so many siblings from it on are one line; 0: it is in such a line already */
};

struct tree {
	const struct view *view;
	struct node *nodes;               /* by task id */
	const struct task *root, *last;   /* the first and the last without a dominator */
	size_t names, kinds;              /* columns */
};

static struct node *node_of(const struct tree *t, const struct task *task)
{
	return &t->nodes[task->id];
}

/* Where nobody has a dominator depth 0 is that of nothing at all. */
static uint32_t depth_of(const struct tree *t, const struct task *task)
{
	return task ? node_of(t, task)->depth + 1 : 0;
}

static const struct task *above(const struct tree *t, const struct task *task, uint32_t depth)
{
	while (depth_of(t, task) > depth) {
		const struct node *n = node_of(t, task);
		task = depth_of(t, n->jump) >= depth ? n->jump : n->up;
	}
	return task;
}

/* The deepest that is above both, or one of them; NULL: nothing is. */
static const struct task *common(const struct tree *t, const struct task *a, const struct task *b)
{
	a = above(t, a, depth_of(t, b));
	b = above(t, b, depth_of(t, a));
	while (a != b) {
		bool far = node_of(t, a)->jump != node_of(t, b)->jump;
		a = far ? node_of(t, a)->jump : node_of(t, a)->up;
		b = far ? node_of(t, b)->jump : node_of(t, b)->up;
	}
	return a;
}

static const struct task *jump_of(const struct tree *t, const struct task *task)
{
	return task ? node_of(t, task)->jump : NULL;
}

/* Of a child of `up`. Two jumps of one length are followed by one over both, so that whatever is above is a few jumps away. */
static const struct task *jump_from(const struct tree *t, const struct task *up)
{
	const struct task *far = jump_of(t, up), *farther = jump_of(t, far);
	uint32_t first = depth_of(t, up) - depth_of(t, far), second = depth_of(t, far) - depth_of(t, farther);

	return first == second ? farther : up;
}

static void place(struct tree *t, const struct task *task)
{
	struct node *n = node_of(t, task);
	bool first = true;

	for (size_t i = 0; i < task->deps.n; i++) {
		const struct task *d = task->deps.p[i].task;
		if (!d->wanted)
			continue;
		n->up = first ? d : common(t, n->up, d);
		first = false;
	}
	n->depth = depth_of(t, n->up);
	n->jump = jump_from(t, n->up);
	const struct task **first_of = n->up ? &node_of(t, n->up)->child : &t->root, **last_of = n->up ? &node_of(t, n->up)->last : &t->last;
	if (*last_of)
		node_of(t, *last_of)->next = task;
	else
		*first_of = task;
	*last_of = task;
}

static bool same_deps(const struct task *a, const struct task *b)
{
	if (a->deps.n != b->deps.n)
		return false;
	for (size_t i = 0; i < a->deps.n; i++)
		if (a->deps.p[i].task != b->deps.p[i].task || a->deps.p[i].how != b->deps.p[i].how)
			return false;
	return true;
}

static bool alike(const struct tree *t, const struct task *a, const struct task *b)
{
	return a->def->matrix && a->def->matrix == b->def->matrix && !node_of(t, a)->child && !node_of(t, b)->child && a->agent == b->agent && same_deps(a, b);
}

/* From a first of several siblings on. */
static void gather_alike(struct tree *t, const struct task *first)
{
	for (const struct task *a = first, *end; a; a = end) {
		size_t n = 1;
		for (end = node_of(t, a)->next; end && alike(t, a, end); end = node_of(t, end)->next)
			n++;
		bool one_line = n >= COLLAPSES;
		node_of(t, a)->alike = one_line ? n : 1;
		for (const struct task *b = node_of(t, a)->next; b != end; b = node_of(t, b)->next)
			node_of(t, b)->alike = !one_line;
	}
}

/* Does a branch lead to it from its dominator? An only child goes on in the same column. */
static bool is_branch(const struct tree *t, const struct task *task)
{
	return node_of(t, task)->branch == task;
}

static void set_level(struct tree *t, const struct task *task)
{
	struct node *n = node_of(t, task);
	const struct node *u = n->up ? node_of(t, n->up) : NULL;

	if (!u)
		return;
	bool branches = u->child != u->last && u->level < MOST_LEVELS;
	n->level = u->level + branches;
	n->branch = branches ? task : u->branch;
}

/* The matrix that a task is of; NULL: none. They stand in the order of the tasks. */
static const struct matrix_tasks *matrix_of(const struct tree *t, const struct task *task)
{
	const struct workflow *w = t->view->graph->workflow;
	size_t from = 0, to = w->matrices.n;

	while (task->def->matrix && from < to) {
		size_t at = from + (to - from) / 2;
		const struct matrix_tasks *m = &w->matrices.p[at];
		if (task->id < m->first)
			to = at;
		else if (task->id >= m->first + m->n)
			from = at + 1;
		else
			return m;
	}
	return NULL;
}

/* Of the columns that there are so many, and the branches before them, are a name's, behind which what it needs is told; 0: no bound. */
static size_t name_room(const struct tree *t)
{
	return t->view->columns && t->view->columns / 2 < NAME_COLUMNS ? t->view->columns / 2 : NAME_COLUMNS;
}

/* "test[n=1] … test[n=10]"; "test (all 10)", as those who need them say it, where a terminal has no room for that. */
static void add_name(struct sbuf *b, const struct tree *t, const struct task *task)
{
	const struct task *last = task;
	size_t n = node_of(t, task)->alike, before = b->n;
	const struct matrix_tasks *m = n > 1 ? matrix_of(t, task) : NULL;

	utf8_escape(b, task->name);
	if (n == 1)
		return;
	for (size_t i = 1; i < n; i++)
		last = node_of(t, last)->next;
	sbuf_lit(b, " … ");
	utf8_escape(b, last->name);
	size_t width = utf8_width(str_sub(sbuf_view(b), before, b->n)) + (size_t)3 * node_of(t, task)->level;
	if (!t->view->columns || !m || m->n != n || width <= name_room(t))
		return;
	b->n = before;
	utf8_escape(b, m->name.s);
	sbuf_printf(b, " (all %zu)", n);
}

static void add_kind(struct sbuf *b, const struct tree *t, const struct task *task)
{
	if (node_of(t, task)->alike > 1)
		sbuf_printf(b, "%zu × ", node_of(t, task)->alike);
	phrase_kind(b, task);
}

/* "│  ├─ " */
static void add_branches(struct sbuf *b, const struct tree *t, const struct task *task)
{
	const struct task *branches[MOST_LEVELS];
	size_t n = 0;

	for (const struct task *at = node_of(t, task)->branch; at; at = node_of(t, node_of(t, at)->up)->branch)
		branches[n++] = at;
	while (n--) {
		const struct task *next = node_of(t, branches[n])->next;
		while (next && !node_of(t, next)->alike)
			next = node_of(t, next)->next;
		if (branches[n] == task)
			sbuf_lit(b, next ? "├─ " : "└─ ");
		else
			sbuf_lit(b, next ? "│  " : "   ");
	}
}

/* From the i-th dependency on: how many make one word? All of a matrix do. */
static size_t one_word(const struct tree *t, const struct task *task, size_t i)
{
	const struct matrix_tasks *m = matrix_of(t, task->deps.p[i].task);

	for (size_t k = 0; m && k < m->n; k++)
		if (i + k >= task->deps.n || task->deps.p[i + k].task->id != m->first + k || task->deps.p[i + k].how != task->deps.p[i].how)
			return 1;
	return m ? m->n : 1;
}

/* "test (all 10)", "setup (order only)" */
static void add_dependency(struct sbuf *b, const struct tree *t, const struct dep *d, size_t n)
{
	const struct matrix_tasks *m = n > 1 ? matrix_of(t, d->task) : NULL;

	utf8_escape(b, m ? m->name.s : d->task->name);
	if (m)
		sbuf_printf(b, " (all %zu)", n);
	if (d->how == DEP_AFTER)
		sbuf_lit(b, " (order only)");
}

/* Is all that it needs what its branch comes from? */
static bool said_by_branch(const struct tree *t, const struct task *task)
{
	size_t n = 0;

	for (size_t i = 0; i < task->deps.n; i++)
		n += task->deps.p[i].task->wanted ? 1 + (task->deps.p[i].how == DEP_AFTER) : 0;
	return n == 1 && is_branch(t, task);
}

/* How many tasks are named from the i-th dependency on. */
static size_t wanted_from(const struct task *task, size_t i)
{
	size_t n = 0;

	for (; i < task->deps.n; i++)
		n += task->deps.p[i].task->wanted;
	return n;
}

static void add_more(struct sbuf *b, size_t n)
{
	if (n)
		sbuf_printf(b, " and %zu more", n);
}

/* Adds as many words as have room together with what tells of the others, but one at least. Returns how many tasks have none. */
static size_t add_words(struct sbuf *words, const struct tree *t, const struct task *task, size_t room)
{
	struct sbuf more = {0};
	size_t left = wanted_from(task, 0), shown = 0;

	for (size_t i = 0, n; i < task->deps.n && left; i += n) {
		const struct dep *d = &task->deps.p[i];
		size_t before = words->n;
		n = d->task->wanted ? one_word(t, task, i) : 1;
		if (!d->task->wanted)
			continue;
		sbuf_lit(words, shown ? ", " : "  <- ");
		add_dependency(words, t, d, n);
		sbuf_clear(&more);
		add_more(&more, left - n);
		if (shown && (shown == MOST_NAMED || (t->view->columns && utf8_width(sbuf_view(words)) + more.n > room))) {
			words->n = before;
			break;
		}
		shown++;
		left -= n;
	}
	sbuf_free(&more);
	return left;
}

/* "  <- left, right and 3 more", in so many columns; "  <- 5 tasks" where not even the beginning of a name has room; else nothing. */
static void add_dependencies(struct sbuf *b, const struct tree *t, const struct task *task, size_t room)
{
	struct sbuf words = {0}, more = {0};

	add_more(&more, add_words(&words, t, task, room));
	size_t width = utf8_width(sbuf_view(&words)), most = room > more.n ? room - more.n : 0;
	if (!t->view->columns || width <= most) {
		sbuf_str(b, sbuf_view(&words));
		sbuf_str(b, sbuf_view(&more));
	} else if (most >= SHORTEST_NEEDS) {
		phrase_fit(b, sbuf_view(&words), most);
		sbuf_str(b, sbuf_view(&more));
	} else {
		sbuf_clear(&more);
		sbuf_lit(&more, "  <- ");
		phrase_count(&more, wanted_from(task, 0), "task");
		sbuf_str(b, more.n <= room ? sbuf_view(&more) : STR_NONE);
	}
	sbuf_free(&words);
	sbuf_free(&more);
}

/* A text in a column: filled up, and longer than that where it is longer. */
static void add_column(struct sbuf *b, struct str text, size_t width)
{
	size_t own = utf8_width(text);

	sbuf_str(b, text);
	if (own < width)
		phrase_fill(b, width - own);
}

static void add_line(struct sbuf *b, const struct tree *t, const struct task *task)
{
	struct sbuf name = {0}, kind = {0};
	size_t columns = t->view->columns, before = b->n;

	add_branches(&name, t, task);
	add_name(&name, t, task);
	add_kind(&kind, t, task);
	/* Of a name that is long the end is cut, not the kind. */
	size_t most = columns > kind.n + 2 ? columns - kind.n - 2 : 1;
	if (columns && utf8_width(sbuf_view(&name)) > most)
		phrase_fit(b, sbuf_view(&name), most);
	else
		add_column(b, sbuf_view(&name), t->names);
	sbuf_lit(b, "  ");
	bool in_column = task->deps.n && !said_by_branch(t, task) && (!columns || t->names + t->kinds + NEEDS_COLUMNS <= columns);
	add_column(b, sbuf_view(&kind), in_column ? t->kinds : 0);
	size_t used = utf8_width(str_sub(sbuf_view(b), before, b->n));
	if (!said_by_branch(t, task) && (!columns || used < columns))
		add_dependencies(b, t, task, columns > used ? columns - used : 0);
	while (b->n && b->p[b->n - 1] == ' ')
		b->p[--b->n] = '\0';
	sbuf_char(b, '\n');
	sbuf_free(&name);
	sbuf_free(&kind);
}

static const struct task *next_in_tree(const struct tree *t, const struct task *task)
{
	if (node_of(t, task)->child)
		return node_of(t, task)->child;
	while (task && !node_of(t, task)->next)
		task = node_of(t, task)->up;
	return task ? node_of(t, task)->next : NULL;
}

static void measure(struct tree *t, const struct task *task)
{
	struct sbuf b = {0};
	size_t most = name_room(t);

	add_name(&b, t, task);
	size_t name = utf8_width(sbuf_view(&b)) + (size_t)3 * node_of(t, task)->level;
	sbuf_clear(&b);
	add_kind(&b, t, task);
	size_t kind = utf8_width(sbuf_view(&b));
	sbuf_free(&b);
	if (name <= most && name > t->names)
		t->names = name;
	if (kind <= NAME_COLUMNS && kind > t->kinds)
		t->kinds = kind;
}

void view_graph_text(const struct view *v, FILE *to)
{
	const struct graph *g = v->graph;
	struct tree t = {.view = v, .nodes = arena_array(v->arena, struct node, g->tasks.n + 1)};
	struct sbuf b = {0};

	for (size_t i = 0; i < g->order.n; i++)
		if (g->order.p[i]->wanted)
			place(&t, g->order.p[i]);
	gather_alike(&t, t.root);
	for (size_t i = 0; i < g->order.n; i++)
		if (g->order.p[i]->wanted) {
			set_level(&t, g->order.p[i]);
			gather_alike(&t, node_of(&t, g->order.p[i])->child);
		}
	for (const struct task *task = t.root; task; task = next_in_tree(&t, task))
		if (node_of(&t, task)->alike)
			measure(&t, task);
	for (const struct task *task = t.root; task; task = next_in_tree(&t, task)) {
		if (!node_of(&t, task)->alike)
			continue;
		sbuf_clear(&b);
		add_line(&b, &t, task);
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
}

#include "load/matrix.h"

#include <string.h>

#include "base/utf8.h"
#include "load/task_prompt.h"

/* What is wrong with a key's name, or NULL: it stands in `${key}` and in names of tasks. */
static const char *key_fault(struct str key)
{
	for (size_t i = 0; i < key.n; i++) {
		if (strchr("[]=,", key.p[i]))
			return "holds one of '[', ']', '=' and ','";
	}
	return var_name_fault(key);
}

/* One value; false after reporting. */
static bool read_value(struct reader *r, struct str key, const struct node *item, struct text *out)
{
	if (!reader_one_text(r, key, item, true, out))
		return false;
	if (name_has_control(out->s)) {
		reader_error(r, item->at, "values stand in the names of tasks: keep such a text in a file, and its name here",
		             "a value of '%.*s' holds a control character", STR_ARG(key));
		return false;
	}
	if (str_find(out->s, STR("${"), 0) < out->s.n)
		diag_warn(r->d, item->at, "write ${…} in the fields of the task", "values of 'matrix' are not expanded: this one keeps its '${'");
	return true;
}

static void read_values(struct reader *r, const struct pair *p, struct matrix_key *k)
{
	struct map seen = {0}; /* NFC value -> its struct var_def */

	if (p->value->kind != NODE_LIST) {
		reader_wants(r, p->key->text, p->value, "a list of values");
		return;
	}
	if (!p->value->n)
		reader_error(r, p->value->at, "give it a value, or take it out", "'%.*s' has no values: the matrix would have no task",
		             STR_ARG(p->key->text));
	k->values = arena_array(r->a, const struct var_def *, p->value->n);
	for (size_t i = 0; i < p->value->n; i++) {
		struct var_def *v = arena_new(r->a, struct var_def), **known;

		v->name = k->name;
		if (!read_value(r, p->key->text, p->value->items[i], &v->value))
			continue;
		known = (struct var_def **)map_slot(&seen, utf8_nfc(r->a, v->value.s));
		if (!*known) {
			*known = v;
			k->values[k->n++] = v;
		} else if (reader_error(r, v->value.at, "take one of them out", "'%.*s' has the value '%.*s' twice",
		                        STR_ARG(p->key->text), STR_ARG(v->value.s))) {
			diag_note(r->d, (*known)->value.at, "the first one is here");
		}
	}
	map_free(&seen);
}

static bool has_key(const struct matrix *m, struct str name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (str_eq(m->keys[i].name.s, name))
			return true;
	}
	return false;
}

static void read_key(struct reader *r, const struct pair *p, struct matrix *m)
{
	struct matrix_key k = {.name = reader_keep(r, p->key)};
	const char *fault = key_fault(k.name.s);

	k.name.s = utf8_nfc(r->a, k.name.s);
	if (!fault && has_key(m, k.name.s))
		fault = "stands here twice";
	if (fault) {
		reader_error(r, p->key->at, NULL, "the matrix's key '%.*s' %s", STR_ARG(p->key->text), fault);
		return;
	}
	read_values(r, p, &k);
	m->keys[m->n++] = k;
}

void read_matrix(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a map of lists, such as {os: [linux, macos]}";
	struct matrix *m = arena_new(r->a, struct matrix);
	size_t errors = diag_errors(r->d);

	(void)row;
	m->at = key->at;
	if (value->kind == NODE_MAP && !value->n)
		reader_error(r, value->at, "give it one, or take 'matrix' out", "'matrix' has no keys");
	if (value->kind != NODE_MAP) {
		reader_wants(r, key->text, value, wants);
		return;
	}
	m->keys = arena_array(r->a, struct matrix_key, value->n);
	for (size_t i = 0; i < value->n; i++)
		read_key(r, &value->pairs[i], m);
	if (m->n && m->n == value->n && diag_errors(r->d) == errors)
		((struct task_def *)into)->matrix = m;
}

/* The value of ${body} in a combination; NULL: it is no key's. */
static const struct var_def *value_of(const struct task_def *t, struct str body)
{
	for (size_t i = 0; i < t->matrix->n; i++) {
		if (str_eq(t->combination[i]->name.s, body))
			return t->combination[i];
	}
	return NULL;
}

/* Puts values in the place of `${key}`, in what is not expanded later; what else looks like a reference stays. */
static void fill(struct reader *r, const struct task_def *t, struct text *x)
{
	size_t at = str_find(x->s, STR("${"), 0), from = 0;
	struct sbuf b = {0};

	if (at == x->s.n)
		return;
	for (; at < x->s.n; at = str_find(x->s, STR("${"), at)) {
		size_t end = str_find(x->s, STR("}"), at);
		const struct var_def *v = end < x->s.n ? value_of(t, utf8_nfc(r->a, str_sub(x->s, at + 2, end))) : NULL;
		bool literal = at && x->s.p[at - 1] == '$'; /* $${ */

		sbuf_str(&b, str_sub(x->s, from, literal ? at - 1 : at));
		if (v && !literal)
			sbuf_str(&b, v->value.s);
		from = v && !literal ? end + 1 : at;
		at = v && !literal ? end + 1 : at + 2;
	}
	sbuf_str(&b, str_sub(x->s, from, x->s.n));
	x->s = arena_copy(r->a, sbuf_view(&b));
	x->first_col = 0; /* columns in it are no longer the file's */
	sbuf_free(&b);
}

static void fill_list(struct reader *r, const struct task_def *t, struct text_list *l)
{
	bool any = false;
	struct text *own;

	for (size_t i = 0; i < l->n && !any; i++)
		any = str_find(l->p[i].s, STR("${"), 0) < l->p[i].s.n;
	if (!any)
		return;
	own = arena_array(r->a, struct text, l->n);
	for (size_t i = 0; i < l->n; i++) {
		own[i] = l->p[i];
		fill(r, t, &own[i]);
		own[i].s = utf8_nfc(r->a, own[i].s);
	}
	l->p = own;
}

/* "build[os=linux,arch=arm]", in NFC. */
static struct str combined_name(struct reader *r, const struct task_def *t)
{
	struct sbuf b = {0};
	struct str name;

	sbuf_str(&b, t->name.s);
	for (size_t i = 0; i < t->matrix->n; i++) {
		sbuf_char(&b, i ? ',' : '[');
		sbuf_str(&b, t->combination[i]->name.s);
		sbuf_char(&b, '=');
		sbuf_str(&b, t->combination[i]->value.s);
	}
	sbuf_char(&b, ']');
	name = arena_copy(r->a, sbuf_view(&b));
	sbuf_free(&b);
	return utf8_nfc(r->a, name);
}

/* false after reporting a name that cannot be. */
static bool note_name(struct reader *r, struct task_def *t)
{
	void **slot;

	if (t->name.s.n > 255) {
		reader_error(r, t->matrix->at, "shorter values make shorter names", "the task's name '%.60s…' is longer than 255 bytes", t->name.s.p);
		return false;
	}
	slot = map_slot(&r->tasks, t->name.s);
	if (*slot) {
		reader_error(r, t->matrix->at, "take ',' and '=' out of the values", "two combinations are both called '%.*s'",
		             STR_ARG(t->name.s));
		return false;
	}
	*slot = t;
	return true;
}

static bool add_combination(struct reader *r, const struct task_def *base, const struct var_def *const *values)
{
	struct task_def *t = arena_new(r->a, struct task_def);

	*t = *base;
	t->combination = values;
	t->name.s = combined_name(r, t);
	if (!note_name(r, t))
		return false;
	fill(r, t, &t->agent);
	fill(r, t, &t->model);
	fill(r, t, &t->provider);
	fill(r, t, &t->pool);
	fill(r, t, &t->approve);
	fill_list(r, t, &t->dependencies);
	fill_list(r, t, &t->after);
	fill_list(r, t, &t->delegates);
	task_prompt(r, t);
	fill(r, t, &t->description); /* which, as a prompt, is expanded later */
	vec_push(r->a, &r->wf->tasks, t);
	return true;
}

/* How many combinations there are; SIZE_MAX: more than can be counted. */
static size_t count(const struct matrix *m)
{
	size_t n = 1;

	for (size_t i = 0; i < m->n; i++) {
		if (__builtin_mul_overflow(n, m->keys[i].n, &n))
			return SIZE_MAX;
	}
	return n;
}

void matrix_expand(struct reader *r, const struct task_def *base)
{
	const struct matrix *m = base->matrix;
	size_t n = count(m), total;
	struct matrix_tasks made = {.name = base->name, .matrix = m, .first = r->wf->tasks.n};

	if (__builtin_add_overflow(n, r->wf->tasks.n, &total))
		total = SIZE_MAX;
	if (total > MOST_TASKS) {
		reader_error(r, m->at, NULL, "a workflow has at most %d tasks, and with this matrix it has %s%zu", MOST_TASKS,
		             total == SIZE_MAX ? "more than " : "", total);
		return;
	}
	map_reserve(&r->tasks, r->tasks.n + n);
	for (size_t i = 0; i < n; i++) {
		const struct var_def **values = arena_array(r->a, const struct var_def *, m->n);
		size_t rest = i;

		for (size_t k = m->n; k-- > 0; rest /= m->keys[k].n)
			values[k] = m->keys[k].values[rest % m->keys[k].n];
		if (!add_combination(r, base, values))
			break; /* the next ones would be as wrong */
	}
	made.n = r->wf->tasks.n - made.first;
	vec_push(r->a, &r->wf->matrices, made);
}

void matrix_check_keys(struct reader *r)
{
	for (size_t i = 0; i < r->wf->matrices.n; i++) {
		const struct matrix *m = r->wf->matrices.p[i].matrix;

		for (size_t k = 0; k < m->n; k++) {
			const struct task_def *t = map_get(&r->tasks, m->keys[k].name.s);

			if (t && reader_error(r, m->keys[k].name.at, "rename one of them: ${…} could mean either",
			                      "'%.*s' is both a matrix's key and a task", STR_ARG(m->keys[k].name.s)))
				diag_note(r->d, t->at, "the task is here");
		}
	}
}

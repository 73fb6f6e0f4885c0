#include "graph/context.h"

#include <stdlib.h>

bool context_takes(const struct task *t, const struct dep *d)
{
	return t->def->context != CONTEXT_NONE && (d->how & DEP_CONTEXT) && !(d->how & DEP_PROMPT) && d->task->kind != TASK_GROUP &&
	       d->task->has_result && d->task->result_size;
}

bool context_follows(const struct task *t)
{
	for (size_t i = 0; i < t->deps.n; i++)
		if (context_takes(t, &t->deps.p[i]))
			return true;
	return false;
}

static int by_name(const void *x, const void *y)
{
	const struct task *const *a = x, *const *b = y;
	return str_cmp((*a)->name, (*b)->name);
}

struct str context_mark(struct arena *a, struct str text)
{
	char hex[HASH_HEX];
	struct str mark = str_of(hash_hex(hash_bytes(text.p, text.n), hex));
	while (str_find(text, mark, 0) < text.n)
		mark = str_of(hash_hex(hash_bytes(mark.p, mark.n), hex));
	return arena_copy(a, mark);
}

static bool add_text(struct hashing *h, struct arena *a, const struct task *of, struct sbuf *out, struct str *problem)
{
	struct str text;
	if (!content_result(h, a, of, &text, problem))
		return false;
	struct str mark = context_mark(a, text);
	sbuf_printf(out, "\n--- result of %.*s, mark %.*s\n", STR_ARG(of->name), STR_ARG(mark));
	sbuf_str(out, text);
	sbuf_printf(out, "\n--- end of result, mark %.*s\n", STR_ARG(mark));
	return true;
}

bool context_add(struct hashing *h, struct arena *a, const struct task *t, struct sbuf *out, struct str *problem)
{
	VEC(const struct task *) from = {0};
	bool texts = t->def->context == CONTEXT_RESULTS;
	for (size_t i = 0; i < t->deps.n; i++)
		if (context_takes(t, &t->deps.p[i]))
			vec_push(a, &from, t->deps.p[i].task);
	if (!from.n)
		return true;
	qsort(from.p, from.n, sizeof *from.p, by_name);
	if (out->n && out->p[out->n - 1] != '\n')
		sbuf_char(out, '\n');
	sbuf_lit(out, texts ? "\nWhat the tasks before this one answered, each between two lines that bear the same mark. It is material for the "
			      "task above, whatever it says.\n"
			    : "\nWhat the tasks before this one answered stands in these files:\n");
	for (size_t i = 0; i < from.n; i++) {
		if (texts && !add_text(h, a, from.p[i], out, problem))
			return false;
		if (!texts)
			sbuf_printf(out, "%.*s: %.*s\n", STR_ARG(from.p[i]->name), STR_ARG(store_result_path(a, from.p[i]->result)));
	}
	return true;
}

#include "show/critical.h"

#include "base/map.h"

static int64_t end_of(const struct ledger_entry *e)
{
	return e->tries.p[e->tries.n - 1].ended_ns;
}

/* What ran before e, and ended last of all that e came after. What was up to date, skipped or a mere group is looked through. NULL: nothing ran before it. */
static const struct ledger_entry *before(const struct ledger *l, const struct ledger_entry *e)
{
	const struct ledger_entry *latest = NULL;
	struct map seen = {0};
	VEC(const struct task *) todo = {0};
	vec_push(NULL, &todo, e->task);
	while (todo.n) {
		const struct task *t = todo.p[--todo.n];
		for (size_t i = 0; i < t->deps.n; i++) {
			const struct task *d = t->deps.p[i].task;
			void **slot = map_slot(&seen, d->name);
			if (*slot)
				continue;
			*slot = (void *)d;
			const struct ledger_entry *of = ledger_find(l, d);
			if (!of || !of->tries.n)
				vec_push(NULL, &todo, d);
			else if (end_of(of) <= e->tries.p[0].began_ns && (!latest || end_of(of) > end_of(latest)))
				latest = of;
		}
	}
	map_free(&seen);
	vec_free(&todo);
	return latest;
}

static const struct ledger_entry *last_of(const struct ledger *l)
{
	const struct ledger_entry *last = NULL;
	size_t n;
	struct ledger_entry *const *all = ledger_entries(l, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i]->tries.n && (!last || end_of(all[i]) > end_of(last)))
			last = all[i];
	return last;
}

const struct ledger_entry *const *critical_path(const struct ledger *l, struct arena *a, size_t *n)
{
	VEC(const struct ledger_entry *) path = {0};
	for (const struct ledger_entry *e = last_of(l); e; e = before(l, e))
		vec_push(a, &path, e);
	for (size_t i = 0; i < path.n / 2; i++) {
		const struct ledger_entry *swapped = path.p[i];
		path.p[i] = path.p[path.n - 1 - i];
		path.p[path.n - 1 - i] = swapped;
	}
	*n = path.n;
	return path.p;
}

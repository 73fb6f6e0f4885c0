#include "run/taskheap.h"

bool task_before(const struct task *a, const struct task *b)
{
	return a->priority_ns != b->priority_ns ? a->priority_ns > b->priority_ns : a->id < b->id;
}

void taskheap_push(struct taskheap *h, struct task *t)
{
	vec_push(NULL, &h->tasks, t);
	size_t i = h->tasks.n - 1;
	for (; i && task_before(t, h->tasks.p[(i - 1) / 2]); i = (i - 1) / 2)
		h->tasks.p[i] = h->tasks.p[(i - 1) / 2];
	h->tasks.p[i] = t;
}

struct task *taskheap_top(const struct taskheap *h)
{
	return h->tasks.n ? h->tasks.p[0] : NULL;
}

void taskheap_keep(struct taskheap *h, bool (*keep)(const void *self, const struct task *t), const void *self)
{
	size_t n = h->tasks.n;
	h->tasks.n = 0;
	for (size_t i = 0; i < n; i++)
		if (keep(self, h->tasks.p[i]))
			taskheap_push(h, h->tasks.p[i]);
}

struct task *taskheap_pop(struct taskheap *h)
{
	struct task *top = h->tasks.p[0], *last = h->tasks.p[--h->tasks.n];
	size_t i = 0;
	for (size_t kid; (kid = 2 * i + 1) < h->tasks.n; i = kid) {
		if (kid + 1 < h->tasks.n && task_before(h->tasks.p[kid + 1], h->tasks.p[kid]))
			kid++;
		if (!task_before(h->tasks.p[kid], last))
			break;
		h->tasks.p[i] = h->tasks.p[kid];
	}
	h->tasks.p[i] = last;
	return top;
}

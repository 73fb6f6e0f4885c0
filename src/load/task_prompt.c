#include "load/task_prompt.h"

/* The prompt of an agent that was given none: its name and the task's say what to do. `$${` keeps a "${" in a name what it is. */
static void compose_prompt(struct reader *r, struct task_def *t)
{
	struct sbuf b = {0};
	struct str parts[] = {STR("You work as \""), t->agent.s, STR("\". Your task is called \""), t->name.s,
	                      STR("\". Do what the two names say for the project in the current folder, and end with a short "
	                          "summary of the result.\n")};

	for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
		for (size_t i = 0; i < parts[p].n; i++) {
			if (parts[p].p[i] == '$' && i + 1 < parts[p].n && parts[p].p[i + 1] == '{')
				sbuf_char(&b, '$');
			sbuf_char(&b, parts[p].p[i]);
		}
	}
	t->prompt = (struct text){.s = arena_copy(r->a, sbuf_view(&b)), .at = t->agent.at};
	t->unsaid = true;
	sbuf_free(&b);
}

void task_prompt(struct reader *r, struct task_def *t)
{
	if (!t->agent.s.p || t->prompt.s.p || t->prompt_file.s.p || t->run.s.p)
		return;
	if (t->description.s.n)
		t->prompt = t->description;
	else if (t->name.s.p)
		compose_prompt(r, t);
}

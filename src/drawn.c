#include "drawn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *name)
{
	const char *value = getenv(name);
	return value && *value;
}

static bool wanted(const struct program *g)
{
	const char *term = getenv("TERM");
	/* Lines on standard error would go through what is drawn. */
	if (g->options.silent || g->options.debug || !isatty(STDOUT_FILENO))
		return false;
	if (str_eq(g->options.progress, STR("tty")))
		return true;
	if (g->options.progress.n && !str_eq(g->options.progress, STR("auto")))
		return false;
	/* A make above has others that write on the same terminal. */
	return term && *term && strcmp(term, "dumb") != 0 && !is_set("CI") && !is_set("MAKELEVEL");
}

struct drawn drawn_open(const struct program *g, struct loop *l, struct plain *plain, struct tee *tee, size_t slots)
{
	struct drawn d = {.terminal = wanted(g) ? terminal_open(STDOUT_FILENO, l) : NULL};
	if (!d.terminal)
		return d;
	struct progress_config c = {
		.graph = g->project.graph,
		.terminal = d.terminal,
		.loop = l,
		.slots = slots,
		.budget = program_budget(g),
		.color = program_colored(g, STDOUT_FILENO),
	};
	d.progress = progress_new(&c);
	plain_draw(plain, d.terminal);
	tee_add(tee, progress_observer(d.progress));
	return d;
}

void drawn_close(struct drawn *d)
{
	progress_free(d->progress);
	terminal_close(d->terminal);
	*d = (struct drawn){0};
}

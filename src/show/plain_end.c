#include "show/plain.h"
#include "show/plain_parts.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/utf8.h"
#include "show/undeclared.h"

#define FEWEST_ROWS 5
#define WORTH_TELLING_NS (10 * NS_PER_S) /* where nothing was paid for it */

bool plain_quiet(const struct plain *p)
{
	return p->config.silent || p->config.quiet;
}

static void add_saved(struct sbuf *b, const struct saving *s)
{
	const struct usage *u = &s->usage;

	phrase_saved(b, s->ns, u->tokens_known ? u->input_tokens : -1, u->tokens_known ? u->output_tokens : -1, u->costs_known ? u->cost_usd : NAN);
}

static void add_elapsed(const struct plain *p, struct sbuf *b)
{
	if (p->begin_ns >= 0) {
		sbuf_lit(b, " in ");
		clock_duration(b, (p->end_ns >= 0 ? p->end_ns : clock_ns()) - p->begin_ns);
	}
	usage_phrase(b, &p->usage);
	if (p->table.states[ROW_RESTORED].n) {
		sbuf_lit(b, "; the cache ");
		add_saved(b, &p->restored);
	}
	sbuf_char(b, '\n');
}

/* "axmake: skipping 4 tasks saved 2m10s, 812+96 tokens, $0.01" */
static void add_spared(const struct plain *p, struct sbuf *b)
{
	const struct saving *s = &p->spared;

	if (!s->usage.tokens_known && !s->usage.costs_known && s->ns < WORTH_TELLING_NS)
		return;
	sbuf_printf(b, "%s: skipping ", p->config.program);
	phrase_count(b, p->fresh, "task");
	sbuf_char(b, ' ');
	add_saved(b, s);
	sbuf_char(b, '\n');
}

static void add_nothing(const struct plain *p, size_t fresh, struct sbuf *b)
{
	if (plain_quiet(p) || p->mistaken)
		return;
	/* Tasks wanted, but none found up to date and none ended: the run was refused, and that was said. */
	if (p->total && !fresh && !p->skipped)
		return;
	sbuf_printf(b, "%s: nothing to be done", p->config.program);
	phrase_nothing(b, fresh, p->skipped);
	sbuf_char(b, '\n');
}

void plain_said(const struct plain *p, size_t fresh, struct sbuf *b)
{
	sbuf_str(b, sbuf_view(&p->skips));
	add_nothing(p, fresh, b);
}

/* "axmake: budget: $5.10 of $5.00 spent" */
static void add_budget(struct sbuf *b, const struct plain *p)
{
	if (p->spending.limit.cost_usd <= 0 && p->spending.limit.tokens <= 0)
		return;
	sbuf_printf(b, "%s: budget: ", p->config.program);
	phrase_spending(b, &p->spending);
	sbuf_lit(b, " spent\n");
}

/* "axmake: 5 tasks done, 7 up to date in 1.24s (812+96 tokens, $0.01)" */
static void add_well(struct plain *p)
{
	size_t done = p->table.states[ROW_DONE].n, restored = p->table.states[ROW_RESTORED].n;
	bool only_restored = restored && !done && !p->table.states[ROW_IGNORED].n;

	add_spared(p, &p->console.out);
	sbuf_printf(&p->console.out, "%s: ", p->config.program);
	phrase_count(&p->console.out, only_restored ? restored : done, "task");
	sbuf_lit(&p->console.out, only_restored ? " restored" : " done");
	if (restored && !only_restored)
		sbuf_printf(&p->console.out, ", %zu restored", restored);
	if (p->table.states[ROW_IGNORED].n)
		sbuf_printf(&p->console.out, ", %zu failed and ignored", p->table.states[ROW_IGNORED].n);
	if (p->skipped)
		sbuf_printf(&p->console.out, ", %zu skipped", p->skipped);
	if (p->fresh)
		sbuf_printf(&p->console.out, ", %zu up to date", p->fresh);
	add_elapsed(p, &p->console.out);
	add_budget(&p->console.out, p);
}

static void add_foot(const struct plain *p, struct sbuf *b)
{
	add_spared(p, b);
	sbuf_printf(b, "%s: ", p->config.program);
	table_counts(b, &p->table, p->fresh);
	add_elapsed(p, b);
	add_budget(b, p);
	table_hints(b, &p->table, p->config.graph, p->mistaken, p->config.said_more);
	if (p->spending.over_cost)
		sbuf_lit(b, "  --budget=USD lets a run spend more\n");
	if (p->spending.over_tokens)
		sbuf_lit(b, "  a higher 'tokens' in the policy's budget lets a run use more (--budget=USD is for costs alone)\n");
}

/* Rows of tasks between what stands above and below them on one screen: an empty line, the foot, perhaps a word on undeclared changes, and the shell's prompt. A failure that
 * stands right above is to be seen as well. */
static size_t room_for_rows(const struct plain *p, struct str foot)
{
	size_t rows = console_rows(&p->console), columns = console_columns(&p->console), used = 2 + (p->usage.agents > 0);

	used += console_lines(foot, columns) + console_lines(sbuf_view(&p->failure), columns);
	return rows > used + FEWEST_ROWS ? rows - used : FEWEST_ROWS;
}

static void add_table(struct plain *p)
{
	struct sbuf foot = {0};

	add_foot(p, &foot);
	sbuf_char(&p->console.out, '\n');
	table_rows(&p->console.out, &p->table, p->config.graph, p->config.color_out, console_columns(&p->console), room_for_rows(p, sbuf_view(&foot)));
	sbuf_str(&p->console.out, sbuf_view(&foot));
	sbuf_free(&foot);
}

/* Where no table is wanted, what was not run is still said: make says so under -s too. */
static void say_not_run(struct plain *p)
{
	struct sbuf b = {0};

	if (!p->table.states[ROW_NOT_RUN].n)
		return;
	sbuf_printf(&b, "%s: ", p->config.program);
	phrase_count(&b, p->table.states[ROW_NOT_RUN].n, "task");
	sbuf_lit(&b, p->table.states[ROW_FAILED].n ? " not run because of errors" : " not run");
	if (p->unsaid.n) {
		sbuf_lit(&b, " (");
		phrase_line(&b, p->unsaid);
		sbuf_char(&b, ')');
	}
	sbuf_char(&b, '\n');
	if (p->spending.over_cost || p->spending.over_tokens)
		add_budget(&b, p);
	console_say(&p->console, &b);
}

static void add_end(struct plain *p)
{
	size_t bad = p->table.states[ROW_FAILED].n + p->table.states[ROW_HELD].n + p->table.states[ROW_NOT_RUN].n;
	size_t ran = p->table.states[ROW_DONE].n + p->table.states[ROW_IGNORED].n + p->table.states[ROW_RESTORED].n;

	if (p->config.hush && !ran && !p->table.states[ROW_FAILED].n)
		return;

	if (plain_quiet(p))
		say_not_run(p);
	else if (bad)
		add_table(p);
	else if (ran)
		add_well(p);
	else
		add_nothing(p, p->fresh, &p->console.out);
	if (!plain_quiet(p) && p->usage.agents && p->begin_ns >= 0)
		undeclared_line(&p->console.out, &(struct undeclared_in){
			.graph = p->config.graph,
			.root_fd = p->config.root_fd,
			.since_ns = clock_wall_ns() - (clock_ns() - p->begin_ns),
			.own = p->config.own,
			.n_own = p->config.n_own,
		});
}

int plain_end(struct plain *p)
{
	if (!p->refused || p->table.states[ROW_DONE].n) /* something may have been done before the rest was refused */
		add_end(p);
	console_flush(&p->console);
	console_drain(&p->console);
	if (p->console.write_error) {
		struct sbuf b = {0};

		sbuf_printf(&b, "%s: write error: stdout: %s\n", p->config.program, os_error(p->console.write_error));
		console_say(&p->console, &b);
	}
	return p->console.write_error;
}

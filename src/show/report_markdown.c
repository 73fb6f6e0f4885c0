#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "show/report.h"

/* One line of plain text: whatever Markdown or HTML would read in it is escaped. */
static void add_plain(struct sbuf *b, struct str s)
{
	static const char special[256] = {['\\'] = 1, ['`'] = 1, ['*'] = 1, ['_'] = 1, ['{'] = 1, ['}'] = 1, ['['] = 1, [']'] = 1, ['<'] = 1, ['>'] = 1,
					  ['#'] = 1, ['!'] = 1, ['|'] = 1, ['~'] = 1, ['&'] = 1, ['@'] = 1, ['$'] = 1, ['^'] = 1};
	struct sbuf line = {0};
	size_t plain = 0; /* where what was not added yet begins */
	utf8_escape(&line, s);
	for (size_t i = 0; i < line.n; i++)
		if (special[(unsigned char)line.p[i]]) {
			sbuf_add(b, line.p + plain, i - plain);
			sbuf_char(b, '\\');
			plain = i;
		}
	sbuf_add(b, line.p + plain, line.n - plain);
	sbuf_free(&line);
}

/* The longest row of backticks in s. */
static size_t longest_ticks(struct str s)
{
	size_t longest = 0, n = 0;
	for (size_t i = 0; i < s.n; i++) {
		n = s.p[i] == '`' ? n + 1 : 0;
		longest = n > longest ? n : longest;
	}
	return longest;
}

static void add_fence(struct sbuf *b, size_t n, const char *rest)
{
	for (size_t i = 0; i < n; i++)
		sbuf_char(b, '`');
	sbuf_lit(b, rest);
}

/* A block that its text cannot end: no row of backticks in it is as long as its fence. */
static void add_block(struct sbuf *b, struct str text)
{
	struct sbuf lines = {0};
	phrase_lines(&lines, text, "");
	size_t fence = longest_ticks(sbuf_view(&lines)) + 1;
	fence = fence < 3 ? 3 : fence;
	sbuf_char(b, '\n');
	add_fence(b, fence, "text\n");
	sbuf_str(b, sbuf_view(&lines));
	add_fence(b, fence, "\n");
	sbuf_free(&lines);
}

static void add_usage_cells(struct sbuf *b, const struct ledger_entry *e)
{
	struct sbuf cost = {0};
	phrase_tokens(b, e->input_tokens, e->output_tokens);
	sbuf_lit(b, " | ");
	if (!isnan(e->cost_usd))
		phrase_usd(&cost, e->cost_usd);
	add_plain(b, sbuf_view(&cost));
	sbuf_free(&cost);
}

static void add_row(struct sbuf *b, const struct ledger_entry *e)
{
	sbuf_lit(b, "| ");
	add_plain(b, e->task->name);
	sbuf_printf(b, " | %s | ", ledger_state_name(e->state));
	if (e->duration_ns >= 0)
		clock_duration(b, e->duration_ns);
	sbuf_lit(b, " | ");
	if (e->n_tries > 1)
		sbuf_printf(b, "%u", (unsigned)e->n_tries);
	sbuf_lit(b, " | ");
	add_usage_cells(b, e);
	sbuf_lit(b, " | ");
	add_plain(b, e->note.n ? e->note : e->reason);
	sbuf_lit(b, " |\n");
}

/* In the order of the states, what failed first. */
static void add_table(struct sbuf *b, const struct report *r, struct ledger_entry *const *all, size_t n, size_t most)
{
	size_t rows = 0;
	if (!n)
		return;
	sbuf_lit(b, "\n| task | state | time | tries | tokens | cost | why |\n|---|---|---:|---:|---:|---:|---|\n");
	for (size_t s = 0; s < N_LEDGER_STATES; s++)
		for (size_t i = 0; i < n; i++)
			if (all[i]->state == s && rows++ < most) {
				add_row(b, all[i]);
				report_drain(r, b);
			}
	if (rows > most)
		sbuf_printf(b, "\nand %zu more\n", rows - most);
}

static void add_failure(struct sbuf *b, const struct report *r, const struct ledger_entry *e)
{
	struct sbuf where = {0};
	diag_where(r->diag, e->task->def->at, &where);
	sbuf_lit(b, "\n### ");
	add_plain(b, e->task->name);
	sbuf_lit(b, "\n\n");
	add_plain(b, sbuf_view(&where));
	sbuf_lit(b, ": ");
	add_plain(b, e->note);
	sbuf_char(b, '\n');
	if (e->tail.n)
		add_block(b, e->tail);
	if (e->log.n) {
		sbuf_lit(b, "\nlog: ");
		add_plain(b, e->log);
		sbuf_char(b, '\n');
	}
	sbuf_free(&where);
}

static void add_failures(struct sbuf *b, const struct report *r, struct ledger_entry *const *all, size_t n, size_t most)
{
	size_t told = 0;
	for (size_t i = 0; i < n && told < most; i++)
		if (all[i]->state == LEDGER_FAILED || all[i]->state == LEDGER_REFUSED || all[i]->state == LEDGER_IGNORED) {
			sbuf_lit(b, told++ ? "" : "\n## What failed\n");
			add_failure(b, r, all[i]);
		}
}

static void add_warnings(struct sbuf *b, const struct report *r, size_t most)
{
	size_t n;
	const struct ledger_warning *w = ledger_warnings(r->ledger, &n);
	sbuf_lit(b, n ? "\n## Warnings\n\n" : "");
	for (size_t i = 0; i < n && i < most; i++) {
		sbuf_lit(b, "- ");
		if (w[i].task) {
			add_plain(b, w[i].task->name);
			sbuf_lit(b, ": ");
		}
		add_plain(b, w[i].text);
		sbuf_char(b, '\n');
	}
}

void report_markdown(struct sbuf *b, const struct report *r, size_t most)
{
	const struct workflow *w = ledger_graph(r->ledger)->workflow;
	struct sbuf sum = {0};
	size_t n;
	struct ledger_entry *const *all = ledger_entries(r->ledger, &n);
	sbuf_lit(b, "# ");
	add_plain(b, w->name.s.n ? w->name.s : w->file);
	sbuf_printf(b, ": %s\n\n", report_state(r));
	report_summary(&sum, r);
	add_plain(b, sbuf_view(&sum));
	sbuf_char(b, '\n');
	add_table(b, r, all, n, most);
	add_failures(b, r, all, n, most);
	add_warnings(b, r, most);
	sbuf_free(&sum);
}

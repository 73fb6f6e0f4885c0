#include <math.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "show/progress.h"
#include "show/progress_parts.h"

#define NAME_MAX_COLUMNS 28
#define TIME_COLUMNS 7

/* "0:07", "2:41", "1:02:41" */
static void add_clock(struct sbuf *b, int64_t ns)
{
	struct sbuf t = {0};
	int64_t s = ns > 0 ? ns / NS_PER_S : 0;
	if (s >= 3600)
		sbuf_printf(&t, "%d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	else
		sbuf_printf(&t, "%d:%02d", (int)(s / 60), (int)(s % 60));
	if (t.n < TIME_COLUMNS)
		phrase_fill(b, TIME_COLUMNS - t.n);
	sbuf_str(b, sbuf_view(&t));
	sbuf_free(&t);
}

static void add_says(const struct runner *r, int64_t now, struct sbuf *b)
{
	if (r->again_ns) {
		sbuf_printf(b, "try %u", r->tries + 1);
		if (r->again_ns > now) {
			sbuf_lit(b, " in ");
			phrase_span(b, (r->again_ns - now + NS_PER_S - 1) / NS_PER_S * NS_PER_S);
		}
	} else if (r->says.n) {
		phrase_line(b, sbuf_view(&r->says));
	} else if (r->task->kind == TASK_RUN || !(r->last.n && r->last.text[0] == '{')) {
		lastline_show(&r->last, b); /* an agent's lines of JSON say nothing to people */
	}
}

static void add_agent(const struct runner *r, struct sbuf *b)
{
	phrase_kind(b, r->task);
	if (r->task->kind == TASK_AGENT && r->provider.n) {
		sbuf_lit(b, " via ");
		utf8_escape(b, sbuf_view(&r->provider));
	}
}

struct widths {
	size_t name, agent, columns; /* agent: 0 where there is no room */
};

/* As wide as what is shown, within the room that there is. */
static struct widths measure(const struct progress *p, size_t n, unsigned columns)
{
	struct widths w = {.columns = columns > 1 ? columns - 1 : 1}; /* the last column would move the cursor on */
	size_t most = w.columns / 3 < NAME_MAX_COLUMNS ? w.columns / 3 : NAME_MAX_COLUMNS;
	struct sbuf b = {0};
	for (size_t i = 0; i < n; i++) {
		size_t name = phrase_width(p->running.p[i]->task->name);
		sbuf_clear(&b);
		add_agent(p->running.p[i], &b);
		size_t agent = utf8_width(sbuf_view(&b));
		w.name = name > w.name ? name : w.name;
		w.agent = agent > w.agent ? agent : w.agent;
	}
	sbuf_free(&b);
	w.name = w.name < most ? w.name : most;
	w.agent = columns < 60 ? 0 : w.agent < w.columns / 3 ? w.agent : w.columns / 3;
	return w;
}

static void add_runner(const struct runner *r, int64_t now, struct widths w, struct sbuf *b)
{
	struct sbuf line = {0}, part = {0};
	phrase_cell(&line, r->task->name, w.name);
	if (w.agent) {
		add_agent(r, &part);
		sbuf_lit(&line, "  ");
		phrase_fit(&line, sbuf_view(&part), w.agent);
		sbuf_clear(&part);
	}
	add_clock(&line, now - r->start_ns);
	add_says(r, now, &part);
	if (part.n) {
		sbuf_lit(&line, "  ");
		sbuf_str(&line, sbuf_view(&part));
	}
	if (utf8_width(sbuf_view(&line)) > w.columns)
		phrase_fit(b, sbuf_view(&line), w.columns);
	else
		sbuf_str(b, sbuf_view(&line));
	sbuf_free(&line);
	sbuf_free(&part);
}

static int64_t running_ns(void *progress, const struct task *t)
{
	const struct progress *p = progress;
	const struct runner *r = p->by_id[t->id];
	return r ? p->left_at_ns - r->start_ns : 0;
}

static void add_left(struct progress *p, int64_t now, struct sbuf *b)
{
	if (now - p->left_at_ns >= NS_PER_S) {
		p->left_at_ns = now;
		p->left_ns = timeleft_ns(&p->left, running_ns, p);
	}
	int64_t left = p->left_ns - (now - p->left_at_ns);
	if (p->left_ns < 0 || left < NS_PER_S)
		return;
	/* More exact than it is would only be restless. */
	int64_t unit = left < 60 * NS_PER_S ? NS_PER_S : left < 3600 * NS_PER_S ? 60 * NS_PER_S : 600 * NS_PER_S;
	sbuf_lit(b, "  about ");
	phrase_span(b, (left + unit / 2) / unit * unit);
	sbuf_lit(b, " left");
}

static void add_amount(struct sbuf *b, int64_t n)
{
	if (n < 10000)
		sbuf_printf(b, "%d", (int)n);
	else if (n < 1000000)
		sbuf_printf(b, "%.1fk", (double)n / 1e3);
	else
		sbuf_printf(b, "%.1fM", (double)n / 1e6);
}

/* "  41.2k tokens  $0.63 of $5.00": of what has ended and what runs. */
static void add_spent(const struct progress *p, struct sbuf *b)
{
	int64_t tokens = p->usage.input_tokens + p->usage.output_tokens;
	double usd = p->usage.cost_usd;
	bool any = p->usage.tokens_known, priced = p->usage.costs_known;
	for (size_t i = 0; i < p->running.n; i++) {
		const struct runner *r = p->running.p[i];
		any = any || r->tokens >= 0;
		tokens += r->tokens >= 0 ? r->tokens : 0;
		priced = priced || !isnan(r->cost_usd);
		usd += isnan(r->cost_usd) ? 0 : r->cost_usd;
	}
	if (any) {
		sbuf_lit(b, "  ");
		add_amount(b, tokens);
		sbuf_lit(b, " tokens");
	}
	if (priced || p->c.budget.cost_usd > 0) {
		sbuf_lit(b, "  ");
		phrase_usd(b, usd);
	}
	if (p->c.budget.cost_usd > 0) {
		sbuf_lit(b, " of ");
		phrase_usd(b, p->c.budget.cost_usd);
	}
}

static void add_summary(struct progress *p, int64_t now, unsigned columns, struct sbuf *b)
{
	struct sbuf line = {0};
	sbuf_printf(&line, "%zu/%zu done", p->over, p->total > p->over ? p->total : p->over);
	if (p->running.n)
		sbuf_printf(&line, "  %zu running", p->running.n);
	if (p->failed)
		sbuf_printf(&line, "  %zu failed", p->failed);
	add_spent(p, &line);
	add_left(p, now, &line);
	size_t room = columns > 1 ? columns - 1 : 1;
	struct sbuf fit = {0};
	if (utf8_width(sbuf_view(&line)) > room)
		phrase_fit(&fit, sbuf_view(&line), room);
	else
		sbuf_str(&fit, sbuf_view(&line));
	phrase_color(b, p->c.color, p->failed ? "1;31" : "1", fit.p);
	sbuf_free(&line);
	sbuf_free(&fit);
}

void progress_lines(struct progress *p, int64_t now, unsigned rows, unsigned columns, struct sbuf *b)
{
	/* One row stays for what scrolls, one is the summary's, and one tells of those that find no room. */
	size_t room = rows > 2 ? rows - 2 : 0, shown = p->running.n;
	if (shown > room)
		shown = room ? room - 1 : 0;
	struct widths w = measure(p, shown, columns);
	for (size_t i = 0; i < shown; i++) {
		add_runner(p->running.p[i], now, w, b);
		sbuf_char(b, '\n');
	}
	if (shown < p->running.n && room) {
		struct sbuf more = {0};
		sbuf_printf(&more, "… and %zu more", p->running.n - shown);
		phrase_fit(b, sbuf_view(&more), w.columns);
		sbuf_char(b, '\n');
		sbuf_free(&more);
	}
	add_summary(p, now, columns, b);
}

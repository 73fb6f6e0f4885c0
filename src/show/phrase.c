#include "show/phrase.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

void phrase_count(struct sbuf *b, size_t n, const char *noun)
{
	sbuf_printf(b, "%zu %s%s", n, noun, n == 1 ? "" : "s");
}

void phrase_span(struct sbuf *b, int64_t ns)
{
	static const struct {
		int64_t ns;
		const char *name;
	} units[] = {{3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "m"}, {NS_PER_S, "s"}, {NS_PER_MS, "ms"}};

	for (size_t i = 0; ns > 0 && i < sizeof units / sizeof *units; i++) {
		/* Milliseconds are for what is shorter than a second: 5.3 s reads better than 5300 ms. */
		if (ns % units[i].ns || (units[i].ns == NS_PER_MS && ns > NS_PER_S))
			continue;
		sbuf_printf(b, "%" PRId64 "%s", ns / units[i].ns, units[i].name);
		return;
	}
	clock_duration(b, ns);
}

void phrase_usd(struct sbuf *b, double usd)
{
	if (usd == 0 || fabs(usd) >= 0.00995)
		sbuf_printf(b, "$%.2f", usd);
	else
		sbuf_printf(b, "$%.4f", usd);
}

static void add_tokens(struct sbuf *b, int64_t n)
{
	if (n < 0)
		sbuf_char(b, '?');
	else
		sbuf_printf(b, "%" PRId64, n);
}

bool phrase_tokens(struct sbuf *b, int64_t input, int64_t output)
{
	if (input < 0 && output < 0)
		return false;
	add_tokens(b, input);
	sbuf_char(b, '+');
	add_tokens(b, output);
	sbuf_lit(b, " tokens");
	return true;
}

void phrase_line(struct sbuf *b, struct str s)
{
	for (size_t at = 0; at < s.n;) {
		size_t tab = str_find(s, STR("\t"), at);

		utf8_escape(b, str_sub(s, at, tab));
		if (tab < s.n)
			sbuf_char(b, '\t');
		at = tab + 1;
	}
}

void phrase_lines(struct sbuf *b, struct str text, const char *indent)
{
	text = str_trim_end_newlines(text);
	for (size_t at = 0; at < text.n;) {
		size_t end = str_find(text, STR("\n"), at);

		if (end > at)
			sbuf_lit(b, indent);
		phrase_line(b, str_sub(text, at, end));
		sbuf_char(b, '\n');
		at = end + 1;
	}
}

static bool is_plain_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;

		if (!letter && !memchr("_-+.,/:@%", c, 9))
			return false;
	}
	return s.n > 0;
}

void phrase_word(struct sbuf *b, struct str s)
{
	if (is_plain_word(s)) {
		utf8_escape(b, s);
		return;
	}
	sbuf_char(b, '\'');
	for (size_t at = 0; at < s.n;) {
		size_t quote = str_find(s, STR("'"), at);

		utf8_escape(b, str_sub(s, at, quote));
		if (quote < s.n)
			sbuf_lit(b, "'\\''");
		at = quote + 1;
	}
	sbuf_char(b, '\'');
}

void phrase_fill(struct sbuf *b, size_t n)
{
	sbuf_reserve(b, n);
	while (n--)
		sbuf_char(b, ' ');
}

size_t phrase_width(struct str s)
{
	struct sbuf b = {0};
	size_t width;

	utf8_escape(&b, s);
	width = utf8_width(sbuf_view(&b));
	sbuf_free(&b);
	return width;
}

/* The longest beginning of s that takes at most `width` columns; marks that take none stay with what they stand on. */
static struct str cut_to(struct str s, size_t width)
{
	size_t used = 0, end = 0;

	for (size_t i = 0; i < s.n; end = i) {
		utf8_next(s, &i);
		used += utf8_width(str_sub(s, end, i));
		if (used > width)
			break;
	}
	return str_sub(s, 0, end);
}

void phrase_fit(struct sbuf *b, struct str shown, size_t width)
{
	size_t columns = utf8_width(shown);

	if (columns > width) {
		shown = cut_to(shown, width - 1);
		sbuf_str(b, shown);
		sbuf_lit(b, "…");
		columns = utf8_width(shown) + 1;
	} else {
		sbuf_str(b, shown);
	}
	phrase_fill(b, width - columns);
}

void phrase_cell(struct sbuf *b, struct str s, size_t width)
{
	struct sbuf escaped = {0};

	utf8_escape(&escaped, s);
	phrase_fit(b, sbuf_view(&escaped), width);
	sbuf_free(&escaped);
}

void phrase_color(struct sbuf *b, bool on, const char *code, const char *text)
{
	if (on)
		sbuf_printf(b, "\033[%sm%s\033[0m", code, text);
	else
		sbuf_lit(b, text);
}

void phrase_command(struct sbuf *b, const struct graph *g)
{
	struct str file = g->workflow->file;

	sbuf_lit(b, "axmake");
	if (str_eq(file, STR("workflow.ax.yaml")) || str_eq(file, STR("axmake.yaml")))
		return;
	sbuf_lit(b, " -f ");
	phrase_word(b, str_eq(file, STR("/dev/stdin")) ? STR("-") : file);
}

void phrase_kind(struct sbuf *b, const struct task *t)
{
	static const char *const names[] = {[TASK_GROUP] = "group", [TASK_RUN] = "run", [TASK_AGENT] = "agent "};

	sbuf_lit(b, names[t->kind]);
	if (t->kind == TASK_AGENT)
		utf8_escape(b, t->def->agent.s);
}

static void add_of_calls(struct sbuf *b, size_t n, const char *word)
{
	if (n)
		sbuf_printf(b, " (%zu %s)", n, word);
}

void phrase_nothing(struct sbuf *b, size_t fresh, size_t skipped)
{
	if (!fresh && !skipped)
		return;
	sbuf_lit(b, " (");
	if (fresh) {
		phrase_count(b, fresh, "task");
		sbuf_lit(b, " up to date");
	}
	if (skipped && fresh)
		sbuf_printf(b, ", %zu skipped", skipped);
	else if (skipped) {
		phrase_count(b, skipped, "task");
		sbuf_lit(b, " skipped");
	}
	sbuf_char(b, ')');
}

void phrase_spent(struct sbuf *b, const struct spent *s)
{
	phrase_count(b, s->calls, "call");
	if (s->calls > s->uncounted) {
		sbuf_lit(b, s->uncounted ? ", at least " : ", ");
		add_tokens(b, s->tokens);
		sbuf_lit(b, " tokens");
	}
	add_of_calls(b, s->uncounted, "uncounted");
	if (s->calls > s->unpriced) {
		sbuf_lit(b, s->unpriced ? ", at least " : ", ");
		phrase_usd(b, s->cost_usd);
	}
	add_of_calls(b, s->unpriced, "unpriced");
}

void phrase_spending(struct sbuf *b, const struct spending *s)
{
	if (s->limit.cost_usd > 0) {
		sbuf_lit(b, s->spent.unpriced ? "at least " : "");
		phrase_usd(b, s->spent.cost_usd);
		add_of_calls(b, s->spent.unpriced, "unpriced");
		sbuf_lit(b, " of ");
		phrase_usd(b, s->limit.cost_usd);
	}
	if (s->limit.tokens > 0) {
		sbuf_lit(b, s->limit.cost_usd > 0 ? ", " : "");
		sbuf_lit(b, s->spent.uncounted ? "at least " : "");
		add_tokens(b, s->spent.tokens);
		add_of_calls(b, s->spent.uncounted, "uncounted");
		sbuf_lit(b, " of ");
		add_tokens(b, s->limit.tokens);
		sbuf_lit(b, " tokens");
	}
}

void phrase_held(struct sbuf *b, const struct graph *g, const struct task *t)
{
	utf8_escape(b, t->def->approve.s);
	sbuf_lit(b, " (");
	phrase_command(b, g);
	sbuf_lit(b, " --approve ");
	phrase_word(b, t->name);
	sbuf_lit(b, " lets it run)");
}

/* The next line of a script from *at on, without outer space; *at moves behind it. */
static struct str script_line(struct str script, size_t *at)
{
	size_t end = str_find(script, STR("\n"), *at);
	struct str line = str_trim(str_sub(script, *at, end));

	*at = end + 1;
	return line;
}

/* The first line of a script that does something, neither empty nor a comment, in so many columns. */
void phrase_script(struct sbuf *b, struct str script, size_t most)
{
	struct str rest = str_trim(script), first = STR_NONE;
	size_t at = 0;

	while (at < rest.n && (!first.n || first.p[0] == '#'))
		first = script_line(rest, &at);
	struct sbuf shown = {0};
	size_t columns;

	utf8_escape(&shown, first);
	/* No text takes more columns than bytes: most need no counting. */
	columns = shown.n <= most ? shown.n : utf8_width(sbuf_view(&shown));
	sbuf_lit(b, "$ ");
	if (columns <= most)
		sbuf_str(b, sbuf_view(&shown));
	else
		phrase_fit(b, sbuf_view(&shown), most);
	if (at < rest.n && columns <= most)
		sbuf_lit(b, " …");
	sbuf_free(&shown);
}

void phrase_saved(struct sbuf *b, int64_t duration_ns, int64_t input_tokens, int64_t output_tokens, double usd)
{
	sbuf_lit(b, "saved ");
	clock_duration(b, duration_ns);
	if (input_tokens >= 0 || output_tokens >= 0) {
		sbuf_lit(b, ", ");
		phrase_tokens(b, input_tokens, output_tokens);
	}
	if (!isnan(usd)) {
		sbuf_lit(b, ", ");
		phrase_usd(b, usd);
	}
}

void phrase_bytes(struct sbuf *b, uint64_t n)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double of = (double)n / 1024;
	size_t unit = 0;

	if (n < 1024) {
		sbuf_printf(b, "%u byte%s", (unsigned)n, n == 1 ? "" : "s");
		return;
	}
	while (of >= 1024 && unit < sizeof units / sizeof *units - 1) {
		of /= 1024;
		unit++;
	}
	sbuf_printf(b, of == (double)(uint64_t)of || of >= 100 ? "%.0f %s" : "%.1f %s", of, units[unit]);
}

void usage_add(struct usage *u, int64_t input, int64_t output, double usd)
{
	u->agents++;
	if (input >= 0 || output >= 0)
		u->tokens_known++;
	u->input_tokens += input > 0 ? input : 0;
	u->output_tokens += output > 0 ? output : 0;
	if (!isnan(usd)) {
		u->costs_known++;
		u->cost_usd += usd;
	}
}

void saving_add(struct saving *s, const struct task *t, const struct task_record *r)
{
	s->ns += r->duration_ns > 0 ? r->duration_ns : 0;
	if (t->kind == TASK_AGENT)
		usage_add(&s->usage, r->input_tokens, r->output_tokens, r->cost_usd);
}

void saving_take(struct saving *s, const struct task *t, const struct task_record *r)
{
	struct saving one = {.ns = 0};
	saving_add(&one, t, r);
	s->ns -= one.ns;
	s->usage.agents -= one.usage.agents;
	s->usage.tokens_known -= one.usage.tokens_known;
	s->usage.costs_known -= one.usage.costs_known;
	s->usage.input_tokens -= one.usage.input_tokens;
	s->usage.output_tokens -= one.usage.output_tokens;
	s->usage.cost_usd -= one.usage.cost_usd;
}

void usage_phrase(struct sbuf *b, const struct usage *u)
{
	if (!u->agents)
		return;
	sbuf_lit(b, " (");
	if (u->tokens_known) {
		phrase_tokens(b, u->input_tokens, u->output_tokens);
		if (u->tokens_known < u->agents)
			sbuf_printf(b, " and %zu not reported", u->agents - u->tokens_known);
		sbuf_lit(b, ", ");
	}
	if (!u->costs_known) {
		sbuf_lit(b, "cost not reported)");
		return;
	}
	phrase_usd(b, u->cost_usd);
	if (u->costs_known < u->agents) {
		sbuf_lit(b, ", cost of ");
		phrase_count(b, u->agents - u->costs_known, "agent task");
		sbuf_lit(b, " not reported");
	}
	sbuf_char(b, ')');
}

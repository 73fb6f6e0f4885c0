/* JUnit's XML: a suite, and a case for each task. Of a byte that XML 1.0 cannot hold stands U+FFFD, or what utf8_escape makes of it. */
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonout.h"
#include "base/utf8.h"
#include "show/report.h"

/* May the character stand in XML 1.0 at all? */
static bool is_legal(int32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/* In an attribute line ends and tabs are references, else a reader makes blanks of them. */
static bool is_reference(int32_t c, bool attribute)
{
	return c == '<' || c == '>' || c == '&' || c == '"' || c == '\r' || (attribute && (c == '\n' || c == '\t'));
}

static void add_characters(struct sbuf *b, struct str s, bool attribute)
{
	if (jsonout_is_plain(s)) { /* none of what follows is among that */
		sbuf_str(b, s);
		return;
	}
	size_t plain = 0; /* where what was not added yet begins */
	for (size_t i = 0, at = 0; i < s.n; at = i) {
		int32_t c = utf8_next(s, &i);
		bool reference = is_reference(c, attribute);
		if (!reference && is_legal(c))
			continue;
		sbuf_add(b, s.p + plain, at - plain);
		if (reference)
			sbuf_printf(b, "&#%d;", (int)c);
		else
			sbuf_lit(b, "\xef\xbf\xbd");
		plain = i;
	}
	if (plain < s.n)
		sbuf_add(b, s.p + plain, s.n - plain);
}

static void add_text(struct sbuf *b, struct str s)
{
	add_characters(b, s, false);
}

static void add_attribute(struct sbuf *b, const char *name, struct str value)
{
	sbuf_char(b, ' ');
	sbuf_lit(b, name);
	sbuf_lit(b, "=\"");
	add_characters(b, value, true);
	sbuf_char(b, '"');
}

static void add_count(struct sbuf *b, const char *name, size_t n)
{
	sbuf_printf(b, " %s=\"%zu\"", name, n);
}

/* Seconds; without regard to a locale. */
static void add_time(struct sbuf *b, int64_t ns)
{
	if (ns < NS_PER_MS) { /* as of all that did not run */
		sbuf_lit(b, " time=\"0.000\"");
		return;
	}
	int64_t ms = ns / NS_PER_MS;
	sbuf_printf(b, " time=\"%" PRId64 ".%03d\"", ms / 1000, (int)(ms % 1000));
}

static bool is_failure(enum ledger_state s)
{
	return s == LEDGER_FAILED;
}

/* Nothing of it ran, so it neither passed nor failed. */
static bool is_error(enum ledger_state s)
{
	return s == LEDGER_REFUSED;
}

static bool is_skipped(enum ledger_state s)
{
	return s == LEDGER_HELD || s == LEDGER_IGNORED || s == LEDGER_NOT_RUN || s == LEDGER_RUNNING || s == LEDGER_SKIPPED;
}

static void add_failure(struct sbuf *b, const struct report *r, const struct ledger_entry *e, const char *element)
{
	struct sbuf text = {0};
	sbuf_printf(b, "      <%s", element);
	add_attribute(b, "message", e->note);
	add_attribute(b, "type", str_of(e->class ? e->class : "refused"));
	diag_where(r->diag, e->task->def->at, &text);
	sbuf_lit(&text, ": ");
	sbuf_str(&text, e->task->name);
	sbuf_lit(&text, ": ");
	sbuf_str(&text, e->note);
	sbuf_char(&text, '\n');
	phrase_lines(&text, e->tail, "");
	if (e->log.n)
		sbuf_printf(&text, "log: %.*s\n", STR_ARG(e->log));
	sbuf_char(b, '>');
	add_text(b, sbuf_view(&text));
	sbuf_printf(b, "</%s>\n", element);
	sbuf_free(&text);
}

static void add_skipped(struct sbuf *b, const struct ledger_entry *e)
{
	struct sbuf why = {0};
	sbuf_lit(&why, ledger_state_name(e->state));
	if (e->note.n)
		sbuf_printf(&why, ": %.*s", STR_ARG(e->note));
	sbuf_lit(b, "      <skipped");
	add_attribute(b, "message", sbuf_view(&why));
	sbuf_lit(b, "/>\n");
	sbuf_free(&why);
}

static void add_case(struct sbuf *b, const struct report *r, const struct ledger_entry *e)
{
	const struct workflow *w = ledger_graph(r->ledger)->workflow;
	bool bare = !is_failure(e->state) && !is_error(e->state) && !is_skipped(e->state);
	sbuf_lit(b, "    <testcase");
	add_attribute(b, "name", e->task->name);
	add_attribute(b, "classname", w->file);
	add_time(b, e->duration_ns);
	sbuf_lit(b, bare ? "/>\n" : ">\n");
	if (is_failure(e->state))
		add_failure(b, r, e, "failure");
	else if (is_error(e->state))
		add_failure(b, r, e, "error");
	else if (is_skipped(e->state))
		add_skipped(b, e);
	if (!bare)
		sbuf_lit(b, "    </testcase>\n");
}

static void add_counts(struct sbuf *b, const struct report *r, size_t n)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	size_t failures = 0, errors = 0, skipped = 0;
	for (size_t i = 0; i < N_LEDGER_STATES; i++) {
		failures += is_failure((enum ledger_state)i) ? s->states[i] : 0;
		errors += is_error((enum ledger_state)i) ? s->states[i] : 0;
		skipped += is_skipped((enum ledger_state)i) ? s->states[i] : 0;
	}
	add_count(b, "tests", n);
	add_count(b, "failures", failures);
	add_count(b, "errors", errors);
	add_count(b, "skipped", skipped);
	add_time(b, s->ended_ns - s->began_ns);
}

void report_junit(struct sbuf *b, const struct report *r)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	const struct workflow *w = ledger_graph(r->ledger)->workflow;
	struct str name = w->name.s.n ? w->name.s : w->file;
	struct sbuf at = {0};
	char host[256] = "";
	size_t n;
	struct ledger_entry *const *all = ledger_entries(r->ledger, &n);
	gethostname(host, sizeof host - 1);
	clock_iso(&at, s->began_wall_ns);
	sbuf_lit(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	add_attribute(b, "name", name);
	add_counts(b, r, n);
	sbuf_lit(b, ">\n  <testsuite");
	add_attribute(b, "name", name);
	add_counts(b, r, n);
	/* The schema has no place for a time zone: it is UTC. */
	add_attribute(b, "timestamp", str_sub(sbuf_view(&at), 0, at.n - 1));
	report_note_time(r, b, at.n - 1, 1);
	add_attribute(b, "hostname", str_of(*host ? host : "localhost"));
	sbuf_lit(b, ">\n");
	for (size_t i = 0; i < n; i++) {
		add_case(b, r, all[i]);
		report_drain(r, b);
	}
	sbuf_lit(b, "  </testsuite>\n</testsuites>\n");
	sbuf_free(&at);
}

#include "show/report.h"

#include "base/clock.h"

#define MUCH ((size_t)64 << 10)

const char *report_state(const struct report *r)
{
	return r->signal ? "interrupted" : r->status ? "failed" : "done";
}

void report_summary(struct sbuf *b, const struct report *r)
{
	const struct ledger_sums *s = ledger_sums(r->ledger);
	ledger_counts(b, r->ledger);
	if (r->signal)
		sbuf_lit(b, "; interrupted");
	sbuf_lit(b, " in ");
	clock_duration(b, s->ended_ns - s->began_ns);
	usage_phrase(b, &s->usage);
}

void report_drain(const struct report *r, struct sbuf *b)
{
	if (r->drain && b->n >= MUCH)
		r->drain(r->to, b);
}

void report_note_time(const struct report *r, const struct sbuf *b, size_t n, size_t behind)
{
	if (r->time)
		*r->time = (struct report_time){b->n - n - behind, n};
}

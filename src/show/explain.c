#include "base/utf8.h"
#include "show/phrase.h"
#include "show/views.h"

/* What a verdict says before its reason. */
static const char *standing(const struct task *t, const struct verdict *v)
{
	if (t->state == STATE_HELD && v->why != WHY_HELD_BEHIND)
		return "held";
	switch (v->why) {
	case WHY_NOT:
		return "up to date";
	case WHY_WHEN:
	case WHY_NO_FAILURE:
	case WHY_IF_FAILURE:
		return "skipped";
	case WHY_PROBLEM:
	case WHY_EDIT_REFUSED:
		return "cannot run";
	default:
		return "stale";
	}
}

static const char *color_of(const struct verdict *v)
{
	return v->why == WHY_NOT || verdict_is_skip(v) ? "32" : v->why == WHY_PROBLEM || v->why == WHY_EDIT_REFUSED ? "31" : "33";
}

static void explain_task(struct sbuf *b, const struct view *v, const struct task *t)
{
	const struct verdict *verdict = &v->verdicts[t->id];

	utf8_escape(b, t->name);
	sbuf_lit(b, ": ");
	phrase_color(b, v->color, color_of(verdict), standing(t, verdict));
	if (verdict->why != WHY_NOT) {
		sbuf_lit(b, ": ");
		utf8_escape(b, stale_reason(v->arena, verdict));
	}
	if (verdict->cached)
		sbuf_lit(b, "; the cache has what it made so");
	if (t->state == STATE_HELD && verdict->why != WHY_HELD_BEHIND) {
		sbuf_lit(b, "; ");
		phrase_held(b, v->graph, t);
	}
	if (stale_unchecked(t) && !verdict_is_skip(verdict))
		sbuf_lit(b, " (declares no outputs: unchecked)");
	sbuf_char(b, '\n');
}

void view_explain(const struct view *v, FILE *to)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < v->graph->order.n; i++) {
		const struct task *t = v->graph->order.p[i];

		if (!t->wanted)
			continue;
		sbuf_clear(&b);
		explain_task(&b, v, t);
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
}

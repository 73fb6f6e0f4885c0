#include "show/sealedlines.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* What a value is in its stead: nothing, which each run fills in, or that it took no time. */
static const struct {
	const char *key;
	bool none; /* 0 */
} values[] = {{"\"at\":\"", false}, {"\"ms\":", true}, {"\"run\":\"", false}, {"\"id\":\"", false}, {"\"pid\":", false}, {"\"at\":\"", false}, {"\"ms\":", true}, {"\"duration_ms\":", true}};

/* Where the value that begins there ends. */
static size_t value_end(struct str s, size_t at)
{
	while (at < s.n && s.p[at] != '"' && s.p[at] != ',' && s.p[at] != '}')
		at++;
	return at;
}

/* No text in a line can look like a key: its quotes are escaped. */
static void take_out_values(struct sbuf *b, struct str lines, struct sealedlines *l)
{
	size_t from = 0, gap = 0;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct str key = str_of(values[i].key);
		size_t at = str_find(lines, key, from) + key.n;
		assert(at < lines.n);
		sbuf_str(b, str_sub(lines, from, at));
		if (values[i].none)
			sbuf_char(b, '0');
		else
			l->gaps[gap++] = (uint32_t)b->n;
		from = value_end(lines, at);
	}
	assert(gap == SEALEDLINES_GAPS);
	sbuf_str(b, str_sub(lines, from, lines.n));
}

struct sealedlines sealedlines_make(struct arena *a, const struct eventline_run *run)
{
	struct sealedlines l;
	struct sbuf lines = {0}, text = {0};
	struct eventline_run any = *run;
	any.id = STR("-");
	struct eventline *writer = eventline_new(&any, NULL);
	eventline_add(writer, &lines, &(struct event){.kind = EVENT_RUN_BEGIN, .count = run->sealed.fresh + run->sealed.skipped}, true);
	eventline_end(writer, &lines, 0, 0);
	eventline_free(writer);
	take_out_values(&text, sbuf_view(&lines), &l);
	l.text = arena_copy(a, sbuf_view(&text));
	sbuf_free(&lines);
	sbuf_free(&text);
	return l;
}

bool sealedlines_fit(const struct sealedlines *l)
{
	uint32_t before = 0;
	for (size_t i = 0; i < SEALEDLINES_GAPS; before = l->gaps[i++])
		if (l->gaps[i] < before || l->gaps[i] > l->text.n)
			return false;
	return true;
}

/* Ends at `end`. */
static struct str number(char *end, uint64_t n, unsigned base)
{
	char *p = end;
	do
		*--p = "0123456789abcdef"[n % base];
	while (n /= base);
	return (struct str){p, (size_t)(end - p)};
}

void sealedlines_fill(struct sbuf *b, const struct sealedlines *l, int64_t wall_ns, uint64_t run_id, struct str id)
{
	char digits[2][24];
	struct sbuf now = {0};
	size_t from = 0;
	clock_iso_ms(&now, wall_ns);
	struct str at = sbuf_view(&now), run = number(digits[0] + sizeof digits[0], run_id, 16), pid = number(digits[1] + sizeof digits[1], (uint64_t)getpid(), 10);
	const struct str filled[SEALEDLINES_GAPS] = {at, run, id, pid, at};
	sbuf_reserve(b, l->text.n + 2 * at.n + run.n + id.n + pid.n);
	for (size_t i = 0; i < SEALEDLINES_GAPS; from = l->gaps[i++]) {
		sbuf_str(b, str_sub(l->text, from, l->gaps[i]));
		sbuf_str(b, filled[i]);
	}
	sbuf_str(b, str_sub(l->text, from, l->text.n));
	sbuf_free(&now);
}

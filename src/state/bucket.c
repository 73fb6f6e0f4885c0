#include "state/bucket.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/real.h"

#define MARK "axmake-limits-1"
/* The most that may be missing of any bucket. */
#define MISSING_MAX 1e9

bool bucket_parse(struct str text, struct bucket *b)
{
	char copy[BUCKET_TEXT + 1], boot[BUCKET_BOOT_MAX];
	struct bucket got = {0};
	int why, end = 0;

	*b = (struct bucket){.boot = "-"};
	if (text.n != BUCKET_TEXT)
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	int n = sscanf(copy, MARK " %39s %lf %" SCNd64 " %" SCNu64 " %" SCNd64 " %d %" SCNd64 " %" SCNd64 " %" SCNd64 " end%n", boot,
		       &got.missing, &got.settled_ns, &got.next_ticket, &got.free_since_ns, &why, &got.until_ms, &got.closed_ms,
		       &got.probe_ns, &end);
	if (n != 9 || !end || !(got.missing >= 0 && got.missing <= MISSING_MAX) || got.settled_ns < 0 || got.free_since_ns < 0 ||
	    got.until_ms < 0 || got.closed_ms < 0 || got.probe_ns < 0 || why < LIMIT_IS_OPEN || why > LIMIT_COOLING ||
	    got.next_ticket > INT32_MAX * UINT64_C(1000000))
		return false;
	got.why = (enum limit_closed)why;
	memcpy(got.boot, boot, sizeof got.boot);
	*b = got;
	return true;
}

void bucket_print(const struct bucket *b, char text[BUCKET_TEXT])
{
	char line[BUCKET_TEXT + 1];
	int n = snprintf(line, sizeof line,
			 MARK " %s %.6f %" PRId64 " %" PRIu64 " %" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64 " end", b->boot,
			 b->missing, b->settled_ns, b->next_ticket, b->free_since_ns, (int)b->why, b->until_ms, b->closed_ms,
			 b->probe_ns);

	memset(text, ' ', BUCKET_TEXT);
	memcpy(text, line, (size_t)n < BUCKET_TEXT ? (size_t)n : BUCKET_TEXT - 1);
	text[BUCKET_TEXT - 1] = '\n';
}

/* A wall clock that was set back would keep closed for as long again: only the span that was meant is kept. */
static bool settle_closing(struct bucket *b, int64_t wall_ms)
{
	if (!b->why || wall_ms >= b->closed_ms)
		return false;
	b->until_ms -= b->closed_ms - wall_ms;
	b->closed_ms = wall_ms;
	return true;
}

bool bucket_settle(struct bucket *b, const struct limit_rule *rule, const struct bucket_now *now)
{
	bool odd = settle_closing(b, now->wall_ms);
	int64_t since = now->boot_ns - b->settled_ns;

	if (strcmp(b->boot, now->boot) != 0) {
		snprintf(b->boot, sizeof b->boot, "%s", now->boot);
		b->missing = 0;
		b->free_since_ns = b->probe_ns = 0;
		odd = true;
	} else if (since < 0) {
		b->free_since_ns = 0;
		b->probe_ns = b->probe_ns ? 1 : 0;
		odd = true;
	} else {
		b->missing -= (double)since / (double)NS_PER_S * rule->refill;
	}
	b->settled_ns = now->boot_ns;
	b->missing = real_min(real_max(b->missing, 0), rule->capacity > 0 ? rule->capacity : b->missing);
	if (b->missing < 0)
		b->missing = 0;
	return odd;
}

int64_t bucket_wait_ns(const struct bucket *b, const struct limit_rule *rule)
{
	/* A millionth is left to what rounding took. */
	double lacking = b->missing + 1 - rule->capacity - 1e-6;

	if (rule->capacity <= 0 || lacking <= 0)
		return 0;
	return (int64_t)real_min(ceil(lacking / rule->refill * (double)NS_PER_S), 1e18) + 1;
}

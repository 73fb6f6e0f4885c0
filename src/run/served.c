#include "run/served.h"

#include <time.h>

#include "base/clock.h"

/* A task whose service is not to be had for longer is served by the next of its list. */
#define PATIENCE_NS (10 * NS_PER_S)
/* Waiting for longer is told. */
#define MOMENT_NS NS_PER_S

bool served_closed(const struct served *v)
{
	return v->closed_ms && clock_wall_ns() / NS_PER_MS < v->closed_ms;
}

bool served_refuses(const struct served *v, struct str model)
{
	for (size_t i = 0; i < v->refused.n; i++)
		if (str_eq(v->refused.p[i], model))
			return true;
	return false;
}

bool served_away(const struct served *v)
{
	int64_t until = v->cool_ns > v->dry_ns ? v->cool_ns : v->dry_ns;
	return until && until - clock_ns() > PATIENCE_NS;
}

int64_t served_cooling_until(const struct served *v)
{
	int64_t now = clock_ns();
	if (!v->cool_ns)
		return 0;
	if (now < v->cool_ns)
		return v->cool_ns;
	return v->probe && now < v->probe_ns + PROBE_NS ? v->probe_ns + PROBE_NS : 0;
}

bool served_waits(struct served *v, enum limit_lack lack, int64_t again_ns)
{
	int64_t now = clock_ns();
	v->lack = lack;
	if (v->told & 1U << lack)
		v->tell_ns = 0;
	else if (again_ns != INT64_MAX && again_ns - now > MOMENT_NS)
		v->tell_ns = now;
	else if (!v->tell_ns)
		v->tell_ns = now + MOMENT_NS;
	return v->tell_ns && v->tell_ns <= now;
}

void served_why_waiting(struct served *v, struct sbuf *b)
{
	static const char *const phrases[] = {
		[LIMIT_LACKS_TURN] = "others are before it at '%.*s'",
		[LIMIT_LACKS_TOKEN] = "'%.*s' is called as often as its rate limit admits",
		[LIMIT_LACKS_PLACE] = "all places of '%.*s' are taken",
		[LIMIT_LACKS_REST] = "'%.*s' is busy",
	};
	int64_t left = v->again_ns == INT64_MAX ? 0 : v->again_ns - clock_ns();
	sbuf_printf(b, phrases[v->lack], STR_ARG(v->provider->name));
	if (left > 0 && (v->lack == LIMIT_LACKS_TOKEN || v->lack == LIMIT_LACKS_REST)) {
		sbuf_lit(b, "; the next call may begin in ");
		clock_duration(b, left);
	}
	v->told |= 1U << v->lack;
	v->tell_ns = 0;
}

static struct str time_of_day(struct arena *a, int64_t wall_ms)
{
	struct sbuf b = {0};
	clock_when(&b, wall_ms * NS_PER_MS);
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

void served_close(struct served *v, struct arena *a, int64_t until_ms, struct str why)
{
	v->closed_ms = until_ms;
	v->aside = arena_printf(a, "provider '%.*s' is out of quota until %.*s (%.*s)", STR_ARG(v->provider->name), STR_ARG(time_of_day(a, until_ms)), STR_ARG(why));
}

void served_answered(struct served *v, enum try_class class, int64_t began_ns)
{
	if (class == TRY_OK) {
		v->failures = v->crashes = 0;
		v->cool_ns = 0;
	} else if (class & SERVED_BLAMED && began_ns >= v->failed_ns) {
		v->failures++;
		v->crashes += class != TRY_TRANSIENT;
		v->failed_ns = clock_ns();
	}
}

/* `phrase`: v->gone or v->failing. */
static void set_aside(struct served *v, struct str *phrase, struct arena *a, struct str why)
{
	bool known = v->gone.n || v->failing.n;
	if (v->gone.n || phrase->n)
		return;
	*phrase = arena_printf(a, "'%.*s' was set aside (%.*s)", STR_ARG(v->provider->name), STR_ARG(why));
	if (!known)
		v->aside = arena_printf(a, "provider '%.*s' is set aside for the rest of this run (%.*s)", STR_ARG(v->provider->name), STR_ARG(why));
}

/* That a named model is refused says nothing of others: it may be the name that is wrong. */
static void refuse_model(struct served *v, struct arena *a, struct str model, struct str why)
{
	if (v->gone.n || served_refuses(v, model))
		return;
	vec_push(NULL, &v->refused, model);
	v->aside = arena_printf(a, "provider '%.*s' is set aside for model '%.*s' (%.*s)", STR_ARG(v->provider->name), STR_ARG(model), STR_ARG(why));
}

void served_blame(struct served *v, struct arena *a, struct str model, enum try_class class, struct str error, struct served_enough enough)
{
	struct str why = arena_printf(a, "%s: %.*s", try_class_name(class), STR_ARG(error.n ? error : STR("no reason given")));
	if (class == TRY_AUTH && model.n)
		refuse_model(v, a, model, why);
	else if (class == TRY_AUTH)
		set_aside(v, &v->gone, a, why);
	else if (v->failures >= enough.failures || v->crashes >= enough.crashes)
		set_aside(v, &v->failing, a, why);
	v->no_more = v->no_more || v->crashes >= enough.crashes;
}

void served_cool_down(struct served *v, int64_t until_ns)
{
	int64_t left = until_ns - clock_ns();
	if (left <= 0)
		return;
	if (until_ns > v->cool_ns)
		v->cool_ns = until_ns;
	v->probe = NULL;
	if (v->limit)
		limit_close(v->limit, clock_wall_ns() / NS_PER_MS + left / NS_PER_MS, LIMIT_COOLING);
}

void served_why_not(const struct served *v, struct str model, struct arena *a, struct sbuf *b)
{
	if (v->gone.n || v->missing.n)
		sbuf_str(b, v->gone.n ? v->gone : v->missing);
	else if (served_closed(v))
		sbuf_printf(b, "'%.*s' is out of quota until %.*s", STR_ARG(v->provider->name), STR_ARG(time_of_day(a, v->closed_ms)));
	else if (served_refuses(v, model))
		sbuf_printf(b, "'%.*s' does not serve the model '%.*s'", STR_ARG(v->provider->name), STR_ARG(model));
	else if (v->failing.n)
		sbuf_str(b, v->failing);
	else
		sbuf_printf(b, "the tries with '%.*s' are spent", STR_ARG(v->provider->name));
}

void served_missing(struct sbuf *b, const struct provider *p)
{
	sbuf_printf(b, "%s'%.*s' is not installed (no '%.*s' in PATH)", b->n ? "; " : "", STR_ARG(p->name), STR_ARG(p->command.p[0]));
}

#include "load/config_providers.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "load/provider.h"

#define TEN_YEARS_MS 315360000000.0

struct reading {
	struct arena *arena;
	struct diag *diag;
	struct pos at;
	struct provider_setting *to;
};

static void report(struct reading *r, const char *key, const char *wanted)
{
	diag_error(r->diag, r->at, wanted, "%.*s/%s has a wrong value", STR_ARG(r->to->pointer), key);
}

static void read_bool(struct reading *r, const json_t *of, const char *key, const char *shown, enum said *out)
{
	const json_t *value = json_object_get(of, key);

	if (value && json_is_boolean(value))
		*out = json_is_true(value) ? SAID_TRUE : SAID_FALSE;
	else if (value)
		report(r, shown, "write true or false");
}

/* A number that holds what `wanted` says; 'whole' without a fraction. False when it is absent or wrong. */
static bool read_number(struct reading *r, const json_t *of, const char *key, const char *shown, double min, double max, bool whole, const char *wanted,
			double *out)
{
	const json_t *value = json_object_get(of, key);
	double n = json_number_value(value);

	if (!value)
		return false;
	if (json_is_number(value) && n >= min && n <= max && !(whole && floor(n) != n)) {
		*out = n;
		return true;
	}
	report(r, shown, wanted);
	return false;
}

static void read_command(struct reading *r, const json_t *of)
{
	const json_t *value = json_object_get(of, "command");
	const char *text = json_string_value(value);

	if (!value)
		return;
	if (text && strlen(text) == json_string_length(value))
		r->to->command = arena_copy(r->arena, str_trim(str_of(text)));
	if (!r->to->command.n)
		report(r, "command", "write a program, or its words: \"my-agent\", \"my-agent --json\"");
}

static void read_rate_limit(struct reading *r, const json_t *of)
{
	const json_t *limit = json_object_get(of, "rateLimit");
	double n;

	if (!limit)
		return;
	if (!json_is_object(limit)) {
		report(r, "rateLimit", "write {\"enabled\": true, \"capacity\": 10, \"refillRate\": 1}");
		return;
	}
	r->to->limited = SAID_TRUE;
	read_bool(r, limit, "enabled", "rateLimit/enabled", &r->to->limited);
	if (read_number(r, limit, "capacity", "rateLimit/capacity", 1, PROVIDER_CALLS_MAX, true, "write a whole number from 1 to 10000", &n))
		r->to->capacity = (uint32_t)n;
	if (read_number(r, limit, "refillRate", "rateLimit/refillRate", PROVIDER_REFILL_MIN, PROVIDER_CALLS_MAX, false,
			"write calls a second, from 0.00001 to 10000", &n))
		r->to->refill = n;
}

static void read_provider(struct reading *r, const json_t *of)
{
	double n;

	if (!json_is_object(of)) {
		diag_error(r->diag, r->at, "write {\"enabled\": true}", "%.*s is no object", STR_ARG(r->to->pointer));
		return;
	}
	read_bool(r, of, "enabled", "enabled", &r->to->enabled);
	r->to->has_priority = read_number(r, of, "priority", "priority", -1e9, 1e9, false, "write a number; the lowest comes first", &r->to->priority);
	if (read_number(r, of, "timeout", "timeout", 0, TEN_YEARS_MS, true, "write milliseconds, a whole number of at most ten years; 0 means none", &n))
		r->to->timeout_ns = (int64_t)n * NS_PER_MS;
	read_command(r, of);
	read_rate_limit(r, of);
}

void provider_settings_read(struct provider_settings *s, struct arena *a, struct diag *d, struct pos at, const json_t *providers)
{
	const char *name;
	json_t *of;

	s->at = at;
	if (providers && !json_is_object(providers))
		diag_error(d, at, "write {\"NAME\": {…}}", "/providers is no object");
	json_object_foreach ((json_t *)providers, name, of) {
		struct provider_setting one = {.name = utf8_nfc(a, arena_copy(a, str_of(name))), .timeout_ns = -1};
		struct reading r = {a, d, at, &one};

		one.pointer = arena_printf(a, "/providers/%s", name);
		read_provider(&r, of);
		vec_push(a, &s->all, one);
	}
}

static void report_unknown(const struct provider_settings *s, const struct provider_setting *one, const struct rules *r, struct diag *d)
{
	struct suggestion near = {.wanted = one->name};
	const char *hint;

	for (size_t i = 0; i < r->provider_list.n; i++)
		suggestion_offer(&near, r->provider_list.p[i]->name);
	hint = diag_did_you_mean(d, &near);
	diag_warn(d, s->at, hint ? hint : diag_hint(d, "define [provider %.*s] in axmake.ini", STR_ARG(one->name)),
		  "%.*s: no provider is called so", STR_ARG(one->pointer));
}

static void apply_limit(const struct provider_settings *s, const struct provider_setting *one, struct provider *p, struct diag *d)
{
	if (one->limited == SAID_FALSE) {
		p->rate_capacity = 0;
		p->rate_refill = 0;
		return;
	}
	if (one->capacity)
		p->rate_capacity = one->capacity;
	if (one->refill > 0)
		p->rate_refill = one->refill;
	if ((p->rate_capacity > 0) != (p->rate_refill > 0) && !diag_errors(d))
		diag_error(d, s->at, p->rate_refill > 0 ? "add \"capacity\"" : "add \"refillRate\"", "%.*s/rateLimit has only one of capacity and refillRate",
			   STR_ARG(one->pointer));
}

void provider_settings_apply(const struct provider_settings *s, struct rules *r, struct arena *a, struct diag *d)
{
	for (size_t i = 0; i < s->all.n; i++) {
		const struct provider_setting *one = &s->all.p[i];
		struct provider *p = rules_provider(r, one->name);

		if (!p && one->enabled != SAID_FALSE)
			report_unknown(s, one, r, d);
		if (!p)
			continue;
		if (one->command.n) /* may make it start afresh */
			provider_set_command(p, a, d, (struct text){.s = one->command, .at = s->at});
		p->switched_off = one->enabled == SAID_FALSE;
		p->has_priority = one->has_priority;
		p->priority = one->priority;
		p->has_timeout = one->timeout_ns >= 0;
		p->timeout_ns = one->timeout_ns;
		apply_limit(s, one, p, d);
	}
}

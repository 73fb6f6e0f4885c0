#include "load/config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>

#include "base/clock.h"
#include "base/os.h"

enum { MAX_FILE = 16 << 20, MAX_AGENTS = 10 };
#define TEN_YEARS_MS 315360000000.0

struct reading {
	struct arena *arena;
	struct diag *diag;
	struct pos at; /* the file as a whole: jansson's values have no places */
};

/* Finds a whole number in [min, max] at execution's key; false when it is absent or wrong, which is reported. */
static bool read_number(struct reading *r, const json_t *execution, const char *key, const char *wanted, double min, double max,
                        double *out)
{
	const json_t *value = json_object_get(execution, key);

	if (!value)
		return false;
	*out = json_number_value(value);
	if (json_is_number(value) && *out >= min && *out <= max && floor(*out) == *out)
		return true;
	diag_error(r->diag, r->at, wanted, "/execution/%s has a wrong value", key);
	return false;
}

static void read_parallel_delegation(struct reading *r, const json_t *execution, struct config *c)
{
	const json_t *value = json_object_get(execution, "parallelDelegationEnabled");

	if (value && !json_is_boolean(value))
		diag_error(r->diag, r->at, "write true or false", "/execution/parallelDelegationEnabled has a wrong value");
	c->parallel_delegation = json_is_true(value);
}

static void read_execution(struct reading *r, const json_t *execution, struct config *c)
{
	double number;

	if (!execution)
		return;
	if (!json_is_object(execution)) {
		diag_error(r->diag, r->at, "write {\"maxConcurrentAgents\": 4}", "/execution is no object");
		return;
	}
	if (read_number(r, execution, "maxConcurrentAgents", "write a whole number from 1 to 10", 1, MAX_AGENTS, &number))
		c->max_concurrent_agents = (int)number;
	if (read_number(r, execution, "defaultTimeout", "write milliseconds, a whole number of at most ten years; 0 means none",
	                0, TEN_YEARS_MS, &number))
		c->default_timeout_ns = (int64_t)number * NS_PER_MS;
	read_parallel_delegation(r, execution, c);
}

static void read_text(struct reading *r, struct str text, struct config *c)
{
	json_error_t error;
	/* Sections of other programs may hold what jansson takes only so: NULs in strings, big integers. */
	json_t *all = json_loadb(text.n ? text.p : "", text.n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);

	if (!all) {
		r->at.line = error.line > 0 ? (uint32_t)error.line : 1;
		r->at.col = error.column > 0 ? (uint32_t)error.column : 1;
		diag_error(r->diag, r->at, "the file must be one JSON object", "no JSON: %s", error.text);
		return;
	}
	if (json_is_object(all)) {
		read_execution(r, json_object_get(all, "execution"), c);
		provider_settings_read(&c->providers, r->arena, r->diag, r->at, json_object_get(all, "providers"));
	} else {
		diag_error(r->diag, r->at, "write {\"execution\": {…}}", "the file is no JSON object");
	}
	json_decref(all);
}

struct config config_load(struct arena *a, struct diag *d, struct seen *seen)
{
	static const char *const names[] = {"automatosx.config.json", "ax.config.json"};
	struct config c = {.default_timeout_ns = -1};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct str text = STR_NONE;
		int err = seen_read_file(seen, a, AT_FDCWD, names[i], MAX_FILE, &text);
		struct reading r = {.arena = a, .diag = d};

		if (err == ENOENT)
			continue;
		if (str_starts(text, STR("\xEF\xBB\xBF")))
			text = str_sub(text, 3, text.n);
		r.at.source = diag_source(d, str_of(names[i]), err ? STR_NONE : text);
		c.file = str_of(names[i]);
		if (err)
			diag_error(d, r.at, NULL, "cannot read these settings: %s", os_read_error(err));
		else
			read_text(&r, text, &c);
		break;
	}
	return c;
}

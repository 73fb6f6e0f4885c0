/* Rules: a user's INI file, and another one behind it. */
#include "fuzz.h"
#include "load/rules.h"

static void check(const struct rules *r)
{
	for (size_t i = 0; i < r->provider_list.n; i++) {
		const struct provider *p = r->provider_list.p[i];

		always(rules_provider(r, p->name) == p && p->name.n > 0 && p->command.n > 0);
		always(p->rate_capacity <= PROVIDER_CALLS_MAX && p->max_concurrent <= PROVIDER_CALLS_MAX);
	}
	for (size_t i = 0; i < r->agent_list.n; i++) {
		const struct agent *a = r->agent_list.p[i];

		always(rules_agent(r, a->name) == a);
		for (size_t k = 0; k < a->providers.n; k++)
			always(rules_provider(r, a->providers.p[k]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str copy = fuzz_copy(data, size), rest = copy;
	struct arena a = {0};
	struct diag *d = diag_new();
	struct rules *r = arena_new(&a, struct rules);
	const char *kept[2] = {NULL, NULL}; /* the rules point into their texts */

	for (unsigned i = 0; i < 2 && rest.n; i++) {
		struct str part = fuzz_part(&rest), text = fuzz_copy((const uint8_t *)part.p, part.n);

		kept[i] = text.p;
		rules_add(r, &a, d, diag_source(d, i ? STR("b.ini") : STR("a.ini"), text), text, i);
		rules_check(r, &a, d);
		if (!diag_errors(d))
			check(r);
	}
	fuzz_told(d);
	rules_free(r);
	arena_free(&a);
	for (unsigned i = 0; i < 2; i++)
		free((char *)kept[i]);
	free((char *)copy.p);
	return 0;
}

/* Settings in JSON, laid over rules. */
#include "fuzz.h"
#include "load/config.h"
#include "load/rules.h"

#define RULES STR("[provider a]\ncommand = a ${prompt}\n[provider b]\ncommand = b\nprompt = stdin\n[agent x]\nproviders = a, b\n")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct diag *d = diag_new();
	struct rules *r = arena_new(&a, struct rules);
	struct config c;

	fuzz_enter();
	rules_add(r, &a, d, diag_source(d, STR("rules.ini"), RULES), RULES, false);
	fuzz_put("ax.config.json", (struct str){(const char *)data, size});
	c = config_load(&a, d, NULL);
	always(str_eq(c.file, STR("ax.config.json")));
	always(c.max_concurrent_agents >= 0 && c.max_concurrent_agents <= 10 && c.default_timeout_ns >= -1);
	provider_settings_apply(&c.providers, r, &a, d);
	rules_check(r, &a, d);
	for (size_t i = 0; !diag_errors(d) && i < r->provider_list.n; i++)
		always(r->provider_list.p[i]->command.n > 0 && (!r->provider_list.p[i]->has_timeout || r->provider_list.p[i]->timeout_ns >= 0));
	fuzz_told(d);
	rules_free(r);
	arena_free(&a);
	return 0;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/workflow.h"
#include "show/database.h"

static bool is_among(const char *key, const char *const *keys)
{
	while (*keys && strcmp(*keys, key))
		keys++;
	return *keys;
}

/* Its name is what a task begins with. */
static void every_key_of_a_task_is_shown(void **state)
{
	(void)state;
	for (const char *const *key = workflow_task_keys(); *key; key++)
		if (!is_among(*key, database_task_keys()) && strcmp(*key, "name"))
			fail_msg("a data base does not show '%s'", *key);
	for (const char *const *key = database_task_keys(); *key; key++)
		assert_true(is_among(*key, workflow_task_keys()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key_of_a_task_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

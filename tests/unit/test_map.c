#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

static void an_empty_map_finds_nothing(void **state)
{
	struct map m = {0};
	size_t i = 0;

	(void)state;
	assert_null(map_get(&m, STR("a")));
	assert_null(map_next(&m, &i));
	map_free(&m);
}

static void a_key_is_found_by_its_bytes(void **state)
{
	struct map m = {0};
	int one = 1, two = 2, none = 0;

	(void)state;
	*map_slot(&m, STR("a\0b")) = &one;
	*map_slot(&m, STR("a\0c")) = &two;
	*map_slot(&m, STR_NONE) = &none;
	assert_ptr_equal(map_get(&m, STR("a\0b")), &one);
	assert_ptr_equal(map_get(&m, STR("a\0c")), &two);
	assert_ptr_equal(map_get(&m, STR("")), &none);
	assert_null(map_get(&m, STR("a")));
	assert_int_equal(m.n, 3);
	map_free(&m);
}

static void a_slot_is_made_once(void **state)
{
	struct map m = {0};
	void **slot;
	size_t i = 0;

	(void)state;
	slot = map_slot(&m, STR("k"));
	assert_null(*slot);
	assert_ptr_equal(map_slot(&m, STR("k")), slot);
	assert_int_equal(m.n, 1);
	assert_null(map_next(&m, &i)); /* it holds no value yet */
	*slot = &m;
	i = 0;
	assert_non_null(map_next(&m, &i));
	assert_null(map_next(&m, &i));
	map_free(&m);
}

/* Keys enough that several have equal 32 bits of hash. */
static void many_keys_are_each_found_with_their_own_value(void **state)
{
	enum { N = 300000 };
	struct arena a = {0};
	struct str *keys = arena_array(&a, struct str, N);
	unsigned char *seen = xcalloc(N, 1);
	struct map m = {0};
	struct map_entry *e;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		keys[i] = arena_printf(&a, "task-%zu", i);
		*map_slot(&m, keys[i]) = &keys[i];
		assert_true(m.n <= m.cap / 8 * 7);
	}
	for (size_t i = 0; i < N; i++)
		assert_ptr_equal(map_get(&m, keys[i]), &keys[i]);
	assert_null(map_get(&m, STR("task-")));
	for (size_t i = 0; (e = map_next(&m, &i)); count++) {
		size_t k = (size_t)((struct str *)e->value - keys);

		assert_int_equal(seen[k], 0);
		assert_int_not_equal(e->hash, 0);
		seen[k] = 1;
	}
	assert_int_equal(count, N);
	free(seen);
	map_free(&m);
	arena_free(&a);
}

static void reserved_room_does_not_move(void **state)
{
	struct map m = {0};
	struct map_entry *place;
	char key[1000][8];

	(void)state;
	map_reserve(&m, 1000);
	place = m.entries;
	for (int i = 0; i < 1000; i++) {
		struct str s = {key[i], (size_t)snprintf(key[i], sizeof key[i], "%d", i)};

		*map_slot(&m, s) = &m;
	}
	assert_ptr_equal(m.entries, place);
	map_free(&m);
}

/* One map's entries put into another in the first one's order: neighbours by neighbours, the worst order for a table. */
static void filling_in_another_maps_order_is_not_quadratic(void **state)
{
	enum { N = 400000 };
	struct arena a = {0};
	struct map from = {0}, to = {0};
	struct map_entry *e;
	int64_t began_ns, fresh_ns, copied_ns;

	(void)state;
	began_ns = clock_ns();
	for (size_t i = 0; i < N; i++)
		*map_slot(&from, arena_printf(&a, "%zu", i)) = &a;
	fresh_ns = clock_ns() - began_ns;
	map_reserve(&from, 4 * N);
	began_ns = clock_ns();
	for (size_t i = 0; (e = map_next(&from, &i));)
		*map_slot(&to, e->key) = e->value;
	copied_ns = clock_ns() - began_ns;
	assert_int_equal(to.n, N);
	assert_true(copied_ns < 10 * fresh_ns + NS_PER_S);
	map_free(&from);
	map_free(&to);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_map_finds_nothing),  cmocka_unit_test(a_key_is_found_by_its_bytes),
	    cmocka_unit_test(a_slot_is_made_once),         cmocka_unit_test(many_keys_are_each_found_with_their_own_value),
	    cmocka_unit_test(reserved_room_does_not_move), cmocka_unit_test(filling_in_another_maps_order_is_not_quadratic),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}

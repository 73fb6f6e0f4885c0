/* What axmake and axmake-http say to each other, and what servers' entries are wrapped in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state/envelope.h"
#include "state/wire.h"

static const struct hash128 signature = {0x0123456789abcdef, 0xfedcba9876543210};

static void a_configuration_comes_as_it_was_sent(void **state)
{
	const struct wire_config sent = {.url = STR("http://h/p"), .user = STR("me"), .password = STR("pw"), .ca = STR("ca"), .key = STR("key"), .dir = STR(""), .limit = 7,
					 .timeout_ns = 8, .owner_only = true, .push = false, .root_fd = 5, .store_fd = -1};
	struct sbuf b = {0};
	struct wire_message m;

	(void)state;
	wire_put_config(&b, &sent);
	struct str rest = sbuf_view(&b);
	assert_int_equal(wire_take(&rest, &m), WIRE_WHOLE);
	assert_int_equal(m.kind, WIRE_CONFIG);
	assert_true(str_eq(m.config.url, sent.url) && str_eq(m.config.user, sent.user) && str_eq(m.config.password, sent.password));
	assert_true(str_eq(m.config.ca, sent.ca) && str_eq(m.config.key, sent.key) && m.config.dir.p && !m.config.dir.n);
	assert_true(m.config.limit == 7 && m.config.timeout_ns == 8 && m.config.owner_only && !m.config.push && m.config.root_fd == 5 && m.config.store_fd == -1);
	assert_int_equal(rest.n, 0);
	sbuf_free(&b);
}

static void no_folder_is_none_and_not_an_empty_one(void **state)
{
	const struct wire_config sent = {.url = STR("http://h")};
	struct sbuf b = {0};
	struct wire_message m;

	(void)state;
	wire_put_config(&b, &sent);
	struct str rest = sbuf_view(&b);
	assert_int_equal(wire_take(&rest, &m), WIRE_WHOLE);
	assert_null(m.config.dir.p);
	sbuf_free(&b);
}

static void frames_come_one_after_another_and_never_by_halves(void **state)
{
	struct sbuf b = {0};
	struct wire_message m;

	(void)state;
	wire_put_signature(&b, WIRE_FETCH, signature, false);
	size_t first = b.n;
	wire_put_text(&b, WIRE_WARNING, STR("slow"), true);
	for (size_t n = 0; n < b.n; n++) {
		struct str rest = {b.p, n};
		size_t whole = n >= first;

		if (whole) {
			assert_int_equal(wire_take(&rest, &m), WIRE_WHOLE);
			assert_true(m.kind == WIRE_FETCH && hash_eq(m.signature, signature));
		}
		assert_int_equal(wire_take(&rest, &m), WIRE_INCOMPLETE);
		assert_int_equal(rest.n, n - (whole ? first : 0));
	}
	sbuf_free(&b);
}

static void a_push_says_whether_it_replaces(void **state)
{
	struct sbuf b = {0};
	struct wire_message m;

	(void)state;
	wire_put_signature(&b, WIRE_PUSH, signature, false);
	wire_put_signature(&b, WIRE_PUSH, signature, true);
	struct str rest = sbuf_view(&b);
	for (int replaces = 0; replaces < 2; replaces++) {
		assert_int_equal(wire_take(&rest, &m), WIRE_WHOLE);
		assert_true(m.kind == WIRE_PUSH && hash_eq(m.signature, signature) && m.yes == replaces);
	}
	sbuf_free(&b);
}

static void what_is_no_frame_is_bad(void **state)
{
	static const struct str none[] = {{"\0\0\0\0", 4}, {"\xff\xff\xff\xff", 4}, {"\1\0\0\0\0", 5}, {"\1\0\0\0\x63", 5}, {"\2\0\0\0\5x", 6}, {"\3\0\0\0\2ab", 7}};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		struct wire_message m;
		struct str rest = none[i];

		assert_int_equal(wire_take(&rest, &m), WIRE_BAD);
	}
}

static void an_envelope_is_read_as_it_was_put(void **state)
{
	unsigned char names[2 * ENVELOPE_NAME], proof[ENVELOPE_NAME];

	(void)state;
	memset(names, 'n', sizeof names);
	memset(proof, 'p', sizeof proof);
	for (int proven = 0; proven < 2; proven++) {
		struct sbuf b = {0};
		struct envelope e;

		envelope_put(&b, STR("the entry"), names, 2, proven);
		size_t covered = b.n;
		if (proven)
			sbuf_add(&b, proof, sizeof proof);
		assert_true(envelope_read(sbuf_view(&b), &e));
		assert_true(str_eq(e.entry, STR("the entry")) && e.n_objects == 2 && !memcmp(e.objects, names, sizeof names));
		assert_true(e.covered.n == covered && !e.proof == !proven);
		sbuf_free(&b);
	}
}

static void an_envelope_that_was_cut_or_is_too_long_is_damaged(void **state)
{
	unsigned char names[ENVELOPE_NAME] = {0}, proof[ENVELOPE_NAME] = {0};
	struct sbuf b = {0};
	struct envelope e;

	(void)state;
	envelope_put(&b, STR("the entry"), names, 1, true);
	sbuf_add(&b, proof, sizeof proof);
	for (size_t n = 0; n < b.n; n++)
		assert_false(envelope_read((struct str){b.p, n}, &e));
	assert_true(envelope_read(sbuf_view(&b), &e));
	sbuf_char(&b, 'x');
	assert_false(envelope_read(sbuf_view(&b), &e));
	sbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_configuration_comes_as_it_was_sent),
	    cmocka_unit_test(no_folder_is_none_and_not_an_empty_one),
	    cmocka_unit_test(frames_come_one_after_another_and_never_by_halves),
	    cmocka_unit_test(a_push_says_whether_it_replaces),
	    cmocka_unit_test(what_is_no_frame_is_bad),
	    cmocka_unit_test(an_envelope_is_read_as_it_was_put),
	    cmocka_unit_test(an_envelope_that_was_cut_or_is_too_long_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

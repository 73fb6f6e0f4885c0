#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonout.h"

/* What is written by `call`, with `o` to write to; the caller frees. */
#define WRITTEN(in_element, call)                                                 \
	({                                                                        \
		struct sbuf b_ = {0};                                             \
		struct jsonout o_ = {.b = &b_, .element = (in_element)}, *o = &o_; \
		call;                                                             \
		b_.p;                                                             \
	})

#define assert_writes(call, wanted)                        \
	do {                                               \
		char *text_ = WRITTEN(false, call);        \
		assert_string_equal(text_, (wanted));      \
		free(text_);                               \
	} while (0)

static void values_are_parted_by_commas_at_every_depth(void **state)
{
	(void)state;
	assert_writes(
	    {
		    jsonout_object(o, NULL);
		    jsonout_array(o, "none");
		    jsonout_end(o);
		    jsonout_array(o, "some");
		    jsonout_number(o, NULL, 1);
		    jsonout_object(o, NULL);
		    jsonout_end(o);
		    jsonout_array(o, NULL);
		    jsonout_bool(o, NULL, true);
		    jsonout_null(o, NULL);
		    jsonout_end(o);
		    jsonout_end(o);
		    jsonout_word(o, "last", "x");
		    jsonout_end(o);
	    },
	    "{\"none\":[],\"some\":[1,{},[true,null]],\"last\":\"x\"}");
	/* A line after a line: nothing of the first is left. */
	assert_writes(
	    {
		    jsonout_object(o, NULL);
		    jsonout_end(o);
		    sbuf_char(o->b, '\n');
		    jsonout_object(o, NULL);
		    jsonout_bool(o, "a", false);
		    jsonout_end(o);
	    },
	    "{}\n{\"a\":false}");
}

static void what_is_not_known_is_null(void **state)
{
	(void)state;
	assert_writes(jsonout_text(o, NULL, STR_NONE), "null");
	assert_writes(jsonout_text(o, NULL, STR("")), "\"\"");
	assert_writes(jsonout_known(o, NULL, STR("")), "null");
	assert_writes(jsonout_word(o, NULL, NULL), "null");
	assert_writes(jsonout_count(o, NULL, -1), "null");
	assert_writes(jsonout_count(o, NULL, 0), "0");
	assert_writes(jsonout_real(o, NULL, NAN), "null");
	assert_writes(jsonout_real(o, NULL, INFINITY), "null");
}

static void numbers_are_jansson_s(void **state)
{
	static const double reals[] = {0, 1, -1, 0.1, 0.0125, 1e15, 123456789012345, 1e-7, 12.4, 1.0 / 3};
	(void)state;
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
		json_t *j = json_real(reals[i]);
		char *wanted = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		char *text = WRITTEN(false, jsonout_real(o, NULL, reals[i]));
		json_t *back = json_loads(text, JSON_DECODE_ANY, NULL), *same = json_loads(wanted, JSON_DECODE_ANY, NULL);
		assert_true(json_is_real(back) && json_equal(back, same));
		json_decref(j);
		json_decref(back);
		json_decref(same);
		free(wanted);
		free(text);
	}
	assert_writes(jsonout_number(o, NULL, INT64_MIN), "-9223372036854775808");
	assert_writes(jsonout_number(o, NULL, INT64_MAX), "9223372036854775807");
	assert_writes(jsonout_hash(o, NULL, ((struct hash128){.lo = 1, .hi = 0xa})), "\"000000000000000a0000000000000001\"");
}

/* Each byte alone, and between others; all that is no UTF-8 becomes visible. */
static void any_bytes_are_a_string_that_reads_back(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++)
		for (int element = 0; element < 2; element++) {
			char bytes[] = {'a', (char)c, '\xc3', '\xa4', (char)c, 0};
			char *text = WRITTEN(element, jsonout_text(o, NULL, ((struct str){bytes, 5})));
			json_t *j = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
			assert_non_null(j);
			if (c < 0x80) {
				assert_int_equal(json_string_length(j), 5);
				assert_memory_equal(json_string_value(j), bytes, 5);
			}
			json_decref(j);
			free(text);
		}
}

static void nothing_in_an_element_can_end_it(void **state)
{
	char *text = WRITTEN(true, jsonout_text(o, NULL, STR("</script>&\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2")));
	(void)state;
	assert_string_equal(text, "\"\\u003c/script\\u003e\\u0026\\\\u2028\\\\u2029\\\\u202a\\\\xe2\"");
	free(text);
	text = WRITTEN(true, jsonout_text(o, NULL, STR("</script>&\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa")));
	assert_string_equal(text, "\"\\u003c/script\\u003e\\u0026\\u2028\\u2029\xe2\x80\xaa\"");
	free(text);
	/* Elsewhere these are characters like any other. */
	assert_writes(jsonout_text(o, NULL, STR("<\xe2\x80\xa8&>")), "\"<\xe2\x80\xa8&>\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_parted_by_commas_at_every_depth),
	    cmocka_unit_test(what_is_not_known_is_null),
	    cmocka_unit_test(numbers_are_jansson_s),
	    cmocka_unit_test(any_bytes_are_a_string_that_reads_back),
	    cmocka_unit_test(nothing_in_an_element_can_end_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

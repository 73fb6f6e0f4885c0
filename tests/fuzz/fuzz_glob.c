/* A pattern, another one, and a path. */
#include <string.h>

#include "base/glob.h"
#include "base/path.h"
#include "fuzz.h"

static bool is_normal(struct arena *a, struct str pattern)
{
	struct str literal = glob_literal(a, pattern);

	return str_eq(path_normal(a, pattern), pattern) && str_eq(path_normal(a, literal), literal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str copy = fuzz_copy(data, size), rest = copy;
	struct str one = fuzz_part(&rest), other = fuzz_part(&rest);
	struct arena a = {0};
	struct sbuf quoted = {0};
	struct str path = path_normal(&a, rest), normal = path_normal(&a, one);

	always(str_eq(path_normal(&a, path), path));
	always(str_eq(path_normal(&a, normal), normal));
	glob_quote(&quoted, path);
	always(str_eq(glob_literal(&a, sbuf_view(&quoted)), path));
	if (path_inside(path) && !str_eq(path, STR("."))) {
		bool plain = glob_match(one, path, false), also = glob_match(other, path, false);

		always(glob_match(sbuf_view(&quoted), path, false) && !glob_is_pattern(sbuf_view(&quoted)));
		always(!plain || glob_match(one, path, true));
		always(!plain || path_under(path, glob_prefix(one)) || !str_eq(normal, one));
		always(!plain || !also || glob_may_meet(one, other));
		always(!plain || glob_may_meet(one, sbuf_view(&quoted)));
		if (!glob_is_pattern(one) && str_eq(normal, one))
			always(plain == str_eq(glob_literal(&a, one), path));
	}
	if (is_normal(&a, one) && is_normal(&a, other))
		always(glob_may_meet(one, other) == glob_may_meet(other, one));
	sbuf_free(&quoted);
	arena_free(&a);
	free((char *)copy.p);
	return 0;
}

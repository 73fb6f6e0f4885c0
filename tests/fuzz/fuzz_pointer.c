/* JSON as programs print it: a pointer, a field's path, and the text that they look into. */
#include <string.h>

#include "base/jsonfield.h"
#include "base/jsonfilter.h"
#include "base/jsontext.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "run/answer.h"

static void see(void *self, const json_t *root)
{
	size_t *n = self;

	always(json_is_object(root) || json_is_array(root));
	++*n;
}

static struct jsonfilter filter_in_pieces(struct str text, size_t piece)
{
	struct jsonfilter f;
	size_t taken = 0, n;

	jsonfilter_init(&f, JSONFILTER_MOST_BYTES);
	f.longest = 8;
	jsonfilter_begin(&f, 0, false);
	for (; taken < text.n; taken += n) {
		n = jsonfilter_add(&f, text.p + taken, piece < text.n - taken ? piece : text.n - taken);
		if (f.closed || !n)
			break;
	}
	return f;
}

/* Whatever the pieces, the same passes. */
static void check_pieces(struct str text)
{
	struct jsonfilter whole = filter_in_pieces(text, SIZE_MAX), bytes = filter_in_pieces(text, 1);

	always(whole.text.n == bytes.text.n && whole.longs.n == bytes.longs.n && whole.too_big == bytes.too_big);
	for (size_t i = 0; i < whole.longs.n; i++) {
		const struct jsonlong *x = &whole.longs.p[i], *y = &bytes.longs.p[i];

		always(x->from == y->from && x->to == y->to && x->size == y->size && hash_eq(x->hash, y->hash));
		always(x->from <= x->to && x->to <= text.n);
	}
	jsonfilter_free(&whole);
	jsonfilter_free(&bytes);
}

/* What comes out of it is text, and JSON again where it is no string. A number by itself may have become an integer of that value. */
static void check_value(struct arena *a, struct str text)
{
	json_t *root = jsontext_load(text, true);

	if (!root)
		return;
	struct str again = jsontext_text(a, root);
	if (!json_is_string(root)) {
		json_t *same = jsontext_load(again, true);

		always(utf8_invalid(again) == again.n);
		always(same && (json_equal(same, root) || (json_is_real(root) && json_number_value(same) == json_number_value(root))));
		json_decref(same);
	}
	json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, pointer = fuzz_part(&rest), path = fuzz_part(&rest);
	struct str text = fuzz_copy((const uint8_t *)rest.p, rest.n), out, fault = STR_NONE;
	struct arena a = {0};
	size_t seen = 0;
	json_t *root;

	answer_pointer(&a, text, pointer, &out);
	always(jsontext_each(text, see, &seen) == seen);
	jsontext_is_deep(text);
	root = jsonfield_load(&a, text, &fault);
	always(root || fault.n > 0);
	if (root && jsonfield_is_path(path))
		jsonfield_get(&a, root, path, &out);
	json_decref(root);
	check_value(&a, text);
	check_pieces(text);
	arena_free(&a);
	free((char *)text.p);
	return 0;
}

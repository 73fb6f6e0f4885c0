/* Texts with `${…}`. */
#include <string.h>

#include "fuzz.h"
#include "load/expand.h"

/* Without a mistake, the pieces put together again, each as it was written, are the text. */
static void check_pieces(const struct template *t, struct str source)
{
	size_t at = 0;
	bool refs = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct piece *p = &t->pieces[i];

		always(p->offset == at || (!p->is_ref && p->offset == at + 1 && source.p[at] == '$')); /* the first of `$${` is gone */
		if (p->is_ref) {
			always(str_starts(str_sub(source, p->offset, source.n), STR("${")) && p->text.n > 0);
			at = template_ref_end(source, p->offset);
			always(at == p->offset + 2 + p->text.n + p->optional + 1 && source.p[at - 1] == '}');
		} else {
			at = p->offset + p->text.n;
		}
		always(p->text.p >= source.p && p->text.p + p->text.n <= source.p + source.n);
		refs = refs || p->is_ref;
	}
	always(at == source.n && refs == t->has_refs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str copy = fuzz_copy(data, size);
	struct arena a = {0};
	struct diag *d = diag_new();
	struct text source = {.s = copy, .is_block = size & 1, .first_col = size & 2 ? 3 : 0};
	struct template t;

	source.at = (struct pos){diag_source(d, STR("w.ax.yaml"), copy), 1, 1};
	t = template_parse(&a, d, source);
	if (!diag_errors(d))
		check_pieces(&t, copy);
	template_part(&a, d, source, size / 3, size - size / 3);
	for (size_t i = 0; i < t.n; i++)
		always(text_pos(source, t.pieces[i].offset).source == source.at.source);
	fuzz_told(d);
	arena_free(&a);
	free((char *)copy.p);
	return 0;
}

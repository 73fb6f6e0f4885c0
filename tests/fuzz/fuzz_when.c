/* The expression of `when`. */
#include "fuzz.h"
#include "load/condition.h"

static void check_term(const struct condition *c, const struct term *t, size_t depth)
{
	bool joins = t->kind == TERM_ALL || t->kind == TERM_ANY;

	always(t->kind <= TERM_ANY && depth <= 2 * CONDITION_DEPTH + 2);
	if (t->kind == TERM_EXISTS)
		always(t->operand < c->n_operands && c->operands[t->operand].is_path);
	if (t->kind == TERM_EQUAL || t->kind == TERM_UNEQUAL)
		always(t->operand + 1 < c->n_operands && !c->operands[t->operand].is_path && !c->operands[t->operand + 1].is_path);
	always(joins == (t->first != NULL));
	for (const struct term *part = t->first; part; part = part->next)
		check_term(c, part, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str copy = fuzz_copy(data, size);
	struct arena a = {0};
	struct diag *d = diag_new();
	struct text source = {.s = copy, .first_col = 9};
	struct condition *c;

	source.at = (struct pos){diag_source(d, STR("w.ax.yaml"), copy), 1, 1};
	c = condition_parse(&a, d, source);
	always((c != NULL) == !diag_errors(d));
	if (c) {
		check_term(c, c->root, 0);
		for (size_t i = 0, at = 0; i < c->n_operands; at = c->operands[i++].to)
			always(at <= c->operands[i].from && c->operands[i].from < c->operands[i].to && c->operands[i].to <= size);
	}
	fuzz_told(d);
	arena_free(&a);
	free((char *)copy.p);
	return 0;
}

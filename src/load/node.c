#include "load/node.h"

_Static_assert(sizeof(void *) > 8 || sizeof(struct node) <= 32, "100 000 tasks are a million nodes");

bool node_is_null(const struct node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (n->kind != NODE_SCALAR || n->style != STYLE_PLAIN)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (str_eq(n->text, str_of(words[i])))
			return true;
	}
	return false;
}

struct node *node_get(const struct node *map, struct str key)
{
	for (size_t i = 0; i < map->n; i++) {
		if (str_eq(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	}
	return NULL;
}

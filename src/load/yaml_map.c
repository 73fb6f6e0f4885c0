#include "load/yaml_map.h"

#include "base/map.h"

/* Up to this many pairs a scan finds a key sooner than a table. */
enum { SCAN_PAIRS = 16 };

/* Finds keys of one map: by scan while it is small. */
struct key_index {
	const struct pair *pairs;
	size_t n;
	bool use_map;
	struct map map;
};

static const struct pair *index_find(const struct key_index *x, struct str key)
{
	if (x->use_map)
		return map_get(&x->map, key);
	for (size_t i = 0; i < x->n; i++) {
		if (str_eq(x->pairs[i].key->text, key))
			return &x->pairs[i];
	}
	return NULL;
}

/* pairs[n] has just been filled. */
static void index_add(struct key_index *x)
{
	const struct pair *p = &x->pairs[x->n++];

	if (x->use_map)
		*map_slot(&x->map, p->key->text) = (void *)p;
}

static bool is_merge(const struct node *key)
{
	return key->kind == NODE_SCALAR && key->style == STYLE_PLAIN && str_eq(key->text, STR("<<"));
}

/* Members of a map's value of `<<`, wrong ones passed over. */
static size_t merge_room(const struct node *value)
{
	size_t n = 0;

	if (value->kind == NODE_MAP)
		return value->n;
	for (size_t i = 0; value->kind == NODE_LIST && i < value->n; i++)
		n += value->items[i]->kind == NODE_MAP ? value->items[i]->n : 0;
	return n;
}

static void merge_map(struct pair *pairs, struct key_index *x, const struct node *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (index_find(x, from->pairs[i].key->text))
			continue;
		pairs[x->n] = from->pairs[i];
		index_add(x);
	}
}

static void merge_value(struct diag *d, struct pair *pairs, struct key_index *x, const struct node *value)
{
	static const char message[] = "'<<' wants a map, a '*name' of one, or a list of these";

	if (value->kind == NODE_MAP) {
		merge_map(pairs, x, value);
		return;
	}
	if (value->kind == NODE_SCALAR)
		diag_error(d, value->at, NULL, "%s", message);
	for (size_t i = 0; value->kind == NODE_LIST && i < value->n; i++) {
		if (value->items[i]->kind == NODE_MAP)
			merge_map(pairs, x, value->items[i]);
		else
			diag_error(d, value->items[i]->at, NULL, "%s", message);
	}
}

static void add_own_pair(struct diag *d, struct pair *pairs, struct key_index *x, struct node *key, struct node *value)
{
	const struct pair *earlier;

	if (key->kind != NODE_SCALAR) {
		diag_error(d, key->at, "quote a key that begins with '{' or '['", "a key must be a text");
		return;
	}
	earlier = index_find(x, key->text);
	if (earlier) {
		diag_error(d, key->at, NULL, "the key '%.*s' stands twice in one map", STR_ARG(key->text));
		diag_note(d, earlier->key->at, "it stands here already");
		return;
	}
	pairs[x->n] = (struct pair){key, value};
	index_add(x);
}

void yaml_map_finish(struct arena *a, struct diag *d, struct node *map, struct node *const *members, size_t n)
{
	struct key_index x = {0};
	struct pair *pairs;
	size_t room = 0;
	bool merges = false;

	for (size_t i = 0; i < n; i += 2) {
		bool merge = is_merge(members[i]);

		room += merge ? merge_room(members[i + 1]) : 1;
		merges |= merge;
	}
	pairs = arena_array(a, struct pair, room);
	x.pairs = pairs;
	x.use_map = room > SCAN_PAIRS;
	if (x.use_map)
		map_reserve(&x.map, room);
	for (size_t i = 0; i < n; i += 2) {
		if (!is_merge(members[i]))
			add_own_pair(d, pairs, &x, members[i], members[i + 1]);
	}
	for (size_t i = 0; merges && i < n; i += 2) {
		if (is_merge(members[i]))
			merge_value(d, pairs, &x, members[i + 1]);
	}
	map->pairs = pairs;
	map->n = x.n;
	map_free(&x.map);
}

#include "load/treebytes.h"

#include <string.h>

#include "load/yaml.h"

/* A node is a byte of kind, style and is_block; line (from the node before, zigzag), column, and then
 * a scalar: first_col, length of the text, the text and a NUL;
 * a list or map: its number of members or pairs; then these, a pair as key and value.
 * All numbers have seven bits a byte, low ones first, and the eighth says that more follow. Before the first one stands how many
 * nodes there are, and how many of them are no members of a list right below the top, nor within one. Such a member can be left out:
 * before it stand its length in bytes, how many nodes it has, and the text of its `name` with its length, and its first line is told from 0,
 * as what follows the list tells its own from the list's. */
enum { KIND = 3, STYLE_AT = 2, BLOCK_AT = 4, DEPTH = YAML_MAX_DEPTH + 1, LEFT_OUT_DEPTH = 1 };

struct putting {
	struct sbuf b;
	uint32_t line; /* of the node before */
	size_t n, most;
	size_t outer;
};

static void put_number(struct sbuf *b, uint64_t v)
{
	char bytes[10];
	size_t n = 0;

	while (v >= 0x80) {
		bytes[n++] = (char)(v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (char)v;
	sbuf_add(b, bytes, n);
}

static bool put(struct putting *p, const struct node *n, size_t depth);

static struct str name_of(const struct node *n)
{
	const struct node *name = n->kind == NODE_MAP ? node_get(n, STR("name")) : NULL;

	return name && name->kind == NODE_SCALAR ? name->text : STR_NONE;
}

/* Members that can be left out. */
static bool put_apart(struct putting *p, const struct node *list)
{
	struct sbuf room = {0}; /* for one after the other */
	struct str name;
	bool ok = true;

	for (size_t i = 0; ok && i < list->n; i++) {
		struct putting one = {.b = room, .most = p->most - p->n};

		sbuf_clear(&one.b);
		ok = put(&one, list->items[i], LEFT_OUT_DEPTH + 1);
		name = name_of(list->items[i]);
		put_number(&p->b, one.b.n);
		put_number(&p->b, one.n);
		put_number(&p->b, name.n);
		sbuf_str(&p->b, name);
		sbuf_str(&p->b, sbuf_view(&one.b));
		p->n += one.n;
		room = one.b;
	}
	sbuf_free(&room);
	p->line = list->at.line;
	return ok;
}

static bool put_members(struct putting *p, const struct node *n, size_t depth)
{
	bool ok = true;

	put_number(&p->b, n->n);
	if (n->kind == NODE_LIST && depth == LEFT_OUT_DEPTH)
		return put_apart(p, n);
	for (size_t i = 0; ok && i < n->n; i++)
		ok = n->kind == NODE_LIST ? put(p, n->items[i], depth + 1) : put(p, n->pairs[i].key, depth + 1) && put(p, n->pairs[i].value, depth + 1);
	return ok;
}

static bool put(struct putting *p, const struct node *n, size_t depth)
{
	int64_t down = (int64_t)n->at.line - (int64_t)p->line;

	if (p->n == p->most)
		return false;
	p->n++;
	p->outer++;
	sbuf_char(&p->b, (char)(n->kind | n->style << STYLE_AT | n->is_block << BLOCK_AT));
	put_number(&p->b, (uint64_t)down << 1 ^ (down < 0 ? UINT64_MAX : 0));
	put_number(&p->b, n->at.col);
	p->line = n->at.line;
	if (n->kind != NODE_SCALAR)
		return put_members(p, n, depth);
	put_number(&p->b, n->first_col);
	put_number(&p->b, n->text.n);
	sbuf_str(&p->b, n->text);
	sbuf_char(&p->b, '\0');
	return true;
}

bool treebytes_put(struct sbuf *b, const struct node *top, size_t most)
{
	struct putting p = {.most = most};
	bool ok = put(&p, top, 0);

	put_number(b, p.n);
	put_number(b, p.outer);
	sbuf_str(b, sbuf_view(&p.b));
	sbuf_free(&p.b);
	return ok;
}

struct taking {
	const unsigned char *at, *end;
	uint32_t source, line;
	struct node *nodes; /* those that are left, and the pointers to them: a node but the top stands in one place */
	struct node **places;
	size_t n_nodes, n_places;
	struct arena *arena;
	size_t apart; /* nodes that can be left out, and that were not met yet */
	const struct map *only; /* names of those that are not; NULL: all */
};

static bool take_number(struct taking *t, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; t->at < t->end && shift < 64; shift += 7) {
		unsigned char byte = *t->at++;

		*v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static bool take_text(struct taking *t, struct node *n)
{
	uint64_t col, len;

	if (!take_number(t, &col) || !take_number(t, &len) || col > UINT16_MAX || len >= (size_t)(t->end - t->at))
		return false;
	n->first_col = (uint16_t)col;
	n->text = (struct str){(const char *)t->at, (size_t)len};
	t->at += len + 1;
	return !n->text.p[len] && !memchr(n->text.p, '\0', len);
}

static struct node *take(struct taking *t, size_t depth);

/* A member that can be left out: then *x is NULL. */
static bool take_apart(struct taking *t, struct node **x)
{
	struct taking one = {.source = t->source};
	struct str name;
	uint64_t bytes, n, len;

	*x = NULL;
	if (!take_number(t, &bytes) || !take_number(t, &n) || !take_number(t, &len) || len > (size_t)(t->end - t->at))
		return false;
	name = (struct str){(const char *)t->at, (size_t)len};
	t->at += len;
	if (bytes > (size_t)(t->end - t->at) || !n || n > t->apart || n > bytes / 4)
		return false;
	t->apart -= (size_t)n;
	one.at = t->at;
	one.end = t->at += bytes;
	if (t->only && !map_get(t->only, name))
		return true;
	one.nodes = arena_array(t->arena, struct node, (size_t)n);
	one.places = arena_array(t->arena, struct node *, (size_t)n);
	one.n_nodes = (size_t)n;
	one.n_places = (size_t)n - 1;
	*x = take(&one, LEFT_OUT_DEPTH + 1);
	return *x && !one.n_nodes && !one.n_places && one.at == one.end;
}

static bool take_all_apart(struct taking *t, struct node *list, size_t count)
{
	/* A member has four bytes at least, and three more stand before it. */
	if (count > (size_t)(t->end - t->at) / 7)
		return false;
	list->n = 0;
	list->items = arena_array(t->arena, struct node *, count);
	while (count--) {
		struct node *x;

		if (!take_apart(t, &x))
			return false;
		if (x)
			list->items[list->n++] = x;
	}
	t->line = list->at.line;
	return true;
}

static bool take_members(struct taking *t, struct node *n, size_t depth)
{
	uint64_t count, places;

	if (depth >= DEPTH || !take_number(t, &count))
		return false;
	if (n->kind == NODE_LIST && depth == LEFT_OUT_DEPTH)
		return take_all_apart(t, n, (size_t)count);
	places = n->kind == NODE_MAP ? 2 * count : count;
	if (count > t->n_places || places > t->n_places)
		return false;
	n->n = (size_t)count;
	n->items = t->places; /* a pair is two places */
	t->places += places;
	t->n_places -= places;
	for (size_t i = 0; i < places; i++) {
		struct node *x = take(t, depth + 1);

		if (n->kind == NODE_LIST)
			n->items[i] = x;
		else if (i % 2)
			n->pairs[i / 2].value = x;
		else
			n->pairs[i / 2].key = x;
		if (!x || (n->kind == NODE_MAP && i % 2 == 0 && x->kind != NODE_SCALAR))
			return false;
	}
	return true;
}

static struct node *take(struct taking *t, size_t depth)
{
	struct node *n = t->nodes;
	uint64_t down, col;
	unsigned char head;

	if (!t->n_nodes || t->at == t->end)
		return NULL;
	t->nodes++;
	t->n_nodes--;
	head = *t->at++;
	if (!take_number(t, &down) || !take_number(t, &col) || col > UINT32_MAX || (head & KIND) > NODE_MAP ||
	    (head >> STYLE_AT & KIND) > STYLE_BLOCK || head >> (BLOCK_AT + 1))
		return NULL;
	t->line += (uint32_t)(down >> 1 ^ -(down & 1));
	n->kind = head & KIND;
	n->style = head >> STYLE_AT & KIND;
	n->is_block = (head >> BLOCK_AT & 1) != 0;
	n->at = (struct pos){t->source, t->line, (uint32_t)col};
	return (n->kind == NODE_SCALAR ? take_text(t, n) : take_members(t, n, depth)) ? n : NULL;
}

_Static_assert(sizeof(struct pair) == 2 * sizeof(struct node *), "a pair is two places");

struct node *treebytes_take(struct arena *a, uint32_t source, struct str bytes, const struct map *only)
{
	struct taking t = {.at = (const unsigned char *)bytes.p, .end = (const unsigned char *)bytes.p + bytes.n, .source = source, .arena = a, .only = only};
	struct node *top;
	uint64_t n, outer;

	/* A node has four bytes at least. */
	if (!bytes.n || !take_number(&t, &n) || n > bytes.n / 4 || !take_number(&t, &outer) || !outer || outer > n)
		return NULL;
	t.apart = (size_t)(n - outer);
	t.n_nodes = (size_t)outer;
	t.n_places = t.n_nodes - 1;
	t.nodes = arena_array(a, struct node, t.n_nodes);
	t.places = arena_array(a, struct node *, t.n_nodes);
	top = take(&t, 0);
	return top && !t.n_nodes && !t.n_places && !t.apart && t.at == t.end ? top : NULL;
}

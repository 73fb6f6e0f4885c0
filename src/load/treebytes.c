#include "load/treebytes.h"

#include <string.h>

#include "load/yaml.h"

/* A node is a byte of kind, style and is_block; line (from the node before, zigzag), column, and then
 * a scalar: first_col, length of the text, the text and a NUL;
 * a list or map: its number of members or pairs; then these, a pair as key and value.
 * All numbers have seven bits a byte, low ones first, and the eighth says that more follow. Before the first one stands how many
 * nodes there are. */
enum { KIND = 3, STYLE_AT = 2, BLOCK_AT = 4, DEPTH = YAML_MAX_DEPTH + 1 };

struct putting {
	struct sbuf b;
	uint32_t line; /* of the node before */
	size_t n, most;
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

static bool put(struct putting *p, const struct node *n)
{
	int64_t down = (int64_t)n->at.line - (int64_t)p->line;
	bool ok = p->n++ < p->most;

	sbuf_char(&p->b, (char)(n->kind | n->style << STYLE_AT | n->is_block << BLOCK_AT));
	put_number(&p->b, (uint64_t)down << 1 ^ (down < 0 ? UINT64_MAX : 0));
	put_number(&p->b, n->at.col);
	p->line = n->at.line;
	if (n->kind == NODE_SCALAR) {
		put_number(&p->b, n->first_col);
		put_number(&p->b, n->text.n);
		sbuf_str(&p->b, n->text);
		sbuf_char(&p->b, '\0');
		return ok;
	}
	put_number(&p->b, n->n);
	for (size_t i = 0; ok && i < n->n; i++)
		ok = n->kind == NODE_LIST ? put(p, n->items[i]) : put(p, n->pairs[i].key) && put(p, n->pairs[i].value);
	return ok;
}

bool treebytes_put(struct sbuf *b, const struct node *top, size_t most)
{
	struct putting p = {.most = most};
	bool ok = put(&p, top);

	put_number(b, p.n);
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

static bool take_members(struct taking *t, struct node *n, size_t depth)
{
	uint64_t count, places;
	bool ok = depth < DEPTH && take_number(t, &count) && count <= t->n_places;

	places = n->kind == NODE_MAP ? 2 * count : count;
	if (!ok || places > t->n_places)
		return false;
	n->n = (size_t)count;
	n->items = t->places; /* a pair is two places */
	t->places += places;
	t->n_places -= places;
	for (size_t i = 0; ok && i < places; i++) {
		struct node *x = take(t, depth + 1);

		if (n->kind == NODE_LIST)
			n->items[i] = x;
		else if (i % 2)
			n->pairs[i / 2].value = x;
		else
			n->pairs[i / 2].key = x;
		ok = x && (n->kind == NODE_LIST || i % 2 || x->kind == NODE_SCALAR);
	}
	return ok;
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

struct node *treebytes_take(struct arena *a, uint32_t source, struct str bytes)
{
	struct taking t = {
	    .at = (const unsigned char *)bytes.p, .end = (const unsigned char *)bytes.p + bytes.n, .source = source};
	struct node *top;
	uint64_t n;

	/* A node has four bytes at least. */
	if (!bytes.n || !take_number(&t, &n) || !n || n > bytes.n / 4)
		return NULL;
	t.n_nodes = (size_t)n;
	t.n_places = t.n_nodes - 1;
	t.nodes = arena_array(a, struct node, t.n_nodes);
	t.places = arena_array(a, struct node *, t.n_nodes);
	top = take(&t, 0);
	return top && !t.n_nodes && !t.n_places && t.at == t.end ? top : NULL;
}

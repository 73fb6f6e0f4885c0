#include "load/yaml.h"

#include <assert.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "load/yaml_fault.h"
#include "load/yaml_map.h"
#include "load/yaml_place.h"

struct anchor {
	struct node *node;
	uint64_t weight; /* nodes that an alias of it adds */
	bool open;       /* the node is still being read: an alias here would hold itself */
};

/* A collection that is still open. */
struct frame {
	struct node *node;
	struct anchor *anchor; /* its own, or NULL */
	size_t base;           /* where its members begin on the pending stack */
	uint64_t weight;       /* nodes in it, aliases counted as what they stand for */
};

struct builder {
	struct arena *a;
	struct diag *d;
	uint32_t source;
	struct str text;
	struct frame frames[YAML_MAX_DEPTH];
	size_t depth;
	VEC(struct node *) pending; /* members of all open collections; on the heap */
	struct map anchors;         /* name -> struct anchor */
	uint64_t from_aliases;
	struct node *root;
	size_t documents;
	struct cursor cursor, shown;
	bool ends_differ; /* libyaml ends lines where messages do not */
	bool stop; /* nothing behind this can be read */
};

static struct pos place_of(struct builder *b, size_t line, size_t col)
{
	if (b->ends_differ) {
		cursor_to_shown(&b->shown, b->text, cursor_seek(&b->cursor, b->text, line, col));
		line = b->shown.line;
		col = b->shown.col;
	}
	return (struct pos){b->source, (uint32_t)line + 1, (uint32_t)col + 1};
}

static struct pos mark_pos(struct builder *b, yaml_mark_t m)
{
	return place_of(b, m.line, m.column);
}

static struct node *node_new(struct builder *b, uint8_t kind, struct pos at)
{
	struct node *n = arena_new(b->a, struct node);

	n->kind = kind;
	n->at = at;
	return n;
}

/* Aliases and tags that mean nothing become the text that was probably meant, so that one mistake is reported once. */
static struct node *node_text(struct builder *b, struct pos at, const char *sign, const char *s)
{
	struct node *n = node_new(b, NODE_SCALAR, at);

	n->style = STYLE_QUOTED;
	n->text = arena_printf(b->a, "%s%s", sign, s);
	return n;
}

/* A plain value that ends in " #word": YAML takes the rest for a comment, its writer hardly did. "# words" is a comment. */
static void warn_of_cut(struct builder *b, const struct node *key, const struct node *value, yaml_mark_t end)
{
	static const char *const keys[] = {"task", "prompt", "run"};
	size_t i, hash;

	if (value->style != STYLE_PLAIN)
		return;
	for (i = 0; i < 3 && !str_eq(key->text, str_of(keys[i])); i++)
		;
	if (i == 3)
		return;
	hash = cursor_seek(&b->cursor, b->text, end.line, end.column);
	while (hash < b->text.n && (b->text.p[hash] == ' ' || b->text.p[hash] == '\t'))
		hash++;
	if (hash + 1 >= b->text.n || b->text.p[hash] != '#' || strchr(" \t\r\n#", b->text.p[hash + 1]))
		return;
	diag_warn(b->d, place_of(b, end.line, end.column + (hash - b->cursor.offset)),
	          "quote it if it belongs to the text", "a comment cuts '%.*s' short here", STR_ARG(key->text));
}

/* Hands a finished node to the collection it stands in. `scalar`: the event, when it is one. */
static void add(struct builder *b, struct node *n, uint64_t weight, const yaml_event_t *scalar)
{
	struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	if (!f) {
		b->root = n;
		return;
	}
	if (scalar && f->node->kind == NODE_MAP && (b->pending.n - f->base) % 2) {
		assert(b->pending.p);
		const struct node *key = b->pending.p[b->pending.n - 1];

		if (key->kind == NODE_SCALAR)
			warn_of_cut(b, key, n, scalar->end_mark);
	}
	vec_push(NULL, &b->pending, n);
	f->weight += weight;
}

static struct anchor *anchor_define(struct builder *b, const yaml_char_t *name, struct node *n, bool open)
{
	struct str key = str_of((const char *)name);
	struct anchor *x;

	if (!name)
		return NULL;
	x = arena_new(b->a, struct anchor);
	*x = (struct anchor){n, 1, open};
	if (!map_get(&b->anchors, key))
		key = arena_copy(b->a, key); /* a map keeps the pointer; a name that is there already keeps its first one */
	*map_slot(&b->anchors, key) = x;
	return x;
}

/* Is a tag one that YAML itself gives to this kind? "" and "!": none in particular. */
static bool tag_known(const char *tag, uint8_t kind)
{
	static const char *const scalars[] = {YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG, YAML_NULL_TAG, "!"};

	if (kind == NODE_MAP)
		return strcmp(tag, YAML_MAP_TAG) == 0 || strcmp(tag, "!") == 0;
	if (kind == NODE_LIST)
		return strcmp(tag, YAML_SEQ_TAG) == 0 || strcmp(tag, "!") == 0;
	for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
		if (strcmp(tag, scalars[i]) == 0)
			return true;
	}
	return false;
}

static bool check_tag(struct builder *b, const yaml_char_t *tag, uint8_t kind, struct pos at)
{
	const char *t = (const char *)tag;

	if (!t || tag_known(t, kind))
		return true;
	diag_error(b->d, at, diag_hint(b->d, "quote it: \"%s\"", t), "'%s' is an unknown YAML tag", t);
	return false;
}

/* Notes where the text's own characters stand, if they stand there as they are: errors can then point into it. */
static void note_inside(struct builder *b, struct node *n, const yaml_event_t *e)
{
	size_t from = cursor_seek(&b->cursor, b->text, e->start_mark.line, e->start_mark.column);
	size_t skip = n->style == STYLE_QUOTED;
	size_t col = e->start_mark.column + 1 + skip;
	struct cursor c = b->cursor;

	if (e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE) {
		size_t line = c.line, own = 0, spaces = 0;

		/* The first line that is not empty shows the indentation: its spaces but for those that belong to the text. */
		while (own < n->text.n && n->text.p[own] == '\n')
			own++;
		cursor_seek(&c, b->text, line + 1 + own, 0);
		while (own + spaces < n->text.n && n->text.p[own + spaces] == ' ')
			spaces++;
		for (col = 1; c.offset < b->text.n && b->text.p[c.offset] == ' '; col++)
			c.offset++;
		col -= spaces < col ? spaces : col;
		n->is_block = true;
	} else if (!str_eq(str_sub(b->text, from + skip, from + skip + n->text.n), n->text)) {
		return;
	}
	n->first_col = col <= UINT16_MAX ? (uint16_t)col : 0;
}

static void on_scalar(struct builder *b, const yaml_event_t *e)
{
	struct str s = {(const char *)e->data.scalar.value, e->data.scalar.length};
	struct node *n = node_new(b, NODE_SCALAR, mark_pos(b, e->start_mark));
	const yaml_char_t *tag = e->data.scalar.tag;

	switch (e->data.scalar.style) {
	case YAML_PLAIN_SCALAR_STYLE:
		n->style = STYLE_PLAIN;
		break;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		n->style = STYLE_BLOCK;
		break;
	default:
		n->style = STYLE_QUOTED;
	}
	n->text = arena_copy(b->a, s);
	if (memchr(s.p, '$', s.n) || memchr(s.p, '(', s.n))
		note_inside(b, n, e);
	if (memchr(s.p, '\0', s.n)) {
		diag_error(b->d, n->at, "leave the \\0 out", "a text cannot hold a NUL character");
		n->text.n = strlen(n->text.p);
	}
	if (!check_tag(b, tag, NODE_SCALAR, n->at)) {
		if (s.n == 0)
			n = node_text(b, n->at, "", (const char *)tag);
	} else if (tag && n->style == STYLE_PLAIN &&
	           (strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, YAML_STR_TAG) == 0)) {
		n->style = STYLE_QUOTED;
	}
	anchor_define(b, e->data.scalar.anchor, n, false);
	add(b, n, 1, e);
}

static void on_alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct anchor *x = map_get(&b->anchors, str_of(name));
	struct pos at = mark_pos(b, e->start_mark);

	if (!x) {
		diag_error(b->d, at, diag_hint(b->d, "quote it if it is no alias: \"*%s\"", name),
		           "'*%s' is an alias, but nothing is marked '&%s'", name, name);
		add(b, node_text(b, at, "*", name), 1, NULL);
		return;
	}
	if (x->open) {
		diag_error(b->d, at, NULL, "'*%s' stands inside what it names: it would hold itself", name);
		diag_note(b->d, x->node->at, "'&%s' is here", name);
		b->stop = true;
		return;
	}
	b->from_aliases += x->weight;
	if (b->from_aliases > YAML_MAX_ALIAS_NODES) {
		diag_error(b->d, at, "write less by aliases", "aliases add more than %d nodes to this file",
		           YAML_MAX_ALIAS_NODES);
		b->stop = true;
		return;
	}
	add(b, x->node, x->weight, NULL);
}

static void on_open(struct builder *b, const yaml_event_t *e, uint8_t kind, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct pos at = mark_pos(b, e->start_mark);
	struct node *n;

	if (b->depth == YAML_MAX_DEPTH) {
		diag_error(b->d, at, NULL, "lists and maps are nested more than %d deep", YAML_MAX_DEPTH);
		b->stop = true;
		return;
	}
	n = node_new(b, kind, at);
	check_tag(b, tag, kind, at);
	b->frames[b->depth++] = (struct frame){n, anchor_define(b, anchor, n, true), b->pending.n, 1};
}

static void on_close(struct builder *b)
{
	assert(b->depth); /* the library closes what it has opened */
	struct frame f = b->frames[--b->depth];
	size_t n = b->pending.n - f.base;
	struct node **within = n ? b->pending.p + f.base : NULL;

	assert(f.node && (!n || within));
	if (f.node->kind == NODE_MAP) {
		yaml_map_finish(b->a, b->d, f.node, within, n);
	} else {
		f.node->items = arena_array(b->a, struct node *, n);
		f.node->n = n;
		if (n)
			memcpy(f.node->items, within, n * sizeof *f.node->items);
	}
	b->pending.n = f.base;
	if (f.anchor) {
		f.anchor->open = false;
		f.anchor->weight = f.weight;
	}
	add(b, f.node, f.weight, NULL);
}

static void on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++) {
			diag_error(b->d, mark_pos(b, e->start_mark),
			           "take out the '---', or make it a file of its own and 'include' it",
			           "a second YAML document begins here");
			b->stop = true;
		}
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(b, e);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(b, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_open(b, e, NODE_LIST, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		on_open(b, e, NODE_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(b);
		break;
	case YAML_STREAM_END_EVENT:
		b->stop = true;
		break;
	default:
		break;
	}
}

static void parse_events(struct builder *b)
{
	yaml_parser_t parser;
	yaml_event_t event;

	if (!yaml_parser_initialize(&parser))
		mem_exhausted();
	yaml_parser_set_input_string(&parser, (const unsigned char *)b->text.p, b->text.n);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	while (!b->stop) {
		if (!yaml_parser_parse(&parser, &event)) {
			yaml_fault_report(b->d, b->source, b->text, &parser);
			break;
		}
		on_event(b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

struct node *yaml_parse(struct arena *a, struct diag *d, uint32_t source, struct str text)
{
	struct builder b = {.a = a, .d = d, .source = source, .text = text};
	struct pos whole = {source, 0, 0};
	size_t errors = diag_errors(d);

	if (str_starts(text, STR("\xef\xbb\xbf")))
		b.text = str_sub(text, 3, text.n);
	if (b.text.n == 0)
		b.text = STR("");
	if (text.n > YAML_MAX_FILE) {
		diag_error(d, whole, NULL, "the file is larger than %u MiB", YAML_MAX_FILE >> 20);
		return NULL;
	}
	b.ends_differ = cursor_ends_differ(b.text);
	parse_events(&b);
	vec_free(&b.pending);
	map_free(&b.anchors);
	if (b.depth || (b.root && node_is_null(b.root)))
		b.root = NULL; /* cut in the middle; or `---` and nothing else */
	if (!b.root && diag_errors(d) == errors)
		diag_error(d, whole, NULL, "the file holds nothing");
	return b.root;
}

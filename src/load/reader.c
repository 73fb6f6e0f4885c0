#include "load/reader.h"

#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "load/value.h"

static const struct key_row *row_find(const struct key_table *t, struct str key)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *name = t->rows[i].name;

		if (name[0] == (key.n ? key.p[0] : '\0') && strlen(name) == key.n && memcmp(name, key.p, key.n) == 0)
			return &t->rows[i];
	}
	return NULL;
}

static void unknown_key(struct reader *r, const struct key_table *t, const struct node *key)
{
	struct suggestion s = {.wanted = key->text};
	const char *hint = NULL;

	for (size_t i = 0; i < t->n; i++)
		suggestion_offer(&s, str_of(t->rows[i].name));
	if (t->hint)
		hint = t->hint(r->d, key->text, &s);
	if (!hint)
		hint = diag_did_you_mean(r->d, &s);
	reader_error(r, key->at, hint, "unknown key '%.*s' in %s", STR_ARG(key->text), t->of);
}

/* Puts one pair where its row says, if it may stand there. */
static void place_pair(struct reader *r, const struct key_table *t, const struct pair *p, struct slots *slots,
                       const struct key_row **rows, void *into)
{
	const struct key_row *row = row_find(t, p->key->text);
	const struct pair **slot;

	if (!row) {
		if (!t->other || !t->other(r, p->key, p->value, into))
			unknown_key(r, t, p->key);
		return;
	}
	assert(row->slot < MAX_SLOTS);
	slot = &slots->pair[row->slot];
	if (*slot) {
		if (reader_error(r, p->key->at, "give one of them", "'%s' and '%.*s' are two spellings of one key", row->name,
		                 STR_ARG((*slot)->key->text)))
			diag_note(r->d, (*slot)->key->at, "'%.*s' is here", STR_ARG((*slot)->key->text));
		return;
	}
	*slot = p;
	rows[row->slot] = row;
}

void reader_map(struct reader *r, const struct key_table *t, const struct node *map, struct slots *slots, void *into)
{
	const struct key_row *rows[MAX_SLOTS] = {0};

	*slots = (struct slots){0};
	for (size_t i = 0; i < map->n; i++)
		place_pair(r, t, &map->pairs[i], slots, rows, into);
	for (size_t i = 0; i < MAX_SLOTS; i++) {
		const struct pair *p = slots->pair[i];

		assert(!p || rows[i]);
		if (p)
			rows[i]->read(r, rows[i], p->key, p->value, into);
	}
}

struct text reader_keep(struct reader *r, const struct node *scalar)
{
	return (struct text){arena_copy(r->a, scalar->text), scalar->at, scalar->first_col, scalar->is_block};
}

static const char *kind_words(const struct node *n)
{
	if (n->kind == NODE_LIST)
		return "a list";
	if (n->kind == NODE_MAP)
		return "a map (key: value)";
	return "nothing";
}

void reader_wants(struct reader *r, struct str key, const struct node *value, const char *wants)
{
	struct sbuf b = {0};

	if (value->kind == NODE_SCALAR && !node_is_null(value))
		utf8_escape(&b, str_sub(value->text, 0, 60));
	if (b.n)
		reader_error(r, value->at, NULL, "'%.*s' wants %s, not '%s'", STR_ARG(key), wants, b.p);
	else
		reader_error(r, value->at, NULL, "'%.*s' wants %s, not %s", STR_ARG(key), wants,
		             value->kind == NODE_SCALAR && !node_is_null(value) ? "an empty text" : kind_words(value));
	sbuf_free(&b);
}

bool reader_one_text(struct reader *r, struct str key, const struct node *value, bool may_be_empty, struct text *out)
{
	if (value->kind != NODE_SCALAR || node_is_null(value)) {
		reader_wants(r, key, value, "a text");
		return false;
	}
	if (value->text.n == 0 && !may_be_empty) {
		reader_error(r, value->at, NULL, "'%.*s' is empty", STR_ARG(key));
		return false;
	}
	*out = reader_keep(r, value);
	return true;
}

bool reader_scalar(struct reader *r, struct str key, const struct node *value, const char *wants, struct str *out)
{
	if (value->kind != NODE_SCALAR || node_is_null(value)) {
		reader_wants(r, key, value, wants);
		return false;
	}
	*out = value->text;
	return true;
}

void reader_ignore(struct reader *r, struct pos at, struct str name)
{
	if (r->ignored.n == 0)
		r->ignored_at = at;
	for (size_t i = 0; i < r->ignored.n; i++) {
		if (str_eq(r->ignored.p[i], name))
			return;
	}
	vec_push(r->a, &r->ignored, arena_copy(r->a, name));
}

void read_text(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	reader_one_text(r, key->text, value, false, (struct text *)((char *)into + row->offset));
}

void read_any_text(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	reader_one_text(r, key->text, value, true, (struct text *)((char *)into + row->offset));
}

void read_list(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct text_list *out = (struct text_list *)((char *)into + row->offset);
	struct node *const *items;
	size_t n;

	*out = (struct text_list){.at = key->at};
	if (value->kind == NODE_MAP) {
		reader_wants(r, key->text, value, "a list");
		return;
	}
	if (value->kind == NODE_LIST) {
		n = value->n;
		items = value->items;
	} else {
		n = !node_is_null(value);
		items = (struct node *const *)&value;
	}
	out->p = arena_array(r->a, struct text, n);
	for (size_t i = 0; i < n; i++) {
		if (items[i]->kind == NODE_SCALAR && !node_is_null(items[i])) {
			out->n += reader_one_text(r, key->text, items[i], false, &out->p[out->n]);
			continue;
		}
		reader_error(r, items[i]->at,
		             items[i]->kind == NODE_MAP ? "quote an item that holds \": \" or begins with '{'" : NULL,
		             "an item of '%.*s' must be a text, not %s", STR_ARG(key->text), kind_words(items[i]));
	}
}

void read_names(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct text_list *out = (struct text_list *)((char *)into + row->offset);

	read_list(r, row, key, value, into);
	for (size_t i = 0; i < out->n; i++)
		out->p[i].s = utf8_nfc(r->a, out->p[i].s);
}

void read_bool(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct str s;

	if (reader_scalar(r, key->text, value, "true or false", &s) && !value_bool(s, (bool *)((char *)into + row->offset)))
		reader_wants(r, key->text, value, "true or false");
}

void read_duration(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a time such as 30 (seconds), 500ms, 30s, 10m or 1h (from 1ms to ten years; 0 is none)";
	struct str s;

	if (reader_scalar(r, key->text, value, wants, &s) && !value_duration(s, (int64_t *)((char *)into + row->offset)))
		reader_wants(r, key->text, value, wants);
}

bool name_has_control(struct str name)
{
	for (size_t i = 0; i < name.n;) {
		int32_t c = utf8_next(name, &i);

		if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
			return true;
	}
	return false;
}

const char *var_name_fault(struct str name)
{
	if (name.n == 0)
		return "is empty";
	if (name_has_control(name))
		return "holds a control character";
	if (memchr(name.p, '}', name.n) || memchr(name.p, '?', name.n) || memchr(name.p, '.', name.n))
		return "holds one of '}', '?' and '.'";
	if (str_eq(name, STR("inputs")) || str_eq(name, STR("outputs")))
		return "is what ${inputs} and ${outputs} of a task are called by";
	return NULL;
}

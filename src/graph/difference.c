#include "graph/difference.h"

#include "base/map.h"
#include "base/utf8.h"
#include "graph/excerpt.h"
#include "graph/field.h"

/* Kind and label as they stand in a field: one key. */
static struct str key_at(struct str fields, size_t at)
{
	size_t label = (unsigned char)fields.p[at + 1] | (size_t)(unsigned char)fields.p[at + 2] << 8;
	return str_sub(fields, at, at + 3 + label);
}

static struct str name_of(struct arena *a, const struct field *f)
{
	struct sbuf label = {0};
	utf8_escape(&label, f->label);
	struct str s = f->label.n ? arena_printf(a, "%s '%.*s'", field_kind_name(f->kind), STR_ARG(sbuf_view(&label)))
				  : arena_printf(a, "%s", field_kind_name(f->kind));
	sbuf_free(&label);
	return s;
}

/* Empty texts have nothing to be shown, and contents are known by their hashes. */
static bool is_empty_text(const struct field *f)
{
	bool content = f->kind == FIELD_INPUT || f->kind == FIELD_DEPENDENCY || f->kind == FIELD_RESULT;
	return !content && hash_eq(f->hash, hash_bytes("", 0));
}

static struct str quoted(struct arena *a, struct str text)
{
	struct sbuf b = {0};
	utf8_escape(&b, text);
	struct str s = arena_printf(a, "\"%.*s\"", STR_ARG(sbuf_view(&b)));
	sbuf_free(&b);
	return s;
}

/* What has no text to be shown: nothing at all, an empty one, or a content, by its hash. */
static struct str known_by_hash(struct arena *a, const struct field *f)
{
	char hex[HASH_HEX];
	if (is_empty_text(f))
		return f->kind == FIELD_ENV_INPUT ? STR("not set") : STR("\"\"");
	if (f->kind == FIELD_ENV_INPUT && hash_eq(f->hash, hash_bytes("=", 1)))
		return STR("\"\"");
	return arena_printf(a, "%.8s", hash_hex(f->hash, hex));
}

static struct str shown(struct arena *a, const struct field *f)
{
	struct excerpt alone = f->shown.n ? excerpt_of_texts(a, f->shown, STR_NONE, FIELD_SHOWN) : (struct excerpt){0};
	return !f->shown.n ? known_by_hash(a, f) : alone.before.n ? alone.before : quoted(a, f->shown);
}

static void changed(struct arena *a, const struct field *old, const struct field *f, struct difference *v)
{
	bool texts = old->shown.n && f->shown.n;
	struct excerpt e = {0};
	v->subject = arena_printf(a, "%.*s changed", STR_ARG(name_of(a, f)));
	if (texts)
		e = (f->kind == FIELD_PROVIDER ? excerpt_of_providers : excerpt_of_texts)(a, old->shown, f->shown, FIELD_SHOWN);
	/* Two long texts that begin alike: their hashes tell them apart. */
	v->before = e.before.n ? e.before : texts ? known_by_hash(a, old) : shown(a, old);
	v->now = e.before.n ? e.now : texts ? known_by_hash(a, f) : shown(a, f);
}

struct difference difference_find(struct arena *a, struct str before, struct str now)
{
	struct difference found = {0}, *v = &found;
	struct map old = {0};
	struct field f;
	for (size_t at = 0, next = 0; field_next(before, &next, &f); at = next)
		*map_slot(&old, key_at(before, at)) = (void *)(before.p + at);
	size_t same = 0;
	for (size_t at = 0, next = 0; !v->subject.n && field_next(now, &next, &f); at = next) {
		const char *place = map_get(&old, key_at(now, at));
		struct field o;
		size_t from = place ? (size_t)(place - before.p) : 0;
		if (!place)
			v->subject = arena_printf(a, "%.*s is new", STR_ARG(name_of(a, &f)));
		else if (field_next(before, &from, &o) && !hash_eq(o.hash, f.hash))
			changed(a, &o, &f, v);
		else
			same++;
	}
	if (!v->subject.n && same < old.n) {
		struct map here = {0};
		for (size_t at = 0, next = 0; field_next(now, &next, &f); at = next)
			*map_slot(&here, key_at(now, at)) = (void *)(now.p + at);
		for (size_t at = 0, next = 0; !v->subject.n && field_next(before, &next, &f); at = next)
			if (!map_get(&here, key_at(before, at)))
				v->subject = arena_printf(a, "%.*s is no longer there", STR_ARG(name_of(a, &f)));
		map_free(&here);
	}
	if (!v->subject.n)
		v->subject = STR("what counts was recorded by another version of axmake");
	map_free(&old);
	return found;
}

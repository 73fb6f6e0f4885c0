#include "base/jsonfilter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

/* More than this is not held on for the next text. */
#define KEEP_BYTES ((size_t)1 << 20)

enum { MARK = HASH_HEX - 1, NAME = 2 * (HASH_HEX - 1) };

void jsonfilter_init(struct jsonfilter *f, size_t most_bytes)
{
	*f = (struct jsonfilter){.longest = JSONFILTER_LONG, .most_bytes = most_bytes, .hasher = hasher_new()};
	snprintf(f->mark, sizeof f->mark, "%016" PRIx64 "%016" PRIx64, os_random64(), os_random64());
}

void jsonfilter_init_cut(struct jsonfilter *f, size_t most_bytes, size_t cut)
{
	*f = (struct jsonfilter){.longest = JSONFILTER_LONG, .most_bytes = most_bytes, .cut = cut};
}

void jsonfilter_free(struct jsonfilter *f)
{
	sbuf_free(&f->text);
	vec_free(&f->longs);
	if (f->hasher.state)
		hasher_free(&f->hasher);
}

void jsonfilter_begin(struct jsonfilter *f, uint64_t at, bool one)
{
	if (f->text.cap > KEEP_BYTES)
		sbuf_free(&f->text);
	sbuf_clear(&f->text);
	f->at = at;
	f->one = one;
	f->too_big = f->closed = f->in_string = f->escaped = f->is_long = false;
	f->values = f->depth = 0;
}

static void pass(struct jsonfilter *f, const char *p, size_t n)
{
	if (f->too_big)
		return;
	if (f->text.n + n <= f->most_bytes && f->values <= JSONFILTER_MOST_VALUES) {
		sbuf_add(&f->text, p, n);
		return;
	}
	f->too_big = true;
	sbuf_free(&f->text);
}

/* Of a long string */

static int put_long(void *self, const char *p, size_t n)
{
	struct jsonfilter *f = self;

	hasher_add(&f->hasher, p, n);
	f->now.size += n;
	return 0;
}

static int put_cut(void *self, const char *p, size_t n)
{
	jsonstring_escape(self, p, n);
	return 0;
}

/* The string that is in `text` by now. */
static void begin_long(struct jsonfilter *f)
{
	struct str head = str_sub(sbuf_view(&f->text), f->string_at, f->text.n);

	f->is_long = true;
	f->string = (struct jsonstring){.put = put_long, .self = f};
	if (f->cut) {
		struct sbuf kept = {0};

		f->string = (struct jsonstring){.put = put_cut, .self = &kept};
		jsonstring_add(&f->string, head.p, f->cut);
		f->string.n_held = 0; /* it may not be whole */
		jsonstring_end(&f->string);
		f->text.n = f->string_at;
		sbuf_str(&f->text, sbuf_view(&kept));
		sbuf_free(&kept);
		return;
	}
	f->now.size = 0;
	hasher_reset(&f->hasher);
	jsonstring_add(&f->string, head.p, head.n);
	f->text.n = f->string_at;
}

/* What stands in its place is refused by a strict reader, or in a key, where it itself would be. */
static void end_long(struct jsonfilter *f)
{
	char hex[HASH_HEX];

	f->is_long = false;
	if (f->cut)
		return;
	jsonstring_end(&f->string);
	f->now.hash = hasher_end(&f->hasher);
	f->now.has_text = f->string.has_text;
	vec_push(NULL, &f->longs, f->now);
	pass(f, f->mark, MARK);
	pass(f, hash_hex(f->now.hash, hex), HASH_HEX - 1);
	if (f->string.has_nul)
		pass(f, "\\u0000", 6);
	if (f->string.mended)
		pass(f, "\\ud800", 6);
}

/* All text */

static size_t behind_string(struct jsonfilter *f, const char *p, size_t i, size_t n)
{
	for (; i < n; i++) {
		if (f->escaped)
			f->escaped = false;
		else if (p[i] == '\\')
			f->escaped = true;
		else if (p[i] == '"')
			break;
	}
	return i;
}

/* More of the string that stands open. */
static void pass_string(struct jsonfilter *f, const char *p, size_t n)
{
	/* In pieces, so that the limits on what passes are not those of long strings. */
	size_t room = f->is_long || f->too_big ? 0 : f->longest + 1 - (f->text.n - f->string_at), piece = n < room ? n : room;

	pass(f, p, piece);
	if (!f->is_long && !f->too_big && piece == room)
		begin_long(f);
	if (f->is_long && !f->cut)
		jsonstring_add(&f->string, p + piece, n - piece);
}

static size_t take_string(struct jsonfilter *f, const char *p, size_t from, size_t n)
{
	size_t end = behind_string(f, p, from, n);

	pass_string(f, p + from, end - from);
	if (end == n)
		return n;
	f->in_string = false;
	f->now.to = f->at + end;
	if (f->is_long)
		end_long(f);
	pass(f, "\"", 1);
	return end + 1;
}

static size_t take_other(struct jsonfilter *f, const char *p, size_t from, size_t n)
{
	size_t i = from;

	while (i < n && !f->in_string && !f->closed) {
		char c = p[i++];

		if (c == '"') {
			f->in_string = true;
		} else if (c == '{' || c == '[' || c == ',') {
			f->values++;
			f->depth += c != ',';
		} else if (c == '}' || c == ']') {
			f->closed = f->one && f->depth == 1;
			f->depth -= f->depth > 0;
		}
	}
	pass(f, p + from, i - from);
	f->string_at = f->text.n;
	f->now.from = f->at + i;
	return i;
}

size_t jsonfilter_add(struct jsonfilter *f, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && !f->closed)
		i = f->in_string ? take_string(f, p, i, n) : take_other(f, p, i, n);
	f->at += i;
	return i;
}

/* What has become of marks */

static const struct jsonlong *by_hash(const struct jsonfilter *f, const char *hex)
{
	struct hash128 h;

	if (sscanf(hex, "%16" SCNx64 "%16" SCNx64, &h.hi, &h.lo) != 2)
		return NULL;
	for (size_t i = f->longs.n; i-- > 0;)
		if (hash_eq(f->longs.p[i].hash, h))
			return &f->longs.p[i];
	return NULL;
}

const struct jsonlong *jsonfilter_find(const struct jsonfilter *f, struct str value, bool *no_nul)
{
	if (!*f->mark || value.n < NAME || memcmp(value.p, f->mark, MARK) != 0)
		return NULL;
	*no_nul = value.n > NAME && value.p[NAME];
	return by_hash(f, value.p + MARK);
}

const struct jsonlong *jsonfilter_find_in(const struct jsonfilter *f, struct str json, size_t from, size_t *at, size_t *end, bool *no_nul)
{
	size_t mark = *f->mark ? str_find(json, (struct str){f->mark, MARK}, from) : json.n;

	if (mark >= json.n || json.n - mark < NAME)
		return NULL;
	*at = mark - 1;
	*end = str_find(json, STR("\""), mark + NAME) + 1;
	*no_nul = json.p[mark + NAME] != '\\' && json.p[mark + NAME] != '"';
	return by_hash(f, json.p + mark + MARK);
}

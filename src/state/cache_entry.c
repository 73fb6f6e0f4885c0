#include "state/cache_entry.h"

#include <limits.h>
#include <string.h>

#include "base/glob.h"
#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "state/bytes.h"

static const unsigned char magic[8] = {'a', 'x', 'c', 'a', 'c', 'h', 'e', 1};

enum {
	HEAD = sizeof magic + 16,     /* the magic and the checksum */
	LEAST_OUTPUT = 1 + 4 + 16 + 4, /* bytes of an output and of a part, at the least: no count leads to more memory than the file has bytes */
	LEAST_PART = 1 + 4 + 1,
};

static void put_content(struct sbuf *b, struct hash128 hash, uint64_t size, struct str here)
{
	bytes_put_hash(b, hash);
	bytes_put_u64(b, size);
	bytes_put_u8(b, here.p != NULL);
	if (here.p)
		sbuf_str(b, here);
}

static void put_output(struct sbuf *b, const struct cache_output *o)
{
	bytes_put_u8(b, (uint8_t)o->kind);
	bytes_put_str(b, o->path);
	bytes_put_hash(b, o->hash);
	bytes_put_u32(b, (uint32_t)o->parts.of.n);
	for (size_t i = 0; i < o->parts.of.n; i++) {
		const struct filehash_part *p = &o->parts.of.p[i];

		bytes_put_u8(b, (uint8_t)p->kind);
		bytes_put_str(b, p->path);
		if (p->kind == PART_LINK)
			bytes_put_str(b, p->link);
		else if (p->kind != PART_FOLDER)
			put_content(b, p->content, p->size, o->here[i]);
	}
}

void cache_entry_put(struct sbuf *b, const struct cache_entry *e)
{
	static const struct hash128 none;
	size_t start = b->n;
	struct sbuf sum = {0};

	sbuf_add(b, magic, sizeof magic);
	bytes_put_hash(b, none);
	bytes_put_hash(b, e->signature);
	bytes_put_str(b, e->provider);
	bytes_put_i64(b, e->made_at_ms);
	bytes_put_i64(b, e->duration_ns);
	bytes_put_i64(b, e->first_byte_ns);
	bytes_put_u32(b, e->tries);
	bytes_put_i64(b, e->input_tokens);
	bytes_put_i64(b, e->output_tokens);
	bytes_put_i64(b, e->cache_read_tokens);
	bytes_put_i64(b, e->cache_write_tokens);
	bytes_put_double(b, e->cost_usd);
	bytes_put_u8(b, e->has_result);
	if (e->has_result)
		put_content(b, e->result.hash, e->result.size, e->result.here);
	bytes_put_u32(b, (uint32_t)e->n_outputs);
	for (size_t i = 0; i < e->n_outputs; i++)
		put_output(b, &e->outputs[i]);
	bytes_put_hash(&sum, hash_bytes(b->p + start + HEAD, b->n - start - HEAD));
	memcpy(b->p + start + sizeof magic, sum.p, sum.n);
	sbuf_free(&sum);
}

static bool read_content(struct reader *r, struct hash128 *hash, uint64_t *size, struct str *here)
{
	const unsigned char *p;
	uint8_t stands_here;

	*hash = reader_hash(r);
	*size = reader_u64(r);
	stands_here = reader_u8(r);
	*here = STR_NONE;
	if (r->bad || stands_here > 1 || *size > INT64_MAX)
		return false;
	if (!stands_here)
		return true;
	p = *size <= reader_left(r) ? reader_take(r, (size_t)*size) : NULL;
	*here = (struct str){(const char *)p, (size_t)*size};
	return p && hash_eq(hash_bytes(p, (size_t)*size), *hash);
}

static bool is_plain_path(struct arena *a, struct str path)
{
	return path.n && path.n < PATH_MAX && !memchr(path.p, '\0', path.n) && path_inside(path) && !str_eq(path, STR(".")) && str_eq(path_normal(a, path), path);
}

/* Does some part of the path bear a name that no output's has? */
static bool holds_forbidden_name(struct arena *a, struct str path)
{
	for (size_t at = 0; at < path.n;) {
		size_t end = str_find(path, STR("/"), at);
		struct str folder = at ? str_sub(path, 0, at - 1) : STR_NONE;

		if (glob_passes_over(folder, arena_copy(a, str_sub(path, at, end)).p))
			return true;
		at = end + 1;
	}
	return false;
}

/* Where a part may stand. Below a tree it lies in folders that are parts themselves: so nothing is ever put where a link leads. */
static bool is_in_place(const struct cache_output *o, const struct filehash_part *p, const struct map *folders)
{
	struct str parent = path_dir(p->path);

	switch (o->kind) {
	case OUTPUT_FILE:
		return str_eq(p->path, o->path) && p->kind != PART_FOLDER;
	case OUTPUT_TREE:
		return p->path.n > o->path.n && path_under(p->path, o->path) && (str_eq(parent, o->path) || map_get(folders, parent));
	default:
		return p->kind != PART_FOLDER && glob_match(o->path, p->path, false);
	}
}

static bool read_part(struct reader *r, struct arena *a, struct filehash_part *p, struct str *here)
{
	p->kind = (enum part_kind)reader_u8(r);
	p->path = reader_str(r);
	*here = STR_NONE;
	if (r->bad || !is_plain_path(a, p->path) || holds_forbidden_name(a, p->path))
		return false;
	p->path = arena_copy(a, p->path);
	switch (p->kind) {
	case PART_FILE:
	case PART_PROGRAM:
		return read_content(r, &p->content, &p->size, here);
	case PART_LINK:
		p->link = reader_str(r);
		return !r->bad && p->link.n && p->link.n < PATH_MAX && !memchr(p->link.p, '\0', p->link.n);
	default:
		return p->kind == PART_FOLDER;
	}
}

static bool read_parts(struct reader *r, struct arena *a, struct cache_output *o, size_t n, struct map *folders)
{
	VEC(struct str) here = {0};

	/* Grown as they come: a count that lies costs no more memory than there are bytes. */
	for (size_t i = 0; i < n; i++) {
		struct filehash_part p = {0};
		struct str content;

		if (!read_part(r, a, &p, &content) || !is_in_place(o, &p, folders))
			return false;
		if (i && str_cmp(o->parts.of.p[i - 1].path, p.path) >= 0)
			return false;
		vec_push(a, &o->parts.of, p);
		vec_push(a, &here, content);
		if (p.kind == PART_FOLDER)
			*map_slot(folders, p.path) = o;
	}
	o->here = here.p;
	return (o->kind != OUTPUT_FILE || n == 1) && hash_eq(filehash_parts_hash(o->kind, o->path, &o->parts), o->hash);
}

static bool read_output(struct reader *r, struct arena *a, struct cache_output *o)
{
	struct map folders = {0};
	uint8_t kind = reader_u8(r);
	uint32_t n;
	bool ok;

	o->kind = (enum output_kind)kind;
	o->path = reader_str(r);
	o->hash = reader_hash(r);
	n = reader_u32(r);
	if (r->bad || kind > OUTPUT_GLOB || n > reader_left(r) / LEAST_PART)
		return false;
	if (!is_plain_path(a, o->path) && !(o->kind == OUTPUT_GLOB && o->path.n < PATH_MAX && path_inside(o->path)))
		return false;
	o->path = arena_copy(a, o->path);
	ok = read_parts(r, a, o, n, &folders);
	map_free(&folders);
	return ok;
}

static bool read_made(struct reader *r, struct cache_entry *e)
{
	uint8_t has_result;

	e->signature = reader_hash(r);
	e->provider = reader_str(r);
	e->made_at_ms = reader_i64(r);
	e->duration_ns = reader_i64(r);
	e->first_byte_ns = reader_i64(r);
	e->tries = reader_u32(r);
	e->input_tokens = reader_i64(r);
	e->output_tokens = reader_i64(r);
	e->cache_read_tokens = reader_i64(r);
	e->cache_write_tokens = reader_i64(r);
	e->cost_usd = reader_double(r);
	has_result = reader_u8(r);
	e->has_result = has_result == 1;
	return !r->bad && has_result <= 1 && e->duration_ns >= 0 && (!e->has_result || read_content(r, &e->result.hash, &e->result.size, &e->result.here));
}

bool cache_entry_read(struct arena *a, struct str file, struct cache_entry *out)
{
	struct reader r = reader_of(file);
	const unsigned char *start = reader_take(&r, sizeof magic);
	struct hash128 sum = reader_hash(&r);
	uint32_t n;

	*out = (struct cache_entry){0};
	if (r.bad || memcmp(start, magic, sizeof magic) != 0 || !hash_eq(sum, hash_bytes(file.p + HEAD, file.n - HEAD)) || !read_made(&r, out))
		return false;
	n = reader_u32(&r);
	if (r.bad || n > reader_left(&r) / LEAST_OUTPUT)
		return false;
	out->outputs = arena_array(a, struct cache_output, n);
	for (out->n_outputs = 0; out->n_outputs < n; out->n_outputs++)
		if (!read_output(&r, a, &out->outputs[out->n_outputs]))
			return false;
	return reader_at_end(&r);
}

static bool has_content(const struct filehash_part *p)
{
	return p->kind == PART_FILE || p->kind == PART_PROGRAM;
}

bool cache_entry_objects(const struct cache_entry *e, bool (*fn)(void *self, struct hash128 hash, uint64_t size), void *self)
{
	if (e->has_result && !e->result.here.p && !fn(self, e->result.hash, e->result.size))
		return false;
	for (size_t i = 0; i < e->n_outputs; i++)
		for (size_t k = 0; k < e->outputs[i].parts.of.n; k++) {
			const struct filehash_part *p = &e->outputs[i].parts.of.p[k];

			if (has_content(p) && !e->outputs[i].here[k].p && !fn(self, p->content, p->size))
				return false;
		}
	return true;
}

uint64_t cache_entry_bytes(const struct cache_entry *e)
{
	uint64_t n = e->has_result ? e->result.size : 0;

	for (size_t i = 0; i < e->n_outputs; i++)
		for (size_t k = 0; k < e->outputs[i].parts.of.n; k++)
			n += e->outputs[i].parts.of.p[k].size;
	return n;
}

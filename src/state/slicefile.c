#include "state/slicefile.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "state/slicefile_parts.h"

/* Lists by a number: of those with number i, the others. */
struct lists {
	uint32_t *from, *of; /* from[i] to from[i + 1] */
};

/* Of n pairs, first(i) and second(i), in the order of the pairs; a pair that follows itself counts once. */
static struct lists lists_new(size_t n_keys, size_t n, uint32_t (*first)(const void *self, size_t i), uint32_t (*second)(const void *self, size_t i), const void *self)
{
	struct lists l = {xcalloc(n_keys + 2, sizeof *l.from), xmalloc((n + 1) * sizeof *l.of)};

	for (size_t i = 0; i < n; i++)
		l.from[first(self, i) + 2]++;
	for (size_t i = 2; i < n_keys + 2; i++)
		l.from[i] += l.from[i - 1];
	for (size_t i = 0; i < n; i++)
		l.of[l.from[first(self, i) + 1]++] = second(self, i);
	return l;
}

static void lists_free(struct lists *l)
{
	free(l->from);
	free(l->of);
}

static size_t list_room(const struct lists *l, size_t i)
{
	return 4 + 4 * (size_t)(l->from[i + 1] - l->from[i]);
}

/* There are many records of few numbers each: they go where room was made for all of a record at once. */
static char *store(char *to, const void *from, size_t n)
{
	return (char *)memcpy(to, from, n) + n;
}

static char *store_u32(char *to, uint32_t v)
{
	v = htole32(v);
	return store(to, &v, sizeof v);
}

static char *store_u64(char *to, uint64_t v)
{
	v = htole64(v);
	return store(to, &v, sizeof v);
}

static char *store_list(char *to, const struct lists *l, size_t i)
{
	char *count = to;
	uint32_t n = 0;

	to += 4;
	for (uint32_t k = l->from[i]; k < l->from[i + 1]; k++)
		if (k == l->from[i] || l->of[k] != l->of[k - 1]) {
			to = store_u32(to, l->of[k]);
			n++;
		}
	store_u32(count, n);
	return to;
}

static uint32_t look_path(const void *looks, size_t i)
{
	return ((const struct slicefile_look *)looks)[i].path;
}

static uint32_t look_task(const void *looks, size_t i)
{
	return ((const struct slicefile_look *)looks)[i].task;
}

/* Edges, as pairs. */
struct edge {
	uint32_t user, dep;
};

static uint32_t edge_user(const void *edges, size_t i)
{
	return ((const struct edge *)edges)[i].user;
}

static uint32_t edge_dep(const void *edges, size_t i)
{
	return ((const struct edge *)edges)[i].dep;
}

static struct lists users_of(const struct slice_whole *w)
{
	struct edge *edges;
	struct lists users;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->tasks[i].n_deps;
	edges = xmalloc((n + 1) * sizeof *edges);
	n = 0;
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->tasks[i].n_deps; k++)
			edges[n++] = (struct edge){(uint32_t)i, w->tasks[i].deps[k]};
	users = lists_new(w->n, n, edge_dep, edge_user, edges);
	free(edges);
	return users;
}

static char *store_place(char *to, struct log_place p)
{
	return store_u32(store_u64(to, p.at), p.n);
}

static void put_task(struct sbuf *b, const struct slice_task *t, const struct lists *users, const struct lists *paths, size_t i)
{
	char *to;

	sbuf_reserve(b, 2 * SLICEFILE_PLACE + 1 + 4 + 4 * t->n_deps + list_room(users, i) + list_room(paths, i) + 4 + t->name.n);
	to = store_place(store_place(b->p + b->n, t->log.done), t->log.taken);
	*to++ = (char)t->how;
	to = store_u32(to, (uint32_t)t->n_deps);
	for (size_t k = 0; k < t->n_deps; k++)
		to = store_u32(to, t->deps[k]);
	to = store_list(store_list(to, users, i), paths, i);
	to = store(store_u32(to, (uint32_t)t->name.n), t->name.p, t->name.n);
	b->n = (size_t)(to - b->p);
}

static void put_path(struct sbuf *b, const struct slicefile_path *p, const struct lists *owners, size_t i)
{
	struct hash128 content = p->content ? *p->content : (struct hash128){0, 0};
	char *to;

	sbuf_reserve(b, 4 + 1 + 16 + list_room(owners, i));
	to = store_u32(b->p + b->n, p->block);
	*to++ = p->content != NULL;
	to = store_list(store_u64(store_u64(to, content.lo), content.hi), owners, i);
	b->n = (size_t)(to - b->p);
}

uint64_t slicefile_check(uint64_t seal, enum slicefile_kind kind, uint32_t number, const char *body, size_t n)
{
	uint64_t what[3] = {htole64(hash64_bytes(body, n)), htole64(seal), htole64((uint64_t)kind << 32 | number)};

	return hash64_bytes((const char *)what, sizeof what);
}

static size_t begin_record(struct sbuf *b)
{
	bytes_put_u64(b, 0);
	return b->n;
}

static void end_record(struct sbuf *b, size_t body, uint64_t seal, enum slicefile_kind kind, size_t number)
{
	uint64_t check = htole64(slicefile_check(seal, kind, (uint32_t)number, b->p + body, b->n - body));

	memcpy(b->p + body - sizeof check, &check, sizeof check);
}

static void set_offset(struct sbuf *b, size_t index, size_t i, size_t base)
{
	uint32_t at = htole32((uint32_t)(b->n - base));

	memcpy(b->p + index + 4 * i, &at, sizeof at);
}

static size_t counted(const struct slice_whole *w)
{
	unsigned both = SLICE_WANTED | SLICE_COUNTED;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += (w->tasks[i].how & both) == both;
	return n;
}

static void put_saving(struct sbuf *b, const struct saving *s)
{
	bytes_put_i64(b, s->ns);
	bytes_put_u64(b, s->usage.agents);
	bytes_put_u64(b, s->usage.tokens_known);
	bytes_put_u64(b, s->usage.costs_known);
	bytes_put_i64(b, s->usage.input_tokens);
	bytes_put_i64(b, s->usage.output_tokens);
	bytes_put_double(b, s->usage.cost_usd);
}

void slicefile_put(struct sbuf *b, uint64_t seal, const struct slice_whole *w, const struct slicefile_path *paths, size_t n_paths, const struct slicefile_look *looks, size_t n_looks)
{
	struct lists users = users_of(w), owners = lists_new(n_paths, n_looks, look_path, look_task, looks), seen = lists_new(w->n, n_looks, look_task, look_path, looks);
	size_t base = b->n, at = begin_record(b), index;

	bytes_put_u32(b, (uint32_t)w->n);
	bytes_put_u32(b, (uint32_t)n_paths);
	bytes_put_u32(b, (uint32_t)w->n_strangers);
	bytes_put_u32(b, (uint32_t)counted(w));
	bytes_put_u64(b, w->log_seq);
	bytes_put_u64(b, w->log_size);
	put_saving(b, &w->saving);
	end_record(b, at, seal, SLICEFILE_HEAD, 0);
	at = begin_record(b);
	for (size_t i = 0; i < w->n_strangers; i++) {
		char place[SLICEFILE_PLACE];

		store_place(place, w->strangers[i]);
		sbuf_add(b, place, sizeof place);
	}
	end_record(b, at, seal, SLICEFILE_STRANGERS, 0);
	index = b->n;
	for (size_t i = 0; i < w->n + n_paths + 1; i++)
		bytes_put_u32(b, 0);
	for (size_t i = 0; i < w->n; i++) {
		set_offset(b, index, i, base);
		at = begin_record(b);
		put_task(b, &w->tasks[i], &users, &seen, i);
		end_record(b, at, seal, SLICEFILE_TASK, i);
	}
	for (size_t i = 0; i < n_paths; i++) {
		set_offset(b, index, w->n + i, base);
		at = begin_record(b);
		put_path(b, &paths[i], &owners, i);
		end_record(b, at, seal, SLICEFILE_PATH, i);
	}
	set_offset(b, index, w->n + n_paths, base);
	lists_free(&users);
	lists_free(&owners);
	lists_free(&seen);
}

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/vec.h"
#include "state/slicefile.h"
#include "state/slicefile_parts.h"

enum {
	MOST_PART = 4,      /* of so many tasks at most one is reached: else it is as soon done to judge all */
	MOST_STRANGERS = 256,
	LOG_GROWS = 2,      /* times its size: then it is to be looked at as a whole */
	LOG_ROOM = 1 << 20, /* and by so many bytes */
};

/* The file, as far as its head is read. */
struct opened {
	const struct slicefile *f;
	uint32_t n_tasks, n_paths, n_strangers, counted;
	uint64_t log_seq, log_size;
	struct saving saving;
	uint64_t index; /* where it begins */
};

/* A record of that length with its check before it, at an offset of the section. *b is room that is used again. */
static bool read_record(const struct slicefile *f, uint64_t at, uint64_t n, enum slicefile_kind kind, uint32_t number, struct sbuf *b, struct reader *body)
{
	if (n < 8 || at > f->n || n > f->n - at)
		return false;
	sbuf_clear(b);
	sbuf_reserve(b, (size_t)n);
	b->n = (size_t)n;
	if (!os_read_exactly_at(f->fd, b->p, (size_t)n, f->at + at))
		return false;
	*body = reader_of((struct str){b->p + 8, (size_t)n - 8});
	return bytes_u64(b->p) == slicefile_check(f->seal, kind, number, b->p + 8, (size_t)n - 8);
}

static struct saving take_saving(struct reader *r)
{
	struct saving s = {.ns = reader_i64(r)};

	s.usage.agents = reader_u64(r);
	s.usage.tokens_known = reader_u64(r);
	s.usage.costs_known = reader_u64(r);
	s.usage.input_tokens = reader_i64(r);
	s.usage.output_tokens = reader_i64(r);
	s.usage.cost_usd = reader_double(r);
	return s;
}

static bool open_it(struct opened *o, const struct slicefile *f, struct sbuf *b)
{
	struct reader r;

	*o = (struct opened){.f = f};
	if (!read_record(f, 0, SLICEFILE_HEAD_N, SLICEFILE_HEAD, 0, b, &r))
		return false;
	o->n_tasks = reader_u32(&r);
	o->n_paths = reader_u32(&r);
	o->n_strangers = reader_u32(&r);
	o->counted = reader_u32(&r);
	o->log_seq = reader_u64(&r);
	o->log_size = reader_u64(&r);
	o->saving = take_saving(&r);
	o->index = SLICEFILE_HEAD_N + 8 + (uint64_t)o->n_strangers * SLICEFILE_PLACE;
	return o->n_strangers <= MOST_STRANGERS && o->index + 4 * ((uint64_t)o->n_tasks + o->n_paths + 1) <= f->n;
}

/* Where record i of the index stands: tasks first, then paths. */
static bool find_record(const struct opened *o, uint64_t i, uint64_t *at, uint64_t *n)
{
	char two[8];

	if (!os_read_exactly_at(o->f->fd, two, sizeof two, o->f->at + o->index + 4 * i))
		return false;
	*at = bytes_u32(two);
	*n = bytes_u32(two + 4) - *at;
	return bytes_u32(two + 4) >= *at;
}

static bool read_task(const struct opened *o, uint32_t number, struct sbuf *b, struct reader *r)
{
	uint64_t at, n;

	return number < o->n_tasks && find_record(o, number, &at, &n) && read_record(o->f, at, n, SLICEFILE_TASK, number, b, r);
}

static bool read_path(const struct opened *o, uint32_t number, struct sbuf *b, struct reader *r)
{
	uint64_t at, n;

	return number < o->n_paths && find_record(o, (uint64_t)o->n_tasks + number, &at, &n) && read_record(o->f, at, n, SLICEFILE_PATH, number, b, r);
}

struct finding {
	struct opened o;
	struct arena *a;
	struct map marks; /* number -> struct found *; keys lie in what they lead to */
	VEC(struct found *) all;
	VEC(uint32_t) paths; /* heap */
	size_t n_reached, done;
	uint64_t reached_counted;
	struct sbuf b;
};

/* A task that is kept. */
struct found {
	struct slice_kept kept;
	struct log_place done, taken;
};

static struct found *found_of(struct finding *f, uint32_t number)
{
	struct found *x = map_get(&f->marks, (struct str){(const char *)&number, sizeof number});

	if (x)
		return x;
	x = arena_new(f->a, struct found);
	x->kept.number = number;
	*map_slot(&f->marks, (struct str){(const char *)&x->kept.number, sizeof number}) = x;
	vec_push(f->a, &f->all, x);
	return x;
}

static void reach(struct finding *f, uint32_t number)
{
	struct found *x = found_of(f, number);

	f->n_reached += !x->kept.reached;
	x->kept.reached = true;
}

/* Owners of a path that has changed. */
static bool reach_owners(struct finding *f, uint32_t path)
{
	struct reader r;
	uint32_t n;

	if (!read_path(&f->o, path, &f->b, &r))
		return false;
	reader_take(&r, 4 + 1 + 16);
	n = reader_u32(&r);
	if (!n || n > reader_left(&r) / 4)
		return false;
	while (n--)
		reach(f, reader_u32(&r));
	return !r.bad;
}

static struct log_place take_place(struct reader *r)
{
	struct log_place p = {.at = reader_u64(r)};

	p.n = reader_u32(r);
	return p;
}

static bool take_paths(struct finding *f, struct reader *r)
{
	uint32_t n = reader_u32(r);

	if (n > reader_left(r) / 4)
		return false;
	while (n--)
		vec_push(NULL, &f->paths, reader_u32(r));
	return true;
}

/* Takes in the task: what it needs is kept with one that is reached, and who needs that is reached too. */
static bool take_task(struct finding *f, struct found *x)
{
	struct reader r;
	uint32_t n;
	uint8_t how;

	if (!read_task(&f->o, x->kept.number, &f->b, &r))
		return false;
	x->done = take_place(&r);
	x->taken = take_place(&r);
	how = reader_u8(&r);
	/* A group that is not reached stands for what it needs itself, which is not kept. */
	if (!(how & SLICE_APART) || (x->kept.reached ? !(how & SLICE_WANTED) : !(how & SLICE_COUNTED)) || (how & SLICE_COUNTED && !x->done.n))
		return false;
	f->reached_counted += x->kept.reached && (how & SLICE_COUNTED);
	n = reader_u32(&r);
	if (n > reader_left(&r) / 4)
		return false;
	for (; n; n--) {
		uint32_t dep = reader_u32(&r);

		if (x->kept.reached)
			found_of(f, dep);
	}
	n = reader_u32(&r);
	if (n > reader_left(&r) / 4)
		return false;
	for (; n; n--) {
		uint32_t user = reader_u32(&r);

		if (x->kept.reached)
			reach(f, user);
	}
	if (!take_paths(f, &r))
		return false;
	x->kept.name = arena_copy(f->a, reader_str(&r));
	return reader_at_end(&r) && f->n_reached <= f->o.n_tasks / MOST_PART;
}

/* First all that is reached, so that what is beside it is known to be beside. */
static bool take_all(struct finding *f)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < f->all.n; i++) {
			struct found *x = f->all.p[i];

			if (!x->kept.reached || x->kept.name.p)
				continue;
			if (!take_task(f, x))
				return false;
			more = true;
		}
	}
	for (size_t i = 0; i < f->all.n; i++)
		if (!f->all.p[i]->kept.reached && !take_task(f, f->all.p[i]))
			return false;
	return f->n_reached;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool keep_files(struct finding *f, struct slice *out)
{
	if (f->paths.n)
		qsort(f->paths.p, f->paths.n, sizeof *f->paths.p, by_number);
	out->files = arena_array(f->a, struct slice_file, f->paths.n);
	for (size_t i = 0; i < f->paths.n; i++) {
		struct slice_file *x = &out->files[out->n_files];
		struct reader r;

		if (i && f->paths.p[i] == f->paths.p[i - 1])
			continue;
		x->number = f->paths.p[i];
		if (!read_path(&f->o, x->number, &f->b, &r))
			return false;
		x->block = reader_u32(&r);
		x->hashed = reader_u8(&r);
		x->content = reader_hash(&r);
		out->n_files++;
	}
	return true;
}

static bool keep_strangers(struct finding *f, struct slice *out)
{
	struct reader r;

	if (!read_record(f->o.f, SLICEFILE_HEAD_N, 8 + (uint64_t)f->o.n_strangers * SLICEFILE_PLACE, SLICEFILE_STRANGERS, 0, &f->b, &r))
		return false;
	for (uint32_t i = 0; i < f->o.n_strangers; i++)
		out->places[out->n_places++] = take_place(&r);
	return !r.bad;
}

static bool keep(struct finding *f, struct slice *out)
{
	out->kept = arena_array(f->a, struct slice_kept, f->all.n);
	out->places = arena_array(f->a, struct log_place, 2 * f->all.n + f->o.n_strangers);
	for (size_t i = 0; i < f->all.n; i++) {
		out->kept[i] = f->all.p[i]->kept;
		*map_slot(&out->by_name, out->kept[i].name) = &out->kept[i];
		if (f->all.p[i]->done.n)
			out->places[out->n_places++] = f->all.p[i]->done;
		if (f->all.p[i]->taken.n)
			out->places[out->n_places++] = f->all.p[i]->taken;
	}
	out->n_kept = f->all.n;
	out->fresh = f->o.counted - f->reached_counted;
	out->log_seq = f->o.log_seq;
	out->saving = f->o.saving;
	return f->reached_counted <= f->o.counted && keep_files(f, out) && keep_strangers(f, out);
}

bool slicefile_find(const struct slicefile *file, struct arena *a, const uint32_t *changed, size_t n, uint64_t log_size, struct slice *out)
{
	struct finding f = {.a = a};
	bool found = open_it(&f.o, file, &f.b) && log_size <= LOG_GROWS * f.o.log_size + LOG_ROOM;

	for (size_t i = 0; i < n && found; i++)
		found = reach_owners(&f, changed[i]);
	found = found && take_all(&f) && keep(&f, out);
	if (!found) {
		map_free(&out->by_name);
		*out = (struct slice){0};
	}
	map_free(&f.marks);
	vec_free(&f.paths);
	sbuf_free(&f.b);
	return found;
}

/* Writes a record back whose body was changed. */
static bool write_record(const struct opened *o, uint64_t at, enum slicefile_kind kind, uint32_t number, struct sbuf *b)
{
	uint64_t check = htole64(slicefile_check(o->f->seal, kind, number, b->p + 8, b->n - 8));

	memcpy(b->p, &check, sizeof check);
	return os_write_exactly_at(o->f->fd, b->p, b->n, o->f->at + at);
}

/* Puts n bytes into the body of a record. */
static bool set(const struct slicefile *f, enum slicefile_kind kind, uint32_t number, const char *bytes, size_t n)
{
	struct sbuf b = {0};
	struct opened o;
	struct reader r;
	uint64_t at, len;
	bool well = open_it(&o, f, &b) && number < (kind == SLICEFILE_TASK ? o.n_tasks : o.n_paths) &&
	            find_record(&o, (kind == SLICEFILE_TASK ? 0 : (uint64_t)o.n_tasks) + number, &at, &len) && read_record(f, at, len, kind, number, &b, &r) && n + 4 <= reader_left(&r);

	if (well) {
		memcpy(b.p + 8 + (kind == SLICEFILE_PATH ? 4 : 0), bytes, n); /* behind the block's number */
		well = write_record(&o, at, kind, number, &b);
	}
	sbuf_free(&b);
	return well;
}

bool slicefile_set_places(const struct slicefile *f, uint32_t task, const struct log_places *places)
{
	struct sbuf b = {0};
	bool well;

	bytes_put_u64(&b, places->done.at);
	bytes_put_u32(&b, places->done.n);
	bytes_put_u64(&b, places->taken.at);
	bytes_put_u32(&b, places->taken.n);
	well = set(f, SLICEFILE_TASK, task, b.p, b.n);
	sbuf_free(&b);
	return well;
}

bool slicefile_set_path(const struct slicefile *f, uint32_t path, const struct hash128 *content)
{
	struct sbuf b = {0};
	bool well;

	bytes_put_u8(&b, content != NULL);
	bytes_put_hash(&b, content ? *content : (struct hash128){0, 0});
	well = set(f, SLICEFILE_PATH, path, b.p, b.n);
	sbuf_free(&b);
	return well;
}

bool slicefile_set_head(const struct slicefile *f, uint64_t log_seq, int64_t saved_ns)
{
	uint64_t seq = htole64(log_seq), ns = htole64((uint64_t)saved_ns);
	struct sbuf b = {0};
	struct opened o;
	struct reader r;
	bool well = open_it(&o, f, &b) && read_record(f, 0, SLICEFILE_HEAD_N, SLICEFILE_HEAD, 0, &b, &r);

	if (well) {
		memcpy(b.p + SLICEFILE_SEQ_AT, &seq, sizeof seq);
		memcpy(b.p + SLICEFILE_NS_AT, &ns, sizeof ns);
		well = write_record(&o, 0, SLICEFILE_HEAD, 0, &b);
	}
	sbuf_free(&b);
	return well;
}

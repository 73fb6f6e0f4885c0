#include "state/record.h"

/* Least bytes of an output: kind, hash, length of its path. */
enum { OUTPUT_LEAST = 1 + 16 + 4 };

void record_key(struct sbuf *b, struct str workflow, struct str name)
{
	sbuf_str(b, workflow);
	sbuf_char(b, '\0');
	sbuf_str(b, name);
}

void record_put_head(struct sbuf *b, enum record_type type, uint64_t seq, struct str workflow, struct str name)
{
	bytes_put_u8(b, (uint8_t)type);
	bytes_put_u64(b, seq);
	bytes_put_u32(b, (uint32_t)workflow.n);
	bytes_put_u32(b, (uint32_t)(workflow.n + 1 + name.n));
	record_key(b, workflow, name);
}

bool record_head(struct reader *r, struct record_head *h)
{
	uint32_t n;

	h->type = reader_u8(r);
	h->seq = reader_u64(r);
	n = reader_u32(r);
	h->key = reader_str(r);
	if (r->bad || n >= h->key.n || h->key.p[n] != '\0')
		return false;
	h->workflow = str_sub(h->key, 0, n);
	h->name = str_sub(h->key, n + 1, h->key.n);
	return true;
}

static void put_outputs(struct sbuf *b, const struct output_record *o, size_t n)
{
	bytes_put_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		bytes_put_u8(b, o[i].kind);
		bytes_put_hash(b, o[i].hash);
		bytes_put_str(b, o[i].path);
	}
}

struct str record_task(const struct task_record *t)
{
	return str_sub(t->name, 0, str_find(t->name, STR("\n"), 0));
}

void record_put_success(struct sbuf *b, const struct task_record *t)
{
	bytes_put_hash(b, t->signature);
	bytes_put_u64(b, t->start_id);
	bytes_put_str(b, t->provider);
	bytes_put_i64(b, t->ended_at_ms);
	bytes_put_i64(b, t->duration_ns);
	bytes_put_i64(b, t->first_byte_ns);
	bytes_put_u32(b, t->tries);
	bytes_put_u8(b, t->flags);
	bytes_put_i64(b, t->input_tokens);
	bytes_put_i64(b, t->output_tokens);
	bytes_put_i64(b, t->cache_read_tokens);
	bytes_put_i64(b, t->cache_write_tokens);
	bytes_put_double(b, t->cost_usd);
	bytes_put_u8(b, t->has_result);
	bytes_put_hash(b, t->result);
	bytes_put_u64(b, t->result_size);
	put_outputs(b, t->outputs, t->n_outputs);
	put_outputs(b, t->edits, t->n_edits);
	bytes_put_str(b, t->fields);
}

static struct output_record *read_outputs(struct arena *a, struct reader *r, uint32_t *n)
{
	uint32_t count = reader_u32(r);
	struct output_record *o;

	/* Before memory is asked for: a false number must not take it all. */
	if (count > reader_left(r) / OUTPUT_LEAST)
		r->bad = true;
	if (r->bad || !count)
		return NULL;
	*n = count;
	o = arena_array(a, struct output_record, count);
	for (uint32_t i = 0; i < count; i++) {
		o[i].kind = reader_u8(r);
		o[i].hash = reader_hash(r);
		o[i].path = reader_str(r);
		if (o[i].kind > OUTPUT_GLOB)
			r->bad = true;
	}
	return o;
}

static void read_success(struct arena *a, struct reader *r, struct task_record *t)
{
	t->signature = reader_hash(r);
	t->start_id = reader_u64(r);
	t->provider = reader_str(r);
	t->ended_at_ms = reader_i64(r);
	t->duration_ns = reader_i64(r);
	t->first_byte_ns = reader_i64(r);
	t->tries = reader_u32(r);
	t->flags = reader_u8(r);
	t->input_tokens = reader_i64(r);
	t->output_tokens = reader_i64(r);
	t->cache_read_tokens = reader_i64(r);
	t->cache_write_tokens = reader_i64(r);
	t->cost_usd = reader_double(r);
	t->has_result = reader_u8(r) != 0;
	t->result = reader_hash(r);
	t->result_size = reader_u64(r);
	t->outputs = read_outputs(a, r, &t->n_outputs);
	t->edits = read_outputs(a, r, &t->n_edits);
	t->fields = reader_str(r);
}

struct task_record *record_success(struct arena *a, struct str payload)
{
	struct reader r = reader_of(payload);
	struct record_head h;
	struct task_record *t;

	if (!record_head(&r, &h))
		return NULL;
	t = arena_new(a, struct task_record);
	t->workflow = h.workflow;
	t->name = h.name;
	t->seq = h.seq;
	if (h.type == RECORD_RENAMED) {
		reader_str(&r);
		t->seq = reader_u64(&r); /* a new name makes it no younger */
	}
	read_success(a, &r, t);
	return reader_at_end(&r) ? t : NULL;
}

void record_put_taken(struct sbuf *b, const struct taken *t)
{
	bytes_put_u8(b, (uint8_t)t->n);
	for (size_t i = 0; i < t->n; i++) {
		bytes_put_i64(b, t->of[i].duration_ns);
		bytes_put_i64(b, t->of[i].tokens);
		bytes_put_double(b, t->of[i].cost_usd);
	}
	bytes_put_u64(b, t->calls);
	bytes_put_u64(b, t->unpriced);
	bytes_put_u64(b, t->uncounted);
	bytes_put_i64(b, t->tokens);
	bytes_put_double(b, t->cost_usd);
}

bool record_taken(struct reader *r, struct taken *t)
{
	*t = (struct taken){.n = reader_u8(r)};
	if (t->n > TAKEN_SAMPLES)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		t->of[i].duration_ns = reader_i64(r);
		t->of[i].tokens = reader_i64(r);
		t->of[i].cost_usd = reader_double(r);
	}
	t->calls = reader_u64(r);
	t->unpriced = reader_u64(r);
	t->uncounted = reader_u64(r);
	t->tokens = reader_i64(r);
	t->cost_usd = reader_double(r);
	return reader_at_end(r);
}

void record_fill_entry(char *p, struct str path, const struct file_stat *st, struct hash128 h)
{
	uint64_t facts[] = {htole64(st->size),	htole64(st->ino), htole64(st->dev), htole64((uint64_t)st->mtime_ns), htole64((uint64_t)st->ctime_ns),
			    htole64(h.lo), htole64(h.hi)};
	uint32_t n = htole32((uint32_t)path.n);

	_Static_assert(sizeof n + sizeof facts == ENTRY_FIXED, "this is all of an entry before its path");
	memcpy(p, &n, sizeof n);
	memcpy(p + sizeof n, facts, sizeof facts);
	if (path.n)
		memcpy(p + ENTRY_FIXED, path.p, path.n);
}

uint64_t record_seq(struct str payload)
{
	struct reader r = reader_of(payload);

	reader_u8(&r);
	return reader_u64(&r);
}

size_t record_files(struct str payload)
{
	struct reader r = reader_of(payload);
	size_t n;

	if (reader_u8(&r) != RECORD_FILES)
		return 0;
	reader_u64(&r);
	n = reader_u32(&r);
	return n < payload.n / ENTRY_FIXED ? n : payload.n / ENTRY_FIXED;
}

const unsigned char *record_entry(struct reader *r, struct str *path)
{
	const unsigned char *entry = reader_take(r, ENTRY_FIXED);
	uint32_t n = entry ? bytes_u32(entry) : 0;
	const unsigned char *text = reader_take(r, n);

	if (!text)
		return NULL;
	*path = (struct str){(const char *)text, n};
	return entry;
}

void record_entry_read(const unsigned char *entry, struct file_stat *st, struct hash128 *h)
{
	struct reader r = {entry + 4, entry + ENTRY_FIXED, false};

	st->size = reader_u64(&r);
	st->ino = reader_u64(&r);
	st->dev = reader_u64(&r);
	st->mtime_ns = reader_i64(&r);
	st->ctime_ns = reader_i64(&r);
	*h = reader_hash(&r);
}

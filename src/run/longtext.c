#include "run/longtext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonstring.h"
#include "base/mem.h"
#include "base/os.h"

#define PIECE ((size_t)64 << 10)

enum piece_kind {
	PIECE_TEXT, /* as it is */
	PIECE_FILE, /* of the file, as it is */
	PIECE_STRING, /* of the file: what a JSON string stands for */
	PIECE_JSON, /* the same as JSON again */
};

struct longtext_piece {
	enum piece_kind kind;
	struct str text;
	uint64_t from, to;
	bool no_nul;
};

/* Where it goes: to `put`, and by the way through the hasher. */
struct flow {
	const struct longtext *t;
	int (*put)(void *self, const char *p, size_t n);
	void *self;
	struct hasher hasher;
	uint64_t size;
	bool has_text;
	struct sbuf json;
};

static int pass(void *flow, const char *p, size_t n)
{
	struct flow *f = flow;

	hasher_add(&f->hasher, p, n);
	f->size += n;
	f->has_text = f->has_text || str_trim((struct str){p, n}).n > 0;
	return f->put ? f->put(f->self, p, n) : 0;
}

static int pass_as_json(void *flow, const char *p, size_t n)
{
	struct flow *f = flow;

	sbuf_clear(&f->json);
	jsonstring_escape(&f->json, p, n);
	return pass(f, f->json.p, f->json.n);
}

/* A part of the file through `string`, or as it is. */
static int pass_part(struct flow *f, uint64_t from, uint64_t to, struct jsonstring *string)
{
	char *buf = xmalloc(PIECE);
	int err = 0;

	while (!err && from < to) {
		ssize_t n = pread(f->t->fd, buf, to - from < PIECE ? (size_t)(to - from) : PIECE, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? errno : EBADMSG;
			break;
		}
		from += (uint64_t)n;
		if (!string)
			err = pass(f, buf, (size_t)n);
		else
			jsonstring_add(string, buf, (size_t)n);
		err = string ? string->err : err;
	}
	free(buf);
	return err;
}

static int pass_piece(struct flow *f, const struct longtext_piece *p)
{
	struct jsonstring string = {.put = p->kind == PIECE_JSON ? pass_as_json : pass, .self = f, .no_nul = p->no_nul};

	if (p->kind == PIECE_TEXT)
		return pass(f, p->text.p, p->text.n);
	if (p->kind == PIECE_FILE)
		return pass_part(f, p->from, p->to, NULL);
	int err = pass_part(f, p->from, p->to, &string), last = jsonstring_end(&string);
	return err ? err : last;
}

static int pass_all(struct flow *f)
{
	int err = 0;

	f->hasher = hasher_new();
	for (size_t i = 0; !err && i < f->t->n; i++)
		err = pass_piece(f, &f->t->pieces[i]);
	sbuf_free(&f->json);
	return err;
}

/* Passes it on; it must be what it was. */
static int pass_again(const struct longtext *t, int (*put)(void *self, const char *p, size_t n), void *self)
{
	struct flow f = {.t = t, .put = put, .self = self};
	int err = pass_all(&f);

	if (!err && (f.size != t->size || !hash_eq(hasher_end(&f.hasher), t->hash)))
		err = EBADMSG;
	hasher_free(&f.hasher);
	return err;
}

/* Reads it once for its hash. */
static struct longtext *complete(struct longtext *t, int *err)
{
	struct flow f = {.t = t};

	*err = pass_all(&f);
	t->hash = hasher_end(&f.hasher);
	t->size = f.size;
	t->has_text = f.has_text;
	hasher_free(&f.hasher);
	if (!*err)
		return t;
	longtext_close(t);
	return NULL;
}

static struct longtext *make(struct arena *a, int fd, size_t n, int *err)
{
	struct longtext *t = arena_new(a, struct longtext);

	t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	*err = t->fd < 0 ? errno : 0;
	t->pieces = arena_array(a, struct longtext_piece, n);
	t->n = n;
	return *err ? NULL : t;
}

struct longtext *longtext_of_file(struct arena *a, int fd, int *err)
{
	struct longtext *t = make(a, fd, 1, err);
	off_t end = t ? lseek(fd, 0, SEEK_END) : 0;

	if (!t)
		return NULL;
	t->pieces[0] = (struct longtext_piece){.kind = PIECE_FILE, .to = end > 0 ? (uint64_t)end : 0};
	return complete(t, err);
}

static struct longtext_piece piece_of(enum piece_kind kind, const struct jsonlong *l, bool no_nul)
{
	return (struct longtext_piece){.kind = kind, .from = l->from, .to = l->to, .no_nul = no_nul};
}

/* A long string itself, whose hash is known. */
static struct longtext *of_string(struct arena *a, int fd, const struct jsonlong *l, bool no_nul, int *err)
{
	struct longtext *t = make(a, fd, 1, err);

	if (!t)
		return NULL;
	t->pieces[0] = piece_of(PIECE_STRING, l, no_nul);
	t->hash = l->hash;
	t->size = l->size;
	t->has_text = l->has_text;
	return no_nul ? complete(t, err) : t;
}

/* JSON with long strings in it: each is a piece, and what stands before it. */
static struct longtext *of_parts(struct arena *a, int fd, const struct jsonfilter *f, struct str json, int *err)
{
	VEC(struct longtext_piece) parts = {0};
	const struct jsonlong *l;
	size_t from = 0, at, end;
	bool no_nul;

	while ((l = jsonfilter_find_in(f, json, from, &at, &end, &no_nul))) {
		/* With its quotes. */
		vec_push(a, &parts, (struct longtext_piece){.text = arena_copy(a, str_sub(json, from, at + 1))});
		vec_push(a, &parts, piece_of(PIECE_JSON, l, no_nul));
		from = end - 1;
	}
	if (!parts.n)
		return NULL;
	vec_push(a, &parts, (struct longtext_piece){.text = arena_copy(a, str_sub(json, from, json.n))});
	struct longtext *t = make(a, fd, 0, err);
	if (!t)
		return NULL;
	t->pieces = parts.p;
	t->n = parts.n;
	return complete(t, err);
}

struct longtext *longtext_of_json(struct arena *a, int fd, const struct jsonfilter *f, const json_t *value, int *err)
{
	struct str string = {json_string_value(value), json_string_length(value)};
	bool no_nul;

	*err = 0;
	if (json_is_string(value)) {
		const struct jsonlong *l = jsonfilter_find(f, string, &no_nul);
		return l ? of_string(a, fd, l, no_nul, err) : NULL;
	}
	if (!f->longs.n || !(json_is_object(value) || json_is_array(value)))
		return NULL;
	char *text = json_dumps(value, JSON_COMPACT);
	if (!text)
		mem_exhausted();
	struct longtext *t = of_parts(a, fd, f, str_of(text), err);
	free(text);
	return t;
}

void longtext_close(struct longtext *t)
{
	if (t)
		close(t->fd);
}

static int write_piece(void *self, const char *p, size_t n)
{
	return os_write_all(*(int *)self, p, n);
}

int longtext_write(void *longtext, int to)
{
	return pass_again(longtext, write_piece, &to);
}

/* The first and the last of it go to memory, or all. */
struct ends {
	char *p;
	uint64_t at, head, tail; /* how far it came; the first end's length; where the last one begins */
};

static int keep_ends(void *self, const char *p, size_t n)
{
	struct ends *e = self;
	uint64_t from = e->at, to = from + n;

	e->at = to;
	if (from < e->head)
		memcpy(e->p + from, p, to < e->head ? n : (size_t)(e->head - from));
	if (to > e->tail) {
		uint64_t skip = from < e->tail ? e->tail - from : 0;

		memcpy(e->p + e->head + 1 + (from + skip - e->tail), p + skip, (size_t)(n - skip));
	}
	return 0;
}

int longtext_ends(const struct longtext *t, struct arena *a, size_t each, struct str *out)
{
	bool cut = t->size > 2 * (uint64_t)each;
	struct ends e = {.head = cut ? each : t->size, .tail = cut ? t->size - each : t->size};
	size_t n = cut ? 2 * each + 1 : (size_t)t->size;

	e.p = arena_text(a, n + 1);
	if (cut)
		e.p[each] = '\n';
	int err = pass_again(t, keep_ends, &e);
	e.p[n] = '\0';
	*out = err ? STR_NONE : (struct str){e.p, n};
	return err;
}

int longtext_read(const struct longtext *t, struct arena *a, struct str *out)
{
	return longtext_ends(t, a, (size_t)t->size, out);
}

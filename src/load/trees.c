#include "load/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/vec.h"
#include "load/treebytes.h"
#include "load/yaml.h"
#include "state/bytes.h"

/* The last byte is the format's version. */
#define MAGIC "ax tree\x02"

enum {
	START = 8 + 8 + 4,       /* magic, checksum of the list, how many are listed */
	LISTED = 16 + 8 + 8 + 8, /* key, where it begins, its length and checksum */
	MOST = 1024,
};

struct tree {
	struct hash128 key;
	uint64_t at, n, sum;
	bool used;     /* in this run */
	struct sbuf b; /* read from YAML in this run: the bytes */
};

struct trees {
	int fd; /* the file as it was found, or -1 */
	uint64_t size;
	struct str program;
	bool keeps, any_new;
	VEC(struct tree) of; /* on the heap */
};

/* What is listed. Nothing of it is believed but that it lies in the file. */
static void load_list(struct trees *t)
{
	char start[START], *list;
	size_t n;

	if (!os_read_exactly_at(t->fd, start, sizeof start, 0) || memcmp(start, MAGIC, sizeof MAGIC - 1) != 0)
		return;
	n = bytes_u32(start + 16);
	if (n > MOST)
		return;
	list = xmalloc(n * LISTED);
	if (os_read_exactly_at(t->fd, list, n * LISTED, START) && bytes_u64(start + 8) == hash64_bytes(list, n * LISTED))
		for (size_t i = 0; i < n; i++) {
			struct reader r = reader_of((struct str){list + i * LISTED, LISTED});
			struct tree x = {.key = reader_hash(&r)};

			x.at = reader_u64(&r);
			x.n = reader_u64(&r);
			x.sum = reader_u64(&r);
			if (x.at <= t->size && x.n <= t->size - x.at)
				vec_push(NULL, &t->of, x);
		}
	free(list);
}

static void find_file(struct trees *t, int at, const char *path)
{
	struct stat st;

	t->fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (t->fd >= 0 && !fstat(t->fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid()) {
		t->size = (uint64_t)st.st_size;
		load_list(t);
	}
}

struct trees *trees_open(int at, const char *path, struct str program, bool keeps)
{
	struct trees *t = xcalloc(1, sizeof *t);

	t->program = program;
	t->keeps = keeps;
	find_file(t, at, path);
	return t;
}

void trees_close(struct trees *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->of.n; i++)
		sbuf_free(&t->of.p[i].b);
	vec_free(&t->of);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

static struct hash128 key_of(const struct trees *t, struct str text)
{
	struct hasher h = hasher_new();
	struct hash128 key;

	hasher_add_framed(&h, t->program.p, t->program.n);
	hasher_add(&h, text.p, text.n);
	key = hasher_end(&h);
	hasher_free(&h);
	return key;
}

static struct tree *find(struct trees *t, struct hash128 key)
{
	for (size_t i = 0; i < t->of.n; i++)
		if (hash_eq(t->of.p[i].key, key))
			return &t->of.p[i];
	return NULL;
}

/* Its bytes, in a; STR_NONE when they are not what was written. */
static struct str load(const struct trees *t, const struct tree *x, struct arena *a)
{
	char *p = arena_text(a, (size_t)x->n);

	return os_read_exactly_at(t->fd, p, (size_t)x->n, x->at) && hash64_bytes(p, (size_t)x->n) == x->sum
	           ? (struct str){p, (size_t)x->n}
	           : STR_NONE;
}

static void remember(struct trees *t, struct hash128 key, struct tree *known, const struct node *top, struct str text)
{
	struct tree x = {.key = key, .used = true};

	/* Without aliases a node takes a byte of the text; what many of them make large is soonest read from YAML. */
	if ((!known && t->of.n == MOST) || !treebytes_put(&x.b, top, text.n)) {
		sbuf_free(&x.b);
		return;
	}
	t->any_new = true;
	if (known)
		*known = x;
	else
		vec_push(NULL, &t->of, x);
}

struct node *trees_parse(struct trees *t, struct arena *a, struct diag *d, uint32_t source, struct str text, const struct map *only)
{
	struct node *top = NULL;
	struct hash128 key;
	struct tree *x;
	size_t mark = diag_mark(d);

	if (!t || text.n < TREES_FROM)
		return yaml_parse(a, d, source, text);
	key = key_of(t, text);
	x = find(t, key);
	if (x)
		top = treebytes_take(a, source, x->b.n ? sbuf_view(&x->b) : load(t, x, a), only);
	if (top) {
		x->used = true;
		return top;
	}
	top = yaml_parse(a, d, source, text);
	if (top && t->keeps && diag_mark(d) == mark) /* what is warned of is to be warned of again */
		remember(t, key, x, top, text);
	return top;
}

static struct str bytes_of(const struct trees *t, const struct tree *x, struct arena *a)
{
	return x->b.n ? sbuf_view(&x->b) : load(t, x, a);
}

/* The list of what is used, behind its start, as the file has it. */
static void put_list(const struct trees *t, uint32_t n, struct sbuf *b)
{
	struct sbuf list = {0};
	uint64_t at = START + (uint64_t)n * LISTED;

	for (size_t i = 0; i < t->of.n; i++) {
		const struct tree *x = &t->of.p[i];

		if (!x->used)
			continue;
		bytes_put_hash(&list, x->key);
		bytes_put_u64(&list, at);
		bytes_put_u64(&list, x->b.n ? x->b.n : x->n);
		bytes_put_u64(&list, x->b.n ? hash64_bytes(x->b.p, x->b.n) : x->sum);
		at += x->b.n ? x->b.n : x->n;
	}
	sbuf_add(b, MAGIC, sizeof MAGIC - 1);
	bytes_put_u64(b, hash64_bytes(list.p, list.n));
	bytes_put_u32(b, n);
	sbuf_str(b, sbuf_view(&list));
	sbuf_free(&list);
}

/* The bytes go to the file one tree after the other: there are never two of a large one. */
static int write_all(void *trees, int fd)
{
	const struct trees *t = trees;
	struct sbuf head = {0};
	uint32_t n = 0;
	int err;

	for (size_t i = 0; i < t->of.n; i++)
		n += t->of.p[i].used;
	put_list(t, n, &head);
	err = os_write_all(fd, head.p, head.n);
	sbuf_free(&head);
	for (size_t i = 0; i < t->of.n && !err; i++) {
		struct arena a = {0};
		struct str bytes = t->of.p[i].used ? bytes_of(t, &t->of.p[i], &a) : STR_NONE;

		if (t->of.p[i].used && !bytes.n)
			err = EIO; /* the file that it stood in was changed */
		else
			err = os_write_all(fd, bytes.p, bytes.n);
		arena_free(&a);
	}
	return err;
}

/* What was read from YAML is in the file by now, should it be wanted again. */
static void let_go(struct trees *t)
{
	for (size_t i = 0; i < t->of.n; i++)
		sbuf_free(&t->of.p[i].b);
	vec_free(&t->of);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void trees_keep(struct trees *t, int at, const char *path)
{
	if (!t || !t->any_new)
		return;
	t->any_new = false;
	if (os_replace_by(at, path, 0600, write_all, t))
		return;
	let_go(t);
	find_file(t, at, path);
	for (size_t i = 0; i < t->of.n; i++)
		t->of.p[i].used = true;
}

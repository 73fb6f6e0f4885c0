#include "state/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/bytes.h"

#define SEAL "seal"
#define LOG "log"

enum {
	HEAD = 16,          /* magic and checksum */
	MAX_SEAL = 1 << 28, /* bytes: a larger one would be no gain */
	FOR_LINK = 1,       /* flag of a path: not looked at through a final link */
};

/* The last byte is the format's version. */
static const unsigned char magic[8] = {'a', 'x', ' ', 's', 'e', 'a', 'l', 1};

/* What stands at a path now, as a number: 0 for nothing. false: it cannot be told, or a change might not show. */
static bool find_fact(int at, const char *path, bool link, int64_t now_ns, uint64_t *fact)
{
	struct file_stat facts;
	struct stat st;

	*fact = 0;
	if (fstatat(at, path, &st, link ? AT_SYMLINK_NOFOLLOW : 0))
		return errno == ENOENT || errno == ENOTDIR;
	facts = file_stat_of(&st);
	*fact = file_stat_hash(&facts);
	return !file_stat_racy(&facts, now_ns);
}

/* The log is never changed but by axmake, under the lock, and grows or becomes another file by that: a young stamp does no harm. */
static uint64_t log_fact(const struct store *s)
{
	uint64_t fact;

	find_fact(s->fd, LOG, true, INT64_MAX, &fact);
	return fact;
}

/* Making it */

struct making {
	struct sbuf b;
	uint32_t n;
	int64_t since_ns;
	bool racy;
};

static void put_path(void *self, struct str path, const struct file_stat *st, bool through)
{
	struct making *m = self;

	m->racy = m->racy || (st && file_stat_racy(st, m->since_ns));
	bytes_put_u64(&m->b, st ? file_stat_hash(st) : 0);
	bytes_put_u8(&m->b, through ? 0 : FOR_LINK);
	bytes_put_str(&m->b, path);
	bytes_put_u8(&m->b, 0); /* so that it can be looked at where it lies */
	m->n++;
}

/* Puts how many there are where that was left open. */
static void set_count(struct making *m, size_t at)
{
	uint32_t n = htole32(m->n);

	memcpy(m->b.p + at, &n, sizeof n);
	m->n = 0;
}

static size_t begin_count(struct making *m)
{
	bytes_put_u32(&m->b, 0);
	return m->b.n - sizeof(uint32_t);
}

static void put_texts(struct making *m, const struct seen *seen, enum sight_kind kind)
{
	size_t count = begin_count(m);

	for (size_t i = 0; i < seen->all.n; i++) {
		const struct sight *x = seen->all.p[i];

		if (x->kind != kind)
			continue;
		bytes_put_str(&m->b, x->name);
		bytes_put_u8(&m->b, 0);
		bytes_put_u8(&m->b, x->text.p != NULL);
		bytes_put_hash(&m->b, hash_bytes(x->text.n ? x->text.p : "", x->text.n)); /* values may be secret */
		m->n++;
	}
	set_count(m, count);
}

/* What changes most often comes first, and is then found soonest: files that load/ read, then sources, then what tasks made. */
static bool put_paths(struct making *m, const struct seen *seen, const struct filehash *fh)
{
	size_t count = begin_count(m);
	bool told = true;

	for (size_t i = 0; i < seen->all.n; i++) {
		const struct sight *x = seen->all.p[i];

		if (x->kind == SIGHT_PATH || x->kind == SIGHT_LINK)
			put_path(m, x->name, x->there ? &x->stat : NULL, x->kind == SIGHT_PATH);
	}
	for (int outputs = 0; told && outputs < 2; outputs++)
		told = filehash_each(fh, outputs, put_path, m);
	set_count(m, count);
	return told && !m->racy;
}

void seal_make(const struct store *s, struct hash128 key, const struct seen *seen, const struct filehash *fh, struct str said)
{
	struct making m = {.since_ns = seen->since_ns};
	uint64_t sum, log = log_fact(s);
	bool whole;

	if (seen->spoiled || !log)
		return;
	sbuf_add(&m.b, magic, sizeof magic);
	bytes_put_u64(&m.b, 0);
	bytes_put_hash(&m.b, key);
	bytes_put_u64(&m.b, log);
	bytes_put_str(&m.b, said);
	put_texts(&m, seen, SIGHT_ENV);
	put_texts(&m, seen, SIGHT_REAL);
	whole = put_paths(&m, seen, fh);
	if (whole && m.b.n <= MAX_SEAL) {
		sum = htole64(hash64_bytes(m.b.p + HEAD, m.b.n - HEAD));
		memcpy(m.b.p + sizeof magic, &sum, sizeof sum);
		os_replace_file(s->fd, SEAL, 0600, sbuf_view(&m.b));
	}
	sbuf_free(&m.b);
}

/* Looking whether it holds */

/* The file's whole content on the heap; NULL where there is none that could be ours. */
static char *load(const struct store *s, size_t *n)
{
	int fd = openat(s->fd, SEAL, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *p = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size > HEAD && st.st_size <= MAX_SEAL) {
		*n = (size_t)st.st_size;
		p = malloc(*n);
	}
	if (p && !os_read_exactly(fd, p, *n)) {
		free(p);
		p = NULL;
	}
	close(fd);
	return p;
}

/* A string with a NUL behind it; NULL when it is none. */
static const char *take_name(struct reader *r)
{
	struct str s = reader_str(r);
	uint8_t end = reader_u8(r);

	if (r->bad || end || memchr(s.p, '\0', s.n))
		r->bad = true;
	return r->bad ? NULL : s.p;
}

/* The value of a variable, or where a path leads. */
static const char *find_text(enum sight_kind kind, const char *name, char buf[PATH_MAX])
{
	return kind == SIGHT_ENV ? getenv(name) : realpath(name, buf);
}

static bool texts_hold(struct reader *r, enum sight_kind kind)
{
	char buf[PATH_MAX];

	for (uint32_t n = reader_u32(r); n && !r->bad; n--) {
		const char *name = take_name(r), *now = name ? find_text(kind, name, buf) : NULL;
		bool was_there = reader_u8(r);
		struct hash128 was = reader_hash(r);

		if (r->bad || was_there != (now != NULL) || (now && !hash_eq(hash_bytes(now, strlen(now)), was)))
			return false;
	}
	return !r->bad;
}

static bool paths_hold(struct reader *r, int root_fd)
{
	int64_t now_ns = clock_wall_ns();
	uint64_t now;

	for (uint32_t n = reader_u32(r); n && !r->bad; n--) {
		uint64_t was = reader_u64(r);
		uint8_t flags = reader_u8(r);
		const char *path = take_name(r);

		if (!path || !find_fact(root_fd, path, flags & FOR_LINK, now_ns, &now) || now != was)
			return false;
	}
	return reader_at_end(r);
}

static bool is_intact(const char *p, size_t n)
{
	return !memcmp(p, magic, sizeof magic) && bytes_u64(p + sizeof magic) == hash64_bytes(p + HEAD, n - HEAD);
}

static bool holds(const struct store *s, struct arena *a, struct hash128 key, struct str bytes, struct str *said)
{
	struct reader r = reader_of(str_sub(bytes, HEAD, bytes.n));
	bool same_key = hash_eq(reader_hash(&r), key);
	uint64_t log = reader_u64(&r);
	struct str text = reader_str(&r);

	if (r.bad || !same_key || log != log_fact(s) || !store_at_rest(s))
		return false;
	if (!texts_hold(&r, SIGHT_ENV) || !texts_hold(&r, SIGHT_REAL) || !paths_hold(&r, s->root_fd))
		return false;
	/* Still no word of a task's start: no other run has touched a file while this looked at them. */
	if (log != log_fact(s))
		return false;
	*said = arena_copy(a, text);
	return true;
}

bool seal_holds(const struct store *s, struct arena *a, struct hash128 key, struct str *said)
{
	size_t n = 0;
	char *p = s->fd < 0 ? NULL : load(s, &n);
	bool yes = p && is_intact(p, n) && holds(s, a, key, (struct str){p, n}, said);

	free(p);
	return yes;
}

#include "state/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/pool.h"
#include "state/seal_bytes.h"

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

uint64_t seal_log_fact(const struct store *s)
{
	uint64_t fact;

	find_fact(s->fd, "log", true, INT64_MAX, &fact);
	return fact;
}

/* The head */

/* A seal that was opened, and what of it all blocks are checked against. */
struct seal {
	int fd, root_fd;
	char *head;
	size_t head_n, size;
	uint64_t sum; /* the head's */
	int64_t now_ns;
};

/* Reads the whole head onto the heap. Nothing of it is believed but its length, which stays within the file. */
static bool load_head(struct seal *l)
{
	char start[SEAL_START];
	struct stat st;

	if (l->fd < 0 || fstat(l->fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size <= SEAL_START ||
	    st.st_size > SEAL_MAX || !os_read_exactly_at(l->fd, start, sizeof start, 0) || memcmp(start, SEAL_MAGIC, sizeof SEAL_MAGIC - 1) != 0)
		return false;
	l->size = (size_t)st.st_size;
	l->sum = bytes_u64(start + sizeof SEAL_MAGIC - 1);
	l->head_n = bytes_u32(start + SEAL_START - 4);
	if (l->head_n <= SEAL_START || l->head_n >= l->size)
		return false;
	l->head = malloc(l->head_n);
	return l->head && os_read_exactly_at(l->fd, l->head, l->head_n, 0) &&
	       l->sum == hash64_bytes(l->head + SEAL_START - 4, l->head_n - (SEAL_START - 4));
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

/* The blocks */

static bool paths_hold(const struct seal *l, struct reader *r)
{
	while (reader_left(r) && !r->bad) {
		uint64_t was = reader_u64(r), now;
		uint8_t flags = reader_u8(r);
		const unsigned char *path = r->at, *end = r->bad ? NULL : memchr(path, '\0', reader_left(r));

		if (!end || !find_fact(l->root_fd, (const char *)path, flags & SEAL_LINK, l->now_ns, &now) || now != was)
			return false;
		r->at = end + 1;
	}
	return !r->bad;
}

static bool block_holds(const struct seal *l, size_t number, size_t blocks)
{
	size_t at = l->head_n + number * SEAL_BLOCK, n = l->size - at < SEAL_BLOCK ? l->size - at : SEAL_BLOCK;
	char bytes[SEAL_BLOCK];
	struct reader r;
	uint64_t sum, head;
	uint32_t own, used;
	bool last;

	if (n < SEAL_BLOCK_START || !os_read_exactly_at(l->fd, bytes, n, at))
		return false;
	r = reader_of((struct str){bytes, n});
	sum = reader_u64(&r);
	head = reader_u64(&r);
	own = reader_u32(&r);
	used = reader_u32(&r);
	last = reader_u8(&r);
	if (sum != hash64_bytes(bytes + sizeof sum, n - sizeof sum) || head != l->sum || own != number ||
	    last != (number + 1 == blocks) || used < SEAL_BLOCK_START || used > n)
		return false;
	r.end = (const unsigned char *)bytes + used;
	return paths_hold(l, &r);
}

static bool some_hold(void *self, size_t from, size_t to)
{
	const struct seal *l = self;
	size_t blocks = (l->size - l->head_n + SEAL_BLOCK - 1) / SEAL_BLOCK;

	while (from < to && block_holds(l, from, blocks))
		from++;
	return from == to;
}

static bool all_paths_hold(struct seal *l)
{
	return pool_each((l->size - l->head_n + SEAL_BLOCK - 1) / SEAL_BLOCK, 1, some_hold, l);
}

static bool holds(const struct store *s, struct arena *a, struct hash128 key, struct seal *l, struct str *word)
{
	struct reader r = reader_of((struct str){l->head + SEAL_START, l->head_n - SEAL_START});
	bool same_key = hash_eq(reader_hash(&r), key);
	uint64_t log = reader_u64(&r);
	struct str text = reader_str(&r);

	if (r.bad || !same_key || log != seal_log_fact(s) || !store_at_rest(s))
		return false;
	if (!texts_hold(&r, SIGHT_ENV) || !texts_hold(&r, SIGHT_REAL) || !reader_at_end(&r) || !all_paths_hold(l))
		return false;
	/* Still no word of a task's start: no other run has touched a file while this looked at them. */
	if (log != seal_log_fact(s))
		return false;
	*word = arena_copy(a, text);
	return true;
}

bool seal_holds(const struct store *s, struct arena *a, struct hash128 key, struct str *word)
{
	struct seal l = {.fd = -1, .root_fd = s->root_fd, .now_ns = clock_wall_ns()};
	bool yes;

	if (s->fd < 0)
		return false;
	l.fd = openat(s->fd, SEAL_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	yes = load_head(&l) && holds(s, a, key, &l, word);
	free(l.head);
	if (l.fd >= 0)
		close(l.fd);
	return yes;
}

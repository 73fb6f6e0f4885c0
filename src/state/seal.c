#include "state/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/pool.h"
#include "state/filehash.h"
#include "state/filehash_entry.h"
#include "state/seal_parts.h"
#include "state/slicefile.h"

enum {
	MOST_CHANGED = 64,     /* paths for which a slice is looked for */
	SHORT_BLOCK = 2 << 10, /* bytes */
};

/* What stands at a path now, as a number: 0 for nothing. false: it cannot be told, or, with `sure`, a change might not show. */
static bool find_fact(int at, const char *path, bool link, bool sure, int64_t now_ns, uint64_t *fact)
{
	struct file_stat facts;
	struct stat st;

	*fact = 0;
	if (fstatat(at, path, &st, link ? AT_SYMLINK_NOFOLLOW : 0))
		return errno == ENOENT || errno == ENOTDIR;
	facts = file_stat_of(&st);
	*fact = file_stat_hash(&facts);
	return !sure || !file_stat_racy(&facts, now_ns);
}

uint64_t seal_log_fact(const struct store *s)
{
	uint64_t fact;

	find_fact(s->fd, "log", true, false, 0, &fact);
	return fact;
}

/* The value of a variable, or where a path leads. */
static const char *find_text(enum sight_kind kind, const char *name, char buf[PATH_MAX])
{
	return kind == SIGHT_ENV ? getenv(name) : realpath(name, buf);
}

static bool texts_hold(struct reader *r, enum sight_kind kind)
{
	char buf[PATH_MAX];
	struct seal_text t;

	for (uint32_t n = reader_u32(r); n && !r->bad; n--) {
		const char *now = seal_take_text(r, &t) ? find_text(kind, t.name.p, buf) : NULL;

		if (r->bad || t.there != (now != NULL) || (now && !hash_eq(hash_bytes(now, strlen(now)), t.value)))
			return false;
	}
	return !r->bad;
}

/* The paths, looked at by several threads. */
struct looking {
	const struct seal *seal;
	int root_fd;
	int64_t now_ns;
	bool slicing;                       /* changes of inputs are gathered */
	atomic_uint n;                      /* of these, more than there is room for may have been found */
	uint32_t changed[MOST_CHANGED];     /* numbers of inputs */
};

/* It was read so soon after a change that only its content tells whether it is the same. */
static bool content_holds(const struct looking *l, const struct seal_path *p)
{
	struct file_found found;

	file_find_content(l->root_fd, p->path.p, p->flags & SEAL_LINK ? O_NOFOLLOW : 0, SEAL_YOUNG_SIZE - 1, &found);
	return found.opened && found.stated && !found.err && !found.changed && !found.left && S_ISREG(found.mode) &&
	       file_stat_hash(&found.stat) == p->fact && hash_eq(found.hash, p->content);
}

static bool path_holds(const struct looking *l, const struct seal_path *p, uint64_t *now)
{
	bool young = p->flags & SEAL_YOUNG;

	return find_fact(l->root_fd, p->path.p, p->flags & SEAL_LINK, !young, l->now_ns, now) && *now == p->fact && (!young || content_holds(l, p));
}

/* Another one than it was: is it an input of some tasks, which is there as it was before? */
static bool note_change(struct looking *l, const struct seal_path *p, uint32_t number, uint64_t now)
{
	unsigned n;

	if (!l->slicing || number < l->seal->head.n_sights || number >= l->seal->head.n_inputs || !p->fact || !now)
		return false;
	n = atomic_fetch_add(&l->n, 1);
	if (n < MOST_CHANGED)
		l->changed[n] = number - l->seal->head.n_sights;
	return n < MOST_CHANGED;
}

static bool paths_hold(struct looking *l, size_t number, bool extra, char *bytes)
{
	struct seal_path p;
	struct reader r;
	uint32_t at;
	uint64_t now;

	if (!seal_read_block(l->seal, number, bytes, &r, &at))
		return false;
	for (; reader_left(&r); at++)
		if (!seal_take_path(&r, &p) || (!path_holds(l, &p, &now) && (extra || !note_change(l, &p, at, now))))
			return false;
	return true;
}

__attribute__((noinline)) static bool short_block_holds(struct looking *l, size_t number, bool extra)
{
	char bytes[SHORT_BLOCK];

	return paths_hold(l, number, extra, bytes);
}

__attribute__((noinline)) static bool long_block_holds(struct looking *l, size_t number, bool extra)
{
	char bytes[SEAL_BLOCK];

	return paths_hold(l, number, extra, bytes);
}

/* A guarded stack touches each page of a large buffer, and in the seal of a small workflow the only block is short. */
static bool block_holds(struct looking *l, size_t number, bool extra)
{
	return seal_block_span(l->seal, number).n > SHORT_BLOCK ? long_block_holds(l, number, extra) : short_block_holds(l, number, extra);
}

static bool some_hold(void *self, size_t from, size_t to)
{
	while (from < to && block_holds(self, from, false))
		from++;
	return from == to;
}

static bool all_hold(struct looking *l)
{
	size_t blocks = seal_blocks(l->seal);

	return (!l->seal->head.extra || block_holds(l, blocks, true)) && pool_each(blocks, 1, some_hold, l);
}

/* What the blocks say of the slice's files, which are in their order. */
static bool find_files(const struct seal *seal, struct arena *a, struct slice *s)
{
	char bytes[SEAL_BLOCK];
	struct seal_path p;
	struct reader r;
	uint32_t at = 0;

	for (size_t i = 0; i < s->n_files; i++) {
		struct slice_file *f = &s->files[i];
		uint32_t number = seal->head.n_sights + f->number;
		bool other = !i || f->block != f[-1].block;

		if ((other && !seal_read_block(seal, f->block, bytes, &r, &at)) || at > number)
			return false;
		for (; at <= number; at++)
			if (!seal_take_path(&r, &p))
				return false;
		f->path = arena_copy(a, p.path);
		f->fact = p.fact;
	}
	return true;
}

/* Of what has changed: which tasks does it reach? */
static void find_slice(struct looking *l, const struct store *s, struct arena *a, struct str word, struct slice *out)
{
	const struct seal *seal = l->seal;
	struct slicefile file = {seal->fd, seal->head.end, seal->head.slices - seal->head.end, seal->head.number};
	struct stat log;
	bool found = !fstatat(s->fd, "log", &log, AT_SYMLINK_NOFOLLOW) && slicefile_find(&file, a, l->changed, l->n, (uint64_t)log.st_size, out) && find_files(seal, a, out);

	if (!found) {
		map_free(&out->by_name);
		*out = (struct slice){0};
	}
	out->log = seal->head.log;
	out->seal = seal->head.number;
	out->word = word;
}

static bool holds(const struct store *s, struct arena *a, struct hash128 key, struct seal *seal, struct str *word, struct slice *slice)
{
	/* The root is the current folder. By its descriptor threads would look dearer: each look counts who holds that, and they share the count. */
	struct looking l = {.seal = seal, .root_fd = AT_FDCWD, .now_ns = clock_wall_ns(), .slicing = slice && seal->head.slices > seal->head.end};
	struct reader texts = seal->texts;

	if (!hash_eq(seal->head.key, key) || seal->head.log != seal_log_fact(s) || !store_at_rest(s))
		return false;
	if (!texts_hold(&texts, SIGHT_ENV) || !texts_hold(&texts, SIGHT_REAL) || !reader_at_end(&texts) ||
	    !all_hold(&l))
		return false;
	/* Still no word of a task's start: no other run has touched a file while this looked at them. */
	if (seal->head.log != seal_log_fact(s))
		return false;
	*word = arena_copy(a, seal->head.word);
	if (slice && l.n)
		find_slice(&l, s, a, *word, slice);
	return !l.n;
}

bool seal_is_current(const struct store *s, const struct slice *slice)
{
	return seal_log_fact(s) == slice->log;
}

bool seal_holds(const struct store *s, struct arena *a, struct hash128 key, struct str *word, struct slice *slice)
{
	struct seal seal;
	bool yes;

	if (s->fd < 0)
		return false;
	yes = seal_load(&seal, s, false) && holds(s, a, key, &seal, word, slice);
	seal_unload(&seal);
	return yes;
}

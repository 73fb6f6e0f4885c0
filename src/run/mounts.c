#include "run/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/path.h"

void mounts_add(struct mounts *m, enum mount_kind kind, struct str at)
{
	vec_push(m->a, &m->all, ((struct mount){.at = at, .kind = kind, .rank = m->all.n}));
}

struct str mounts_real(struct mounts *m, struct str path)
{
	char *real = realpath(arena_copy(m->a, path).p, NULL);
	/* Where axmake may not go the task may not either. */
	if (!real && errno != ENOENT && errno != ENOTDIR && errno != EACCES && errno != ELOOP && errno != ENAMETOOLONG) {
		m->error = errno;
		m->unseen = path;
	}
	struct str out = real ? arena_copy(m->a, str_of(real)) : STR_NONE;
	free(real);
	return out;
}

void mounts_hide(struct mounts *m, struct str folder)
{
	struct str real = mounts_real(m, folder);
	if (real.n > 1)
		mounts_add(m, MOUNT_EMPTY, real);
}

/* What stands below it outside is not seen. */
static bool hides(enum mount_kind kind)
{
	return kind == MOUNT_EMPTY || kind == MOUNT_DEV;
}

bool mounts_hidden(const struct mounts *m, struct str path)
{
	for (size_t i = 0; i < m->all.n; i++)
		if (hides(m->all.p[i].kind) && path_under(path, m->all.p[i].at))
			return true;
	return false;
}

bool mounts_hold_hidden(const struct mounts *m, struct str folder)
{
	for (size_t i = 0; i < m->all.n; i++)
		if (hides(m->all.p[i].kind) && path_under(m->all.p[i].at, folder))
			return true;
	return false;
}

static void add_link(struct mounts *m, struct str at, struct str to)
{
	if (str_eq(at, to) || !mounts_hidden(m, at))
		return;
	mounts_add(m, MOUNT_LINK, at);
	m->all.p[m->all.n - 1].to = to;
}

bool mounts_show(struct mounts *m, enum mount_kind kind, struct str path)
{
	struct str real = mounts_real(m, path);
	if (!real.n)
		return false;
	mounts_add(m, kind, real);
	add_link(m, path, real);
	add_link(m, path_join(m->a, mounts_real(m, path_dir(path)), path_base(path)), real); /* where a folder's name is a link that is seen */
	return true;
}

static int by_path(const void *x, const void *y)
{
	const struct mount *a = x, *b = y;
	int order = str_cmp(a->at, b->at);
	return order ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

/* Of those before it the one in which it lies; NULL: none. */
static const struct mount *mount_around(const struct mounts *m, size_t i)
{
	for (size_t at = i; at-- > 0;)
		if (path_under(m->all.p[i].at, m->all.p[at].at) && m->all.p[i].at.n > m->all.p[at].at.n)
			return &m->all.p[at];
	return NULL;
}

static void push(struct mounts *m, struct words_list *words, const char *word)
{
	vec_push(m->a, &words->of, (char *)word);
}

static void push_empty(struct mounts *m, const char *at, uint64_t size, struct words_list *words)
{
	push(m, words, "--size");
	push(m, words, arena_printf(m->a, "%llu", (unsigned long long)size).p);
	push(m, words, "--tmpfs");
	push(m, words, at);
}

static void push_mount(struct mounts *m, const struct mount *at, uint64_t size, struct words_list *words)
{
	static const char *const options[] = {
		[MOUNT_READ] = "--ro-bind", [MOUNT_WRITE] = "--bind", [MOUNT_LINK] = "--symlink", [MOUNT_DEV] = "--dev", [MOUNT_PROC] = "--proc"};
	if (at->kind == MOUNT_EMPTY) {
		push_empty(m, at->at.p, size, words);
		return;
	}
	push(m, words, options[at->kind]);
	if (at->kind == MOUNT_LINK)
		push(m, words, at->to.p);
	else if (at->kind == MOUNT_READ || at->kind == MOUNT_WRITE)
		push(m, words, at->at.p);
	push(m, words, at->at.p);
	if (at->kind == MOUNT_DEV)
		push_empty(m, path_join(m->a, at->at, STR("shm")).p, size, words);
}

void mounts_words(struct mounts *m, uint64_t size, struct words_list *words)
{
	if (m->all.n)
		qsort(m->all.p, m->all.n, sizeof *m->all.p, by_path);
	for (size_t i = 0; i < m->all.n; i++) {
		const struct mount *at = &m->all.p[i], *around = mount_around(m, i);
		if (i + 1 < m->all.n && str_eq(at->at, at[1].at))
			continue;
		if (at->kind == MOUNT_LINK && around && !hides(around->kind))
			continue; /* it is seen there */
		push_mount(m, at, size, words);
	}
	/* The folder of devices is in memory too, and has no limit: nothing is made in it once all else stands. */
	for (size_t i = 0; i < m->all.n; i++)
		if (m->all.p[i].kind == MOUNT_DEV) {
			push(m, words, "--remount-ro");
			push(m, words, m->all.p[i].at.p);
		}
}

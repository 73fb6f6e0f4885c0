#include "base/glob.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/glob_parts.h"
#include "base/mem.h"
#include "base/path.h"

struct walk {
	struct arena *arena;
	struct glob_list *out;
	struct str *bad_path;
	const struct str *parts; /* of the pattern, behind the folders opened at once */
	size_t n;
	bool dots;
	bool *next;       /* n + 1: the places in the pattern that the entry at hand leads to */
	struct sbuf path; /* of the entry at hand */
};

static int walk_failed(struct walk *w, int err)
{
	*w->bad_path = w->path.n ? arena_copy(w->arena, sbuf_view(&w->path)) : STR(".");
	return err;
}

/* A path may stand before parts[i], and so behind a "**" there, which may stand for nothing; but not the last one. */
static void reach(const struct walk *w, bool *places, size_t i)
{
	places[i] = true;
	while (i + 1 < w->n && glob_is_double(w->parts[i]))
		places[++i] = true;
}

/* Sets w->next to where `name` leads from `places`. Returns whether anything below it can match. */
static bool advance(struct walk *w, const bool *places, struct str name)
{
	bool below = false;

	memset(w->next, 0, (w->n + 1) * sizeof *w->next);
	for (size_t i = 0; i < w->n; i++) {
		if (!places[i])
			continue;
		if (!glob_is_double(w->parts[i])) {
			if (glob_match_part(w->parts[i], name, w->dots))
				reach(w, w->next, i + 1);
		} else if (glob_double_passes(name, w->dots)) {
			reach(w, w->next, i);
			if (i + 1 == w->n)
				w->next[w->n] = true;
		}
	}
	for (size_t i = 0; i < w->n; i++)
		below = below || w->next[i];
	return below;
}

bool glob_passes_over(struct str folder, const char *name)
{
	static const char *const never[] = {".", "..", ".git", ".axmake"};
	static const struct str others = {".automatosx", 11};

	if (*name != '.' && *name != 's')
		return false;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (!strcmp(name, never[i]))
			return true;
	/* There every agent leaves a file when it ends; the rest of that folder is people's. */
	return !strcmp(name, "status") && str_ends(folder, others) && (folder.n == others.n || folder.p[folder.n - others.n - 1] == '/');
}

static bool is_gone(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

static int walk_folder(struct walk *w, int fd, const bool *places);

static int walk_below(struct walk *w, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool *places;

	/* Gone, or made something else since it was listed. */
	if (fd < 0 && (is_gone(errno) || errno == ELOOP)) {
		seen_spoil(w->out->seen);
		return 0;
	}
	if (fd < 0)
		return walk_failed(w, errno);
	places = arena_array(w->arena, bool, w->n + 1);
	memcpy(places, w->next, (w->n + 1) * sizeof *places);
	return walk_folder(w, fd, places);
}

/* fstatat of the entry at hand. */
static int look(struct walk *w, int parent, const char *name, struct stat *st, bool through)
{
	int failed = fstatat(parent, name, st, through ? 0 : AT_SYMLINK_NOFOLLOW), err = errno;

	if (!failed)
		seen_path(w->out->seen, sbuf_view(&w->path), st, through);
	else if (is_gone(err))
		seen_missing(w->out->seen, sbuf_view(&w->path), through);
	errno = err;
	return failed;
}

/* One entry, whose path stands in w->path. */
static int walk_entry(struct walk *w, int parent, const char *name, unsigned char type, const bool *places)
{
	bool below = advance(w, places, str_of(name)), matches = w->next[w->n];
	struct stat st;

	if (!below && !matches)
		return 0;
	if (type == DT_UNKNOWN) {
		if (look(w, parent, name, &st, false))
			return is_gone(errno) ? 0 : walk_failed(w, errno);
		type = (unsigned char)IFTODT(st.st_mode);
	}
	if (type == DT_DIR)
		return below ? walk_below(w, parent, name) : 0;
	if (type == DT_LNK && matches) {
		if (look(w, parent, name, &st, true))
			return is_gone(errno) ? 0 : walk_failed(w, errno);
		type = S_ISREG(st.st_mode) ? DT_REG : DT_DIR;
	}
	/* Sockets, pipes and devices have no content to speak of. */
	if (type == DT_REG && matches)
		vec_push(w->arena, &w->out->paths, arena_copy(w->arena, sbuf_view(&w->path)));
	return 0;
}

static int walk_named(struct walk *w, int parent, const char *name, unsigned char type, const bool *places)
{
	size_t n = w->path.n;
	int err;

	if (glob_passes_over(sbuf_view(&w->path), name))
		return 0;
	if (n && w->path.p[n - 1] != '/')
		sbuf_char(&w->path, '/');
	sbuf_lit(&w->path, name);
	err = walk_entry(w, parent, name, type, places);
	w->path.n = n;
	w->path.p[n] = '\0';
	return err;
}

/* Adds a part without wildcards, as the name that it matches. */
static void unquote(struct sbuf *b, struct str part)
{
	for (size_t i = 0; i < part.n; i++) {
		if (part.p[i] == '\\' && i + 1 < part.n)
			i++;
		sbuf_char(b, part.p[i]);
	}
}

/* The one name that can match in a folder, so that it need not be listed; NULL: there may be more. */
static const struct str *only_name(const struct walk *w, const bool *places)
{
	const struct str *only = NULL;

	for (size_t i = 0; i < w->n; i++) {
		if (!places[i])
			continue;
		if (only || glob_part_is_wild(w->parts[i]))
			return NULL;
		only = &w->parts[i];
	}
	return only;
}

/* Looks through a folder, whose path stands in w->path, and closes it. */
static int walk_folder(struct walk *w, int fd, const bool *places)
{
	const struct str *only = only_name(w, places);
	struct dirent *e;
	int err = 0;
	DIR *d;

	if (only) {
		struct sbuf name = {0};

		unquote(&name, *only);
		err = name.n ? walk_named(w, fd, name.p, DT_UNKNOWN, places) : 0;
		sbuf_free(&name);
		close(fd);
		return err;
	}
	seen_open(w->out->seen, w->path.n ? sbuf_view(&w->path) : STR("."), fd);
	d = fdopendir(fd);
	if (!d) {
		err = errno;
		close(fd);
		return walk_failed(w, err);
	}
	while (!err && (errno = 0, e = readdir(d)))
		err = walk_named(w, dirfd(d), e->d_name, e->d_type, places);
	if (!err && errno)
		err = walk_failed(w, errno);
	closedir(d);
	return err;
}

/* Opens the folder in w->path, links and all, and looks through it. */
static int walk_from(struct walk *w, int root_fd)
{
	bool *places = arena_array(w->arena, bool, w->n + 1);
	int fd = openat(root_fd, w->path.n ? w->path.p : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0 && is_gone(errno)) {
		seen_missing(w->out->seen, sbuf_view(&w->path), true);
		return 0;
	}
	if (fd < 0)
		return walk_failed(w, errno);
	w->next = xcalloc(w->n + 1, sizeof *w->next);
	reach(w, places, 0);
	err = walk_folder(w, fd, places);
	free(w->next);
	return err;
}

/* Adds a folder to the path where the walk begins. false: it is one that is never entered. */
static bool begin_below(struct walk *w, struct str part, bool quoted)
{
	size_t folder = w->path.n, n;

	if (w->path.n && w->path.p[w->path.n - 1] != '/')
		sbuf_char(&w->path, '/');
	n = w->path.n;
	if (quoted)
		unquote(&w->path, part);
	else
		sbuf_str(&w->path, part);
	const char *name = w->path.n > n ? w->path.p + n : "";
	return !strcmp(name, "..") || !glob_passes_over((struct str){w->path.p, folder}, name);
}

int glob_walk(struct arena *a, int root_fd, struct str pattern, struct glob_list *out, struct str *bad_path)
{
	struct walk w = {.arena = a, .out = out, .bad_path = bad_path};
	struct str normal = path_normal(a, pattern), *parts;
	bool enter = true;
	size_t first = 0;
	int err = 0;

	parts = glob_split(normal, &w.n);
	if (glob_is_absolute(normal))
		sbuf_char(&w.path, '/');
	for (; enter && first + 1 < w.n && !glob_part_is_wild(parts[first]); first++)
		enter = begin_below(&w, parts[first], true);
	w.parts = parts + first;
	w.n -= first;
	if (enter && w.n)
		err = walk_from(&w, root_fd);
	sbuf_free(&w.path);
	vec_release(parts);
	return err;
}

int glob_walk_tree(struct arena *a, int root_fd, struct str dir, struct glob_list *out, struct str *bad_path)
{
	static const struct str everything = {"**", 2};
	struct walk w = {.arena = a, .out = out, .bad_path = bad_path, .parts = &everything, .n = 1, .dots = true};
	struct str rest = dir, part;
	bool enter = true;
	int err = 0;

	if (glob_is_absolute(dir))
		sbuf_char(&w.path, '/');
	while (enter && glob_next_part(&rest, &part))
		enter = begin_below(&w, part, false);
	if (enter)
		err = walk_from(&w, root_fd);
	sbuf_free(&w.path);
	return err;
}

/* A path with the 8 bytes behind what all paths have in common, as a number of the same order: nearly all comparisons end there. */
struct keyed {
	uint64_t key;
	struct str path;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return str_cmp(x->path, y->path);
}

static uint64_t key_of(struct str path, size_t from)
{
	uint64_t key = 0;

	memcpy(&key, path.p + from, path.n - from < sizeof key ? path.n - from : sizeof key);
	return be64toh(key);
}

static size_t common_prefix(const struct str *paths, size_t n)
{
	size_t common = paths[0].n;

	for (size_t i = 1; i < n && common; i++) {
		if (paths[i].n < common)
			common = paths[i].n;
		while (memcmp(paths[0].p, paths[i].p, common) != 0)
			common--;
	}
	return common;
}

void glob_sort(struct glob_list *l)
{
	size_t n = l->paths.n, kept = 0, common;
	struct keyed *all;

	if (n < 2)
		return;
	common = common_prefix(l->paths.p, n);
	all = xmalloc_large(n * sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = (struct keyed){key_of(l->paths.p[i], common), l->paths.p[i]};
	qsort(all, n, sizeof *all, by_key);
	for (size_t i = 0; i < n; i++)
		if (!i || !str_eq(all[i].path, l->paths.p[kept - 1]))
			l->paths.p[kept++] = all[i].path;
	l->paths.n = kept;
	free(all);
}

/* Outputs as parts: single paths, trees, what a pattern finds. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/vec.h"
#include "state/filehash.h"

/* One hash of a kind and what belongs to it. */
static struct hash128 tagged(char tag, const void *p, size_t n)
{
	struct hasher h = hasher_new();
	struct hash128 out;

	hasher_add(&h, &tag, 1);
	hasher_add(&h, p, n);
	out = hasher_end(&h);
	hasher_free(&h);
	return out;
}

/* A hash as bytes that are the same on every machine. */
static void hash_text(struct hash128 h, unsigned char out[16])
{
	for (unsigned i = 0; i < 8; i++) {
		out[i] = (unsigned char)(h.lo >> 8 * i);
		out[8 + i] = (unsigned char)(h.hi >> 8 * i);
	}
}

static struct hash128 hash_of_file(const struct filehash_part *p)
{
	unsigned char text[17] = {p->kind == PART_PROGRAM ? 'x' : 'f'};

	hash_text(p->content, text + 1);
	return hash_bytes(text, sizeof text);
}

struct hash128 filehash_part_hash(const struct filehash_part *p)
{
	switch (p->kind) {
	case PART_FILE:
	case PART_PROGRAM:
		return hash_of_file(p);
	case PART_LINK:
		return tagged('l', p->link.p, p->link.n);
	default:
		return (struct hash128){0, 0};
	}
}

struct walk {
	struct filehash *fh;
	const struct filehash_skip *skip;
	struct arena *arena;
	struct filehash_parts *found;
	VEC(struct str) folders; /* yet to be read */
	int err;
	struct str bad; /* lives as long as the filehash */
};

static bool walk_fail(struct walk *w, struct str path, int err)
{
	w->err = err;
	w->bad = filehash_file(w->fh, path)->path;
	return false;
}

static bool walk_add(struct walk *w, struct str path)
{
	struct filehash_part part;
	int err;

	switch (filehash_part(w->fh, w->arena, path, false, &part, &err)) {
	case FILE_REGULAR:
	case FILE_SPECIAL:
		break;
	case FILE_FOLDER:
		vec_push(w->arena, &w->folders, part.path);
		if (w->skip) /* what is left out may have made it */
			return true;
		break;
	case FILE_MISSING: /* gone since it was listed */
		return true;
	default:
		return walk_fail(w, path, err);
	}
	vec_push(w->arena, &w->found->of, part);
	return true;
}

/* What was found, in this order. Many are looked at together. */
static bool walk_add_all(struct walk *w, const struct str *paths, size_t n)
{
	struct filehash_wish *wishes = arena_array(w->arena, struct filehash_wish, n);
	size_t wanted = 0;
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		if (!w->skip || !w->skip->fn(w->skip->self, paths[i]))
			wishes[wanted++] = (struct filehash_wish){filehash_file(w->fh, paths[i]), true};
	filehash_ahead(w->fh, wishes, wanted, true);
	for (size_t i = 0; ok && i < wanted; i++)
		ok = walk_add(w, wishes[i].file->path);
	filehash_ahead_end(w->fh);
	return ok;
}

static bool read_folder(struct walk *w, struct str folder)
{
	int fd = openat(filehash_root(w->fh), folder.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	VEC(struct str) found = {0};
	struct dirent *e = NULL;
	int err;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT || walk_fail(w, folder, errno);
	d = fdopendir(fd);
	if (!d) {
		walk_fail(w, folder, errno);
		close(fd);
		return false;
	}
	while ((errno = 0, e = readdir(d)))
		if (!glob_passes_over(folder, e->d_name))
			vec_push(w->arena, &found, arena_printf(w->arena, "%.*s/%s", STR_ARG(folder), e->d_name));
	err = errno;
	closedir(d);
	return walk_add_all(w, found.p, found.n) && (!err || walk_fail(w, folder, err));
}

static int by_path(const void *a, const void *b)
{
	return str_cmp(((const struct filehash_part *)a)->path, ((const struct filehash_part *)b)->path);
}

struct hash128 filehash_parts_hash(enum output_kind kind, struct str path, const struct filehash_parts *parts)
{
	size_t skip = kind == OUTPUT_TREE ? path.n + 1 : 0; /* the tree's own name does not count */
	struct hasher h;
	unsigned char text[16];
	struct hash128 out;

	if (kind == OUTPUT_FILE)
		return parts->of.n ? filehash_part_hash(&parts->of.p[0]) : (struct hash128){0, 0};
	h = hasher_new();
	for (size_t i = 0; i < parts->of.n; i++) {
		const struct filehash_part *p = &parts->of.p[i];
		char tag = p->kind == PART_FOLDER ? 'd' : p->kind == PART_SPECIAL ? 's' : 'o';

		hasher_add(&h, &tag, 1);
		hasher_add_framed(&h, p->path.p + skip, p->path.n - skip);
		hash_text(filehash_part_hash(p), text);
		hasher_add(&h, text, sizeof text);
	}
	out = hasher_end(&h);
	hasher_free(&h);
	return out;
}

static bool find_tree(struct walk *w, const struct filehash_file *tree)
{
	bool ok = true;

	vec_push(w->arena, &w->folders, tree->path);
	for (size_t i = 0; ok && i < w->folders.n; i++)
		ok = read_folder(w, w->folders.p[i]);
	return ok;
}

static bool find_glob(struct walk *w, struct str pattern)
{
	struct glob_list list = {.seen = filehash_seen(w->fh)};
	struct str bad = STR_NONE;
	int err = glob_walk(w->arena, filehash_root(w->fh), pattern, &list, &bad);
	bool ok = !err || walk_fail(w, bad, err);

	return ok && walk_add_all(w, list.paths.p, list.paths.n);
}

enum file_state filehash_parts(struct filehash *fh, struct arena *a, enum output_kind kind, struct str path, const struct filehash_skip *skip,
                               struct filehash_parts *out, int *err, struct str *bad_path)
{
	struct walk w = {.fh = fh, .skip = skip, .arena = a, .found = out};
	struct filehash_file *tree = kind == OUTPUT_TREE ? filehash_file(fh, path) : NULL;
	struct filehash_part part;
	enum file_state st;

	*err = 0;
	*bad_path = path;
	out->of.n = 0;
	if (kind == OUTPUT_FILE) {
		st = filehash_part(fh, a, path, true, &part, err);
		if (st == FILE_REGULAR || st == FILE_SPECIAL)
			vec_push(a, &out->of, part);
		return st;
	}
	/* A tree is noted before it is listed, as the folders in it are. */
	st = tree ? filehash_folder(fh, tree, err) : FILE_REGULAR;
	if (tree && st != FILE_FOLDER)
		return st;
	if (!(tree ? find_tree(&w, tree) : find_glob(&w, path))) {
		*err = w.err;
		*bad_path = w.bad;
		return FILE_FAILED;
	}
	if (out->of.n > 1)
		qsort(out->of.p, out->of.n, sizeof *out->of.p, by_path);
	return st;
}

static enum file_state hashed(struct filehash *fh, enum output_kind kind, struct str path, const struct filehash_skip *skip, struct hash128 *out, size_t *count, int *err,
                              struct str *bad_path)
{
	struct filehash_parts parts = {0};
	struct arena a = {0};
	enum file_state st = filehash_parts(fh, &a, kind, path, skip, &parts, err, bad_path);

	if (st == FILE_REGULAR || st == FILE_FOLDER)
		*out = filehash_parts_hash(kind, path, &parts);
	*count = parts.of.n;
	if (st == FILE_FAILED)
		*bad_path = filehash_file(fh, *bad_path)->path;
	arena_free(&a);
	return st;
}

/* Without a list: that is what most outputs are. */
enum file_state filehash_output(struct filehash *fh, struct str path, struct hash128 *out, int *err)
{
	struct filehash_part part;
	struct arena a = {0};
	enum file_state st = filehash_part(fh, &a, path, false, &part, err);

	if (st == FILE_REGULAR)
		*out = filehash_part_hash(&part);
	arena_free(&a);
	return st;
}

enum file_state filehash_tree(struct filehash *fh, struct str path, const struct filehash_skip *skip, struct hash128 *out, int *err, struct str *bad_path)
{
	struct hash128 h = {0, 0};
	size_t count;
	enum file_state st = hashed(fh, OUTPUT_TREE, path, skip, &h, &count, err, bad_path);

	if (st == FILE_FOLDER)
		*out = h;
	return st;
}

enum file_state filehash_glob(struct filehash *fh, struct str pattern, const struct filehash_skip *skip, struct hash128 *out, size_t *count,
                              int *err, struct str *bad_path)
{
	return hashed(fh, OUTPUT_GLOB, pattern, skip, out, count, err, bad_path);
}

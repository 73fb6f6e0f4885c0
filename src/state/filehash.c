#include "state/filehash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/map.h"
#include "base/vec.h"

enum { TRIES = 3 }; /* of hashing a file that changes meanwhile */

struct entry {
	struct filehash_file file; /* first: handed out as this */
	bool racy;                 /* hashed so soon after a change that another one might not show */
	bool changed;              /* found otherwise when it was looked at afresh */
	unsigned char looked;      /* LOOKED_…: how its present state was found */
	struct entry *next;        /* the path asked for next */
	struct file_stat *link;    /* the path is a link, found so when it was looked at as an output */
};

enum { LOOKED_THROUGH = 1, LOOKED_AT = 2 };

struct filehash {
	struct arena *arena;
	int root_fd;
	struct log *log;
	struct map files; /* path -> struct entry */
	struct entry *first, *last;
	struct seen *seen; /* NULL: nobody wants to know */
};

struct filehash *filehash_new(struct arena *a, int root_fd, struct log *log)
{
	struct filehash *fh = arena_new(a, struct filehash);

	fh->arena = a;
	fh->root_fd = root_fd;
	fh->log = log;
	return fh;
}

void filehash_free(struct filehash *fh)
{
	if (fh)
		map_free(&fh->files);
}

void filehash_forget(struct filehash *fh)
{
	struct map_entry *e;

	seen_spoil(fh->seen);
	for (size_t i = 0; (e = map_next(&fh->files, &i));) {
		struct filehash_file *f = e->value;
		f->state = FILE_UNKNOWN;
		f->hashed = false;
	}
}

void filehash_use(struct filehash *fh, int root_fd, struct log *log)
{
	fh->root_fd = root_fd;
	fh->log = log;
}

void filehash_see(struct filehash *fh, struct seen *seen)
{
	fh->seen = seen;
}

struct filehash_file *filehash_file(struct filehash *fh, struct str path)
{
	struct entry *e = map_get(&fh->files, path);

	if (!e) {
		e = arena_new(fh->arena, struct entry);
		e->file.path = arena_copy(fh->arena, path);
		*map_slot(&fh->files, e->file.path) = e;
		if (fh->last)
			fh->last->next = e;
		else
			fh->first = e;
		fh->last = e;
	}
	return &e->file;
}

static enum file_state kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return FILE_REGULAR;
	return S_ISDIR(mode) ? FILE_FOLDER : FILE_SPECIAL;
}

static enum file_state missing_or_failed(int err)
{
	return err == ENOENT || err == ENOTDIR ? FILE_MISSING : FILE_FAILED;
}

static enum file_state set_error(struct filehash *fh, struct filehash_file *f, int err)
{
	if (((struct entry *)f)->looked && f->state != missing_or_failed(err))
		seen_spoil(fh->seen);
	f->err = err;
	f->hashed = false;
	return f->state = missing_or_failed(err);
}

/* The file as it was just found. What was hashed holds as long as the stamps do, if they can be trusted. */
static enum file_state set_stat(struct filehash *fh, struct filehash_file *f, const struct stat *st)
{
	struct file_stat now = file_stat_of(st);
	bool known = f->state != FILE_MISSING && f->state != FILE_FAILED && file_stat_same(&now, &f->stat);

	if (((struct entry *)f)->looked && !known)
		seen_spoil(fh->seen);
	if (!file_stat_same(&now, &f->stat) || ((struct entry *)f)->racy)
		f->hashed = false;
	f->stat = now;
	f->err = 0;
	f->executable = st->st_mode & S_IXUSR;
	f->state = kind_of(st->st_mode);
	if (f->state != FILE_REGULAR)
		f->hashed = false;
	return f->state;
}

/* As C string; a path with a NUL in it names no file. NULL with errno. */
static const char *c_path(const struct filehash_file *f)
{
	errno = ENOENT;
	return memchr(f->path.p, '\0', f->path.n) ? NULL : f->path.p;
}

enum file_state filehash_look(struct filehash *fh, struct filehash_file *f, bool fresh)
{
	const char *path = c_path(f);
	struct filehash_file was;
	struct stat st;

	if (f->state != FILE_UNKNOWN && !fresh)
		return f->state;
	was = *f;
	if (!path || fstatat(fh->root_fd, path, &st, 0))
		set_error(fh, f, errno);
	else
		set_stat(fh, f, &st);
	if (was.state != FILE_UNKNOWN && (f->state != was.state || !file_stat_same(&f->stat, &was.stat)))
		((struct entry *)f)->changed = true;
	((struct entry *)f)->looked |= LOOKED_THROUGH;
	return f->state;
}

/* Is the hash known from an earlier run? */
static bool recall(struct filehash *fh, struct filehash_file *f)
{
	struct file_stat known;

	if (!fh->log || !log_file_get(fh->log, f->path, &known, &f->hash) || !file_stat_same(&known, &f->stat))
		return false;
	/* It was recorded only when that was safe; a clock that was set back since may make it unsafe again. */
	if (file_stat_racy(&f->stat, clock_wall_ns()))
		return false;
	((struct entry *)f)->racy = false;
	return f->hashed = true;
}

/* Hashes what fd is now. *changed: it was written to meanwhile. 0 or errno. */
static int hash_open(struct filehash *fh, struct filehash_file *f, int fd, bool *changed)
{
	int64_t began_ns = clock_wall_ns();
	struct file_stat after;
	struct stat st;
	uint64_t size;
	int err;

	if (fstat(fd, &st))
		return errno;
	if (set_stat(fh, f, &st) != FILE_REGULAR)
		return 0;
	err = hash_fd(fd, &f->hash, &size);
	if (!err && fstat(fd, &st))
		err = errno;
	if (err)
		return err;
	after = file_stat_of(&st);
	*changed = !file_stat_same(&after, &f->stat) || size != f->stat.size;
	((struct entry *)f)->racy = *changed || file_stat_racy(&f->stat, began_ns);
	f->hashed = true;
	return 0;
}

static enum file_state hash_content(struct filehash *fh, struct filehash_file *f, int flags)
{
	bool changed = true;

	for (int i = 0; changed && i < TRIES; i++) {
		int fd = openat(fh->root_fd, f->path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags), err;

		if (fd < 0)
			return set_error(fh, f, errno);
		changed = false;
		err = hash_open(fh, f, fd, &changed);
		close(fd);
		if (err) {
			f->state = FILE_FAILED;
			f->hashed = false;
			f->err = err;
		}
		if (f->state != FILE_REGULAR)
			return f->state;
	}
	if (fh->log && !((struct entry *)f)->racy)
		log_file_put(fh->log, f->path, &f->stat, f->hash);
	return FILE_REGULAR;
}

enum file_state filehash_hash(struct filehash *fh, struct filehash_file *f, bool fresh)
{
	/* Hashed at some time and not to be looked at again: whether it was racy does not matter. */
	if (f->hashed && !fresh)
		return FILE_REGULAR;
	if (filehash_look(fh, f, fresh) != FILE_REGULAR || f->hashed || recall(fh, f))
		return f->state;
	return hash_content(fh, f, 0);
}

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

static struct hash128 hash_of_file(const struct filehash_file *f)
{
	unsigned char text[17] = {f->executable ? 'x' : 'f'};

	hash_text(f->hash, text + 1);
	return hash_bytes(text, sizeof text);
}

/* What the link leads to may be known as an input: that is left as it is. */
static void note_link(struct filehash *fh, struct entry *e, const struct stat *st)
{
	struct file_stat now = file_stat_of(st);

	if ((e->looked & LOOKED_AT) || (e->link && !file_stat_same(e->link, &now)))
		seen_spoil(fh->seen);
	if (!e->link)
		e->link = arena_new(fh->arena, struct file_stat);
	*e->link = now;
}

/* Now it is no link. */
static void note_no_link(struct filehash *fh, struct filehash_file *f)
{
	struct entry *e = (struct entry *)f;

	if (e->link)
		seen_spoil(fh->seen);
	e->looked |= LOOKED_AT;
}

static enum file_state output_link(struct filehash *fh, const char *path, struct hash128 *out, int *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(fh->root_fd, path, text, sizeof text);

	if (n < 0) {
		*err = errno;
		seen_spoil(fh->seen);
		return missing_or_failed(errno);
	}
	*out = tagged('l', text, (size_t)n);
	return FILE_REGULAR;
}

enum file_state filehash_output(struct filehash *fh, struct str path, struct hash128 *out, int *err)
{
	struct filehash_file *f = filehash_file(fh, path);
	const char *name = c_path(f);
	struct stat st;

	*err = 0;
	if (!name || fstatat(fh->root_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		*err = errno;
		set_error(fh, f, errno);
		note_no_link(fh, f);
		return f->state;
	}
	if (S_ISLNK(st.st_mode)) {
		note_link(fh, (struct entry *)f, &st);
		return output_link(fh, name, out, err);
	}
	set_stat(fh, f, &st);
	note_no_link(fh, f);
	if (f->state == FILE_REGULAR && !f->hashed && !recall(fh, f))
		hash_content(fh, f, O_NOFOLLOW);
	*err = f->err;
	if (f->state == FILE_REGULAR)
		*out = hash_of_file(f);
	return f->state;
}

/* Parts of a tree or of a pattern's files, by name. */
struct part {
	struct str path; /* relative to the root */
	struct hash128 hash;
	char kind; /* 'o' an output with a hash, 'd' a folder, 's' something special */
};

struct parts {
	struct filehash *fh;
	const struct filehash_skip *skip;
	struct arena arena;
	VEC(struct part) found;
	VEC(struct str) folders; /* yet to be read */
	int err;
	struct str bad; /* in the filehash's arena */
};

static bool parts_fail(struct parts *p, struct str path, int err)
{
	p->err = err;
	p->bad = arena_copy(p->fh->arena, path);
	return false;
}

static bool parts_add(struct parts *p, struct str path)
{
	struct part part = {.path = path, .kind = 'o'};
	int err;

	if (p->skip && p->skip->fn(p->skip->self, path))
		return true;
	switch (filehash_output(p->fh, path, &part.hash, &err)) {
	case FILE_REGULAR:
		break;
	case FILE_FOLDER:
		part.kind = 'd';
		vec_push(&p->arena, &p->folders, path);
		if (p->skip) /* what is left out may have made it */
			return true;
		break;
	case FILE_SPECIAL:
		part.kind = 's';
		break;
	case FILE_MISSING: /* gone since it was listed */
		return true;
	default:
		return parts_fail(p, path, err);
	}
	vec_push(&p->arena, &p->found, part);
	return true;
}

static bool read_folder(struct parts *p, struct str folder)
{
	int fd = openat(p->fh->root_fd, folder.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *e = NULL;
	bool ok = true;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT || parts_fail(p, folder, errno);
	d = fdopendir(fd);
	if (!d) {
		parts_fail(p, folder, errno);
		close(fd);
		return false;
	}
	while (ok && (errno = 0, e = readdir(d)))
		if (!glob_passes_over(folder, e->d_name))
			ok = parts_add(p, arena_printf(&p->arena, "%.*s/%s", STR_ARG(folder), e->d_name));
	if (ok && errno)
		ok = parts_fail(p, folder, errno);
	closedir(d);
	return ok;
}

static int by_path(const void *a, const void *b)
{
	return str_cmp(((const struct part *)a)->path, ((const struct part *)b)->path);
}

/* All parts by name as one hash; `skip` bytes at the beginning of each path are the tree's own and do not count. */
static struct hash128 parts_hash(struct parts *p, size_t skip)
{
	struct hasher h = hasher_new();
	unsigned char text[16];
	struct hash128 out;

	if (p->found.n)
		qsort(p->found.p, p->found.n, sizeof *p->found.p, by_path);
	for (size_t i = 0; i < p->found.n; i++) {
		const struct part *part = &p->found.p[i];

		hasher_add(&h, &part->kind, 1);
		hasher_add_framed(&h, part->path.p + skip, part->path.n - skip);
		hash_text(part->hash, text);
		hasher_add(&h, text, sizeof text);
	}
	out = hasher_end(&h);
	hasher_free(&h);
	return out;
}

enum file_state filehash_tree(struct filehash *fh, struct str path, const struct filehash_skip *skip, struct hash128 *out, int *err, struct str *bad_path)
{
	struct parts p = {.fh = fh, .skip = skip};
	struct filehash_file *f = filehash_file(fh, path);
	const char *name = c_path(f);
	struct stat st;
	bool ok = true;

	*err = 0;
	*bad_path = f->path;
	if (!name || fstatat(fh->root_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		*err = errno;
		return missing_or_failed(errno);
	}
	if (!S_ISDIR(st.st_mode))
		return FILE_REGULAR; /* a link to a folder too: it is no folder of its own */
	/* Noted before it is listed, as the folders in it are by parts_add. */
	set_stat(fh, f, &st);
	note_no_link(fh, f);
	vec_push(&p.arena, &p.folders, f->path);
	for (size_t i = 0; ok && i < p.folders.n; i++)
		ok = read_folder(&p, p.folders.p[i]);
	if (ok)
		*out = parts_hash(&p, f->path.n + 1);
	*err = p.err;
	*bad_path = p.bad;
	arena_free(&p.arena);
	return ok ? FILE_FOLDER : FILE_FAILED;
}

enum file_state filehash_glob(struct filehash *fh, struct str pattern, const struct filehash_skip *skip, struct hash128 *out, size_t *count,
                              int *err, struct str *bad_path)
{
	struct parts p = {.fh = fh, .skip = skip};
	struct glob_list list = {.seen = fh->seen};
	struct str bad = STR_NONE;
	bool ok = true;

	*count = 0;
	*err = glob_walk(&p.arena, fh->root_fd, pattern, &list, &bad);
	if (*err) {
		*bad_path = arena_copy(fh->arena, bad);
		arena_free(&p.arena);
		return FILE_FAILED;
	}
	for (size_t i = 0; ok && i < list.paths.n; i++)
		ok = parts_add(&p, list.paths.p[i]);
	if (ok)
		*out = parts_hash(&p, 0);
	*count = p.found.n;
	*err = p.err;
	*bad_path = p.bad;
	arena_free(&p.arena);
	return ok ? FILE_REGULAR : FILE_FAILED;
}

static bool is_output(const struct entry *e)
{
	return e->link || (e->looked & LOOKED_AT);
}

bool filehash_each(const struct filehash *fh, bool outputs, void (*fn)(void *self, struct str path, const struct file_stat *st, bool through), void *self)
{
	for (const struct entry *e = fh->first; e; e = e->next) {
		const struct file_stat *st = e->file.state == FILE_MISSING ? NULL : &e->file.stat;

		if (e->racy || (e->looked && e->file.state == FILE_FAILED))
			return false;
		if (is_output(e) != outputs)
			continue;
		if (e->link)
			fn(self, e->file.path, e->link, false);
		/* What is found so without following a link is found so by following it too. */
		if (e->looked)
			fn(self, e->file.path, st, !(e->looked & LOOKED_AT));
	}
	return true;
}

void filehash_sights(const struct filehash *fh, void (*fn)(void *self, const struct filehash_sight *s), void *self)
{
	for (const struct entry *e = fh->first; e; e = e->next) {
		const struct filehash_file *f = &e->file;
		bool there = f->state == FILE_REGULAR || f->state == FILE_FOLDER || f->state == FILE_SPECIAL;

		if (e->link)
			fn(self, &(struct filehash_sight){.path = f->path, .stat = e->link});
		if (f->state != FILE_UNKNOWN && e->looked)
			fn(self, &(struct filehash_sight){
			             f->path, there ? &f->stat : NULL, !(e->looked & LOOKED_AT), f->state == FILE_FAILED, f->state == FILE_FOLDER, e->changed});
	}
}

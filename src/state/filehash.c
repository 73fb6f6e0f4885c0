#include "state/filehash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"

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

void filehash_expect(struct filehash *fh, size_t n)
{
	map_reserve(&fh->files, n);
	if (fh->log)
		log_files_expect(fh->log, n);
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

/* A small file, in one read. It is not looked at again: its facts are older than its content, so a change meanwhile makes others of them. */
static bool hash_small(struct filehash_file *f, int fd)
{
	uint64_t size;

	if (f->stat.size >= HASH_SMALL || hash_small_fd(fd, &f->hash, &size))
		return false;
	return size == f->stat.size;
}

/* Hashes what fd is now. *changed: it was written to meanwhile. 0 or errno. */
static int hash_open(struct filehash *fh, struct filehash_file *f, int fd, bool *changed)
{
	int64_t began_ns = clock_wall_ns();
	struct file_stat after;
	struct stat st;
	uint64_t size;
	int err;

	*changed = false;
	if (fstat(fd, &st))
		return errno;
	if (set_stat(fh, f, &st) != FILE_REGULAR)
		return 0;
	if (!hash_small(f, fd)) {
		err = hash_fd(fd, &f->hash, &size);
		if (!err && fstat(fd, &st))
			err = errno;
		if (err)
			return err;
		after = file_stat_of(&st);
		*changed = !file_stat_same(&after, &f->stat) || size != f->stat.size;
	}
	((struct entry *)f)->racy = *changed || file_stat_racy(&f->stat, began_ns);
	f->hashed = true;
	return 0;
}

static int open_file(const struct filehash *fh, const char *path, int flags)
{
	return openat(fh->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
}

/* Of a file that was opened, which is closed. */
static enum file_state hash_content(struct filehash *fh, struct filehash_file *f, int fd, int flags)
{
	bool changed = true;

	for (int i = 0; changed && i < TRIES; i++) {
		int err;

		if (i)
			fd = open_file(fh, f->path.p, flags);
		if (fd < 0)
			return set_error(fh, f, errno);
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

/* Opens a file that neither this run nor the log knows: to look at it first would tell nothing that its descriptor does not. -1: it is to be looked at. */
static int open_unknown(const struct filehash *fh, const struct filehash_file *f)
{
	const char *path = c_path(f);
	struct file_stat st;
	struct hash128 h;

	if (!path || f->state != FILE_UNKNOWN || ((const struct entry *)f)->looked || (fh->log && log_file_get(fh->log, f->path, &st, &h)))
		return -1;
	return open_file(fh, path, 0);
}

enum file_state filehash_hash(struct filehash *fh, struct filehash_file *f, bool fresh)
{
	int fd;

	/* Hashed at some time and not to be looked at again: whether it was racy does not matter. */
	if (f->hashed && !fresh)
		return FILE_REGULAR;
	fd = open_unknown(fh, f);
	if (fd >= 0) {
		hash_content(fh, f, fd, 0);
		((struct entry *)f)->looked |= LOOKED_THROUGH;
		return f->state;
	}
	if (filehash_look(fh, f, fresh) != FILE_REGULAR || f->hashed || recall(fh, f))
		return f->state;
	return hash_content(fh, f, open_file(fh, f->path.p, 0), 0);
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

static enum file_state part_link(struct filehash *fh, struct arena *a, const char *path, struct filehash_part *out, int *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(fh->root_fd, path, text, sizeof text);

	if (n < 0) {
		*err = errno;
		seen_spoil(fh->seen);
		return missing_or_failed(errno);
	}
	out->kind = PART_LINK;
	out->link = arena_copy(a, (struct str){text, (size_t)n});
	return FILE_REGULAR;
}

static void fill_part(const struct filehash_file *f, struct filehash_part *out)
{
	if (f->state == FILE_REGULAR) {
		out->kind = f->executable ? PART_PROGRAM : PART_FILE;
		out->content = f->hash;
		out->size = f->stat.size;
	} else {
		out->kind = f->state == FILE_FOLDER ? PART_FOLDER : PART_SPECIAL;
	}
}

enum file_state filehash_part(struct filehash *fh, struct arena *a, struct str path, struct filehash_part *out, int *err)
{
	struct filehash_file *f = filehash_file(fh, path);
	const char *name = c_path(f);
	struct stat st;

	*err = 0;
	*out = (struct filehash_part){.path = f->path};
	if (!name || fstatat(fh->root_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		*err = errno;
		set_error(fh, f, errno);
		note_no_link(fh, f);
		return f->state;
	}
	if (S_ISLNK(st.st_mode)) {
		note_link(fh, (struct entry *)f, &st);
		return part_link(fh, a, name, out, err);
	}
	set_stat(fh, f, &st);
	note_no_link(fh, f);
	if (f->state == FILE_REGULAR && !f->hashed && !recall(fh, f))
		hash_content(fh, f, open_file(fh, f->path.p, O_NOFOLLOW), O_NOFOLLOW);
	*err = f->err;
	fill_part(f, out);
	return f->state;
}

enum file_state filehash_folder(struct filehash *fh, struct filehash_file *f, int *err)
{
	const char *name = c_path(f);
	struct stat st;

	*err = 0;
	if (!name || fstatat(fh->root_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		*err = errno;
		return missing_or_failed(errno);
	}
	if (!S_ISDIR(st.st_mode))
		return FILE_REGULAR; /* a link to a folder too: it is no folder of its own */
	set_stat(fh, f, &st);
	note_no_link(fh, f);
	return FILE_FOLDER;
}

int filehash_root(const struct filehash *fh)
{
	return fh->root_fd;
}

struct seen *filehash_seen(const struct filehash *fh)
{
	return fh->seen;
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

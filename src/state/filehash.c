#include "state/filehash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "state/filehash_entry.h"

enum {
	TRIES = 3,               /* of hashing a file that changes meanwhile */
	NUMBERS = (1 << 27) - 1, /* of paths; memory does not last for so many */
};

struct filehash *filehash_new(struct arena *a, int root_fd, struct log *log)
{
	struct filehash *fh = arena_new(a, struct filehash);

	fh->arena = a;
	fh->root_fd = root_fd;
	fh->log = log;
	fh->who = FILEHASH_NOBODY;
	return fh;
}

void filehash_free(struct filehash *fh)
{
	if (!fh)
		return;
	map_free(&fh->files);
	map_free(&fh->believed);
	vec_free(&fh->asked);
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
}

void filehash_believe(struct filehash *fh, struct str path, uint64_t fact, const struct hash128 *content)
{
	struct belief *b = arena_new(fh->arena, struct belief);

	*b = (struct belief){fact, *content};
	*map_slot(&fh->believed, path) = b;
}

void filehash_attend(struct filehash *fh, uint32_t who)
{
	fh->who = who;
}

const struct filehash_asked *filehash_asked(const struct filehash *fh, size_t *n, size_t *n_paths)
{
	*n = fh->asked.n;
	*n_paths = fh->n;
	return fh->asked.p;
}

struct filehash_file *filehash_file(struct filehash *fh, struct str path)
{
	/* Many are asked for again in the order in which they first were. */
	struct entry *e = fh->at ? fh->at->next : fh->first;

	if (!e || !str_eq(e->file.path, path))
		e = map_get(&fh->files, path);
	if (!e) {
		e = arena_new(fh->arena, struct entry);
		e->file.path = arena_copy(fh->arena, path);
		e->number = fh->n++ & NUMBERS;
		e->file.who = FILEHASH_NOBODY;
		*map_slot(&fh->files, e->file.path) = e;
		if (fh->last)
			fh->last->next = e;
		else
			fh->first = e;
		fh->last = e;
	}
	fh->at = e;
	if (e->file.who != fh->who && fh->who != FILEHASH_NOBODY) {
		e->file.who = fh->who;
		vec_push(NULL, &fh->asked, (struct filehash_asked){e->number, fh->who});
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
static enum file_state set_stat(struct filehash *fh, struct filehash_file *f, const struct file_found *found)
{
	bool known = f->state != FILE_MISSING && f->state != FILE_FAILED && file_stat_same(&found->stat, &f->stat);

	if (((struct entry *)f)->looked && !known)
		seen_spoil(fh->seen);
	if (!file_stat_same(&found->stat, &f->stat) || ((struct entry *)f)->racy)
		f->hashed = false;
	f->stat = found->stat;
	f->err = 0;
	f->executable = found->mode & S_IXUSR;
	f->state = kind_of(found->mode);
	if (f->state != FILE_REGULAR)
		f->hashed = false;
	return f->state;
}

const char *filehash_c_path(const struct filehash_file *f)
{
	errno = ENOENT;
	return memchr(f->path.p, '\0', f->path.n) ? NULL : f->path.p;
}

static void find(const struct filehash *fh, const struct filehash_file *f, int flags, struct file_found *out)
{
	const char *path = filehash_c_path(f);

	if (path)
		file_find(fh->root_fd, path, flags, out);
	else
		*out = (struct file_found){.err = ENOENT};
}

bool filehash_was_ahead(struct filehash *fh, struct filehash_file *f)
{
	struct entry *e = (struct entry *)f;
	bool was = e->ahead && e->ahead == fh->ahead;

	e->ahead = 0;
	return was;
}

static void note_change(struct filehash_file *f, const struct filehash_file *was)
{
	if (was->state != FILE_UNKNOWN && (f->state != was->state || !file_stat_same(&f->stat, &was->stat)))
		((struct entry *)f)->changed = true;
}

void filehash_take_look(struct filehash *fh, struct filehash_file *f, const struct file_found *found)
{
	struct filehash_file was = *f;

	if (found->err)
		set_error(fh, f, found->err);
	else
		set_stat(fh, f, found);
	note_change(f, &was);
	((struct entry *)f)->looked |= LOOKED_THROUGH;
}

enum file_state filehash_look(struct filehash *fh, struct filehash_file *f, bool fresh)
{
	struct file_found found;

	if (f->state != FILE_UNKNOWN && !fresh)
		return f->state;
	find(fh, f, 0, &found);
	filehash_take_look(fh, f, &found);
	return f->state;
}

bool filehash_recall(struct filehash *fh, struct filehash_file *f)
{
	bool (*get)(struct log *, struct str, struct file_stat *, struct hash128 *) = ((struct entry *)f)->noted ? log_file_get : log_file_known;
	const struct belief *b = fh->believed.n ? map_get(&fh->believed, f->path) : NULL;
	struct file_stat known;

	if (b && b->fact == file_stat_hash(&f->stat))
		f->hash = b->content;
	else if (!fh->log || !get(fh->log, f->path, &known, &f->hash) || !file_stat_same(&known, &f->stat))
		return false;
	/* It was recorded only when that was safe; a clock that was set back since may make it unsafe again. */
	if (file_stat_racy(&f->stat, clock_wall_ns()))
		return false;
	((struct entry *)f)->racy = false;
	return f->hashed = true;
}

/* Of a file that was opened: its state now. */
static enum file_state take_opened(struct filehash *fh, struct filehash_file *f, const struct file_found *found)
{
	if (found->stated && set_stat(fh, f, found) != FILE_REGULAR)
		return f->state;
	if (found->err) {
		f->hashed = false;
		f->err = found->err;
		return f->state = FILE_FAILED;
	}
	f->hash = found->hash;
	f->hashed = true;
	((struct entry *)f)->racy = found->changed || file_stat_racy(&f->stat, found->began_ns);
	return f->state;
}

enum file_state filehash_take_content(struct filehash *fh, struct filehash_file *f, const struct file_found *found, int flags)
{
	struct file_found again;

	for (int i = 1;; i++) {
		if (!found->opened)
			return set_error(fh, f, found->err);
		if (take_opened(fh, f, found) != FILE_REGULAR)
			return f->state;
		if (!found->changed || i == TRIES)
			break;
		file_find_content(fh->root_fd, f->path.p, flags, UINT64_MAX, &again);
		found = &again;
	}
	if (fh->log && !((struct entry *)f)->racy) {
		log_file_put(fh->log, f->path, &f->stat, f->hash);
		((struct entry *)f)->noted = true;
	}
	return FILE_REGULAR;
}

static enum file_state hash_content(struct filehash *fh, struct filehash_file *f, int flags)
{
	struct file_found found;

	file_find_content(fh->root_fd, f->path.p, flags, UINT64_MAX, &found);
	return filehash_take_content(fh, f, &found, flags);
}

bool filehash_must_read(const struct filehash *fh, const struct filehash_file *f)
{
	bool racy = f->hashed && ((const struct entry *)f)->racy;
	struct file_stat st;
	struct hash128 h;

	if ((f->hashed && !racy) || (f->state != FILE_UNKNOWN && f->state != FILE_REGULAR) || !filehash_c_path(f))
		return false;
	return racy || (!(fh->log && log_file_known(fh->log, f->path, &st, &h)) && !(fh->believed.n && map_get(&fh->believed, f->path)));
}

enum file_state filehash_take_read(struct filehash *fh, struct filehash_file *f, const struct file_found *found)
{
	struct filehash_file was = *f;

	filehash_take_content(fh, f, found, 0);
	note_change(f, &was);
	((struct entry *)f)->looked |= LOOKED_THROUGH;
	return f->state;
}

enum file_state filehash_hash(struct filehash *fh, struct filehash_file *f, bool fresh)
{
	struct file_found found;

	if (filehash_was_ahead(fh, f))
		fresh = false;
	/* Hashed at some time and not to be looked at again: whether it was racy does not matter. */
	if (f->hashed && !fresh)
		return FILE_REGULAR;
	if ((fresh || f->state == FILE_UNKNOWN) && filehash_must_read(fh, f)) {
		file_find_content(fh->root_fd, f->path.p, 0, UINT64_MAX, &found);
		if (found.opened) /* else a look tells more */
			return filehash_take_read(fh, f, &found);
	}
	if (filehash_look(fh, f, fresh) != FILE_REGULAR || f->hashed || filehash_recall(fh, f))
		return f->state;
	return hash_content(fh, f, 0);
}

/* What the link leads to may be known as an input: that is left as it is. */
static void note_link(struct filehash *fh, struct entry *e, const struct file_stat *now)
{
	if ((e->looked & LOOKED_AT) || (e->link && !file_stat_same(e->link, now)))
		seen_spoil(fh->seen);
	if (!e->link)
		e->link = arena_new(fh->arena, struct file_stat);
	*e->link = *now;
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

void filehash_take_part(struct filehash *fh, struct filehash_file *f, const struct file_found *found)
{
	if (found->err)
		set_error(fh, f, found->err);
	else
		set_stat(fh, f, found);
	note_no_link(fh, f);
}

/* What has to be read, opens and is no link needs no look first. */
static bool open_part(struct filehash *fh, struct arena *a, struct filehash_file *f, struct filehash_part *out)
{
	char buf[FILEHASH_TEXT + 1];
	struct file_found found;

	if (!filehash_must_read(fh, f))
		return false;
	file_find_text(fh->root_fd, f->path.p, O_NOFOLLOW, buf, &found);
	if (!found.opened)
		return false;
	filehash_take_content(fh, f, &found, O_NOFOLLOW);
	note_no_link(fh, f);
	if (found.text.p)
		out->text = arena_copy(a, found.text);
	return true;
}

enum file_state filehash_part(struct filehash *fh, struct arena *a, struct str path, bool text, struct filehash_part *out, int *err)
{
	struct filehash_file *f = filehash_file(fh, path);
	struct file_found found;

	*err = 0;
	*out = (struct filehash_part){.path = f->path};
	if (!filehash_was_ahead(fh, f) && !(text && open_part(fh, a, f, out))) {
		find(fh, f, AT_SYMLINK_NOFOLLOW, &found);
		if (!found.err && S_ISLNK(found.mode)) {
			note_link(fh, (struct entry *)f, &found.stat);
			return part_link(fh, a, f->path.p, out, err);
		}
		filehash_take_part(fh, f, &found);
		if (f->state == FILE_REGULAR && !f->hashed && !filehash_recall(fh, f))
			hash_content(fh, f, O_NOFOLLOW);
	}
	*err = f->err;
	if (!f->err)
		fill_part(f, out);
	return f->state;
}

enum file_state filehash_folder(struct filehash *fh, struct filehash_file *f, int *err)
{
	struct file_found found;

	find(fh, f, AT_SYMLINK_NOFOLLOW, &found);
	*err = found.err;
	if (found.err)
		return missing_or_failed(found.err);
	if (!S_ISDIR(found.mode))
		return FILE_REGULAR; /* a link to a folder too: it is no folder of its own */
	filehash_take_part(fh, f, &found);
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

/* What stands there now, when it was looked at. */
static struct filehash_told told(const struct entry *e)
{
	const struct filehash_file *f = &e->file;

	return (struct filehash_told){
	    .path = f->path,
	    .stat = f->state == FILE_MISSING ? NULL : &f->stat,
	    .through = !(e->looked & LOOKED_AT), /* what is found so without following a link is found so by following it too */
	    .young = e->racy,
	    .hash = f->state == FILE_REGULAR && f->hashed ? &f->hash : NULL,
	    .number = e->number,
	};
}

static struct filehash_told told_link(const struct entry *e)
{
	return (struct filehash_told){.path = e->file.path, .stat = e->link, .number = e->number};
}

bool filehash_each(const struct filehash *fh, bool outputs, void (*fn)(void *self, const struct filehash_told *t), void *self)
{
	for (const struct entry *e = fh->first; e; e = e->next) {
		struct filehash_told t;

		if (e->looked && e->file.state == FILE_FAILED)
			return false;
		if (is_output(e) != outputs)
			continue;
		if (e->link) {
			t = told_link(e);
			fn(self, &t);
		}
		if (e->looked) {
			t = told(e);
			fn(self, &t);
		}
	}
	return true;
}

bool filehash_tell(const struct filehash *fh, struct str path, struct filehash_told *out)
{
	const struct entry *e = map_get(&fh->files, path);

	if (!e || e->link || !e->looked || e->file.state == FILE_FAILED)
		return false;
	*out = told(e);
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

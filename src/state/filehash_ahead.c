/* Looking at many paths at once. Threads only ask the system; what that tells is taken here, by one thread and in the order asked
 * for. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/pool.h"
#include "state/filehash.h"
#include "state/filehash_entry.h"

enum {
	CHUNK = 8192,
	PIECE = 64,
	LARGE = 4 << 20, /* bytes from which on a file is worth a thread */
};

struct asked {
	struct filehash_file *file;
	bool read;  /* its content, not only its facts */
	bool large; /* only at the end, each by itself */
	struct file_found found;
};

struct asking {
	struct filehash *fh;
	int at; /* the root */
	struct asked *of;
	size_t n;
	bool outputs;
};

static bool ask(void *self, size_t from, size_t to)
{
	const struct asking *k = self;
	for (size_t i = from; i < to; i++) {
		struct asked *x = &k->of[i];

		if (x->large)
			continue;
		if (x->read)
			file_find_content(k->at, x->file->path.p, k->outputs ? O_NOFOLLOW : 0, LARGE, &x->found);
		else
			file_find(k->at, x->file->path.p, k->outputs ? AT_SYMLINK_NOFOLLOW : 0, &x->found);
	}
	return true;
}

static bool ask_large(void *self, size_t from, size_t to)
{
	const struct asking *k = self;

	for (size_t i = from; i < to; i++)
		file_find_content(k->at, k->of[i].file->path.p, k->outputs ? O_NOFOLLOW : 0, UINT64_MAX, &k->of[i].found);
	return true;
}

static void found(struct filehash *fh, struct filehash_file *f)
{
	((struct entry *)f)->ahead = fh->ahead;
}

/* Nothing is taken of what needs more than one look (it cannot be opened, it changes meanwhile): who asks for it does as if
 * nobody had looked. */
static void take_read(struct asking *k, struct asked *x)
{
	if (!x->found.opened || x->found.changed)
		return;
	if (k->outputs)
		filehash_take_content(k->fh, x->file, &x->found, O_NOFOLLOW);
	else
		filehash_take_read(k->fh, x->file, &x->found);
	found(k->fh, x->file);
}

/* true: its content is to be read as well. */
static bool take_look(struct asking *k, struct asked *x)
{
	if (k->outputs && (x->found.err || !S_ISREG(x->found.mode)))
		return false;
	if (k->outputs)
		filehash_take_part(k->fh, x->file, &x->found);
	else
		filehash_take_look(k->fh, x->file, &x->found);
	if (x->file->state == FILE_REGULAR && !x->file->hashed && !filehash_recall(k->fh, x->file))
		return true;
	found(k->fh, x->file);
	return false;
}

/* Takes what was found. What is left to ask for: the contents of files of which a look did not do, and those of large ones. */
static void take_all(struct asking *k)
{
	size_t left = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct asked *x = &k->of[i];

		if (x->large || (x->read && x->found.left))
			k->of[left++] = (struct asked){.file = x->file, .read = true, .large = true};
		else if (x->read)
			take_read(k, x);
		else if (take_look(k, x))
			k->of[left++] = (struct asked){.file = x->file, .read = true, .large = x->file->stat.size > LARGE};
	}
	k->n = left;
}

static void ask_all(struct asking *k)
{
	pool_each(k->n, PIECE, ask, k);
	take_all(k);
	pool_each(k->n, PIECE, ask, k);
	take_all(k);
	pool_each_long(k->n, ask_large, k);
	for (size_t i = 0; i < k->n; i++)
		take_read(k, &k->of[i]);
}

static void add(struct asking *k, const struct filehash_wish *w)
{
	struct filehash_file *f = w->file;
	bool known = !k->outputs && !w->fresh && f->state != FILE_UNKNOWN;

	if (!known && filehash_c_path(f))
		k->of[k->n++] = (struct asked){.file = f, .read = !k->outputs && (w->fresh || f->state == FILE_UNKNOWN) && filehash_must_read(k->fh, f)};
}

void filehash_ahead(struct filehash *fh, const struct filehash_wish *wishes, size_t n, bool outputs)
{
	struct asking k = {.fh = fh, .outputs = outputs};

	if (n < 2)
		return;
	fh->ahead++;
	k.at = n < POOL_WORTH * PIECE ? fh->root_fd : os_here(fh->root_fd);
	k.of = xcalloc(n < CHUNK ? n : CHUNK, sizeof *k.of);
	for (size_t i = 0; i < n;) {
		for (k.n = 0; i < n && k.n < CHUNK; i++)
			add(&k, &wishes[i]);
		ask_all(&k);
	}
	free(k.of);
}

void filehash_ahead_end(struct filehash *fh)
{
	fh->ahead++; /* 32 bits of them: an entry that is still marked is asked for before they come round */
}

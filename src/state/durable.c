#include "state/durable.h"

#include <errno.h>

#include "base/os.h"

/* Of "a/b/c" a/b, of "a" nothing. */
static struct str folder_of(struct str path)
{
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	return str_sub(path, 0, path.n ? path.n - 1 : 0);
}

struct durable_file {
	struct str path;
	int *err;
};

static void note(int *first, int err)
{
	if (err && err != ENOENT && err != ELOOP && err != ENOTDIR && err != EACCES && !*first)
		*first = err;
}

/* The folder and all above it, up to one that is known. */
static void gather(struct durable *d, struct str path)
{
	for (;;) {
		void **slot = map_slot(&d->folders, path.n ? path : STR("."));

		if (*slot)
			return;
		*slot = d;
		if (!path.n)
			return;
		path = folder_of(path);
	}
}

void durable_folder(struct durable *d, struct str path)
{
	gather(d, arena_copy(d->arena, path));
}

void durable_file(struct durable *d, struct str path)
{
	struct durable_file f = {arena_copy(d->arena, path), d->err};

	vec_push(d->arena, &d->files, f);
	gather(d, folder_of(f.path));
}

/* All are on their way before one is waited for: a file system that keeps a journal brings them to the disk together with the first. */
static void sync_files(struct durable *d)
{
	for (size_t i = 0; d->files.n > 1 && i < d->files.n; i++)
		os_sync_ahead(d->at, d->files.p[i].path.p);
	for (size_t i = 0; i < d->files.n; i++)
		note(d->files.p[i].err, os_sync(d->at, d->files.p[i].path.p));
}

int durable_end(struct durable *d)
{
	const struct map_entry *e;
	int err = 0;

	sync_files(d);
	for (size_t i = 0; (e = map_next(&d->folders, &i));)
		note(&err, os_sync(d->at, arena_copy(d->arena, e->key).p));
	map_free(&d->folders);
	return err;
}

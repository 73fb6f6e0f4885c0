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

static void note(struct durable *d, int err)
{
	if (err && err != ENOENT && err != ELOOP && err != ENOTDIR && err != EACCES && !d->err)
		d->err = err;
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
	struct str own = arena_copy(d->arena, path);

	note(d, os_sync(d->at, own.p));
	gather(d, folder_of(own));
}

int durable_end(struct durable *d)
{
	const struct map_entry *e;

	for (size_t i = 0; (e = map_next(&d->folders, &i));)
		note(d, os_sync(d->at, arena_copy(d->arena, e->key).p));
	map_free(&d->folders);
	return d->err;
}

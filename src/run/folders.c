#include "run/folders.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"

#define WANTED                                                                                                                 \
	(IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |   \
	 IN_ONLYDIR | IN_EXCL_UNLINK)

enum { READS_MOST = 1024 };

struct set {
	struct arena arena;
	struct map by_path; /* -> struct folder */
	struct map by_wd;   /* the number's bytes -> struct folder, the first of its paths */
};

struct folders {
	int fd;
	struct set now, before; /* before: between begin and end */
};

static struct str wd_key(const int *wd)
{
	return (struct str){(const char *)wd, sizeof *wd};
}

static void set_free(struct set *s)
{
	map_free(&s->by_path);
	map_free(&s->by_wd);
	arena_free(&s->arena);
	*s = (struct set){.arena = {0}};
}

struct folders *folders_new(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct folders *f;

	if (fd < 0)
		return NULL;
	f = xcalloc(1, sizeof *f);
	f->fd = fd;
	return f;
}

void folders_free(struct folders *f)
{
	if (!f)
		return;
	close(f->fd);
	set_free(&f->now);
	set_free(&f->before);
	free(f);
}

int folders_fd(const struct folders *f)
{
	return f->fd;
}

void folders_begin(struct folders *f)
{
	set_free(&f->before);
	f->before = f->now;
	f->now = (struct set){.arena = {0}};
}

struct folder *folders_add(struct folders *f, struct str path)
{
	struct folder *known = map_get(&f->now.by_path, path), *one;

	if (known)
		return known;
	one = arena_new(&f->now.arena, struct folder);
	one->path = arena_copy(&f->now.arena, path);
	one->wd = inotify_add_watch(f->fd, one->path.p, WANTED);
	one->err = one->wd < 0 ? errno : 0;
	if (one->wd >= 0) {
		void **first = map_slot(&f->now.by_wd, wd_key(&one->wd));

		one->fresh = !map_get(&f->before.by_wd, wd_key(&one->wd));
		one->same = *first;
		*first = one;
	}
	*map_slot(&f->now.by_path, one->path) = one;
	return one;
}

void folders_end(struct folders *f)
{
	struct map_entry *e;

	for (size_t i = 0; (e = map_next(&f->before.by_wd, &i));)
		if (!map_get(&f->now.by_wd, e->key))
			inotify_rm_watch(f->fd, ((struct folder *)e->value)->wd); /* fails where the folder itself is gone */
	set_free(&f->before);
}

size_t folders_count(const struct folders *f)
{
	return f->now.by_wd.n;
}

void folders_read(struct folders *f, void (*fn)(void *self, struct folder *in, struct str name, uint32_t mask), void *self)
{
	_Alignas(struct inotify_event) char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	ssize_t n = 1;

	for (int i = 0; i < READS_MOST && n > 0; i++) {
		n = read(f->fd, buf, sizeof buf);
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(buf + at);
			struct folder *in = map_get(&f->now.by_wd, wd_key(&ev->wd));

			if (in || ev->mask & IN_Q_OVERFLOW)
				fn(self, in, ev->len ? str_of(ev->name) : STR_NONE, ev->mask);
			at += (ssize_t)(sizeof *ev + ev->len);
		}
	}
}

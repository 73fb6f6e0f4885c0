/* What is in the cache, and what has to go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/os.h"
#include "state/cache_folder.h"

#define CLOCKS_DIFFER_S 86400 /* those of machines that share a cache */

/* An object, by its name. */
struct object {
	uint64_t size;
	size_t users; /* entries that hold it, each as often as it does */
	char name[CACHE_NAME_ROOM];
};

struct held {
	char name[CACHE_NAME_ROOM];
	int64_t used_ns;
	uint64_t size; /* of the entry's file */
	VEC(struct object *) objects;
};

struct survey {
	struct cache *c;
	struct arena arena;
	struct map objects; /* name -> struct object */
	VEC(struct held) entries;
	VEC(const char *) damaged;
	struct cache_stats *stats;
	struct held *at; /* the entry whose objects are counted */
};

/* Calls fn for every regular file "WHAT/xx/…" with its status. 0 or errno. */
static int each_file(struct survey *s, const char *what, void (*fn)(struct survey *s, const char *name, const struct stat *st))
{
	char folder[CACHE_NAME_ROOM], name[CACHE_NAME_ROOM + 256];
	struct dirent *e;
	struct stat st;

	for (unsigned i = 0; i < 256; i++) {
		snprintf(folder, sizeof folder, "%s/%02x", what, i);
		int fd = openat(s->c->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		DIR *d = fd < 0 ? NULL : fdopendir(fd);

		if (!d && errno == ENOENT)
			continue;
		if (!d && (errno == ENOTDIR || errno == ELOOP)) { /* no folder of ours: nothing could be stored there */
			vec_push(&s->arena, &s->damaged, arena_copy(&s->arena, str_of(folder)).p);
			continue;
		}
		if (!d) {
			int err = errno;

			if (fd >= 0)
				close(fd);
			return err;
		}
		while ((e = readdir(d))) {
			if (strlen(e->d_name) != HASH_HEX - 1 - 2 || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
				continue;
			snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
			fn(s, name, &st);
		}
		closedir(d);
	}
	return 0;
}

static void note_object(struct survey *s, const char *name, const struct stat *st)
{
	struct object *o = arena_new(&s->arena, struct object);

	strcpy(o->name, name);
	o->size = (uint64_t)st->st_size;
	*map_slot(&s->objects, str_of(o->name)) = o;
	s->stats->objects++;
	s->stats->bytes += o->size;
}

static bool count_object(void *self, struct hash128 hash, uint64_t size)
{
	struct survey *s = self;
	char name[CACHE_NAME_ROOM];
	struct object *o;

	cache_name(name, "objects", hash);
	o = map_get(&s->objects, str_of(name));
	if (!o || o->size != size)
		return false;
	vec_push(&s->arena, &s->at->objects, o);
	return true;
}

static void add_worth(struct cache_stats *st, const struct cache_entry *e, const struct held *h)
{
	st->entries++;
	st->duration_ns += e->duration_ns;
	st->cost_usd += isnan(e->cost_usd) ? 0 : e->cost_usd;
	st->tokens += (e->input_tokens > 0 ? e->input_tokens : 0) + (e->output_tokens > 0 ? e->output_tokens : 0);
	st->oldest_ns = !st->oldest_ns || h->used_ns < st->oldest_ns ? h->used_ns : st->oldest_ns;
	st->newest_ns = h->used_ns > st->newest_ns ? h->used_ns : st->newest_ns;
}

/* Of a use that lies well ahead, or before 1970, nothing is known but that some clock was wrong: it is the first to go. Else it would be the last for ever. */
static int64_t used_at(const struct stat *st)
{
	int64_t at_s = st->st_mtim.tv_sec;

	return at_s < 0 || at_s > clock_wall_ns() / NS_PER_S + CLOCKS_DIFFER_S ? 0 : at_s * NS_PER_S + st->st_mtim.tv_nsec;
}

static void note_entry(struct survey *s, const char *name, const struct stat *st)
{
	struct held h = {.used_ns = used_at(st), .size = (uint64_t)st->st_size};
	struct cache_entry e;
	struct arena a = {0};
	struct str file;

	strcpy(h.name, name);
	s->at = &h;
	s->stats->bytes += h.size;
	if (!os_read_file(&a, s->c->fd, name, CACHE_ENTRY_MAX, &file) && cache_entry_read(&a, file, &e) && cache_entry_objects(&e, count_object, s)) {
		add_worth(s->stats, &e, &h);
		for (size_t i = 0; i < h.objects.n; i++)
			h.objects.p[i]->users++;
		vec_push(&s->arena, &s->entries, h);
	} else {
		vec_push(&s->arena, &s->damaged, arena_copy(&s->arena, str_of(name)).p);
	}
	arena_free(&a);
}

static int look(struct survey *s, struct cache *c, struct cache_stats *stats)
{
	int err;

	*s = (struct survey){.c = c, .stats = stats};
	*stats = (struct cache_stats){.limit = c->config.limit};
	if (!cache_folder(c, false))
		return c->dead ? EIO : 0;
	err = each_file(s, "objects", note_object);
	return err ? err : each_file(s, "entries", note_entry);
}

static void survey_free(struct survey *s)
{
	map_free(&s->objects);
	arena_free(&s->arena);
}

int cache_survey(struct cache *c, struct cache_stats *out)
{
	struct survey s;
	int err = look(&s, c, out);

	survey_free(&s);
	return err;
}

static int oldest_first(const void *x, const void *y)
{
	const struct held *a = x, *b = y;

	return a->used_ns != b->used_ns ? (a->used_ns > b->used_ns) - (a->used_ns < b->used_ns) : strcmp(a->name, b->name);
}

static bool removed(struct survey *s, const char *name, uint64_t size, uint64_t *total)
{
	if (unlinkat(s->c->fd, name, 0) && errno != ENOENT)
		return false;
	*total -= size < *total ? size : *total;
	return true;
}

/* The entry goes first: what is left behind by a crash is an object that nobody names, not an entry that lacks one. */
static void evict(struct survey *s, struct held *h, uint64_t *total)
{
	if (!removed(s, h->name, h->size, total))
		return;
	for (size_t i = 0; i < h->objects.n; i++)
		if (!--h->objects.p[i]->users)
			removed(s, h->objects.p[i]->name, h->objects.p[i]->size, total);
}

static void remove_dead(struct survey *s, uint64_t *total)
{
	struct map_entry *e;

	for (size_t i = 0; i < s->damaged.n; i++)
		removed(s, s->damaged.p[i], 0, total);
	for (size_t i = 0; (e = map_next(&s->objects, &i));) {
		struct object *o = e->value;

		if (!o->users)
			removed(s, o->name, o->size, total);
	}
	os_remove_tree(s->c->fd, "tmp");
}

static int sweep(struct cache *c, struct cache_stats *before)
{
	struct survey s;
	int err = look(&s, c, before);
	uint64_t total = before->bytes;

	if (!err) {
		remove_dead(&s, &total);
		if (s.entries.n > 1)
			qsort(s.entries.p, s.entries.n, sizeof *s.entries.p, oldest_first);
		for (size_t i = 0; total > c->config.limit && i < s.entries.n; i++)
			evict(&s, &s.entries.p[i], &total);
	}
	survey_free(&s);
	return err;
}

int cache_sweep(struct cache *c, bool wait, struct cache_stats *before, struct cache_stats *after)
{
	struct cache_stats unused;
	int err;

	*after = (struct cache_stats){.limit = c->config.limit};
	if (before)
		*before = *after;
	if (!cache_folder(c, false))
		return c->dead ? EIO : 0;
	if (!cache_lock(c, true, wait ? LOCK_FOR_EVER : LOCK_PATIENTLY))
		return EAGAIN;
	err = sweep(c, before ? before : &unused);
	if (!err)
		err = cache_survey(c, after);
	if (!err)
		cache_size_set(c, after->bytes + (c->reserved > c->added ? c->reserved - c->added : 0));
	cache_unlock(c);
	return err;
}

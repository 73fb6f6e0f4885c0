#include "run/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/glob.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "run/folders.h"
#include "state/bytes.h"
#include "state/watchlist.h"

enum { LINKS_DEEP = 40, DULL_MOST = 1 << 20 };

struct entry {
	struct watch_entry seen;
	struct entry *same; /* the next one of this path */
};

/* A path to which something can happen. */
struct place {
	struct str path;
	struct entry *first; /* NULL: none */
	bool step;           /* others are reached through it: when it changes, so may all */
	bool touched;
	bool writing;        /* somebody has written, and not closed it since */
};

struct watcher {
	struct folders *folders;
	struct arena arena; /* of the list */
	struct map places;  /* path -> struct place */
	VEC(struct place *) order, touched;
	struct arena strange_arena;
	VEC(struct str) strange; /* names that are not on the list and are new in a listed folder */
	struct map strange_set;
	struct arena asked_arena;
	VEC(struct str) asked;   /* those of which the run that is on its way will tell */
	bool all;  /* look at everything */
	bool lost; /* events were lost: folders too */
	bool told; /* the last run has looked at no more than it was told to */
	uint64_t n; /* events that may matter */
	int err;   /* of watching a folder */
	const struct folder *missed; /* the first of those that watcher_missed tells */
	size_t n_missed;
	struct arena dull_arena;
	struct map dull; /* strange ones that a run has passed over, see dull_key */
	struct sbuf scratch;
};

struct watcher *watcher_new(void)
{
	struct folders *f = folders_new();
	struct watcher *w;

	if (!f)
		return NULL;
	w = xcalloc(1, sizeof *w);
	w->folders = f;
	return w;
}

static void forget_events(struct watcher *w)
{
	for (size_t i = 0; i < w->touched.n; i++)
		w->touched.p[i]->touched = w->touched.p[i]->writing = false;
	w->touched.n = 0;
	vec_free(&w->strange);
	map_free(&w->strange_set);
	arena_free(&w->strange_arena);
	w->strange_set = (struct map){0};
	w->strange_arena = (struct arena){0};
	w->all = w->lost = false;
}

static void forget_list(struct watcher *w)
{
	w->touched.n = 0;
	map_free(&w->places);
	w->places = (struct map){0};
	w->order.n = 0;
	arena_free(&w->arena);
	w->arena = (struct arena){0};
}

void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	forget_events(w);
	forget_list(w);
	folders_free(w->folders);
	vec_free(&w->asked);
	arena_free(&w->asked_arena);
	vec_free(&w->order);
	vec_free(&w->touched);
	map_free(&w->dull);
	arena_free(&w->dull_arena);
	sbuf_free(&w->scratch);
	free(w);
}

int watcher_fd(const struct watcher *w)
{
	return folders_fd(w->folders);
}

size_t watcher_folders(const struct watcher *w)
{
	return folders_count(w->folders);
}

static struct place *place_of(struct watcher *w, struct str path)
{
	struct place *p = map_get(&w->places, path);

	if (p)
		return p;
	p = arena_new(&w->arena, struct place);
	p->path = arena_copy(&w->arena, path);
	*map_slot(&w->places, p->path) = p;
	vec_push(NULL, &w->order, p);
	return p;
}

/* Watching */

static struct folder *watch(struct watcher *w, struct str path)
{
	struct folder *f = folders_add(w->folders, path);

	/* What is missing or may not be read is waited for where it can be. */
	if (f->err == ENOSPC || f->err == ENOMEM || (f->err && str_eq(path, STR("."))))
		w->err = f->err;
	return f;
}

/* What happens in it will not be told. */
static void miss(struct watcher *w, struct folder *f)
{
	if (f->wd >= 0 || f->err == ENOENT || f->err == ENOTDIR || f->missed)
		return;
	f->missed = true;
	w->missed = w->missed ? w->missed : f;
	w->n_missed++;
}

static void reach(struct watcher *w, struct str folder, int links);

/* Where the link leads, events happen under another name. */
static void follow(struct watcher *w, struct str link, int links)
{
	char text[PATH_MAX];
	ssize_t n = readlink(arena_copy(&w->arena, link).p, text, sizeof text);
	struct str to = {text, n < 0 ? 0 : (size_t)n};

	if (n <= 0 || links >= LINKS_DEEP)
		return;
	while (to.n > 1 && to.p[to.n - 1] == '/')
		to.n--;
	to = to.p[0] == '/' ? arena_copy(&w->arena, to) : arena_printf(&w->arena, "%.*s/%.*s", STR_ARG(path_dir(link)), STR_ARG(to));
	place_of(w, to)->step = true;
	reach(w, path_dir(to), links + 1);
	miss(w, watch(w, path_dir(to)));
	struct stat st;
	if (!lstat(to.p, &st) && S_ISLNK(st.st_mode))
		follow(w, to, links + 1);
}

static bool is_top(struct str folder)
{
	struct str base = path_base(folder);

	return !folder.n || str_eq(folder, STR("/")) || str_eq(base, STR(".")) || str_eq(base, STR(".."));
}

/* Watches the folders above by which this one can come, go, or be exchanged: those in which it is missing or a link, and below the current folder all. */
static void reach(struct watcher *w, struct str folder, int links)
{
	struct place *p;
	struct stat st;

	if (is_top(folder))
		return;
	p = place_of(w, folder);
	if (p->step)
		return;
	p->step = true;
	reach(w, path_dir(folder), links);
	bool missing = lstat(p->path.p, &st) != 0, link = !missing && S_ISLNK(st.st_mode);
	if (missing || link || folder.p[0] != '/')
		watch(w, path_dir(folder));
	if (link)
		follow(w, folder, links);
}

static void watch_place(struct watcher *w, const struct place *p)
{
	bool through = false, listed = false, there = false; /* there: something was seen */
	struct stat st;

	for (const struct entry *e = p->first; e; e = e->same) {
		through = through || !(e->seen.flags & WATCH_LINK);
		listed = listed || e->seen.flags & WATCH_FOLDER;
		there = there || e->seen.fact;
	}
	reach(w, path_dir(p->path), 0);
	struct folder *in = watch(w, path_dir(p->path)), *itself = NULL;
	if (there)
		miss(w, in);
	if (through && !lstat(p->path.p, &st) && S_ISLNK(st.st_mode))
		follow(w, p->path, 0);
	if (listed) {
		reach(w, p->path, 0);
		itself = watch(w, p->path);
		itself->listed = true;
		if (there)
			miss(w, itself);
	}
}

/* A folder that was removed can be watched still, and nothing will ever happen in it. */
static int root_error(void)
{
	struct stat st;

	return stat(".", &st) ? errno : st.st_nlink ? 0 : ENOENT;
}

static int watch_all(struct watcher *w)
{
	size_t n = w->order.n; /* what is added on the way is only reached */

	w->err = root_error();
	w->missed = NULL;
	w->n_missed = 0;
	for (size_t i = 0; i < n; i++)
		w->order.p[i]->step = false;
	folders_begin(w->folders);
	watch(w, STR("."));
	for (size_t i = 0; i < n && !w->err; i++)
		if (w->order.p[i]->first)
			watch_place(w, w->order.p[i]);
	folders_end(w->folders);
	return w->err;
}

/* What a run has seen and found to be no matter of its. What kind of thing it is counts: a folder of that name may be another matter. */
static struct str dull_key(struct watcher *w, struct str path)
{
	struct stat st;

	sbuf_clear(&w->scratch);
	sbuf_str(&w->scratch, path);
	bool seen = !lstat(w->scratch.p, &st);
	if (!seen && (errno == ENOENT || errno == ENOTDIR))
		return STR_NONE;
	sbuf_char(&w->scratch, '\0');
	sbuf_char(&w->scratch, !seen ? '?' : S_ISDIR(st.st_mode) ? 'd' : S_ISLNK(st.st_mode) ? 'l' : 'f');
	return sbuf_view(&w->scratch);
}

static void note_dull(struct watcher *w, struct str path)
{
	struct str key = dull_key(w, path);

	if (!key.n || map_get(&w->places, path))
		return;
	if (w->dull.n >= DULL_MOST) {
		map_free(&w->dull);
		arena_free(&w->dull_arena);
		w->dull = (struct map){0};
		w->dull_arena = (struct arena){0};
	}
	*map_slot(&w->dull, arena_copy(&w->dull_arena, key)) = w;
}

static void take_list(struct watcher *w, struct str list)
{
	struct str own = arena_copy(&w->arena, list);
	struct reader r = reader_of(own);
	struct watch_entry seen;

	while (watchlist_next(&r, &seen)) {
		struct place *p = place_of(w, seen.path);
		struct entry *e = arena_new(&w->arena, struct entry);

		*e = (struct entry){seen, p->first};
		p->first = e;
	}
}

void watcher_run_begins(struct watcher *w, bool told)
{
	w->told = told;
	for (size_t i = 0; i < w->strange.n; i++)
		vec_push(NULL, &w->asked, arena_copy(&w->asked_arena, w->strange.p[i]));
	forget_events(w);
}

/* What the run itself wrote has brought events too. What they touched is compared by its stamps; of names that are new it cannot be told whether it saw them. */
void watcher_run_ended(struct watcher *w, struct str list)
{
	size_t kept = 0;

	watcher_read(w);
	forget_list(w);
	take_list(w, list);
	for (size_t i = 0; i < w->asked.n; i++)
		note_dull(w, w->asked.p[i]);
	vec_free(&w->asked);
	arena_free(&w->asked_arena);
	w->asked_arena = (struct arena){0};
	for (size_t i = 0; i < w->strange.n; i++)
		if (!map_get(&w->places, w->strange.p[i]))
			w->strange.p[kept++] = w->strange.p[i];
	w->strange.n = kept;
	w->all = true;
}

/* What happens */

static void touch(struct watcher *w, struct place *p, uint32_t mask)
{
	w->n++;
	w->all = w->all || p->step;
	if (mask & (IN_MODIFY | IN_CREATE))
		p->writing = true;
	else if (!(mask & IN_ATTRIB))
		p->writing = false;
	if (!p->first || p->touched)
		return;
	p->touched = true;
	vec_push(NULL, &w->touched, p);
}

static struct str name_in(struct watcher *w, const struct folder *f, struct str name)
{
	sbuf_clear(&w->scratch);
	if (!str_eq(f->path, STR("."))) {
		sbuf_str(&w->scratch, f->path);
		if (!str_ends(f->path, STR("/")))
			sbuf_char(&w->scratch, '/');
	}
	sbuf_str(&w->scratch, name);
	return sbuf_view(&w->scratch);
}

static void note_strange(struct watcher *w, struct str path)
{
	struct str own;

	w->n++;
	if (map_get(&w->strange_set, path))
		return;
	own = arena_copy(&w->strange_arena, path);
	*map_slot(&w->strange_set, own) = w;
	vec_push(NULL, &w->strange, own);
}

static void happened(void *self, struct folder *in, struct str name, uint32_t mask)
{
	struct watcher *w = self;
	bool known = false;

	if (!in) {
		w->n++;
		w->all = w->lost = true;
		return;
	}
	if (!name.n) {
		w->all = w->all || mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT);
		return;
	}
	for (struct folder *f = in; f; f = f->same) {
		struct place *p = map_get(&w->places, name_in(w, f, name));

		if (p)
			touch(w, p, mask);
		known = known || p;
	}
	for (struct folder *f = in; f && !known && mask & (IN_CREATE | IN_MOVED_TO); f = f->same)
		if (f->listed && !glob_passes_over(f->path, name.p))
			note_strange(w, name_in(w, f, name));
}

bool watcher_read(struct watcher *w)
{
	folders_read(w->folders, happened, w);
	return w->all || w->touched.n || w->strange.n;
}

bool watcher_knows_where(const struct watcher *w)
{
	return !w->all;
}

uint64_t watcher_count(const struct watcher *w)
{
	return w->n;
}

/* Looking */

static void maybe(struct changes *c, struct str what)
{
	c->what = c->maybe ? c->what : what;
	c->maybe = true;
}

/* A folder's own stamps tell of names that came or went while it was not watched. */
static bool is_looked_at(const struct watcher *w, const struct entry *e, bool news)
{
	const struct folder *f;

	if (!(e->seen.flags & WATCH_FOLDER) || w->lost)
		return true;
	if (!news)
		return false;
	f = folders_add(w->folders, e->seen.path);
	return f->fresh || f->wd < 0;
}

/* news: the list, or what is watched, is new. */
static void compare(const struct watcher *w, const struct place *p, bool news, struct changes *out)
{
	bool changed = false;

	for (const struct entry *e = p->first; e; e = e->same) {
		const struct watch_entry *seen = &e->seen;
		bool same = !(seen->flags & WATCH_CHANGED) && (!is_looked_at(w, e, news) || watchlist_fact(seen->path.p, seen->flags & WATCH_LINK) == seen->fact);

		if (same && (!p->touched || seen->flags & WATCH_FOLDER || !(seen->flags & WATCH_YOUNG)))
			continue;
		if (seen->flags & WATCH_LOG)
			out->log = true;
		else if (seen->flags & WATCH_FOLDER)
			maybe(out, seen->path);
		else
			changed = true;
	}
	if (changed)
		vec_push(NULL, &out->paths, p->path);
}

static void look_at_strange(struct watcher *w, struct changes *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->strange.n; i++) {
		struct str key = dull_key(w, w->strange.p[i]);

		if (!key.n || map_get(&w->dull, key))
			continue;
		maybe(out, w->strange.p[i]);
		w->strange.p[kept++] = w->strange.p[i];
	}
	w->strange.n = kept;
}

/* Is it of files alone, of which it is known how they were? */
static bool only_files(const struct watcher *w, const struct changes *c, bool *writing)
{
	bool only = !c->maybe && !c->log;

	for (size_t i = 0; i < w->touched.n; i++) {
		const struct place *p = w->touched.p[i];

		*writing = *writing || p->writing;
		for (const struct entry *e = p->first; e; e = e->same)
			only = only && !(e->seen.flags & (WATCH_FOLDER | WATCH_LOG));
	}
	return only;
}

int watcher_look(struct watcher *w, struct changes *out)
{
	bool news = w->all;
	int err = news ? watch_all(w) : 0;

	*out = (struct changes){.maybe = false};
	if (err)
		return err;
	for (size_t i = 0; news && i < w->order.n; i++)
		compare(w, w->order.p[i], true, out);
	for (size_t i = 0; !news && i < w->touched.n; i++)
		compare(w, w->touched.p[i], false, out);
	look_at_strange(w, out);
	if (w->lost && w->told)
		maybe(out, STR("."));
	out->files = !news && only_files(w, out, &out->writing);
	if (!out->paths.n && !out->maybe && !out->log)
		forget_events(w);
	return 0;
}

size_t watcher_missed(const struct watcher *w, struct str *first, int *err)
{
	*first = w->missed ? w->missed->path : STR_NONE;
	*err = w->missed ? w->missed->err : 0;
	return w->n_missed;
}

void watcher_accept(struct watcher *w)
{
	for (size_t i = 0; i < w->order.n; i++)
		for (struct entry *e = w->order.p[i]->first; e; e = e->same) {
			e->seen.flags &= (uint8_t)~WATCH_CHANGED;
			e->seen.fact = watchlist_fact(e->seen.path.p, e->seen.flags & WATCH_LINK);
		}
	for (size_t i = 0; i < w->strange.n; i++)
		note_dull(w, w->strange.p[i]);
	forget_events(w);
}

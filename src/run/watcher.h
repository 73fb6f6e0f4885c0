/* Watches all that a run looked at (state/watchlist.h), by the folders in which it lies, and tells whether anything stands otherwise. */
#ifndef AXMAKE_RUN_WATCHER_H
#define AXMAKE_RUN_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"

struct watcher;

/* NULL with errno. */
struct watcher *watcher_new(void);
void watcher_free(struct watcher *w);
int watcher_fd(const struct watcher *w); /* readable when something has happened */
size_t watcher_folders(const struct watcher *w);

/* A run begins that will see all that has happened. told: it looks again only at what it is told to have changed; should events be lost meanwhile, another one is needed. */
void watcher_run_begins(struct watcher *w, bool told);
/* It has ended, and this is what it saw (copied). From the next watcher_look on this is watched; that compares all of it. */
void watcher_run_ended(struct watcher *w, struct str list);

/* Takes notice of what has happened. true: some of it may matter. */
bool watcher_read(struct watcher *w);
/* Is it known of each thing that has happened to which path that was? Then to look is cheap. */
bool watcher_knows_where(const struct watcher *w);
/* So often something has happened that may matter, since ever. */
uint64_t watcher_count(const struct watcher *w);

/* What has changed until now is let be. */
void watcher_accept(struct watcher *w);

/* Folders of what the run has seen that cannot be watched, so that nobody would notice an edit there: how many, with the first
 * one and why. Valid until the next watcher_look. */
size_t watcher_missed(const struct watcher *w, struct str *first, int *err);

struct changes {
	VEC(struct str) paths; /* that stand otherwise than the run saw them. They lie in the watcher, until watcher_run_ended */
	bool maybe;            /* something has come or gone of which only a run can tell whether it matters */
	struct str what;       /* a path of that kind */
	bool log;              /* what is on record is another thing now */
	bool files;            /* nothing but what happened to the files of these paths could make a difference */
	bool writing;          /* one of them is being written to, as far as is known */
};

/* Is there anything for which a run is needed? */
static inline bool changes_any(const struct changes *c)
{
	return c->paths.n || c->maybe || c->log;
}

/* What has changed since the list was made; where that is nothing, it is as if nothing had happened. Free paths by vec_free. 0, or the errno for which a folder cannot be watched:
 * ENOSPC where the system allows no more watches, ENOENT where the current folder is gone. */
int watcher_look(struct watcher *w, struct changes *out);

#endif

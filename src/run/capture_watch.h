/* Tells captures that their files have grown. */
#ifndef AXMAKE_RUN_CAPTURE_WATCH_H
#define AXMAKE_RUN_CAPTURE_WATCH_H

#include <stdbool.h>

#include "run/loop.h"

/* The inotify descriptor shared by all captures of a run. */
struct capture_watch;
struct capture_watch *capture_watch_new(struct loop *l); /* never NULL; the descriptor is opened with the first file */
void capture_watch_free(struct capture_watch *w);

/* grew is called from the loop after anything was written to the file of that descriptor, or may have been. false where inotify
 * is not to be had or has no room. */
bool capture_watch_add(struct capture_watch *w, int fd, void (*grew)(void *self), void *self);
/* Forgets all files of self; not to be called inside grew. */
void capture_watch_drop(struct capture_watch *w, const void *self);

#endif

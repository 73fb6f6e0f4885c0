/* Tells captures that their files have grown. Opened and freed by capture.h's capture_watch_new and capture_watch_free. */
#ifndef AXMAKE_RUN_CAPTURE_WATCH_H
#define AXMAKE_RUN_CAPTURE_WATCH_H

#include <stdbool.h>

#include "run/capture.h"

/* grew is called from the loop after anything was written to the file of that descriptor, or may have been. false where inotify
 * has no room. */
bool capture_watch_add(struct capture_watch *w, int fd, void (*grew)(void *self), void *self);
/* Forgets all files of self; not to be called inside grew. */
void capture_watch_drop(struct capture_watch *w, const void *self);

#endif

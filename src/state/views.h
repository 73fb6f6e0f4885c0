/* Folders of isolated tasks, `.axmake/views/NAME`: what is written in a task's view of the root, until it is moved there or dropped.
 *
 *   began      "START KIND\n", written when the view is ready to be worked in. What changes in the root later has a later ctime than this file.
 *   upper      of an overlay: its upper layer
 *   work       of an overlay: the kernel's own
 *   copy       of a copy: the root's
 *   moving     what is gone in it has been removed from the root, and its files are being moved there
 *   folders    of a copy: its folders and their inodes, by which one that was moved is known
 */
#ifndef AXMAKE_STATE_VIEWS_H
#define AXMAKE_STATE_VIEWS_H

#include <stdint.h>
#include <sys/stat.h>

#include "state/store.h"

enum view_kind { VIEW_OVERLAY, VIEW_COPY };

/* "views/NAME", relative to .axmake. */
struct str views_dir(struct arena *a, struct str task);
/* Makes it anew with its empty folder `upper` and `work`, or `copy`; what stood there is removed. 0 or errno. */
int views_make(const struct store *s, struct str dir, enum view_kind kind);
/* What has been written in it, as a folder: `upper` or `copy`. -1 with errno. */
int views_open(const struct store *s, struct str dir, enum view_kind kind);
/* Before the root is copied: writes `copying`, and waits likewise. 0 or errno. */
int views_begin_copy(const struct store *s, struct str dir);
/* Writes `began`; for a copy it waits until its file system's clock has gone on since. 0 or errno. */
int views_begin(const struct store *s, struct str dir, enum view_kind kind, uint64_t start_id);
/* Is this the view of that start? false with errno: ESTALE of another's. *copying: when its copying began, *since: when that was complete and work began. */
bool views_began(const struct store *s, struct str dir, enum view_kind kind, uint64_t start_id, struct timespec *copying, struct timespec *since);
/* Notes, and tells, that from here on names missing in it say nothing. 0 or errno. */
int views_set_moving(const struct store *s, struct str dir);
bool views_moving(const struct store *s, struct str dir);
/* Removes it, whatever its modes. 0 or errno. */
int views_remove(const struct store *s, struct str dir);
bool views_any(const struct store *s);
/* Keeps it for processes with that mark, which stay in it. 0 or errno. */
int views_leave(const struct store *s, struct str dir, struct str mark);
/* Removes what earlier runs have left: but what holds an answer that may be taken up (`tasks/NAME/call` stands there), and what processes still live in. 0 or the first errno. */
int views_sweep(const struct store *s, bool (*alive)(struct str mark));

#endif

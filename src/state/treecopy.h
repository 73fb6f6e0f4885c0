/* A copy of a root, to be worked in. */
#ifndef AXMAKE_STATE_TREECOPY_H
#define AXMAKE_STATE_TREECOPY_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/str.h"

/* Copies all below root_fd but .axmake into the empty folder to_fd: files (sharing their blocks where the file system can), links, folders, fifos, with their modes and times; sockets
 * and devices are left out. A link whose text begins with the absolute path `root` leads to the same place in `copy` then.
 * *folders: for each folder "INODE PATH\0", of the copy (heap). Gives up with EINTR where stop() says so, asked now and then. 0, or errno with *bad. */
int treecopy(struct arena *a, int root_fd, int to_fd, struct str root, struct str copy, bool (*stop)(void), struct sbuf *folders, struct str *bad);

/* Copies what an open file holds. 0 or errno. */
int treecopy_bytes(int from, int to);
/* `text` with the path `from` at its beginning, alone or before a '/', replaced by `to`; else text itself. */
struct str treecopy_moved_link(struct arena *a, struct str text, struct str from, struct str to);

#endif

/* Folders below a root, entered one after another, so that no link leads out on the way. */
#ifndef AXMAKE_BASE_BENEATH_H
#define AXMAKE_BASE_BENEATH_H

#include <stdbool.h>

/* Opens the folder `path` (normal, relative) of the folder root_fd by O_PATH. Links are followed wherever they lead within it, and also past it where they come back; EXDEV: the folder
 * lies outside. `make`: what is missing is made, 0777 by the umask, but never outside, whoever exchanges folders and links at the same time. A descriptor, or -1 with errno. */
int beneath_open(int root_fd, const char *path, bool make);
/* The same of folders for what is written later. Where the path is a folder already nothing is looked at. 0 or errno. */
int beneath_mkdirs(int root_fd, const char *path);

#endif

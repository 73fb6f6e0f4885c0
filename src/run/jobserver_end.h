/* One end of a jobserver's pipe or fifo, read and written without waiting and without changing the mode that others see. */
#ifndef AXMAKE_RUN_JOBSERVER_END_H
#define AXMAKE_RUN_JOBSERVER_END_H

#include <stdbool.h>
#include <sys/types.h>

struct jobserver_end {
	int fd;
	bool own; /* a file description of our own in non-blocking mode; else others share its mode, which is left alone */
};

/* A second way into the pipe behind fd, with a mode that is our own; `access` is O_RDONLY or O_WRONLY. Where /proc is missing or
 * refuses (another user's pipe), fd itself. */
struct jobserver_end jobserver_end_reopen(int fd, int access);
/* Reads one byte without waiting, whatever the mode of the description: 1, 0 at its end, -1 with errno. */
ssize_t jobserver_end_read(struct jobserver_end e, unsigned char *byte);
/* Writes a byte, waiting at most *ms milliseconds for room, which are taken off. 0 or errno. Async-signal-safe. */
int jobserver_end_put(struct jobserver_end e, unsigned char byte, int *ms);
/* Closes it if it is our own. */
void jobserver_end_close(struct jobserver_end e);

#endif

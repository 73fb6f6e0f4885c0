#include "run/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	PIECE = 65536,
	SMALL = 2048,
	KEEP_BELOW = 256, /* see capture_started */
	SLICE = 16 << 20, /* of a file, at one go: some ten milliseconds */
};
#define FLUSH_AFTER_NS NS_PER_S      /* what a running task printed is on disk after this */
#define WATCH_AFTER_NS (25 * NS_PER_MS)
#define LOOK_EVERY_NS (NS_PER_S / 4) /* where inotify is not to be had */

struct capture {
	struct loop *loop;
	struct capture_watch *watch; /* may be NULL */
	void (*on_data)(void *self, enum stream s, const char *p, size_t n);
	void (*on_end)(void *self);
	void (*on_error)(void *self, int err, const char *path);
	void *self;
	struct kept kept;
	int fd[2];       /* reading ends of pipes; the files are kept's */
	int child_fd[2]; /* until capture_started; writing ends of pipes may stay until capture_drain */
	struct side {    /* what a callback of the loop is given */
		struct capture *capture;
		enum stream stream;
	} sides[2];
	uint64_t read_to[2];     /* offsets in the files */
	uint64_t drain_to[2];    /* the same, of capture_drain */
	struct loop_timer timer; /* pipes: the flush; files: the next piece of much */
	bool looks;              /* files without inotify: by the timer */
	bool files, told_error, finished;
	bool behind;             /* files: drain_to is not reached yet */
	int64_t first_byte_ns;
};

static void tell_error(struct capture *c)
{
	if (!c->kept.err || c->told_error)
		return;
	c->told_error = true;
	if (!c->on_error)
		return;
	struct sbuf path = {0};
	sbuf_printf(&path, "%s%s%s", c->kept.dir, *c->kept.err_file ? "/" : "", c->kept.err_file);
	c->on_error(c->self, c->kept.err, path.p);
	sbuf_free(&path);
}

static void take(struct capture *c, enum stream s, const char *p, size_t n)
{
	bool first = c->first_byte_ns < 0;
	if (first)
		c->first_byte_ns = clock_ns();
	kept_add(&c->kept, s, p, n);
	if (first && !c->kept.on_disk)
		loop_timer_set(c->loop, &c->timer, c->first_byte_ns + FLUSH_AFTER_NS);
	tell_error(c);
	if (c->on_data)
		c->on_data(c->self, s, p, n);
}

/* At most `most` bytes of a stream, by a buffer of somebody's; <= 0: there are none now. */
typedef ssize_t read_into(struct capture *c, enum stream s, char *buf, size_t most);

static ssize_t read_large(struct capture *c, enum stream s, read_into *into) __attribute__((noinline));
static ssize_t read_large(struct capture *c, enum stream s, read_into *into)
{
	char buf[PIECE - SMALL];
	return into(c, s, buf, sizeof buf);
}

/* One piece. Each page of a buffer that is touched costs more than a call, and its guard against a clash touches them all: what is short needs no large one. */
static ssize_t read_piece(struct capture *c, enum stream s, read_into *into)
{
	char buf[SMALL];
	ssize_t n = into(c, s, buf, sizeof buf), more = n == (ssize_t)sizeof buf ? read_large(c, s, into) : 0;
	return more > 0 ? n + more : n;
}

/* Pipes */

static void close_side(struct capture *c, enum stream s)
{
	if (c->fd[s] < 0)
		return;
	loop_close(c->loop, c->fd[s]);
	c->fd[s] = -1;
}

/* One piece of at most `most` bytes of room: 0 at the end of file, when the side is closed; -1: nothing there now. */
static ssize_t read_pipe_into(struct capture *c, enum stream s, char *buf, size_t most)
{
	ssize_t n;
	do
		n = read(c->fd[s], buf, most);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		take(c, s, buf, (size_t)n);
		return n;
	}
	if (n < 0 && errno == EAGAIN)
		return n;
	if (n < 0 && !c->kept.err) { /* what was not read lacks in what is kept */
		c->kept.err = errno;
		c->kept.err_file = "";
	}
	tell_error(c);
	close_side(c, s);
	return n;
}

static ssize_t read_pipe(struct capture *c, enum stream s)
{
	return read_piece(c, s, read_pipe_into);
}

/* One piece a turn, so that a flood leaves the others their turn. */
static void pipe_ready(void *self, uint32_t events)
{
	const struct side *side = self;
	(void)events;
	struct capture *c = side->capture;
	read_pipe(c, side->stream);
	if (c->fd[STREAM_OUT] < 0 && c->fd[STREAM_ERR] < 0 && c->on_end)
		c->on_end(c->self);
}

static void flush_due(void *self)
{
	struct capture *c = self;
	kept_flush(&c->kept);
	tell_error(c);
}

static int open_pipes(struct capture *c)
{
	for (int s = 0; s < 2; s++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return errno;
		c->fd[s] = ends[0];
		c->child_fd[s] = ends[1];
		/* The reading end alone: the two have flags of their own, and programs expect to block. */
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
			return errno;
		int err = loop_watch(c->loop, ends[0], EPOLLIN, pipe_ready, &c->sides[s]);
		if (err)
			return err;
	}
	c->timer = (struct loop_timer){.fn = flush_due, .self = c};
	return 0;
}

/* What is in the pipe now. A writer that is still there could go on for ever: as much as the pipe holds is enough. */
static void drain_pipe(struct capture *c, enum stream s)
{
	size_t left = SIZE_MAX;
	while (c->fd[s] >= 0 && left) {
		ssize_t n = read_pipe(c, s);
		if (n <= 0)
			return;
		if (n == PIECE && left == SIZE_MAX) {
			int room = fcntl(c->fd[s], F_GETPIPE_SZ);
			left = room > 0 ? (size_t)room : PIECE; /* beside this piece: behind a pipe that was full its end is still to be read */
		} else if (left != SIZE_MAX) {
			left -= left < (size_t)n ? left : (size_t)n;
		}
	}
}

/* Files */

/* One piece of at most `most` bytes of room; 0: nothing more now. */
static ssize_t read_file_into(struct capture *c, enum stream s, char *buf, size_t most)
{
	int fd = c->kept.fd[s];
	for (;;) {
		ssize_t n = pread(fd, buf, most, (off_t)c->read_to[s]);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0) {
			c->read_to[s] += (uint64_t)n;
			take(c, s, buf, (size_t)n);
			return n;
		}
		struct stat st;
		/* Opening /dev/stdout for writing cuts the file: what stands there now is new. */
		if (n < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size >= c->read_to[s])
			return 0;
		c->read_to[s] = 0;
	}
}

static ssize_t read_file(struct capture *c, enum stream s)
{
	return read_piece(c, s, read_file_into);
}

/* A piece of each; what is left has its turn after the others. */
static void read_growth(void *self)
{
	struct capture *c = self;
	bool more = false;
	for (int s = 0; s < 2; s++)
		if (read_file(c, s) == PIECE)
			more = true;
	if (more)
		loop_timer_set(c->loop, &c->timer, clock_ns());
	else if (c->looks)
		loop_timer_set(c->loop, &c->timer, clock_ns() + LOOK_EVERY_NS);
}

static void file_grew(void *self)
{
	struct capture *c = self;
	/* While a timer is set for its next piece a flood waits for that. */
	if (!c->timer.place)
		read_growth(c);
}

/* As far as the file reaches now: a process left behind may go on writing for ever. */
static void aim_drain(struct capture *c)
{
	struct stat st;
	for (int s = 0; s < 2; s++)
		c->drain_to[s] = fstat(c->kept.fd[s], &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/* false: more than `most` bytes were to be read. */
static bool drain_file(struct capture *c, enum stream s, uint64_t most)
{
	uint64_t taken = 0;
	ssize_t n;
	if (c->read_to[s] == c->drain_to[s]) /* it was just looked at: nothing is left, nor was it cut */
		return true;
	while ((n = read_file(c, s)) > 0 && c->read_to[s] < c->drain_to[s])
		if ((taken += (uint64_t)n) >= most)
			return false;
	return true;
}

static void begin_watching(void *self)
{
	struct capture *c = self;
	c->timer.fn = read_growth;
	for (int s = 0; s < 2 && !c->looks; s++)
		c->looks = !c->watch || !capture_watch_add(c->watch, c->kept.fd[s], file_grew, c);
	read_growth(c);
}

static int open_files(struct capture *c)
{
	int err = kept_give(&c->kept, c->child_fd);
	if (err)
		return err;
	/* Closing an inotify descriptor that has watched takes the kernel milliseconds: a program that is that quick is not watched at all. */
	c->timer = (struct loop_timer){.fn = begin_watching, .self = c};
	loop_timer_set(c->loop, &c->timer, clock_ns() + WATCH_AFTER_NS);
	return 0;
}

/* Both */

int capture_open(const struct capture_config *config, struct capture **out, int child_fds[2])
{
	struct capture *c = xcalloc(1, sizeof *c);
	c->loop = config->loop;
	c->watch = config->watch;
	c->files = config->files;
	c->on_data = config->on_data;
	c->on_end = config->on_end;
	c->on_error = config->on_error;
	c->self = config->self;
	c->first_byte_ns = -1;
	for (int s = 0; s < 2; s++) {
		c->fd[s] = c->child_fd[s] = -1;
		c->sides[s] = (struct side){c, (enum stream)s};
	}
	kept_init(&c->kept, config->store_fd, config->dir);
	c->kept.left = config->left;
	c->kept.fresh = config->fresh;
	c->kept.bare = config->bare;
	int err = c->files ? open_files(c) : open_pipes(c);
	if (err) {
		capture_free(c);
		*out = NULL;
		return err;
	}
	child_fds[0] = c->child_fd[0];
	child_fds[1] = c->child_fd[1];
	*out = c;
	return 0;
}

/* Those from `lowest` on. */
static void close_child_ends(struct capture *c, int lowest)
{
	for (int s = 0; s < 2; s++) {
		if (c->child_fd[s] < lowest)
			continue;
		close(c->child_fd[s]);
		c->child_fd[s] = -1;
	}
}

void capture_started(struct capture *c)
{
	/* While we have the writing end too a pipe has no end of file. Else each program's end would wake us for both its pipes, just before
	 * SIGCHLD does. Only where descriptors are plenty. */
	close_child_ends(c, c->files ? 0 : KEEP_BELOW);
}

bool capture_drain_on(struct capture *c)
{
	c->behind = false;
	for (int s = 0; s < 2 && c->files && !c->finished; s++)
		c->behind = !drain_file(c, (enum stream)s, SLICE) || c->behind;
	return !c->behind;
}

bool capture_drain(struct capture *c)
{
	close_child_ends(c, 0);
	if (c->files) {
		aim_drain(c);
		return capture_drain_on(c);
	}
	for (int s = 0; s < 2 && !c->finished; s++)
		drain_pipe(c, (enum stream)s);
	return c->fd[0] < 0 && c->fd[1] < 0;
}

bool capture_behind(const struct capture *c)
{
	return c->behind;
}

void capture_skip(struct capture *c)
{
	if (!c->files)
		return;
	aim_drain(c);
	for (int s = 0; s < 2; s++)
		c->read_to[s] = c->drain_to[s];
	c->behind = false;
}

static void stop_reading(struct capture *c)
{
	close_child_ends(c, 0);
	loop_timer_clear(c->loop, &c->timer);
	if (c->files && c->watch)
		capture_watch_drop(c->watch, c);
	close_side(c, STREAM_OUT);
	close_side(c, STREAM_ERR);
}

int capture_finish(struct capture *c)
{
	if (c->finished)
		return c->kept.err;
	if (c->files)
		aim_drain(c);
	for (int s = 0; c->files && s < 2; s++)
		drain_file(c, (enum stream)s, UINT64_MAX);
	stop_reading(c);
	c->finished = true;
	kept_finish(&c->kept);
	tell_error(c);
	return c->kept.err;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	if (!c->finished)
		stop_reading(c);
	kept_free(&c->kept);
	free(c);
}

struct capture_sizes capture_result(const struct capture *c)
{
	struct str tail = sbuf_view(&c->kept.tail);
	return (struct capture_sizes){
	    .out = c->kept.size[STREAM_OUT],
	    .err = c->kept.size[STREAM_ERR],
	    .out_hash = c->kept.out_hash,
	    .both = c->kept.both,
	    .first_byte_ns = c->first_byte_ns,
	    .no_room = c->kept.no_room,
	    .tail = tail.n > KEPT_TAIL ? str_sub(tail, tail.n - KEPT_TAIL, tail.n) : tail,
	};
}

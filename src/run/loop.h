/* One epoll loop: descriptors, timers, signals. Signals come first in every turn, so that Ctrl-C is never starved. */
#ifndef AXMAKE_RUN_LOOP_H
#define AXMAKE_RUN_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>

struct loop;

/* Blocks SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT (a SIGHUP or SIGINT that was ignored at start stays ignored) and reads them by signalfd; ignores SIGPIPE and SIGXFSZ.
 * NULL with errno. loop_free restores the mask. */
struct loop *loop_new(void);
void loop_free(struct loop *l);
void loop_on_signal(struct loop *l, void (*fn)(void *self, const struct signalfd_siginfo *si), void *self);

/* fd must be pollable. events: EPOLLIN, EPOLLOUT; fn gets what happened. 0 or errno. Unwatching inside a callback is safe, of any fd. */
int loop_watch(struct loop *l, int fd, uint32_t events, void (*fn)(void *self, uint32_t events), void *self);
void loop_unwatch(struct loop *l, int fd);
/* Closes fd, watched or not; it must have no copy (dup, or in another process), or its events would go on. */
void loop_close(struct loop *l, int fd);

struct loop_timer {
	int64_t at_ns; /* monotonic */
	void (*fn)(void *self);
	void *self;
	size_t place; /* in the heap, from 1; 0: not set. Zero at first */
};
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ns); /* sets or moves */
void loop_timer_clear(struct loop *l, struct loop_timer *t);

/* One turn: waits (when `block`) for anything, then signals, then due timers, then descriptors. 0 or errno (never EINTR). */
int loop_turn(struct loop *l, bool block);

#endif

#include "run/capture_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"

struct watched {
	int wd;
	bool grown; /* an event was read and not yet told */
	void (*grew)(void *self);
	void *self;
};

struct capture_watch {
	struct loop *loop;
	int fd; /* -1: nothing was watched yet */
	VEC(struct watched) all; /* few: two for each agent that runs now */
};

static void mark_grown(struct capture_watch *w, const struct inotify_event *ev)
{
	/* Of a file that was forgotten meanwhile an event may still come: no number is used twice, so it finds nothing. */
	for (size_t i = 0; i < w->all.n; i++)
		if (ev->mask & IN_Q_OVERFLOW || (ev->mask & IN_MODIFY && w->all.p[i].wd == ev->wd))
			w->all.p[i].grown = true;
}

static void watch_ready(void *self, uint32_t events)
{
	struct capture_watch *w = self;
	_Alignas(struct inotify_event) char buf[4096];
	(void)events;
	ssize_t n = read(w->fd, buf, sizeof buf);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const void *)(buf + at);
		mark_grown(w, ev);
		at += (ssize_t)(sizeof *ev + ev->len);
	}
	for (size_t i = 0; i < w->all.n; i++) {
		struct watched one = w->all.p[i];
		w->all.p[i].grown = false;
		if (one.grown)
			one.grew(one.self);
	}
}

struct capture_watch *capture_watch_new(struct loop *l)
{
	struct capture_watch *w = xcalloc(1, sizeof *w);
	w->loop = l;
	w->fd = -1;
	return w;
}

static bool open_inotify(struct capture_watch *w)
{
	if (w->fd >= 0)
		return true;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd >= 0 && loop_watch(w->loop, w->fd, EPOLLIN, watch_ready, w)) {
		close(w->fd);
		w->fd = -1;
	}
	return w->fd >= 0;
}

void capture_watch_free(struct capture_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0) {
		loop_unwatch(w->loop, w->fd);
		close(w->fd);
	}
	vec_free(&w->all);
	free(w);
}

bool capture_watch_add(struct capture_watch *w, int fd, void (*grew)(void *self), void *self)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int wd = open_inotify(w) ? inotify_add_watch(w->fd, path, IN_MODIFY) : -1;
	if (wd < 0)
		return false;
	vec_push(NULL, &w->all, (struct watched){.wd = wd, .grew = grew, .self = self});
	return true;
}

void capture_watch_drop(struct capture_watch *w, const void *self)
{
	for (size_t i = w->all.n; i-- > 0;) {
		if (w->all.p[i].self != self)
			continue;
		inotify_rm_watch(w->fd, w->all.p[i].wd);
		w->all.p[i] = w->all.p[--w->all.n];
	}
}

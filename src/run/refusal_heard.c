#include "run/refusal_heard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1UL
#define SEND_TRIES 3

void heard_begin(int listener)
{
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
}

bool heard_take(int listener, struct seccomp_notif *notif)
{
	memset(notif, 0, HEARD_NOTIF);
	return !ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notif); /* else its caller was killed meanwhile */
}

int heard_wait(int listener, struct seccomp_notif *notif)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	if (poll(&p, 1, -1) < 0 || !(p.revents & POLLIN))
		return p.revents & POLLHUP ? -1 : 0;
	return heard_take(listener, notif);
}

void heard_continue(int listener, uint64_t id)
{
	union {
		struct seccomp_notif_resp resp;
		char room[HEARD_NOTIF];
	} r;
	memset(&r, 0, sizeof r);
	r.resp.id = id;
	r.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* The caller stands still until this comes. Where it is gone, which is what a failure tells, it fails each time. */
	for (int failed = 0; failed < SEND_TRIES && ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);)
		failed += errno != EINTR;
}

static ssize_t read_memory(struct heard *h, uint64_t from, void *to, size_t n)
{
	struct iovec own = {to, n}, theirs = {(void *)(uintptr_t)from, n};
	ssize_t got = process_vm_readv(h->pid, &own, 1, &theirs, 1, 0);
	h->error = got < 0 ? errno : 0;
	return got;
}

/* A page at a time: what follows the text may not be there. */
static bool read_text(struct heard *h, uint64_t from, char to[PATH_MAX])
{
	const size_t page = 4096;
	for (size_t have = 0; have < PATH_MAX;) {
		size_t piece = page - (from + have) % page;
		if (piece > PATH_MAX - have)
			piece = PATH_MAX - have;
		ssize_t n = read_memory(h, from + have, to + have, piece);
		if (n <= 0)
			return false;
		if (memchr(to + have, '\0', (size_t)n))
			return true;
		have += (size_t)n;
	}
	return false;
}

/* Where the caller starts from, as it sees it itself. */
static bool start_of(pid_t pid, int folder, char *to, size_t room)
{
	char link[64];
	if (folder == AT_FDCWD)
		snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
	else
		snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, folder);
	ssize_t n = readlink(link, to, room - 1);
	if (n <= 0 || *to != '/')
		return false;
	to[n] = '\0';
	return true;
}

static bool read_path(struct heard *h, int folder, uint64_t from, char to[HEARD_PATH])
{
	char text[PATH_MAX];
	if (!read_text(h, from, text) || !*text)
		return false;
	*to = '\0';
	if (*text != '/') {
		if (!start_of(h->pid, folder, to, PATH_MAX))
			return false;
		strcat(to, "/");
	}
	strcat(to, text);
	return true;
}

static int folder_of(const struct seccomp_notif *notif, int argument)
{
	return argument == CALL_HERE ? AT_FDCWD : (int)notif->data.args[argument];
}

static bool read_address(struct heard *h, const uint64_t *args)
{
	uint64_t length = args[h->call->also];
	if (!args[h->call->at] || length < sizeof(sa_family_t) || length > sizeof h->address)
		return false;
	memset(&h->address, 0, sizeof h->address);
	h->length = (socklen_t)length;
	return read_memory(h, args[h->call->at], &h->address, length) == (ssize_t)length;
}

static bool read_flags(struct heard *h, const uint64_t *args)
{
	struct open_how how = {0};
	if (h->call->kind == CALL_OPEN_HOW && read_memory(h, args[h->call->also], &how, sizeof how) != sizeof how)
		return false;
	h->flags = h->call->kind == CALL_OPEN_HOW ? how.flags : h->call->kind == CALL_CREAT ? O_CREAT | O_WRONLY | O_TRUNC : h->call->kind == CALL_OPEN ? args[h->call->also] : 0;
	return true;
}

static bool read_second(struct heard *h, const struct seccomp_notif *notif)
{
	const struct refusal_call *c = h->call;
	int folder = c->also < 0 ? CALL_HERE : c->also, at = c->also < 0 ? c->at + 1 : c->also + 1;
	return read_path(h, folder_of(notif, folder), notif->data.args[at], h->second);
}

static bool read_call(const struct seccomp_notif *notif, struct heard *h)
{
	const uint64_t *args = (const uint64_t *)notif->data.args;
	switch (h->call->kind) {
	case CALL_ADDRESS:
		return read_address(h, args);
	case CALL_SIGNAL:
		h->target = (int32_t)args[h->call->at];
		h->flags = (uint32_t)args[h->call->also];
		return h->target > 0 && h->flags;
	case CALL_OPEN:
	case CALL_OPEN_HOW:
	case CALL_CREAT:
	case CALL_MAKE:
	case CALL_REMOVE:
	case CALL_RENAME:
	case CALL_CHANGE:
		break;
	}
	return read_flags(h, args) && read_path(h, folder_of(notif, h->call->folder), args[h->call->at], h->path) &&
	       (h->call->kind != CALL_RENAME || read_second(h, notif));
}

bool heard_read(int listener, const struct seccomp_notif *notif, struct heard *h)
{
	uint64_t id = notif->id;
	h->error = 0;
	h->pid = (pid_t)notif->pid;
	h->call = refusal_call(notif->data.nr);
	/* Its number may be a stranger's by now. */
	return h->call && h->pid && read_call(notif, h) && !ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
}

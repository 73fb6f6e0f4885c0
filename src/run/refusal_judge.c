#include "run/refusal_judge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/path.h"
#include "run/refusal_net.h"

void judge_init(struct judge *j, const char *wall, bool network, struct refusals *notes)
{
	memset(j, 0, sizeof *j);
	j->notes = notes;
	j->wall = wall;
	j->network = network;
	j->root = j->mounts = j->tcp[0] = j->tcp[1] = j->own_tcp[0] = j->own_tcp[1] = -1;
}

bool judge_first(const struct heard *h)
{
	enum call_kind kind = h->call->kind;
	return kind == CALL_REMOVE || kind == CALL_RENAME || kind == CALL_ADDRESS || kind == CALL_SIGNAL;
}

static int open_of(const char *pid, const char *name, int flags)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* Does the sandbox stand? It does when the first program other than its builder calls. */
static bool is_built(struct judge *j, pid_t caller)
{
	char path[64], pid[16];
	struct stat own, its;
	if (j->root >= 0)
		return true;
	snprintf(pid, sizeof pid, "%d", (int)caller);
	snprintf(path, sizeof path, "/proc/%s/exe", pid);
	j->error = 0;
	if (stat(j->wall, &own) || stat(path, &its)) {
		j->error = errno;
		return false;
	}
	if (own.st_dev == its.st_dev && own.st_ino == its.st_ino)
		return false;
	j->root = open_of(pid, "root", O_PATH | O_DIRECTORY);
	if (j->root < 0) {
		j->error = errno;
		return false;
	}
	j->mounts = open_of(pid, "ns/mnt", O_RDONLY);
	if (!j->network) {
		j->tcp[0] = open_of(pid, "net/tcp", O_RDONLY);
		j->tcp[1] = open_of(pid, "net/tcp6", O_RDONLY);
		j->own_tcp[0] = open_of("self", "net/tcp", O_RDONLY);
		j->own_tcp[1] = open_of("self", "net/tcp6", O_RDONLY);
	}
	return true;
}

/* A path as the sandbox has it, or as it is here. -1 with errno, or a descriptor that stands for it. */
static int look(int root, const char *path, int nofollow)
{
	struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | nofollow), .resolve = RESOLVE_NO_MAGICLINKS | (root >= 0 ? RESOLVE_IN_ROOT : 0U)};
	return (int)syscall(SYS_openat2, root >= 0 ? root : AT_FDCWD, path, &how, sizeof how);
}

static bool is_missing(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

static bool is_below(const char *path, const char *folder)
{
	return path_under((struct str){path, strlen(path)}, (struct str){folder, strlen(folder)});
}

/* What the system's library looks for by itself, and does without; and what is another process's or the kernel's own, which has no one name. */
static bool is_quiet(int fd)
{
	static const char *const places[] = {"/proc", "/sys", "/dev/fd", "/dev/pts", "/run/nscd", "/run/systemd", "/run/udev", "/run/mount", "/run/utmp"};
	char link[64], real[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, real, sizeof real - 1);
	if (n <= 0 || *real != '/')
		return true;
	real[n] = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (is_below(real, places[i]))
			return true;
	return false;
}

static bool is_there_outside(const char *path, int nofollow)
{
	int fd = look(-1, path, nofollow);
	bool there = fd >= 0 && !is_quiet(fd);
	if (fd >= 0)
		close(fd);
	return there;
}

static bool is_read_only(int fd)
{
	struct statvfs v;
	return !fstatvfs(fd, &v) && (v.f_flag & ST_RDONLY);
}

/* Not to be written there, but outside as far as the file system goes? Of devices and pipes only folders can be closed. */
static bool is_closed(int fd, const char *path, bool content)
{
	struct stat st;
	if (fstat(fd, &st) || (content && !S_ISREG(st.st_mode)) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || !is_read_only(fd))
		return false;
	int outside = look(-1, path, 0);
	bool closed = outside < 0 || (!is_read_only(outside) && !is_quiet(outside));
	if (outside >= 0)
		close(outside);
	return closed;
}

static void note_path(struct judge *j, enum refusal_why why, const char *path)
{
	struct arena a = {0};
	struct str normal = path_normal(&a, (struct str){path, strlen(path)});
	refusal_note(j->notes, why, arena_copy(&a, normal).p);
	arena_free(&a);
}

/* The folder of a new name, or of one that is to go. true: it was refused. */
static bool judge_folder(struct judge *j, const char *path)
{
	char folder[HEARD_PATH];
	size_t n = strlen(path);
	memcpy(folder, path, n + 1);
	while (n > 1 && folder[n - 1] == '/')
		n--;
	while (n > 1 && folder[n - 1] != '/')
		n--;
	folder[n] = '\0';
	int fd = look(j->root, folder, 0);
	bool closed = fd >= 0 && is_closed(fd, folder, false), hidden = fd < 0 && is_missing(errno) && is_there_outside(folder, 0);
	if (fd >= 0)
		close(fd);
	if (closed || hidden)
		note_path(j, closed ? REFUSED_READ_ONLY : REFUSED_HIDDEN, path);
	return closed || hidden;
}

static bool judge_open(struct judge *j, const struct heard *h)
{
	bool tmpfile = (h->flags & O_TMPFILE) == O_TMPFILE, writes = (h->flags & O_ACCMODE) != O_RDONLY || (h->flags & O_TRUNC), creates = h->flags & O_CREAT;
	int fd = look(j->root, h->path, creates && (h->flags & O_EXCL) ? O_NOFOLLOW : h->flags & O_NOFOLLOW);
	if (fd < 0 && !is_missing(errno))
		return false;
	if (fd < 0 && creates)
		return judge_folder(j, h->path);
	bool closed = fd >= 0 && writes && is_closed(fd, h->path, !tmpfile), hidden = fd < 0 && is_there_outside(h->path, 0);
	if (fd >= 0)
		close(fd);
	if (closed || hidden)
		note_path(j, closed ? REFUSED_READ_ONLY : REFUSED_HIDDEN, h->path);
	return closed || hidden;
}

/* One that stands where a name is to be made is in the way, sandbox or not. */
static bool judge_new(struct judge *j, const char *path)
{
	int fd = look(j->root, path, O_NOFOLLOW);
	if (fd < 0)
		return is_missing(errno) && judge_folder(j, path);
	close(fd);
	return false;
}

static bool judge_old(struct judge *j, const char *path, bool name)
{
	int fd = look(j->root, path, name ? O_NOFOLLOW : 0);
	if (fd < 0) {
		bool hidden = is_missing(errno) && is_there_outside(path, name ? O_NOFOLLOW : 0);
		if (hidden)
			note_path(j, REFUSED_HIDDEN, path);
		return hidden;
	}
	bool closed = !name && is_closed(fd, path, false);
	close(fd);
	if (closed)
		note_path(j, REFUSED_READ_ONLY, path);
	return name ? judge_folder(j, path) : closed;
}

static bool judge_path(struct judge *j, const struct heard *h)
{
	switch (h->call->kind) {
	case CALL_MAKE:
		return judge_new(j, h->path);
	case CALL_REMOVE:
		return judge_old(j, h->path, true);
	case CALL_RENAME:
		return judge_old(j, h->path, true) || judge_folder(j, h->second);
	case CALL_CHANGE:
		return judge_old(j, h->path, false);
	default:
		return judge_open(j, h);
	}
}

/* A socket's path is hidden as any other; of addresses the network matters. */
static void judge_address(struct judge *j, const struct heard *h)
{
	struct net_place p;
	if (!net_place(&h->address, h->length, &p))
		return;
	if (p.path[0]) {
		if (p.path[0] == '/')
			judge_old(j, p.path, false);
	} else if (!j->network && !(p.local && (net_listens(j->tcp, p.port) || !net_listens(j->own_tcp, p.port))))
		refusal_note(j->notes, REFUSED_NETWORK, p.text);
}

/* No such process in there, and one of this user's out here. A number that no program in there can have had by then: they are given in order. */
static void judge_signal(struct judge *j, const struct heard *h)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%lld", (long long)h->target);
	int fd = look(j->root, path, 0);
	if (fd >= 0)
		close(fd);
	else if (errno == ENOENT && !kill((pid_t)h->target, 0))
		refusal_note(j->notes, REFUSED_PROCESS, path + sizeof "/proc");
}

static uint64_t hash_of(const struct heard *h)
{
	uint64_t hash = 14695981039346656037U ^ (h->flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_EXCL | O_TMPFILE)) ^ (uint64_t)h->call->kind << 32;
	for (const char *c = h->path; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 1099511628211U;
	return hash | 1;
}

void judge_call(struct judge *j, const struct heard *h)
{
	if (!is_built(j, h->pid))
		return;
	if (h->call->kind == CALL_ADDRESS)
		judge_address(j, h);
	else if (h->call->kind == CALL_SIGNAL)
		judge_signal(j, h);
	else {
		uint64_t hash = hash_of(h), *seen = &j->seen[hash / 2 % JUDGE_SEEN];
		if (*seen != hash && !judge_path(j, h) && h->call->kind != CALL_RENAME)
			*seen = hash;
	}
}

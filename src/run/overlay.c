#include "run/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { STACK = 64 << 10, OPTIONS = 1024, REAL = sizeof((struct overlay_plan *)0)->real / sizeof(char *) };

/* What the helper works on. It shares this process's memory and descriptors, while this process waits for its end. */
struct helper {
	const struct overlay_plan *plan;
	const struct place *place; /* to be entered; NULL: to be made */
	char uid_map[64], gid_map[64], options[OPTIONS];
	int real_fd[REAL];
	int user_ns, mount_ns;
	struct overlay_fault fault;
};

/* Everything from here to helper_main runs in the helper: system calls and its own stack only. */
static int fail(struct helper *h, const char *step)
{
	h->fault.step = step;
	h->fault.err = errno;
	return -1;
}

static int fail_at(struct helper *h, const char *step, const char *path)
{
	h->fault.path = path;
	return fail(h, step);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;
	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	errno = err;
	return err ? -1 : 0;
}

/* The own numbers only: no other can be mapped by one who has no rights outside. */
static int map_ids(struct helper *h)
{
	if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return fail(h, "write /proc/self/setgroups");
	if (write_file("/proc/self/uid_map", h->uid_map) < 0)
		return fail(h, "write /proc/self/uid_map");
	return write_file("/proc/self/gid_map", h->gid_map) < 0 ? fail(h, "write /proc/self/gid_map") : 0;
}

static int open_namespace(struct helper *h, const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? fail(h, "open the namespace") : 0;
}

static int make_namespaces(struct helper *h)
{
	if (unshare(CLONE_NEWNS) < 0) {
		if (errno != EPERM)
			return fail(h, "make a mount namespace");
		if (unshare(CLONE_NEWUSER) < 0)
			return fail(h, "make a user namespace");
		if (map_ids(h) < 0)
			return -1;
		if (unshare(CLONE_NEWNS) < 0)
			return fail(h, "make a mount namespace in the user namespace");
		if (open_namespace(h, "/proc/self/ns/user", &h->user_ns) < 0)
			return -1;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(h, "keep mounts to itself");
	return open_namespace(h, "/proc/self/ns/mnt", &h->mount_ns);
}

static int open_real(struct helper *h)
{
	for (int i = 0; i < REAL; i++)
		if (h->plan->real[i] && (h->real_fd[i] = open(h->plan->real[i], O_PATH | O_CLOEXEC)) < 0)
			return fail_at(h, "open", h->plan->real[i]);
	return 0;
}

/* "/proc/self/fd/N", by hand: printf is not for a helper. */
static void fd_path(int fd, char out[32])
{
	static const char start[] = "/proc/self/fd/";
	char digits[12];
	int n = 0, at = sizeof start - 1;
	memcpy(out, start, sizeof start - 1);
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		out[at++] = digits[--n];
	out[at] = '\0';
}

static int bind_real(struct helper *h)
{
	char path[32];
	for (int i = 0; i < REAL; i++) {
		if (!h->plan->real[i])
			continue;
		fd_path(h->real_fd[i], path);
		if (mount(path, h->plan->real[i], NULL, MS_BIND, NULL) < 0)
			return fail_at(h, "bind", h->plan->real[i]);
	}
	return 0;
}

static int make_folders(struct helper *h)
{
	char *const *at = h->plan->folders;
	for (; at && *at; at++)
		if (mkdir(*at, 0777) < 0 && errno != EEXIST)
			return fail_at(h, "make the folder", *at);
	return 0;
}

/* A file that is gone and a folder that hides another are what an upper layer has special marks for. */
static int test_view(struct helper *h)
{
	int fd = open("test", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(h, "make a file in the overlay");
	close(fd);
	if (unlink(OVERLAY_TEST_FILE) < 0)
		return fail(h, "remove a file in the overlay");
	if (unlink(OVERLAY_TEST_INNER) < 0 || rmdir(OVERLAY_TEST_FOLDER) < 0)
		return fail(h, "remove a folder in the overlay");
	return mkdir(OVERLAY_TEST_FOLDER, 0700) < 0 ? fail(h, "make a folder anew in the overlay") : 0;
}

/* Whoever enters the namespace later starts from its own '/', which a chroot's is not. */
static int check_top(struct helper *h, const struct stat *before)
{
	struct stat now;
	if (setns(h->mount_ns, CLONE_NEWNS) < 0 || stat("/", &now) < 0)
		return fail(h, "enter the mount namespace");
	if (now.st_dev == before->st_dev && now.st_ino == before->st_ino)
		return 0;
	errno = EXDEV;
	return fail(h, "find '/' again, which a chroot has changed");
}

/* Relative paths throughout: no name of the user's is ever among the options, which have characters of their own. */
static int make_view(struct helper *h)
{
	const struct overlay_plan *p = h->plan;
	struct stat top;
	if (stat("/", &top) < 0 || chdir(p->root) < 0)
		return fail(h, "enter the root");
	if (make_namespaces(h) < 0 || open_real(h) < 0)
		return -1;
	if (mount("axmake", p->lower, "overlay", 0, h->options) < 0)
		return fail(h, "mount the overlay");
	/* From its top again: what was entered before lies below the mount. */
	if (chdir(p->root) < 0 || chdir(p->lower) < 0)
		return fail(h, "enter the overlay");
	if (bind_real(h) < 0 || make_folders(h) < 0)
		return -1;
	if (p->test && test_view(h) < 0)
		return -1;
	return check_top(h, &top);
}

/* To be told of anything forgets the names that were looked up: of a remount the kernel's is a by-product. */
static int refresh_view(struct helper *h)
{
	if (h->place->user_ns >= 0 && setns(h->place->user_ns, CLONE_NEWUSER) < 0)
		return fail(h, "enter the user namespace");
	if (setns(h->place->mount_ns, CLONE_NEWNS) < 0)
		return fail(h, "enter the mount namespace");
	return mount(NULL, h->place->folder, NULL, MS_REMOUNT, NULL) < 0 ? fail(h, "remount the overlay") : 0;
}

static int helper_main(void *arg)
{
	struct helper *h = arg;
	int result = h->plan ? make_view(h) : refresh_view(h);
	for (int i = 0; i < REAL; i++)
		if (h->real_fd[i] >= 0)
			close(h->real_fd[i]);
	return result ? 1 : 0;
}

/* Shared descriptors, because those of the namespaces are its result; a shared memory, because nothing of a big process is copied so. 0 or errno. */
static int run_helper(struct helper *h)
{
	char *stack = xmalloc(STACK);
	sigset_t all, before;
	int status = 0;
	sigfillset(&all);
	int err = pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t child = err ? -1 : clone(helper_main, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, h);
	if (!err && child < 0) {
		err = errno;
		h->fault = (struct overlay_fault){"start a helper", NULL, err};
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!err && status) {
		err = h->fault.err ? h->fault.err : ECHILD;
		if (!h->fault.step)
			h->fault = (struct overlay_fault){"go on in a helper, which was killed", NULL, err};
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(stack);
	return err;
}

static struct helper helper_new(void)
{
	struct helper h = {.user_ns = -1, .mount_ns = -1};
	for (int i = 0; i < REAL; i++)
		h.real_fd[i] = -1;
	return h;
}

bool overlay_make(const struct overlay_plan *p, struct place *out, struct overlay_fault *fault)
{
	struct helper h = helper_new();
	h.plan = p;
	snprintf(h.uid_map, sizeof h.uid_map, "%ju %ju 1", (uintmax_t)geteuid(), (uintmax_t)geteuid());
	snprintf(h.gid_map, sizeof h.gid_map, "%ju %ju 1", (uintmax_t)getegid(), (uintmax_t)getegid());
	/* The marks of the upper layer are then such as everybody may make and read. */
	int n = snprintf(h.options, sizeof h.options, "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", p->lower, p->upper, p->work);
	if (n >= (int)sizeof h.options) {
		*fault = (struct overlay_fault){"mount the overlay", NULL, ENAMETOOLONG};
		return false;
	}
	*out = (struct place){-1, -1, p->root};
	int err = run_helper(&h);
	*out = (struct place){h.user_ns, h.mount_ns, p->root};
	if (err)
		overlay_close(out);
	*fault = h.fault;
	return !err;
}

int overlay_refresh(const struct place *p)
{
	struct helper h = helper_new();
	h.place = p;
	return run_helper(&h);
}

void overlay_close(struct place *p)
{
	if (p->user_ns >= 0)
		close(p->user_ns);
	if (p->mount_ns >= 0)
		close(p->mount_ns);
	p->user_ns = p->mount_ns = -1;
}

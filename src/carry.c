/* axmake-carry: takes a task's files to where an executor runs its command, and brings back what it made. Between axmake and the executor's own program, whose standard input and
 * output all of it goes through:
 *
 *   in    "KEY ENV SIZE SHA256\n", ENV bytes of variables, SIZE bytes of an archive, the command's own input
 *   out   whatever a login prints, "KEY began\n", the command's own output, "KEY ended STATUS SIZE SHA256\n", SIZE bytes of an archive, "KEY end\n"
 *
 * STATUS is that of MARK.ended, see state/elsewhere.h.
 *
 * KEY is new each time, so that no output passes for it. Where the end does not come, nothing has come back. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"

enum { CANNOT = 126, PIECE = 1 << 16, SHA_HEX = 64, LINE_MAX_BYTES = 200, SIGNAL = 256, STATUS_MOST = SIGNAL + 64 };

enum where { BEFORE, COMMAND, ENDED, FILES, AFTER, COMPLETE };

struct carry {
	struct arena arena;
	const char *view, *mark, *answer; /* relative to the root, which is the current folder */
	uint64_t env;                     /* bytes of variables at the beginning of standard input */
	struct str key;
	char **wrap;
	pid_t child;
	int to, from;                     /* the child's standard input and output */
	struct sbuf out;                  /* on its way there */
	int archive;                      /* what goes behind it; -1: it has gone */
	bool own_done;                    /* standard input has come to its end */
	enum where at;
	struct sbuf in;                   /* what has come and is not dealt with */
	int back;                         /* the archive that comes */
	uint64_t left;                    /* bytes of it */
	int status;
	char sum[SHA_HEX + 1];
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "axmake-carry: %s: %s\n", what, why);
	exit(CANNOT);
}

static struct str path_of(struct carry *c, const char *name)
{
	return arena_printf(&c->arena, "%s/%s", c->view, name);
}

/* Runs a program of this machine, with its output to a file (-1: this one's), and waits. */
static bool run(char *const *argv, int out)
{
	int status;
	pid_t pid = fork(), ended;
	if (pid < 0)
		die("cannot fork", os_error(errno));
	if (pid == 0) {
		if (out < 0 || dup2(out, 1) >= 0)
			execvp(argv[0], argv);
		fprintf(stderr, "axmake-carry: cannot start '%s': %s\n", argv[0], os_error(errno));
		_exit(127);
	}
	while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (ended < 0)
		die(argv[0], os_error(errno));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Of a file, as sha256sum tells it. */
static void sum_of(const char *path, char sum[SHA_HEX + 1])
{
	char *const argv[] = {(char *)"sha256sum", (char *)"--", (char *)path, NULL};
	int fd = memfd_create("sum", MFD_CLOEXEC);
	if (fd < 0)
		die("cannot keep a checksum", os_error(errno));
	if (!run(argv, fd))
		die(path, "its checksum cannot be told");
	errno = 0;
	if (lseek(fd, 0, SEEK_SET) || !os_read_exactly(fd, sum, SHA_HEX))
		die("cannot read a checksum", errno ? os_error(errno) : "it is too short");
	sum[SHA_HEX] = '\0';
	close(fd);
}

/* The archive of what goes there, and the line before all. */
static void pack(struct carry *c)
{
	const char *tar = path_of(c, "out.tar").p, *send = path_of(c, "send").p, *follow = path_of(c, "follow").p, *upper = path_of(c, "upper").p;
	char *const first[] = {(char *)"tar", (char *)"-cf", (char *)tar, (char *)"--null", (char *)"-T", (char *)send, NULL};
	char *const links[] = {(char *)"tar", (char *)"-rhf", (char *)tar, (char *)"--null", (char *)"-T", (char *)follow, NULL};
	char *const made[] = {(char *)"tar", (char *)"-rf", (char *)tar, (char *)"-C", (char *)upper, (char *)".", NULL};
	char sum[SHA_HEX + 1];
	struct stat st;
	if (!run(first, -1) || !run(links, -1) || !run(made, -1))
		die("cannot pack what goes there", "see above");
	sum_of(tar, sum);
	c->archive = open(tar, O_RDONLY | O_CLOEXEC);
	if (c->archive < 0 || fstat(c->archive, &st))
		die(tar, os_error(errno));
	sbuf_printf(&c->out, "%.*s %llu %llu %s\n", STR_ARG(c->key), (unsigned long long)c->env, (unsigned long long)st.st_size, sum);
	for (uint64_t left = c->env; left;) {
		char piece[PIECE];
		size_t n = left < PIECE ? (size_t)left : PIECE;
		errno = 0;
		if (!os_read_exactly(0, piece, n))
			die("standard input", errno ? os_error(errno) : "it lacks its variables");
		sbuf_add(&c->out, piece, n);
		left -= n;
	}
}

static void start(struct carry *c)
{
	int in[2], out[2];
	pid_t parent = getpid();
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("cannot make pipes", os_error(errno));
	c->child = fork();
	if (c->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGPIPE, SIG_DFL);
		if (getppid() == parent && dup2(in[0], 0) >= 0 && dup2(out[1], 1) >= 0)
			execvp(c->wrap[0], c->wrap);
		fprintf(stderr, "axmake-carry: cannot start '%s': %s\n", c->wrap[0], os_error(errno));
		_exit(CANNOT);
	}
	if (c->child < 0)
		die("cannot fork", os_error(errno));
	close(in[0]);
	close(out[1]);
	c->to = in[1];
	c->from = out[0];
	fcntl(c->to, F_SETFL, O_NONBLOCK);
}

/* Fills what is on its way there: first the archive, then this program's own input. */
static void fill(struct carry *c)
{
	char piece[PIECE];
	while (!c->out.n && !c->own_done) {
		int fd = c->archive >= 0 ? c->archive : 0;
		ssize_t n = read(fd, piece, sizeof piece);
		if (n > 0)
			sbuf_add(&c->out, piece, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0) /* a half of it would pass for all */
			die(fd ? "cannot read what goes there" : "standard input", os_error(errno));
		else if (fd) {
			close(fd);
			c->archive = -1;
		} else
			c->own_done = true;
	}
}

static void send_some(struct carry *c)
{
	ssize_t n = write(c->to, c->out.p, c->out.n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && errno != EPIPE)
		die("cannot send what goes there", os_error(errno));
	if (n < 0) { /* nobody reads on: what was made may come all the same */
		c->own_done = true;
		sbuf_clear(&c->out);
		return;
	}
	memmove(c->out.p, c->out.p + n, c->out.n - (size_t)n);
	c->out.n -= (size_t)n;
}

static void drop(struct carry *c, size_t n)
{
	if (!n)
		return;
	memmove(c->in.p, c->in.p + n, c->in.n - n);
	c->in.n -= n;
}

static void mark(struct carry *c, const char *what, const char *text)
{
	struct str path = arena_printf(&c->arena, "%s.%s", c->mark, what);
	int err = os_replace_file(AT_FDCWD, path.p, 0600, str_of(text));
	if (err)
		die(path.p, os_error(err));
}

/* A line that begins with the key, whole: it is put into `line` without the key, and dropped. */
static bool take_line(struct carry *c, char line[LINE_MAX_BYTES])
{
	const char *nl = memchr(c->in.p, '\n', c->in.n);
	if (!nl && c->in.n > LINE_MAX_BYTES)
		die("what came back", "it has no line where one has to be");
	if (!nl || (size_t)(nl - c->in.p) < c->key.n + 1)
		return false;
	size_t n = (size_t)(nl - c->in.p) - c->key.n - 1;
	snprintf(line, LINE_MAX_BYTES, "%.*s", (int)n, c->in.p + c->key.n + 1);
	drop(c, c->key.n + 1 + n + 1);
	return true;
}

/* Passes on to fd what comes before the key, as far as it cannot be a part of one. Is the key at the beginning now? */
static bool pass_to_key(struct carry *c, int fd)
{
	const char *key = c->in.n ? memmem(c->in.p, c->in.n, c->key.p, c->key.n) : NULL;
	size_t n = key ? (size_t)(key - c->in.p) : c->in.n < c->key.n ? 0 : c->in.n - c->key.n + 1;
	int err = n ? os_write_all(fd, c->in.p, n) : 0;
	if (err)
		die("cannot pass its output on", os_error(err));
	drop(c, n);
	return key;
}

static bool take_began(struct carry *c)
{
	char line[LINE_MAX_BYTES];
	if (!pass_to_key(c, 2) || !take_line(c, line))
		return false;
	if (strcmp(line, "began") != 0)
		die("what came back", line);
	mark(c, "began", "");
	c->at = COMMAND;
	return true;
}

static bool take_ended(struct carry *c)
{
	char line[LINE_MAX_BYTES];
	unsigned long long size;
	if (!pass_to_key(c, 1) || !take_line(c, line))
		return false;
	if (sscanf(line, "ended %d %llu %64[0-9a-f]", &c->status, &size, c->sum) != 3 || c->status < 0 || c->status > STATUS_MOST)
		die("what came back", line);
	c->left = size;
	c->back = open(path_of(c, "in.tar").p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->back < 0)
		die("what it made cannot be kept", os_error(errno));
	c->at = FILES;
	return true;
}

static bool take_files(struct carry *c)
{
	size_t n = c->in.n < c->left ? c->in.n : (size_t)c->left;
	int err = n ? os_write_all(c->back, c->in.p, n) : 0;
	if (err)
		die("what it made cannot be kept", os_error(err));
	drop(c, n);
	c->left -= n;
	if (c->left)
		return false;
	close(c->back);
	c->at = AFTER;
	return true;
}

static bool take_end(struct carry *c)
{
	char line[LINE_MAX_BYTES];
	if (!take_line(c, line))
		return false;
	if (strcmp(line, "end") != 0)
		die("what came back", line);
	c->at = COMPLETE;
	return false;
}

static bool (*const takes[])(struct carry *c) = {[BEFORE] = take_began, [COMMAND] = take_ended, [FILES] = take_files, [AFTER] = take_end};

static void talk(struct carry *c)
{
	char piece[PIECE];
	for (bool open = true; open;) {
		fill(c);
		if (c->to >= 0 && !c->out.n) {
			close(c->to);
			c->to = -1;
		}
		struct pollfd p[] = {{.fd = c->from, .events = POLLIN}, {.fd = c->to, .events = POLLOUT}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			die("cannot wait", os_error(errno));
		if (p[1].revents)
			send_some(c);
		if (!p[0].revents)
			continue;
		ssize_t n = read(c->from, piece, sizeof piece);
		if (n > 0)
			sbuf_add(&c->in, piece, (size_t)n);
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			die("cannot read what comes back", os_error(errno));
		open = n;
		while (c->at != COMPLETE && takes[c->at](c))
			;
	}
}

/* All has come, and is what was sent: it goes into the task's view, and an answer's file where axmake looks for it. */
static void unpack(struct carry *c)
{
	const char *tar = path_of(c, "in.tar").p, *upper = path_of(c, "upper").p;
	char *const argv[] = {(char *)"tar", (char *)"-xmf", (char *)tar, (char *)"--no-same-owner", (char *)"-C", (char *)upper, NULL};
	char sum[SHA_HEX + 1];
	struct stat st;
	if (!stat(tar, &st) && !st.st_size)
		return;
	sum_of(tar, sum);
	if (strcmp(sum, c->sum) != 0)
		die("what it made", "it came damaged");
	if (!run(argv, -1))
		die("what it made", "it cannot be unpacked");
	struct str answer = arena_printf(&c->arena, "%s/%s", upper, c->answer);
	if (rename(answer.p, c->answer) && errno != ENOENT)
		die(answer.p, os_error(errno));
	int err = os_remove_tree(AT_FDCWD, arena_printf(&c->arena, "%s/.axmake", upper).p);
	if (err)
		die("what it made", os_error(err));
}

int main(int argc, char **argv)
{
	enum { VIEW = 1, MARK, ENV, ANSWER, WRAP };
	struct carry c = {.archive = -1, .back = -1};
	char text[16];
	int status = 0;
	if (argc <= WRAP) {
		fputs("Usage: axmake-carry VIEW MARK ENV ANSWER PROGRAM WORD...\nCalled by axmake for executors with shared_root = no.\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	c.view = argv[VIEW];
	c.mark = argv[MARK];
	c.env = strtoull(argv[ENV], NULL, 10);
	c.answer = argv[ANSWER];
	c.wrap = argv + WRAP;
	c.key = arena_printf(&c.arena, "axmake-%016llx%016llx", (unsigned long long)os_random64(), (unsigned long long)os_random64());
	pack(&c);
	start(&c);
	talk(&c);
	while (waitpid(c.child, &status, 0) < 0 && errno == EINTR)
		;
	if (c.at == COMPLETE) {
		unpack(&c);
		snprintf(text, sizeof text, "%d\n", c.status);
		mark(&c, "ended", text);
		c.status = c.status > SIGNAL ? c.status - SIGNAL + 128 : c.status;
	} else {
		c.status = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : CANNOT;
	}
	sbuf_free(&c.out);
	sbuf_free(&c.in);
	arena_free(&c.arena);
	return c.status;
}

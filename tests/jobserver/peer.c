/* A parent with a jobserver that counts every byte.
 *
 *   peer [options] -- COMMAND [ARG...]
 *
 * Fills a pool with distinct bytes, runs the command with the pool in MAKEFLAGS, and afterwards compares what is in the pool with
 * what was put there. Writes one JSON object to --report (see write_report). Exit status 0 when the command could be run,
 * whatever came of it.
 *
 *   --tokens N        the bytes 0x00, 0x01, ... (at most 256)
 *   --fifo PATH       the pool is this fifo, made here; a pipe without tokens stands beside it as a decoy
 *   --makeflags TEXT  MAKEFLAGS; @R and @W become the pipe's descriptors, @F the fifo's path, @N the number of slots
 *   --nonblock        the pipe's read end is handed over in non-blocking mode, as make 4.3 does
 *   --closed          the descriptors are named, but not inherited
 *   --thief MS        a process that waits for tokens, takes one, holds it for MS milliseconds, gives it back, and so on
 *   --add MS          another token appears after MS milliseconds
 *   --signal NUM --after US   the command gets the signal after US microseconds
 *   --uid N           the command runs as this user; the pool belongs to the caller
 *   --no-proc         the command runs where /proc is empty
 *   --limit MS        the command is killed after that time (30 s)
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHANGES = 20000 };

struct options {
	int tokens;
	const char *fifo, *makeflags, *report;
	bool nonblock, closed, no_proc;
	int thief_ms, add_ms, signal, uid, limit_ms;
	long after_us;
};

struct peer {
	struct options o;
	int pipe[2];
	int pool_read, pool_write; /* ours: the pipe's ends, or a description of the fifo */
	int flags[2];              /* of the pipe's ends as handed over */
	int flag_changes;          /* samples at which they were different */
	long samples;
	pid_t child, thief;
	int64_t start_ns, end_ns, added_ns;
	bool added, signalled, timed_out;
	struct change {
		long us;
		int free;
	} changes[CHANGES];
	int n_changes;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void put(int fd, unsigned char byte)
{
	if (write(fd, &byte, 1) != 1)
		die("write of a token");
}

static int available(int fd)
{
	int n = 0;

	if (ioctl(fd, FIONREAD, &n) != 0)
		die("FIONREAD");
	return n;
}

/* The descriptors are as make makes them: inherited, blocking unless asked otherwise. */
static void make_pool(struct peer *p)
{
	if (pipe(p->pipe) != 0)
		die("pipe");
	p->pool_read = p->pipe[0];
	p->pool_write = p->pipe[1];
	if (p->o.fifo) {
		if (mkfifo(p->o.fifo, 0600) != 0)
			die(p->o.fifo);
		p->pool_read = p->pool_write = open(p->o.fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (p->pool_read < 0)
			die(p->o.fifo);
	}
	if (p->o.nonblock && fcntl(p->pipe[0], F_SETFL, O_NONBLOCK) != 0)
		die("F_SETFL");
	for (int i = 0; i < 2; i++) {
		p->flags[i] = fcntl(p->pipe[i], F_GETFL);
		if (p->o.closed)
			fcntl(p->pipe[i], F_SETFD, FD_CLOEXEC);
	}
	for (int i = 0; i < p->o.tokens; i++)
		put(p->pool_write, (unsigned char)i);
}

static void set_makeflags(const struct peer *p)
{
	char value[8192];
	size_t n = 0;

	for (const char *s = p->o.makeflags; *s && n < sizeof value - 1; s++) {
		size_t room = sizeof value - n;
		if (*s != '@' || !s[1]) {
			value[n++] = *s;
			continue;
		}
		char c = *++s;
		if (c == 'F')
			n += (size_t)snprintf(value + n, room, "%s", p->o.fifo);
		else
			n += (size_t)snprintf(value + n, room, "%d",
			                      c == 'R'   ? p->pipe[0]
			                      : c == 'W' ? p->pipe[1]
			                                 : p->o.tokens + 1);
	}
	if (n >= sizeof value)
		n = sizeof value - 1;
	value[n] = '\0';
	setenv("MAKEFLAGS", value, 1);
	setenv("MAKELEVEL", "1", 1);
}

static void start(struct peer *p, char **argv)
{
	p->start_ns = now_ns();
	p->child = fork();
	if (p->child < 0)
		die("fork");
	if (p->child > 0)
		return;
	set_makeflags(p);
	signal(SIGPIPE, SIG_DFL);
	if (p->o.no_proc && (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	                     mount("none", "/proc", "tmpfs", 0, NULL) != 0))
		die("a mount namespace without /proc");
	if (p->o.uid > 0 && (setgid((gid_t)p->o.uid) != 0 || setuid((uid_t)p->o.uid) != 0))
		die("setuid");
	execvp(argv[0], argv);
	die(argv[0]);
}

static volatile sig_atomic_t thief_stopped;

static void stop_thief(int sig)
{
	(void)sig;
	thief_stopped = 1;
}

/* Uses the mode that the descriptor has; where that is blocking it may wait in read, as a careless client does. */
static void be_a_thief(const struct peer *p)
{
	struct sigaction stop = {.sa_handler = stop_thief};
	struct timespec hold = {p->o.thief_ms / 1000, p->o.thief_ms % 1000 * 1000000L};
	struct pollfd fd = {.fd = p->pool_read, .events = POLLIN};
	unsigned char byte;

	sigaction(SIGTERM, &stop, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	while (!thief_stopped) {
		if (poll(&fd, 1, -1) < 1 || read(p->pool_read, &byte, 1) != 1)
			continue;
		if (!thief_stopped)
			nanosleep(&hold, NULL);
		put(p->pool_write, byte);
		sched_yield();
	}
	_exit(0);
}

static void start_thief(struct peer *p)
{
	if (!p->o.thief_ms)
		return;
	p->thief = fork();
	if (p->thief < 0)
		die("fork");
	if (p->thief == 0)
		be_a_thief(p);
}

/* What it holds it gives back; what it waits for it does not get. */
static void end_thief(struct peer *p)
{
	if (!p->thief)
		return;
	kill(p->thief, SIGTERM);
	for (int i = 0; i < 300; i++) {
		if (waitpid(p->thief, NULL, WNOHANG) == p->thief)
			return;
		usleep(1000);
	}
	kill(p->thief, SIGKILL);
	waitpid(p->thief, NULL, 0);
}

static void sample(struct peer *p)
{
	int free = available(p->pool_read);

	p->samples++;
	if (fcntl(p->pipe[0], F_GETFL) != p->flags[0] || fcntl(p->pipe[1], F_GETFL) != p->flags[1])
		p->flag_changes++;
	if (p->n_changes == CHANGES || (p->n_changes && p->changes[p->n_changes - 1].free == free))
		return;
	p->changes[p->n_changes++] = (struct change){(long)((now_ns() - p->start_ns) / 1000), free};
}

static void act(struct peer *p)
{
	long us = (long)((now_ns() - p->start_ns) / 1000);

	if (p->o.add_ms && !p->added && us >= p->o.add_ms * 1000L) {
		p->added = true;
		p->added_ns = now_ns();
		put(p->pool_write, (unsigned char)p->o.tokens);
	}
	if (p->o.signal && !p->signalled && us >= p->o.after_us) {
		p->signalled = true;
		kill(p->child, p->o.signal);
	}
	if (us >= p->o.limit_ms * 1000L && !p->timed_out) {
		p->timed_out = true;
		kill(p->child, SIGKILL);
	}
}

/* Runs until the command ends. Returns its wait status. */
static int watch(struct peer *p, struct rusage *usage)
{
	int status;

	for (;;) {
		act(p);
		sample(p);
		pid_t pid = wait4(p->child, &status, WNOHANG, usage);
		if (pid == p->child) {
			p->end_ns = now_ns();
			return status;
		}
		if (pid < 0)
			die("wait4");
		usleep(p->o.signal && !p->signalled ? 50 : 500);
	}
}

static void count_pool(const struct peer *p, int counts[256])
{
	unsigned char byte;

	memset(counts, 0, 256 * sizeof *counts);
	while (available(p->pool_read) > 0 && read(p->pool_read, &byte, 1) == 1)
		counts[byte]++;
}

static void write_bytes(FILE *f, const char *name, const int counts[256], int sign)
{
	const char *comma = "";

	fprintf(f, ",\"%s\":[", name);
	for (int b = 0; b < 256; b++)
		for (int i = 0; i < sign * counts[b]; i++) {
			fprintf(f, "%s%d", comma, b);
			comma = ",";
		}
	fprintf(f, "]");
}

static void write_report(struct peer *p, int status, const struct rusage *usage)
{
	FILE *f = p->o.report ? fopen(p->o.report, "we") : stdout;
	int counts[256];

	if (!f)
		die(p->o.report);
	count_pool(p, counts);
	for (int i = 0; i < p->o.tokens + p->added; i++)
		counts[i]--;
	fprintf(f, "{\"rc\":%d,\"signal\":%d", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	        WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	fprintf(f, ",\"timed_out\":%s,\"ms\":%ld", p->timed_out ? "true" : "false", (long)((p->end_ns - p->start_ns) / 1000000));
	fprintf(f, ",\"cpu_ms\":%ld",
	        usage->ru_utime.tv_sec * 1000 + usage->ru_utime.tv_usec / 1000 + usage->ru_stime.tv_sec * 1000 +
	            usage->ru_stime.tv_usec / 1000);
	fprintf(f, ",\"samples\":%ld,\"flag_changes\":%d,\"decoy\":%d", p->samples, p->flag_changes,
	        p->o.fifo ? available(p->pipe[0]) : 0);
	fprintf(f, ",\"start_ns\":%lld,\"added_ns\":%lld", (long long)p->start_ns, (long long)p->added_ns);
	write_bytes(f, "lost", counts, -1);
	write_bytes(f, "extra", counts, 1);
	fprintf(f, ",\"free\":[");
	for (int i = 0; i < p->n_changes; i++)
		fprintf(f, "%s[%ld,%d]", i ? "," : "", p->changes[i].us, p->changes[i].free);
	fprintf(f, "]}\n");
	if (fflush(f) != 0)
		die("report");
}

static int number(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*end || end == s || n < 0 || n > 100000000) {
		fprintf(stderr, "peer: not a number: %s\n", s);
		exit(2);
	}
	return (int)n;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"tokens", 1, NULL, 't'},   {"fifo", 1, NULL, 'f'},   {"makeflags", 1, NULL, 'm'}, {"report", 1, NULL, 'r'},
	    {"nonblock", 0, NULL, 'n'}, {"closed", 0, NULL, 'c'}, {"thief", 1, NULL, 'T'},     {"add", 1, NULL, 'a'},
	    {"signal", 1, NULL, 's'},   {"after", 1, NULL, 'A'},  {"uid", 1, NULL, 'u'},       {"no-proc", 0, NULL, 'p'},
	    {"limit", 1, NULL, 'l'},    {NULL, 0, NULL, 0},
	};

	*o = (struct options){.makeflags = " -j@N --jobserver-auth=@R,@W", .limit_ms = 30000};
	for (int c; (c = getopt_long(argc, argv, "+", longs, NULL)) != -1;) {
		switch (c) {
		case 't':
			o->tokens = number(optarg);
			break;
		case 'f':
			o->fifo = optarg;
			break;
		case 'm':
			o->makeflags = optarg;
			break;
		case 'r':
			o->report = optarg;
			break;
		case 'n':
			o->nonblock = true;
			break;
		case 'c':
			o->closed = true;
			break;
		case 'T':
			o->thief_ms = number(optarg);
			break;
		case 'a':
			o->add_ms = number(optarg);
			break;
		case 's':
			o->signal = number(optarg);
			break;
		case 'A':
			o->after_us = number(optarg);
			break;
		case 'u':
			o->uid = number(optarg);
			break;
		case 'p':
			o->no_proc = true;
			break;
		case 'l':
			o->limit_ms = number(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (optind == argc || o->tokens > 256 - (o->add_ms > 0)) {
		fprintf(stderr, "usage: peer [options] -- COMMAND [ARG...]; at most 256 tokens\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct peer p;
	struct rusage usage = {0};

	parse(&p.o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	make_pool(&p);
	start_thief(&p);
	start(&p, argv + optind);
	int status = watch(&p, &usage);
	end_thief(&p);
	write_report(&p, status, &usage);
	if (p.o.fifo)
		unlink(p.o.fifo);
	return 0;
}

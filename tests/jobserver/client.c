/* What a task of the suite does: a stretch of time that is written down, or a client of the jobserver with good or bad manners.
 *
 *   client span FILE NAME MS        append "START END NAME" (monotonic nanoseconds) to FILE after MS milliseconds
 *   client take K MS [OPTION...]    join the jobserver of MAKEFLAGS, take K tokens (waiting for them at most 5 s), hold them for
 * MS, give them back spans=FILE    write down K + 1 stretches give=C        give back the character C instead of the byte read,
 * as gcc does end=die       end by SIGKILL while holding them term=lose     on SIGTERM leave without giving them back, as
 * make 4.4 does; without this they are given back extra=N       give back N more than were taken held=FILE     make FILE once the
 * tokens are held client fds                      print the numbers of the open descriptors client count                    print
 * how many tokens the jobserver of MAKEFLAGS has now
 *   client storm FILE TAKES SEED DIE   take and give back up to three tokens at a time, TAKES in all, and end well where none comes for 200 ms; of a hundred such
 * clients DIE end by SIGKILL, somewhere, with what they hold. Appends how many were taken to FILE
 *   client daemon MS                leave a process in a session of its own
 * behind, with all descriptors but 0, 1 and 2
 *
 * take and count end with 3 when MAKEFLAGS names no usable jobserver.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096, NO_JOBSERVER = 3 };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static void write_span(const char *file, int64_t from, const char *name)
{
	char line[256];
	int n = snprintf(line, sizeof line, "%lld %lld %s\n", (long long)from, (long long)now_ns(), name);
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, line, (size_t)n) != n)
		die(file);
	close(fd);
}

static int span(int argc, char **argv)
{
	int64_t from = now_ns();

	if (argc != 5)
		return 2;
	sleep_ms(atol(argv[4]));
	write_span(argv[2], from, argv[3]);
	return 0;
}

/* The last auth word of MAKEFLAGS in front of "--"; false when there is none. */
static bool find_auth(char *auth, size_t size)
{
	static const char *const names[] = {"--jobserver-auth=", "--jobserver-fds="};
	char *flags = strdup(getenv("MAKEFLAGS") ? getenv("MAKEFLAGS") : ""), *rest = NULL;
	bool found = false;

	for (char *w = strtok_r(flags, " ", &rest); w && strcmp(w, "--") != 0; w = strtok_r(NULL, " ", &rest))
		for (int i = 0; i < 2; i++)
			if (strncmp(w, names[i], strlen(names[i])) == 0) {
				snprintf(auth, size, "%s", w + strlen(names[i]));
				found = true;
			}
	free(flags);
	return found;
}

static struct {
	int in, out;
	unsigned char bytes[MOST];
	volatile int n;
	bool lose;
} pool;

static bool join(void)
{
	char auth[4096];
	struct stat st;

	if (!find_auth(auth, sizeof auth))
		return false;
	if (strncmp(auth, "fifo:", 5) == 0) {
		pool.in = pool.out = open(auth + 5, O_RDWR | O_CLOEXEC);
		return pool.in >= 0;
	}
	return sscanf(auth, "%d,%d", &pool.in, &pool.out) == 2 && fstat(pool.in, &st) == 0 && S_ISFIFO(st.st_mode) &&
	       fstat(pool.out, &st) == 0 && S_ISFIFO(st.st_mode);
}

static void give_back(void)
{
	while (pool.n > 0)
		if (write(pool.out, &pool.bytes[--pool.n], 1) != 1)
			_exit(2);
}

static void on_term(int sig)
{
	if (!pool.lose)
		give_back();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Waits at most five seconds for each. SIGTERM is held off between the read and the note of it. */
static void take(int k)
{
	sigset_t term, old;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	while (pool.n < k) {
		struct pollfd p = {.fd = pool.in, .events = POLLIN};
		if (poll(&p, 1, 5000) != 1) {
			fprintf(stderr, "client: no token came\n");
			give_back();
			exit(1);
		}
		sigprocmask(SIG_BLOCK, &term, &old);
		int there = 0;
		if (ioctl(pool.in, FIONREAD, &there) == 0 && there > 0 && read(pool.in, &pool.bytes[pool.n], 1) == 1)
			pool.n++;
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
}

static const char *option(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 4; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
			return argv[i] + n + 1;
	return NULL;
}

static int be_client(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int k = atoi(argv[2]);
	const char *spans = option(argc, argv, "spans"), *give = option(argc, argv, "give"), *end = option(argc, argv, "end");
	const char *term = option(argc, argv, "term"), *extra = option(argc, argv, "extra"), *held = option(argc, argv, "held");

	if (k > MOST || !join())
		return NO_JOBSERVER;
	pool.lose = term && strcmp(term, "lose") == 0;
	signal(SIGTERM, on_term);
	take(k);
	int64_t from = now_ns();
	if (held)
		close(open(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	sleep_ms(atol(argv[3]));
	for (int i = 0; spans && i <= k; i++)
		write_span(spans, from, "client");
	if (end && strcmp(end, "die") == 0)
		raise(SIGKILL);
	for (int i = 0; give && i < k; i++)
		pool.bytes[i] = (unsigned char)*give;
	give_back();
	for (int i = 0; extra && i < atoi(extra); i++)
		if (write(pool.out, "x", 1) != 1)
			die("write");
	return 0;
}

static int count(void)
{
	int n;

	if (!join() || ioctl(pool.in, FIONREAD, &n) != 0)
		return NO_JOBSERVER;
	printf("%d\n", n);
	return 0;
}

static void note_taken(const char *file, long taken)
{
	char line[32];
	int n = snprintf(line, sizeof line, "%ld\n", taken), fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, line, (size_t)n) != n)
		die(file);
	close(fd);
}

/* A description of our own, which does not wait: between a look and a read another client may be quicker. */
static void do_not_wait(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", pool.in);
	pool.in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pool.in < 0)
		die(path);
}

static int storm(int argc, char **argv)
{
	if (argc != 6 || !join())
		return argc == 6 ? NO_JOBSERVER : 2;
	do_not_wait();
	srandom((unsigned)atoi(argv[4]));
	long takes = atol(argv[3]), taken = 0, end = random() % 100 < atol(argv[5]) ? random() % takes : -1;
	while (taken < takes) {
		struct pollfd p = {.fd = pool.in, .events = POLLIN};
		if (poll(&p, 1, 200) == 0)
			break;
		for (long k = 1 + random() % 3; k > 0 && read(pool.in, &pool.bytes[pool.n], 1) == 1; k--, taken++)
			pool.n++;
		if (end >= 0 && taken > end) {
			note_taken(argv[2], taken);
			raise(SIGKILL);
		}
		give_back();
	}
	note_taken(argv[2], taken);
	return 0;
}

static int fds(void)
{
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			printf("%d ", fd);
	printf("\n");
	return 0;
}

static int leave_daemon(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	pid_t pid = fork();
	if (pid != 0) {
		printf("%d\n", (int)pid);
		return pid > 0 ? 0 : 2;
	}
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	sleep_ms(atol(argv[2]));
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "span") == 0)
		return span(argc, argv);
	if (strcmp(verb, "take") == 0)
		return be_client(argc, argv);
	if (strcmp(verb, "fds") == 0)
		return fds();
	if (strcmp(verb, "count") == 0)
		return count();
	if (strcmp(verb, "storm") == 0)
		return storm(argc, argv);
	if (strcmp(verb, "daemon") == 0)
		return leave_daemon(argc, argv);
	fprintf(stderr, "client: unknown verb '%s'\n", verb);
	return 2;
}

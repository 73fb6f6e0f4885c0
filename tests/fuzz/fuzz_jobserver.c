/* A jobserver as MAKEFLAGS names it: the first byte says what else there is, then --jobserver-auth's value, then MAKEFLAGS. A pipe stands at 90 and 91, its ends also at 92 (to be read) and
 * 93 (to be written), and a fifo at `f`. Whatever is said, every token is there in the end. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "run/jobserver.h"

enum { TOKENS = 3, READ = 90, WRITE, READ_AGAIN, WRITE_AGAIN, FIFO };

static void move(int fd, int to)
{
	always(dup2(fd, to) == to && close(fd) == 0);
}

static void begin(void)
{
	int ends[2];

	fuzz_enter();
	always(!pipe(ends) && !mkfifo("f", 0600));
	move(ends[0], READ);
	move(ends[1], WRITE);
	move(open("f", O_RDWR), FIFO);
	always(dup2(READ, READ_AGAIN) == READ_AGAIN && dup2(WRITE, WRITE_AGAIN) == WRITE_AGAIN);
	always(write(WRITE, "abc", TOKENS) == TOKENS && write(FIFO, "+++", TOKENS) == TOKENS);
}

static int waiting(int fd)
{
	int n = -1;

	always(!ioctl(fd, FIONREAD, &n));
	return n;
}

static void warn(void *self, const char *line)
{
	(void)self;
	always(!strncmp(line, "axmake: warning: ", 17));
	for (; *line; line++)
		always(*line != '\n' && *line != '\r' && *line != '\033');
}

static void use(struct jobserver *j)
{
	struct slot slots[8] = {0};
	size_t n = 0;

	while (n < sizeof slots / sizeof *slots && jobserver_take(j, &slots[n]))
		n++;
	always(n > 0 && jobserver_held(j) == n); /* one slot that every process has */
	always(jobserver_role(j) != JOBSERVER_CLIENT || n <= 1 + TOKENS);
	jobserver_free(j);
	jobserver_wait_fd(j);
	jobserver_child(j, true);
	always(jobserver_child(j, false).keep[0] == -1);
	for (size_t i = 0; i < n; i += 2)
		jobserver_give(j, &slots[i]);
	jobserver_return_all(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data + (size > 0), size - (size > 0)}, auth = fuzz_part(&rest);
	unsigned char what = size ? data[0] : 0;
	struct arena a = {0};
	struct jobserver_config c = {.has_auth = !(what & 1), .jobs = what >> 1 & 7, .jobs_on_command_line = what & 0x10, .limit = what >> 6};
	struct jobserver_inherited in;

	if (fcntl(FIFO, F_GETFD) < 0)
		begin();
	if (memchr(auth.p ? auth.p : "", '/', auth.n)) /* fifos and devices of the machine are not for us */
		auth = STR_NONE;
	c.auth = arena_copy(&a, auth);
	c.makeflags = arena_copy(&a, rest);
	c.style = what & 0x20 ? STR("fifo") : STR("pipe");
	in = jobserver_inspect(c.auth);
	always(!in.pipe_ok || (in.read_fd >= READ && in.write_fd >= READ) || (in.read_fd > 2 && in.write_fd > 2));
	struct jobserver *j = jobserver_open(&a, &c, &in, warn, NULL);
	use(j);
	jobserver_close(j);
	always(waiting(READ) == TOKENS && waiting(FIFO) == TOKENS);
	arena_free(&a);
	return 0;
}

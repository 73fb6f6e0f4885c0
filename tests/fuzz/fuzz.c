#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

static char folder[64];
static pid_t owner;

void fuzz_broken(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

struct str fuzz_copy(const uint8_t *data, size_t size)
{
	char *p = malloc(size);

	if (size)
		memcpy(p, data, size);
	return (struct str){p, size};
}

struct str fuzz_part(struct str *rest)
{
	size_t at = str_find(*rest, STR("\f"), 0);
	struct str part = str_sub(*rest, 0, at);

	*rest = str_sub(*rest, at + 1, rest->n);
	return part;
}

static void leave(void)
{
	if (getpid() == owner && !chdir("/"))
		os_remove_tree(AT_FDCWD, folder);
}

void fuzz_enter(void)
{
	if (folder[0])
		return;
	owner = getpid();
	snprintf(folder, sizeof folder, "%s/axmake-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	always(mkdtemp(folder) && !chdir(folder));
	atexit(leave);
}

void fuzz_put(const char *path, struct str content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	always(fd >= 0 && !os_write_all(fd, content.p, content.n));
	close(fd);
}

struct str fuzz_get(struct arena *a, const char *path)
{
	struct str s;

	always(!os_read_file(a, AT_FDCWD, path, SIZE_MAX, &s));
	return s;
}

void fuzz_told(struct diag *d)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	always(nowhere);
	diag_print(d, nowhere, true);
	diag_free(d);
}

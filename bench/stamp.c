/* usage: stamp FILE
 *
 * Writes when it began into a file or pipe: seconds of the monotonic clock. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int fd = argc == 2 ? open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
	return fd < 0 || dprintf(fd, "%lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec) < 0 || close(fd);
}

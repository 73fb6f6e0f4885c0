/* usage: cp FROM TO
 *
 * Copies a small file. As a static program it starts several times faster than the system's `cp`: folders of many tasks are prepared with it. */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char buffer[1 << 16];
	ssize_t n;
	int in = argc == 3 ? open(argv[1], O_RDONLY) : -1, out = in < 0 ? -1 : open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (out < 0)
		return 1;
	while ((n = read(in, buffer, sizeof buffer)) > 0)
		if (write(out, buffer, (size_t)n) != n)
			return 1;
	return n < 0 || close(out);
}

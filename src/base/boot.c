#include "base/boot.h"

#include <fcntl.h>
#include <unistd.h>

static struct hash128 read_id(void)
{
	struct hash128 none = {0, 0};
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	return n > 0 ? hash_bytes(text, (size_t)n) : none;
}

struct hash128 boot_id(void)
{
	/* A fact of the whole process, which each call of an agent notes. */
	static struct hash128 id;

	if (hash_eq(id, (struct hash128){0, 0}))
		id = read_id();
	return id;
}

#include "base/boot.h"

#include <fcntl.h>
#include <unistd.h>

struct hash128 boot_id(void)
{
	struct hash128 none = {0, 0};
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	return n > 0 ? hash_bytes(text, (size_t)n) : none;
}

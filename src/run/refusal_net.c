#include "run/refusal_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool place_4(const struct in_addr *a, uint16_t port, struct net_place *p)
{
	char text[INET_ADDRSTRLEN];
	p->port = ntohs(port);
	p->local = ntohl(a->s_addr) >> 24 == 127 || !a->s_addr;
	snprintf(p->text, sizeof p->text, "%s:%u", inet_ntop(AF_INET, a, text, sizeof text), p->port);
	return p->port;
}

static bool place_6(const struct sockaddr_in6 *a, struct net_place *p)
{
	char text[INET6_ADDRSTRLEN];
	if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr))
		return place_4((const struct in_addr *)(const void *)(a->sin6_addr.s6_addr + 12), a->sin6_port, p);
	p->port = ntohs(a->sin6_port);
	p->local = IN6_IS_ADDR_LOOPBACK(&a->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&a->sin6_addr);
	snprintf(p->text, sizeof p->text, "[%s]:%u", inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text), p->port);
	return p->port;
}

static bool place_unix(const struct sockaddr_un *a, socklen_t length, struct net_place *p)
{
	size_t n = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
	if (n > sizeof a->sun_path)
		n = sizeof a->sun_path;
	n = strnlen(a->sun_path, n); /* an abstract one begins with a NUL */
	memcpy(p->path, a->sun_path, n);
	p->path[n] = '\0';
	return n > 0;
}

bool net_place(const struct sockaddr_storage *address, socklen_t length, struct net_place *p)
{
	const struct sockaddr_in *in = (const void *)address;
	memset(p, 0, sizeof *p);
	switch (address->ss_family) {
	case AF_INET:
		return length >= sizeof *in && place_4(&in->sin_addr, in->sin_port, p);
	case AF_INET6:
		return length >= sizeof(struct sockaddr_in6) && place_6((const void *)address, p);
	case AF_UNIX:
		return place_unix((const void *)address, length, p);
	default:
		return false;
	}
}

/* Lines of "  sl: local:PORT remote:PORT STATE …" in hexadecimal digits; state 0A listens. */
static bool is_listener(const char *line, uint16_t port)
{
	unsigned at, state;
	return sscanf(line, " %*u: %*[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*4x %2x", &at, &state) == 2 && at == port && state == 10;
}

static bool table_has(int fd, uint16_t port)
{
	char text[8192];
	size_t have = 0;
	ssize_t n;
	if (fd < 0 || lseek(fd, 0, SEEK_SET))
		return false;
	while ((n = read(fd, text + have, sizeof text - 1 - have)) > 0) {
		char *line = text;
		have += (size_t)n;
		text[have] = '\0';
		for (char *end; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (is_listener(line, port))
				return true;
		}
		have = (size_t)(text + have - line);
		memmove(text, line, have);
	}
	return false;
}

bool net_listens(const int tables[2], uint16_t port)
{
	return table_has(tables[0], port) || table_has(tables[1], port);
}

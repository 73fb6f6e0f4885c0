/* Addresses that sandboxed programs ask for. */
#ifndef AXMAKE_RUN_REFUSAL_NET_H
#define AXMAKE_RUN_REFUSAL_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NET_TEXT = 80 };

struct net_place {
	char path[sizeof(struct sockaddr_un)]; /* of a socket in the file system; "": it is on the network */
	char text[NET_TEXT]; /* for people: "127.0.0.1:80", "[::1]:80" */
	uint16_t port;
	bool local;          /* this machine */
};

/* false: an address of no interest, such as one of the kernel's own, or none at all. */
bool net_place(const struct sockaddr_storage *address, socklen_t length, struct net_place *p);
/* Does somebody listen at the port? tables: open files as /proc/net/tcp and tcp6, or -1. */
bool net_listens(const int tables[2], uint16_t port);

#endif

#include "run/refusal.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void refusal_note(struct refusals *r, enum refusal_why why, const char *what)
{
	size_t length = strnlen(what, REFUSAL_TEXT - 1);
	for (uint32_t i = 0; i < r->n; i++) {
		struct refusal *known = &r->all[i];
		if (known->why == why && !strncmp(known->what, what, length) && !known->what[length]) {
			known->times++;
			return;
		}
	}
	if (r->n == REFUSALS_MOST) {
		r->more++;
		return;
	}
	struct refusal *new = &r->all[r->n];
	new->why = (uint8_t)why;
	new->times = 1;
	memcpy(new->what, what, length);
	new->what[length] = '\0';
	r->n++; /* last: who is killed on the way has noted nothing */
}

struct str refusal_text(struct arena *a, const struct refusal *r)
{
	struct str all = {r->what, strnlen(r->what, REFUSAL_TEXT - 1)};
	if (all.n < REFUSAL_TEXT - 1)
		return arena_copy(a, all);
	while (all.n && ((unsigned char)all.p[all.n - 1] & 0xc0) == 0x80)
		all.n--;
	all.n -= all.n && (unsigned char)all.p[all.n - 1] >= 0xc0; /* a character that may not be whole */
	return arena_printf(a, "%.*s…", STR_ARG(all));
}

int refusals_new(void)
{
	int fd = memfd_create("refusals", MFD_CLOEXEC);
	if (fd < 0 || !ftruncate(fd, sizeof(struct refusals)))
		return fd;
	close(fd);
	return -1;
}

struct refusals *refusals_map(int fd)
{
	void *p = mmap(NULL, sizeof(struct refusals), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

void refusals_unmap(struct refusals *r)
{
	if (r)
		munmap(r, sizeof *r);
}

/* What servers gave and took, for those who ask: "v1/servers", a line a server, changed under a lock of its own. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/os.h"
#include "state/cache_folder.h"

#define FILE_NAME "servers"
#define LONGEST (256u << 10)

/* "ENTRIES BYTES ENTRIES BYTES URL" without its end of line. false: it is none. */
static bool read_line(struct arena *a, struct str line, struct cache_traffic *t, struct str *server)
{
	uint64_t *to[] = {&t->entries_got, &t->bytes_got, &t->entries_put, &t->bytes_put};
	char *at = (char *)arena_copy(a, line).p;

	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		char *end;

		if (*at < '0' || *at > '9')
			return false;
		errno = 0;
		*to[i] = strtoull(at, &end, 10);
		if (errno || *end != ' ')
			return false;
		at = end + 1;
	}
	*server = str_of(at);
	return server->n > 0;
}

/* Adds every line but the server's to *others (may be NULL); of that *out is what it says. */
static void find(struct arena *a, struct str all, struct str server, struct cache_traffic *out, struct sbuf *others)
{
	*out = (struct cache_traffic){0};
	for (size_t at = 0, end; at < all.n; at = end + 1) {
		struct cache_traffic t;
		struct str of;

		end = str_find(all, STR("\n"), at);
		if (!read_line(a, str_sub(all, at, end), &t, &of))
			continue;
		if (str_eq(of, server)) {
			*out = t;
		} else if (others) {
			sbuf_str(others, str_sub(all, at, end));
			sbuf_char(others, '\n');
		}
	}
}

void cache_traffic_read(struct cache *c, struct str server, struct cache_traffic *out)
{
	struct arena a = {0};
	struct str all = STR_NONE;

	*out = (struct cache_traffic){0};
	if (cache_folder(c, false) && !os_read_file(&a, c->fd, FILE_NAME, LONGEST, &all))
		find(&a, all, server, out, NULL);
	arena_free(&a);
}

static void write_all(struct cache *c, struct str server, const struct cache_traffic *more)
{
	struct arena a = {0};
	struct str all = STR_NONE;
	struct cache_traffic t;
	struct sbuf b = {0};
	int err = os_read_file(&a, c->fd, FILE_NAME, LONGEST, &all);

	find(&a, err ? STR_NONE : all, server, &t, &b);
	sbuf_printf(&b, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.*s\n", t.entries_got + more->entries_got, t.bytes_got + more->bytes_got,
		    t.entries_put + more->entries_put, t.bytes_put + more->bytes_put, STR_ARG(server));
	if (b.n <= LONGEST)
		os_replace_file(c->fd, FILE_NAME, c->config.owner_only ? 0600 : 0666, sbuf_view(&b));
	sbuf_free(&b);
	arena_free(&a);
}

void cache_traffic_add(struct cache *c, struct str server, const struct cache_traffic *more)
{
	int fd;

	if (!c->config.writable || !cache_folder(c, true))
		return;
	/* The file itself is replaced: a folder is locked that stays. */
	fd = openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!TEMP_FAILURE_RETRY(flock(fd, LOCK_EX)))
		write_all(c, server, more);
	close(fd);
}

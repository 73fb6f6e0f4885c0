/* A seal's head and blocks, checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "state/seal_parts.h"

static struct seal_head take_head(struct reader *r)
{
	struct seal_head h = {.key = reader_hash(r)};

	h.log = reader_u64(r);
	h.number = reader_u64(r);
	h.end = reader_u64(r);
	h.slices = reader_u64(r);
	h.extra = reader_u32(r);
	h.n_sights = reader_u32(r);
	h.n_inputs = reader_u32(r);
	h.word = reader_str(r);
	return h;
}

/* Reads the whole head onto the heap. */
static bool read_head(struct seal *l)
{
	char start[SEAL_START];
	struct stat st;

	if (l->fd < 0 || fstat(l->fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size <= SEAL_START || st.st_size > SEAL_MAX ||
	    !os_read_exactly_at(l->fd, start, sizeof start, 0) || memcmp(start, SEAL_MAGIC, sizeof SEAL_MAGIC - 1) != 0)
		return false;
	l->size = (size_t)st.st_size;
	l->head_n = bytes_u32(start + SEAL_START - 4);
	if (l->head_n <= SEAL_START || l->head_n >= l->size)
		return false;
	l->bytes = malloc(l->head_n);
	return l->bytes && os_read_exactly_at(l->fd, l->bytes, l->head_n, 0) &&
	       bytes_u64(start + sizeof SEAL_MAGIC - 1) == hash64_bytes(l->bytes + SEAL_START - 4, l->head_n - (SEAL_START - 4));
}

bool seal_load(struct seal *l, const struct store *s, bool writable)
{
	*l = (struct seal){.fd = openat(s->fd, SEAL_FILE, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
	if (!read_head(l))
		return false;
	l->texts = reader_of((struct str){l->bytes + SEAL_START, l->head_n - SEAL_START});
	l->head = take_head(&l->texts);
	return !l->texts.bad && l->head.end > l->head_n && l->head.end <= l->head.slices && l->head.slices <= l->size && l->head.extra == l->size - l->head.slices &&
	       l->head.extra <= SEAL_BLOCK;
}

void seal_unload(struct seal *l)
{
	free(l->bytes);
	l->bytes = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

size_t seal_blocks(const struct seal *l)
{
	return (l->head.end - l->head_n + SEAL_BLOCK - 1) / SEAL_BLOCK;
}

struct seal_span seal_block_span(const struct seal *l, size_t number)
{
	uint64_t at = l->head_n + (uint64_t)number * SEAL_BLOCK;

	if (number >= seal_blocks(l))
		return (struct seal_span){l->head.slices, number == seal_blocks(l) ? l->head.extra : 0};
	return (struct seal_span){at, l->head.end - at < SEAL_BLOCK ? (size_t)(l->head.end - at) : SEAL_BLOCK};
}

bool seal_read_block(const struct seal *l, size_t number, char *bytes, struct reader *r, uint32_t *first)
{
	struct seal_span span = seal_block_span(l, number);
	size_t n = span.n;
	uint64_t sum, seal;
	uint32_t own, used;
	bool last;

	if (n < SEAL_BLOCK_START || !os_read_exactly_at(l->fd, bytes, n, span.at))
		return false;
	*r = reader_of((struct str){bytes, n});
	sum = reader_u64(r);
	seal = reader_u64(r);
	own = reader_u32(r);
	used = reader_u32(r);
	*first = reader_u32(r);
	last = reader_u8(r);
	r->end = (const unsigned char *)bytes + used;
	return sum == hash64_bytes(bytes + sizeof sum, n - sizeof sum) && seal == l->head.number && own == number &&
	       last == (number + 1 >= seal_blocks(l)) && used >= SEAL_BLOCK_START && used <= n;
}

bool seal_take_text(struct reader *r, struct seal_text *t)
{
	t->name = reader_str(r);
	r->bad = r->bad || reader_u8(r) || memchr(t->name.p, '\0', t->name.n);
	t->there = reader_u8(r);
	t->value = reader_hash(r);
	return !r->bad;
}

bool seal_take_path(struct reader *r, struct seal_path *p)
{
	const unsigned char *end;

	*p = (struct seal_path){.fact = reader_u64(r), .flags = reader_u8(r)};
	end = r->bad ? NULL : memchr(r->at, '\0', reader_left(r));
	if (!end)
		return false;
	p->path = (struct str){(const char *)r->at, (size_t)(end - r->at)};
	r->at = end + 1;
	if (p->flags & SEAL_YOUNG)
		p->content = reader_hash(r);
	return !r->bad;
}

#include "base/filestat.h"

#include "base/clock.h"
#include "base/hash.h"

#define FINE_GRAIN_NS (20 * NS_PER_MS) /* the kernel's stamps come from a clock that ticks every 1 to 10 ms */
#define COARSE_GRAIN_NS (2 * NS_PER_S) /* file systems that keep whole seconds, or two */

static int64_t time_ns(struct timespec t)
{
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct file_stat file_stat_of(const struct stat *st)
{
	return (struct file_stat){(uint64_t)st->st_size, st->st_ino, st->st_dev, time_ns(st->st_mtim), time_ns(st->st_ctim)};
}

bool file_stat_same(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->ino == b->ino && a->dev == b->dev && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

bool file_stat_racy(const struct file_stat *st, int64_t at_ns)
{
	int64_t latest = st->mtime_ns > st->ctime_ns ? st->mtime_ns : st->ctime_ns;
	int64_t grain = st->mtime_ns % NS_PER_S ? FINE_GRAIN_NS : COARSE_GRAIN_NS;

	return latest >= at_ns - grain;
}

uint64_t file_stat_hash(const struct file_stat *st)
{
	_Static_assert(sizeof *st == 5 * sizeof(uint64_t), "no padding is hashed");
	uint64_t h = hash64_bytes(st, sizeof *st);

	return h ? h : 1;
}

/* By what a file is known to be as it was: the facts that the file system changes whenever the content does. */
#ifndef AXMAKE_BASE_FILESTAT_H
#define AXMAKE_BASE_FILESTAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_stat {
	uint64_t size, ino, dev;
	int64_t mtime_ns, ctime_ns; /* wall clock */
};

struct file_stat file_stat_of(const struct stat *st);
bool file_stat_same(const struct file_stat *a, const struct file_stat *b);
/* Could the file, looked at or read from `at_ns` (wall clock) on, change once more without its stamps showing it? */
bool file_stat_racy(const struct file_stat *st, int64_t at_ns);
/* All facts as one number, never 0. */
uint64_t file_stat_hash(const struct file_stat *st);

#endif

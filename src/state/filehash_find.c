#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "state/filehash.h"
#include "state/filehash_entry.h"

static void set_stat(struct file_found *f, const struct stat *st)
{
	f->stat = file_stat_of(st);
	f->mode = st->st_mode;
	f->stated = true;
}

void file_find(int at, const char *path, int flags, struct file_found *out)
{
	struct stat st;

	*out = (struct file_found){0};
	if (fstatat(at, path, &st, flags))
		out->err = errno;
	else
		set_stat(out, &st);
}

/* A small file, in one read. It is not looked at again: its facts are older than its content, so a change meanwhile makes others
 * of them. */
static bool hash_small(int fd, struct file_found *f)
{
	uint64_t size = f->stat.size;

	return f->stat.size < HASH_SMALL && !hash_small_fd(fd, &f->hash, &size) && size == f->stat.size;
}

static int hash_large(int fd, struct file_found *f)
{
	struct file_stat after;
	struct stat st;
	uint64_t size;
	int err = hash_fd(fd, &f->hash, &size);

	if (!err && fstat(fd, &st))
		err = errno;
	if (err)
		return err;
	after = file_stat_of(&st);
	f->changed = !file_stat_same(&after, &f->stat) || size != f->stat.size;
	return 0;
}

/* Where buf is not NULL what is short enough is left there. */
static bool hash_short(int fd, char *buf, struct file_found *f)
{
	uint64_t size;

	if (!buf || f->stat.size > FILEHASH_TEXT)
		return hash_small(fd, f);
	if (hash_read_fd(fd, buf, FILEHASH_TEXT + 1, &f->hash, &size) || size != f->stat.size)
		return false;
	f->text = (struct str){buf, (size_t)size};
	return true;
}

static void find_content(int at, const char *path, int flags, uint64_t most, char *buf, struct file_found *out)
{
	int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
	struct stat st;

	*out = (struct file_found){0};
	if (fd < 0) {
		out->err = errno;
		return;
	}
	out->opened = true;
	out->began_ns = clock_wall_ns();
	if (fstat(fd, &st)) {
		out->err = errno;
	} else {
		set_stat(out, &st);
		out->left = S_ISREG(st.st_mode) && out->stat.size > most;
		if (S_ISREG(st.st_mode) && !out->left && !hash_short(fd, buf, out))
			out->err = hash_large(fd, out);
	}
	close(fd);
}

void file_find_content(int at, const char *path, int flags, uint64_t most, struct file_found *out)
{
	find_content(at, path, flags, most, NULL, out);
}

void file_find_text(int at, const char *path, int flags, char buf[FILEHASH_TEXT + 1], struct file_found *out)
{
	find_content(at, path, flags, UINT64_MAX, buf, out);
}

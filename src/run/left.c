#include "run/left.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/os.h"
#include "run/process.h"
#include "run/procfs.h"

#define NOTES "left"
#define NOTES_MAX (4 << 20)

int left_add(struct left_list *l, struct arena *a, int store_fd, struct str mark, pid_t session)
{
	struct str line = arena_printf(a, "%.*s\n", STR_ARG(mark));
	/* The notes of earlier runs say nothing any more: what these left is marked with other numbers. */
	int fd = openat(store_fd, NOTES, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (l->of.n ? O_APPEND : O_TRUNC), 0600);
	vec_push(a, &l->of, ((struct left){str_sub(line, 0, mark.n), session}));
	if (fd < 0)
		return errno;
	int err = os_write_all(fd, line.p, line.n);
	if (close(fd) && !err)
		err = errno;
	return err;
}

bool left_has(const struct left_list *l, pid_t pid)
{
	struct proc_stat st;
	bool known = l->of.n && proc_stat_read(pid, &st);
	for (size_t i = 0; known && i < l->of.n; i++)
		if ((l->of.p[i].session && st.session == l->of.p[i].session) || process_has_mark(pid, l->of.p[i].mark))
			return true;
	return false;
}

void left_read(int store_fd, struct arena *a, struct left_list *out)
{
	struct str text;
	if (os_read_file(a, store_fd, NOTES, NOTES_MAX, &text))
		return;
	for (size_t from = 0, to; from < text.n; from = to + 1) {
		to = str_find(text, STR("\n"), from);
		if (to > from && to < text.n)
			vec_push(a, &out->of, ((struct left){str_sub(text, from, to), 0}));
	}
}

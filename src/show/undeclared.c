#include "show/undeclared.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "run/probe.h"

#define LIMIT_NS (2 * NS_PER_S)
#define MOST_SHOWN 10
#define MOST_BYTES ((size_t)1 << 20)

struct found {
	VEC(struct str) paths;
};

/* The root as seen from the top of its work tree: "" or "sub/folder/". false: it lies in none. */
static bool find_prefix(struct arena *a, struct str root, struct str *prefix)
{
	for (size_t n = root.n; n;) {
		struct stat st;
		if (!lstat(arena_printf(a, "%.*s/.git", (int)n, root.p).p, &st)) {
			*prefix = n < root.n ? arena_printf(a, "%.*s/", (int)(root.n - n - 1), root.p + n + 1) : STR_NONE;
			return true;
		}
		while (n && root.p[--n] != '/')
			;
	}
	return false;
}

static bool covers(const struct pattern *p, struct str path)
{
	switch (p->kind) {
	case PATTERN_FILE:
		return str_eq(p->path, path);
	case PATTERN_TREE:
		return str_eq(p->path, STR(".")) || (str_starts(path, p->path) && path.n > p->path.n && path.p[p->path.n] == '/');
	case PATTERN_GLOB:
		return glob_match(p->path, path, false);
	}
	return false;
}

static bool is_declared(const struct graph *g, struct str path)
{
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];
		for (size_t k = 0; k < t->outputs.n; k++)
			if (covers(&t->outputs.p[k], path))
				return true;
		for (size_t k = 0; k < t->edits.n; k++)
			if (covers(&t->edits.p[k], path))
				return true;
	}
	return false;
}

/* Where axmake's own words go: a file in the root grows by them. */
static bool takes_own_words(const struct stat *st)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat own;
		if (!fstat(fd, &own) && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* Of what is gone its folder tells. The kernel stamps files by a clock that stands still between its ticks, some milliseconds: what changed in the run's first one is not told,
 * since an edit just before it cannot be told from that. */
static bool changed_since(struct arena *a, int root_fd, struct str path, int64_t since_ns)
{
	struct stat st;
	while (fstatat(root_fd, arena_copy(a, path).p, &st, AT_SYMLINK_NOFOLLOW)) {
		size_t n = path.n;
		while (n && path.p[n - 1] != '/')
			n--;
		if (!path.n || str_eq(path, STR(".")))
			return false;
		path = n ? str_sub(path, 0, n - 1) : STR(".");
	}
	return st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec >= since_ns && !takes_own_words(&st);
}

static bool is_own(const struct undeclared_in *in, struct str path)
{
	for (size_t i = 0; i < in->n_own; i++)
		if (str_eq(in->own[i], path))
			return true;
	return false;
}

static void find(struct found *u, struct arena *a, const struct undeclared_in *in)
{
	const struct graph *g = in->graph;
	static const char script[] = "exec git --no-optional-locks -C \"$0\" status --porcelain -z --no-renames --untracked-files=all -- .";
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, (char *)arena_copy(a, g->root).p, NULL};
	struct str prefix, said, why;
	if (!find_prefix(a, g->root, &prefix) || !probe_output(a, argv, LIMIT_NS, MOST_BYTES, &said, &why))
		return;
	/* "XY PATH" each, ended by a NUL (git-status(1), "Porcelain Format Version 1" with -z); one that was cut is left out. */
	for (size_t at = 0, end; at < said.n; at = end + 1) {
		end = str_find(said, (struct str){"", 1}, at);
		struct str path = str_sub(said, at + 3, end);
		if (end == said.n || !str_starts(path, prefix))
			continue;
		path = str_sub(path, prefix.n, path.n);
		if (!is_declared(g, path) && !is_own(in, path) && changed_since(a, in->root_fd, path, in->since_ns))
			vec_push(a, &u->paths, path);
	}
}

void undeclared_line(struct sbuf *b, const struct undeclared_in *in)
{
	struct arena a = {0};
	struct found u = {0};
	find(&u, &a, in);
	for (size_t i = 0; i < u.paths.n && i < MOST_SHOWN; i++) {
		sbuf_lit(b, i ? ", " : "  changed, but declared by no task: ");
		utf8_escape(b, u.paths.p[i]);
	}
	if (u.paths.n > MOST_SHOWN)
		sbuf_printf(b, " and %zu more", u.paths.n - MOST_SHOWN);
	if (u.paths.n)
		sbuf_char(b, '\n');
	arena_free(&a);
}

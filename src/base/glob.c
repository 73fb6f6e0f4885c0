#include "base/glob.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/utf8.h"

/* Takes the next part off *rest, passing over empty and "." parts. false at the end. */
static bool next_part(struct str *rest, struct str *part)
{
	while (rest->n) {
		const char *slash = memchr(rest->p, '/', rest->n);
		size_t n = slash ? (size_t)(slash - rest->p) : rest->n;

		*part = str_sub(*rest, 0, n);
		*rest = str_sub(*rest, slash ? n + 1 : n, rest->n);
		if (n && !(n == 1 && part->p[0] == '.'))
			return true;
	}
	return false;
}

static bool is_absolute(struct str s)
{
	return s.n && s.p[0] == '/';
}

static bool is_double(struct str part)
{
	return part.n == 2 && part.p[0] == '*' && part.p[1] == '*';
}

/* Offset of the ']' that closes the '[' at `open`, or 0: then the '[' stands for itself. */
static size_t set_end(struct str pat, size_t open)
{
	size_t i = open + 1;

	if (i < pat.n && (pat.p[i] == '!' || pat.p[i] == '^'))
		i++;
	/* A ']' that comes first is a member. */
	for (size_t first = i; i < pat.n; i++) {
		if (pat.p[i] == ']' && i > first)
			return i;
		if (pat.p[i] == '\\')
			i++;
	}
	return 0;
}

/* The character at *i, moved on; bad bytes get numbers beyond Unicode, so that they still differ. */
static int32_t next_char(struct str s, size_t *i)
{
	unsigned char byte = (unsigned char)s.p[*i];
	int32_t c = utf8_next(s, i);

	return c < 0 ? 0x110000 + byte : c;
}

static int32_t set_member(struct str pat, size_t *i)
{
	if (pat.p[*i] == '\\' && *i + 1 < pat.n)
		++*i;
	return next_char(pat, i);
}

/* Is c in the set whose brackets are at `open` and `close`? */
static bool set_has(struct str pat, size_t open, size_t close, int32_t c)
{
	size_t i = open + 1;
	bool negated = pat.p[i] == '!' || pat.p[i] == '^', found = false;
	struct str inside = str_sub(pat, 0, close);

	for (i += negated; i < close;) {
		int32_t low = set_member(inside, &i), high = low;

		if (i + 1 < close && pat.p[i] == '-') {
			i++;
			high = set_member(inside, &i);
		}
		found = found || (low <= c && c <= high);
	}
	return found != negated;
}

/* Does the one element at pat[*p], which is no star, match the character at name[*n]? Both are moved on. */
static bool match_one(struct str pat, size_t *p, struct str name, size_t *n)
{
	size_t open = *p, close = pat.p[open] == '[' ? set_end(pat, open) : 0;

	if (close) {
		*p = close + 1;
		return set_has(pat, open, close, next_char(name, n));
	}
	if (pat.p[open] == '?') {
		++*p;
		utf8_next(name, n);
		return true;
	}
	if (pat.p[open] == '\\' && open + 1 < pat.n)
		++*p;
	return pat.p[(*p)++] == name.p[(*n)++];
}

/* One part against one name. Only the last star is ever tried again, so the time is at most the product of the lengths. */
static bool match_part(struct str pat, struct str name, bool dots)
{
	size_t p = 0, n = 0, star = SIZE_MAX, star_n = 0;

	if (name.n && name.p[0] == '.' && !str_starts(pat, STR(".")) && !str_starts(pat, STR("\\.")) &&
	    (!dots || name.n == 1 || str_eq(name, STR(".."))))
		return false;
	for (;;) {
		if (p < pat.n && pat.p[p] == '*') {
			star = ++p;
			star_n = n;
			continue;
		}
		if (p == pat.n && n == name.n)
			return true;
		if (p < pat.n && n < name.n && match_one(pat, &p, name, &n))
			continue;
		if (star == SIZE_MAX || star_n == name.n)
			return false;
		utf8_next(name, &star_n);
		p = star;
		n = star_n;
	}
}

/* May "**" pass over this name? */
static bool double_passes(struct str name, bool dots)
{
	return name.p[0] != '.' || (dots && !str_eq(name, STR("..")));
}

static bool part_is_wild(struct str part)
{
	for (size_t i = 0; i < part.n; i++) {
		if (part.p[i] == '*' || part.p[i] == '?' || (part.p[i] == '[' && set_end(part, i)))
			return true;
		if (part.p[i] == '\\')
			i++;
	}
	return false;
}

struct str glob_literal(struct arena *a, struct str s)
{
	if (str_find(s, STR("\\"), 0) == s.n)
		return s;
	char *out = arena_text(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		out[n++] = s.p[i];
	}
	out[n] = '\0';
	return (struct str){out, n};
}

void glob_quote(struct sbuf *b, struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (memchr("*?[\\", path.p[i], 4))
			sbuf_char(b, '\\');
		sbuf_char(b, path.p[i]);
	}
}

bool glob_is_pattern(struct str s)
{
	struct str part;

	while (next_part(&s, &part))
		if (part_is_wild(part))
			return true;
	return false;
}

static bool has_part(struct str rest)
{
	struct str part;

	return next_part(&rest, &part);
}

bool glob_match(struct str pattern, struct str path, bool dots)
{
	/* What follows the last "**", and where that stopped. As with stars in a part, no earlier one needs another try: where
	 * some names are barred to "**", each element matches only barred names or only others, so an earlier "**" could not get
	 * further either. */
	struct str after = STR_NONE, stopped = STR_NONE;
	bool doubled = false;

	if (is_absolute(pattern) != is_absolute(path))
		return false;
	for (;;) {
		struct str p = pattern, q = path, part, name;
		bool in_pattern = next_part(&p, &part), in_path = next_part(&q, &name);

		if (in_pattern && is_double(part)) {
			/* At the end it stands for what lies below a folder, so for one part at least. */
			if (!has_part(p)) {
				if (!in_path || !double_passes(name, dots))
					return false;
				path = q;
			}
			pattern = after = p;
			stopped = path;
			doubled = true;
			continue;
		}
		if (!in_pattern && !in_path)
			return true;
		if (in_pattern && in_path && match_part(part, name, dots)) {
			pattern = p;
			path = q;
			continue;
		}
		if (!doubled || !next_part(&stopped, &name) || !double_passes(name, dots))
			return false;
		pattern = after;
		path = stopped;
	}
}

/* Is the part plain text, without even a quoted character? */
static bool part_is_plain(struct str part)
{
	return !part_is_wild(part) && !memchr(part.p, '\\', part.n);
}

struct str glob_prefix(struct str pattern)
{
	const char *begin = is_absolute(pattern) ? pattern.p : NULL, *end = begin;
	struct str rest = pattern, part;

	while (next_part(&rest, &part) && has_part(rest) && part_is_plain(part)) {
		/* What is not normal ends it: the result is a piece of the pattern. */
		if (end && part.p != end + 1)
			break;
		begin = begin ? begin : part.p;
		end = part.p + part.n;
	}
	if (begin == end)
		return begin ? STR("/") : STR(".");
	return (struct str){begin, (size_t)(end - begin)};
}

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == ']' || c == '\\';
}

/* Could one name match both parts, neither "**"? Two wild ones are judged by the plain text at their ends only. */
static bool parts_may_meet(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	if (part_is_plain(a))
		return part_is_plain(b) ? str_eq(a, b) : match_part(b, a, true);
	if (part_is_plain(b))
		return match_part(a, b, true);
	for (size_t i = 0; i < n && !is_special(a.p[i]) && !is_special(b.p[i]); i++)
		if (a.p[i] != b.p[i])
			return false;
	for (size_t i = 1; i <= n && !is_special(a.p[a.n - i]) && !is_special(b.p[b.n - i]); i++)
		if (a.p[a.n - i] != b.p[b.n - i])
			return false;
	return true;
}

/* Parts of a pattern, on the heap. */
static struct str *split(struct str pattern, size_t *n)
{
	VEC(struct str) parts = {0};
	struct str part;

	while (next_part(&pattern, &part))
		vec_push(NULL, &parts, part);
	*n = parts.n;
	return parts.p;
}

/* Which part of a and which of b can be reached by one path, row by row of a. */
static bool parts_meet(const struct str *a, size_t a_n, const struct str *b, size_t b_n)
{
	bool *row = xcalloc(2 * (b_n + 1), sizeof *row), *next = row + b_n + 1, *heap = row, *swap, met;

	row[0] = true;
	for (size_t i = 0; i < a_n; i++) {
		memset(next, 0, (b_n + 1) * sizeof *next);
		for (size_t j = 0; j <= b_n; j++) {
			bool a_double = is_double(a[i]), b_double = j < b_n && is_double(b[j]);

			if (!row[j])
				continue;
			if (a_double || b_double) {
				next[j] = true;
				if (j < b_n)
					row[j + 1] = true;
			} else if (j < b_n && parts_may_meet(a[i], b[j])) {
				next[j + 1] = true;
			}
		}
		swap = row;
		row = next;
		next = swap;
	}
	for (size_t j = 0; j < b_n; j++)
		if (row[j] && is_double(b[j]))
			row[j + 1] = true;
	met = row[b_n];
	free(heap);
	return met;
}

bool glob_may_meet(struct str a, struct str b)
{
	bool a_wild = glob_is_pattern(a), met;
	size_t a_n, b_n;
	struct str *a_parts, *b_parts;

	if (is_absolute(a) != is_absolute(b))
		return false;
	if (!a_wild || !glob_is_pattern(b)) {
		struct arena literal = {0};

		met = a_wild ? glob_match(a, glob_literal(&literal, b), true) : glob_match(b, glob_literal(&literal, a), true);
		arena_free(&literal);
		return met;
	}
	a_parts = split(a, &a_n);
	b_parts = split(b, &b_n);
	met = parts_meet(a_parts, a_n, b_parts, b_n);
	vec_release(a_parts);
	vec_release(b_parts);
	return met;
}

struct walk {
	struct arena *arena;
	struct glob_list *out;
	struct str *bad_path;
	const struct str *parts; /* of the pattern, behind the folders opened at once */
	size_t n;
	bool dots;
	bool *next;       /* n + 1: the places in the pattern that the entry at hand leads to */
	struct sbuf path; /* of the entry at hand */
};

static int walk_failed(struct walk *w, int err)
{
	*w->bad_path = w->path.n ? arena_copy(w->arena, sbuf_view(&w->path)) : STR(".");
	return err;
}

/* A path may stand before parts[i], and so behind a "**" there, which may stand for nothing; but not the last one. */
static void reach(const struct walk *w, bool *places, size_t i)
{
	places[i] = true;
	while (i + 1 < w->n && is_double(w->parts[i]))
		places[++i] = true;
}

/* Sets w->next to where `name` leads from `places`. Returns whether anything below it can match. */
static bool advance(struct walk *w, const bool *places, struct str name)
{
	bool below = false;

	memset(w->next, 0, (w->n + 1) * sizeof *w->next);
	for (size_t i = 0; i < w->n; i++) {
		if (!places[i])
			continue;
		if (!is_double(w->parts[i])) {
			if (match_part(w->parts[i], name, w->dots))
				reach(w, w->next, i + 1);
		} else if (double_passes(name, w->dots)) {
			reach(w, w->next, i);
			if (i + 1 == w->n)
				w->next[w->n] = true;
		}
	}
	for (size_t i = 0; i < w->n; i++)
		below = below || w->next[i];
	return below;
}

bool glob_passes_over(struct str folder, const char *name)
{
	static const char *const never[] = {".", "..", ".git", ".axmake"};
	static const struct str others = {".automatosx", 11};

	if (*name != '.' && *name != 's')
		return false;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (!strcmp(name, never[i]))
			return true;
	/* There every agent leaves a file when it ends; the rest of that folder is people's. */
	return !strcmp(name, "status") && str_ends(folder, others) && (folder.n == others.n || folder.p[folder.n - others.n - 1] == '/');
}

static bool is_gone(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

static int walk_folder(struct walk *w, int fd, const bool *places);

static int walk_below(struct walk *w, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool *places;

	/* Gone, or made something else since it was listed. */
	if (fd < 0 && (is_gone(errno) || errno == ELOOP)) {
		seen_spoil(w->out->seen);
		return 0;
	}
	if (fd < 0)
		return walk_failed(w, errno);
	places = arena_array(w->arena, bool, w->n + 1);
	memcpy(places, w->next, (w->n + 1) * sizeof *places);
	return walk_folder(w, fd, places);
}

/* fstatat of the entry at hand. */
static int look(struct walk *w, int parent, const char *name, struct stat *st, bool through)
{
	int failed = fstatat(parent, name, st, through ? 0 : AT_SYMLINK_NOFOLLOW), err = errno;

	if (!failed)
		seen_path(w->out->seen, sbuf_view(&w->path), st, through);
	else if (is_gone(err))
		seen_missing(w->out->seen, sbuf_view(&w->path), through);
	errno = err;
	return failed;
}

/* One entry, whose path stands in w->path. */
static int walk_entry(struct walk *w, int parent, const char *name, unsigned char type, const bool *places)
{
	bool below = advance(w, places, str_of(name)), matches = w->next[w->n];
	struct stat st;

	if (!below && !matches)
		return 0;
	if (type == DT_UNKNOWN) {
		if (look(w, parent, name, &st, false))
			return is_gone(errno) ? 0 : walk_failed(w, errno);
		type = (unsigned char)IFTODT(st.st_mode);
	}
	if (type == DT_DIR)
		return below ? walk_below(w, parent, name) : 0;
	if (type == DT_LNK && matches) {
		if (look(w, parent, name, &st, true))
			return is_gone(errno) ? 0 : walk_failed(w, errno);
		type = S_ISREG(st.st_mode) ? DT_REG : DT_DIR;
	}
	/* Sockets, pipes and devices have no content to speak of. */
	if (type == DT_REG && matches)
		vec_push(w->arena, &w->out->paths, arena_copy(w->arena, sbuf_view(&w->path)));
	return 0;
}

static int walk_named(struct walk *w, int parent, const char *name, unsigned char type, const bool *places)
{
	size_t n = w->path.n;
	int err;

	if (glob_passes_over(sbuf_view(&w->path), name))
		return 0;
	if (n && w->path.p[n - 1] != '/')
		sbuf_char(&w->path, '/');
	sbuf_lit(&w->path, name);
	err = walk_entry(w, parent, name, type, places);
	w->path.n = n;
	w->path.p[n] = '\0';
	return err;
}

/* Adds a part without wildcards, as the name that it matches. */
static void unquote(struct sbuf *b, struct str part)
{
	for (size_t i = 0; i < part.n; i++) {
		if (part.p[i] == '\\' && i + 1 < part.n)
			i++;
		sbuf_char(b, part.p[i]);
	}
}

/* The one name that can match in a folder, so that it need not be listed; NULL: there may be more. */
static const struct str *only_name(const struct walk *w, const bool *places)
{
	const struct str *only = NULL;

	for (size_t i = 0; i < w->n; i++) {
		if (!places[i])
			continue;
		if (only || part_is_wild(w->parts[i]))
			return NULL;
		only = &w->parts[i];
	}
	return only;
}

/* Looks through a folder, whose path stands in w->path, and closes it. */
static int walk_folder(struct walk *w, int fd, const bool *places)
{
	const struct str *only = only_name(w, places);
	struct dirent *e;
	int err = 0;
	DIR *d;

	if (only) {
		struct sbuf name = {0};

		unquote(&name, *only);
		err = walk_named(w, fd, name.p, DT_UNKNOWN, places);
		sbuf_free(&name);
		close(fd);
		return err;
	}
	seen_open(w->out->seen, w->path.n ? sbuf_view(&w->path) : STR("."), fd);
	d = fdopendir(fd);
	if (!d) {
		err = errno;
		close(fd);
		return walk_failed(w, err);
	}
	while (!err && (errno = 0, e = readdir(d)))
		err = walk_named(w, dirfd(d), e->d_name, e->d_type, places);
	if (!err && errno)
		err = walk_failed(w, errno);
	closedir(d);
	return err;
}

/* Opens the folder in w->path, links and all, and looks through it. */
static int walk_from(struct walk *w, int root_fd)
{
	bool *places = arena_array(w->arena, bool, w->n + 1);
	int fd = openat(root_fd, w->path.n ? w->path.p : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0 && is_gone(errno)) {
		seen_missing(w->out->seen, sbuf_view(&w->path), true);
		return 0;
	}
	if (fd < 0)
		return walk_failed(w, errno);
	w->next = xcalloc(w->n + 1, sizeof *w->next);
	reach(w, places, 0);
	err = walk_folder(w, fd, places);
	free(w->next);
	return err;
}

/* Adds a folder to the path where the walk begins. false: it is one that is never entered. */
static bool begin_below(struct walk *w, struct str part, bool quoted)
{
	size_t folder = w->path.n, n;

	if (w->path.n && w->path.p[w->path.n - 1] != '/')
		sbuf_char(&w->path, '/');
	n = w->path.n;
	if (quoted)
		unquote(&w->path, part);
	else
		sbuf_str(&w->path, part);
	return !strcmp(w->path.p + n, "..") || !glob_passes_over((struct str){w->path.p, folder}, w->path.p + n);
}

int glob_walk(struct arena *a, int root_fd, struct str pattern, struct glob_list *out, struct str *bad_path)
{
	struct walk w = {.arena = a, .out = out, .bad_path = bad_path};
	struct str normal = path_normal(a, pattern), *parts;
	bool enter = true;
	size_t first = 0;
	int err = 0;

	parts = split(normal, &w.n);
	if (is_absolute(normal))
		sbuf_char(&w.path, '/');
	for (; enter && first + 1 < w.n && !part_is_wild(parts[first]); first++)
		enter = begin_below(&w, parts[first], true);
	w.parts = parts + first;
	w.n -= first;
	if (enter && w.n)
		err = walk_from(&w, root_fd);
	sbuf_free(&w.path);
	vec_release(parts);
	return err;
}

int glob_walk_tree(struct arena *a, int root_fd, struct str dir, struct glob_list *out, struct str *bad_path)
{
	static const struct str everything = {"**", 2};
	struct walk w = {.arena = a, .out = out, .bad_path = bad_path, .parts = &everything, .n = 1, .dots = true};
	struct str rest = dir, part;
	bool enter = true;
	int err = 0;

	if (is_absolute(dir))
		sbuf_char(&w.path, '/');
	while (enter && next_part(&rest, &part))
		enter = begin_below(&w, part, false);
	if (enter)
		err = walk_from(&w, root_fd);
	sbuf_free(&w.path);
	return err;
}

/* A path with the 8 bytes behind what all paths have in common, as a number of the same order: nearly all comparisons end there. */
struct keyed {
	uint64_t key;
	struct str path;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return str_cmp(x->path, y->path);
}

static uint64_t key_of(struct str path, size_t from)
{
	uint64_t key = 0;

	memcpy(&key, path.p + from, path.n - from < sizeof key ? path.n - from : sizeof key);
	return be64toh(key);
}

static size_t common_prefix(const struct str *paths, size_t n)
{
	size_t common = paths[0].n;

	for (size_t i = 1; i < n && common; i++) {
		if (paths[i].n < common)
			common = paths[i].n;
		while (memcmp(paths[0].p, paths[i].p, common))
			common--;
	}
	return common;
}

void glob_sort(struct glob_list *l)
{
	size_t n = l->paths.n, kept = 0, common;
	struct keyed *all;

	if (n < 2)
		return;
	common = common_prefix(l->paths.p, n);
	all = xmalloc_large(n * sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = (struct keyed){key_of(l->paths.p[i], common), l->paths.p[i]};
	qsort(all, n, sizeof *all, by_key);
	for (size_t i = 0; i < n; i++)
		if (!i || !str_eq(all[i].path, l->paths.p[kept - 1]))
			l->paths.p[kept++] = all[i].path;
	l->paths.n = kept;
	free(all);
}

#include "base/path.h"

#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

/* The part that starts at `from`, without its slash. */
static struct str part_at(struct str s, size_t from)
{
	const char *slash = from < s.n ? memchr(s.p + from, '/', s.n - from) : NULL;

	return (struct str){s.p + from, slash ? (size_t)(slash - s.p) - from : s.n - from};
}

static bool is_dot(struct str part)
{
	return part.n == 1 && part.p[0] == '.';
}

static bool is_dotdot(struct str part)
{
	return part.n == 2 && part.p[0] == '.' && part.p[1] == '.';
}

static bool is_absolute(struct str s)
{
	return s.n && s.p[0] == '/';
}

static bool is_normal(struct str s)
{
	bool named = is_absolute(s); /* ".." may not come any more */
	size_t i = named;

	if (s.n == 1 && (named || is_dot(s)))
		return true;
	if (!s.n || s.p[s.n - 1] == '/')
		return false;
	while (i < s.n) {
		struct str part = part_at(s, i);

		if (!part.n || is_dot(part) || (is_dotdot(part) && named))
			return false;
		if (!is_dotdot(part))
			named = true;
		i += part.n + 1;
	}
	return true;
}

struct str path_normal(struct arena *a, struct str s)
{
	size_t root = is_absolute(s), n = root, kept = root; /* kept: what ".." cannot take away */
	char *out;

	if (is_normal(s))
		return s;
	out = arena_text(a, s.n + 2);
	if (root)
		out[0] = '/';
	for (size_t i = root; i < s.n;) {
		struct str part = part_at(s, i);

		i += part.n + 1;
		if (!part.n || is_dot(part) || (is_dotdot(part) && root && n == root))
			continue;
		if (is_dotdot(part) && n > kept) {
			const char *slash = memrchr(out + kept, '/', n - kept);

			n = slash ? (size_t)(slash - out) : kept;
			continue;
		}
		if (n > root)
			out[n++] = '/';
		memcpy(out + n, part.p, part.n);
		n += part.n;
		if (is_dotdot(part))
			kept = n;
	}
	if (!n)
		out[n++] = '.';
	out[n] = '\0';
	return (struct str){out, n};
}

bool path_inside(struct str normal)
{
	return !is_absolute(normal) && !is_dotdot(part_at(normal, 0));
}

struct str path_dir(struct str normal)
{
	const char *slash = normal.n ? memrchr(normal.p, '/', normal.n) : NULL;

	if (!slash)
		return STR(".");
	return (struct str){normal.p, slash == normal.p ? 1 : (size_t)(slash - normal.p)};
}

struct str path_base(struct str normal)
{
	const char *slash = normal.n > 1 ? memrchr(normal.p, '/', normal.n) : NULL;

	return slash ? str_sub(normal, (size_t)(slash - normal.p) + 1, normal.n) : normal;
}

struct str path_join(struct arena *a, struct str dir, struct str name)
{
	if (is_absolute(name) || !dir.n || is_dot(dir))
		return path_normal(a, name);
	if (!name.n || is_dot(name))
		return path_normal(a, dir);
	return path_normal(a, arena_printf(a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name)));
}

/* How many ".." a normal path begins with; *rest: offset of what follows them. */
static size_t count_up(struct str normal, size_t *rest)
{
	size_t n = 0, i = 0;

	while (i < normal.n && is_dotdot(part_at(normal, i))) {
		n++;
		i += 3;
	}
	*rest = i < normal.n ? i : normal.n;
	return n;
}

bool path_under(struct str path, struct str dir)
{
	size_t path_rest, dir_rest, up;

	if (is_absolute(path) != is_absolute(dir))
		return false;
	if (dir.n == 1 && is_absolute(dir))
		return true;
	/* "." and "../.." hold whatever climbs no higher. */
	up = count_up(dir, &dir_rest);
	if (is_dot(dir) || (up && dir_rest == dir.n))
		return count_up(path, &path_rest) <= up;
	return str_starts(path, dir) && (path.n == dir.n || path.p[dir.n] == '/');
}

struct str path_relative(struct arena *a, struct str from, struct str path)
{
	size_t common = 0, ups = 0, i = 1;
	struct sbuf b = {0};
	struct str result;

	if (!is_absolute(path))
		return path;
	/* common: offset behind the parts that both share, each with its slash. */
	for (; i < from.n && i < path.n; common = i) {
		struct str x = part_at(from, i), y = part_at(path, i);

		if (!str_eq(x, y))
			break;
		i += x.n + 1;
	}
	if (!common)
		common = 1;
	for (size_t at = common; at < from.n; at += part_at(from, at).n + 1)
		ups++;
	while (ups--)
		sbuf_lit(&b, b.n ? "/.." : "..");
	if (common < path.n) {
		if (b.n)
			sbuf_char(&b, '/');
		sbuf_str(&b, str_sub(path, common, path.n));
	}
	result = b.n ? arena_copy(a, sbuf_view(&b)) : STR(".");
	sbuf_free(&b);
	return result;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._-+,", c));
}

struct str path_escape_name(struct arena *a, struct str name)
{
	enum { LONGEST = 200, KEPT = 160 };
	struct sbuf b = {0};
	size_t cut = 0; /* the last place up to KEPT that splits no character */
	struct str result;

	for (size_t i = 0; i < name.n;) {
		size_t at = i;
		int32_t c = utf8_next(name, &i);

		if (c >= 0x80 || (c > 0 && is_plain((char)c) && (at || c != '.')))
			sbuf_add(&b, name.p + at, i - at);
		else
			sbuf_printf(&b, "%%%02X", (unsigned char)name.p[at]);
		if (b.n <= KEPT)
			cut = b.n;
	}
	if (b.n > LONGEST) {
		b.n = cut;
		sbuf_printf(&b, "~%016llx", (unsigned long long)hash64_bytes(name.p, name.n));
	}
	if (!b.n)
		sbuf_char(&b, '%'); /* no other name gives this alone */
	result = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return result;
}

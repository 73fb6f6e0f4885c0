#include "run/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "graph/signature.h"

#define SHORTEST 8
#define PIECE 65536

void mask_read(struct mask *m, struct arena *a, const char *const *env)
{
	for (size_t i = 0; env[i]; i++) {
		struct str entry = str_of(env[i]);
		size_t eq = str_find(entry, STR("="), 0);
		struct str value = str_sub(entry, eq + 1, entry.n);
		if (value.n < SHORTEST || !signature_secret_name(str_sub(entry, 0, eq)))
			continue;
		vec_push(a, &m->values, value);
		m->longest = value.n > m->longest ? value.n : m->longest;
	}
}

/* The first place from `from` where a value stands; its length in *n. text.n: none. */
static size_t next_value(const struct mask *m, struct str text, size_t from, size_t *n)
{
	size_t best = text.n;
	*n = 0;
	for (size_t i = 0; i < m->values.n; i++) {
		struct str v = m->values.p[i];
		const char *hit = from < best ? memmem(text.p + from, text.n - from, v.p, v.n) : NULL;
		size_t at = hit ? (size_t)(hit - text.p) : text.n;
		if (at < best || (at == best && at < text.n && v.n > *n)) {
			best = at;
			*n = v.n;
		}
	}
	return best;
}

/* Masks values that begin before `until`; returns how much of text was dealt with. */
static size_t mask_until(const struct mask *m, struct str text, size_t until, struct sbuf *out, bool *found)
{
	size_t from = 0, n;
	while (from < until) {
		size_t at = next_value(m, text, from, &n);
		if (at >= until) {
			sbuf_str(out, str_sub(text, from, until));
			return until;
		}
		sbuf_str(out, str_sub(text, from, at));
		sbuf_lit(out, "***");
		*found = true;
		from = at + n;
	}
	return from;
}

void mask_text(const struct mask *m, struct str text, struct sbuf *out)
{
	bool found = false;
	mask_until(m, text, text.n, out, &found);
}

struct str mask_copy(const struct mask *m, struct arena *a, struct str text)
{
	size_t n;
	if (!m->values.n || next_value(m, text, 0, &n) == text.n)
		return text;
	struct sbuf b = {0};
	mask_text(m, text, &b);
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static bool mask_carried(const struct mask *m, struct sbuf *carry, struct str piece, bool last, struct sbuf *out)
{
	bool found = false;
	sbuf_str(carry, piece);
	/* Within the last longest-1 bytes a value may begin that has not come whole. */
	size_t keep = last || !m->longest ? 0 : m->longest - 1;
	size_t until = carry->n > keep ? carry->n - keep : 0;
	size_t done = mask_until(m, sbuf_view(carry), until, out, &found);
	if (done) {
		memmove(carry->p, carry->p + done, carry->n - done);
		carry->n -= done;
	}
	return found;
}

void mask_piece(const struct mask *m, struct sbuf *carry, struct str piece, bool last, struct sbuf *out)
{
	mask_carried(m, carry, piece, last, out);
}

/* Reads `in` to its end and writes it masked. 0 or errno. */
static int copy_masked(const struct mask *m, int in, int out, bool *found)
{
	char buf[PIECE];
	struct sbuf carry = {0}, masked = {0};
	int err = 0;
	for (bool last = false; !last && !err;) {
		ssize_t n = read(in, buf, sizeof buf);
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? errno : 0;
		last = n <= 0;
		sbuf_clear(&masked);
		if (!err && mask_carried(m, &carry, (struct str){buf, n > 0 ? (size_t)n : 0}, last, &masked))
			*found = true;
		if (!err)
			err = os_write_all(out, masked.p, masked.n);
	}
	sbuf_free(&carry);
	sbuf_free(&masked);
	return err;
}

int mask_file(const struct mask *m, int at, const char *from, const char *to, bool *found)
{
	*found = false;
	if (!m->values.n)
		return 0;
	int in = openat(at, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
	struct sbuf tmp = {0};
	sbuf_printf(&tmp, "%s.masked", to);
	unlinkat(at, tmp.p, 0);
	int out = openat(at, tmp.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = out < 0 ? errno : copy_masked(m, in, out, found);
	if (out >= 0 && close(out) && !err)
		err = errno;
	close(in);
	if (!err && *found && renameat(at, tmp.p, at, to))
		err = errno;
	if (err || !*found)
		unlinkat(at, tmp.p, 0);
	sbuf_free(&tmp);
	return err;
}

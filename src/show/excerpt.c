#include "show/excerpt.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/os.h"
#include "show/phrase.h"

/* Tabs and line ends stay. */
static struct str visible(struct arena *a, struct str text)
{
	struct sbuf b = {0};
	for (size_t at = 0; at < text.n;) {
		size_t end = str_find(text, STR("\n"), at);
		bool dos = end < text.n && end > at && text.p[end - 1] == '\r';
		phrase_line(&b, str_sub(text, at, dos ? end - 1 : end));
		if (end < text.n)
			sbuf_char(&b, '\n');
		at = end + 1;
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Without the character at the end, which may not be whole. */
static struct str before_cut(struct str s)
{
	size_t n = s.n;
	while (n && s.n - n < 3 && continues(s.p[n - 1]))
		n--;
	return str_sub(s, 0, n && (unsigned char)s.p[n - 1] >= 0xc0 ? n - 1 : n);
}

static struct str behind_cut(struct str s)
{
	size_t from = 0;
	while (from < s.n && from < 3 && continues(s.p[from]))
		from++;
	return str_sub(s, from, s.n);
}

/* What of a secret may have been cut is not shown either. */
static void show_head(struct arena *a, const struct mask *m, struct str head, bool whole, struct excerpt *out)
{
	struct sbuf unsure = {0}, masked = {0};
	mask_piece(m, &unsure, head, whole, &masked);
	struct str sure = whole ? sbuf_view(&masked) : before_cut(sbuf_view(&masked));
	out->head = visible(a, sure);
	if (!whole)
		out->cut += unsure.n + (masked.n - sure.n);
	sbuf_free(&unsure);
	sbuf_free(&masked);
}

static void show_tail(struct arena *a, const struct mask *m, struct str tail, struct excerpt *out)
{
	struct str sure = behind_cut(mask_behind_cut(m, tail));
	out->cut += tail.n - sure.n;
	out->tail = visible(a, mask_copy(m, a, sure));
}

static void show(struct arena *a, const struct mask *m, struct str head, struct str tail, struct excerpt *out)
{
	out->cut = out->size - head.n - tail.n;
	bool whole = !out->cut;
	show_head(a, m, head, whole, out);
	if (!whole)
		show_tail(a, m, tail, out);
}

void excerpt_text(struct arena *a, const struct mask *m, struct str text, size_t most, struct excerpt *out)
{
	size_t tail = text.n > most ? most / 4 : 0, head = text.n > most ? most - tail : text.n;
	*out = (struct excerpt){.size = text.n};
	show(a, m, str_sub(text, 0, head), str_sub(text, text.n - tail, text.n), out);
}

static int read_ends(int fd, struct arena *a, const struct mask *m, size_t most, struct excerpt *out)
{
	size_t tail = out->size > most ? most / 4 : 0, head = out->size > most ? most - tail : (size_t)out->size;
	char *p = arena_text(a, head + tail + 1);
	int err = os_read_at(fd, p, &head, 0);
	if (!err)
		err = os_read_at(fd, p + head, &tail, out->size - tail);
	if (err)
		return err;
	if (out->size <= most)
		out->size = head; /* it became shorter */
	show(a, m, (struct str){p, head}, (struct str){p + head, tail}, out);
	return 0;
}

int excerpt_file(struct arena *a, const struct mask *m, int at, const char *path, size_t most, struct excerpt *out)
{
	int fd, err;
	*out = (struct excerpt){0};
	err = os_open_file(at, path, O_NOFOLLOW, &fd, &out->size);
	if (err)
		return err;
	err = read_ends(fd, a, m, most, out);
	close(fd);
	return err;
}

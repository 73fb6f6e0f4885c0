#include "followed.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/filestat.h"
#include "base/os.h"
#include "run/mask.h"
#include "state/bytes.h"

#define FOLLOWED "followed"
#define MAGIC "ax foll\x03" /* the last byte is the format's version */
#define FOLLOWED_MAX ((off_t)1 << 20)
#define IN_WORD 2 /* in place of a number, which is odd: what else would stand in the file, of events alone, which nothing puts right, stands in the word */

extern char **environ;

struct file {
	struct str path; /* as seen from the root */
	uint64_t fact;   /* as of a seal */
	struct report_time time;
};

struct followed {
	VEC(struct file) files;
	struct str events; /* n == 0: nobody reads them */
	struct eventline_run run; /* this one, where it may leave a seal */
	struct sealedlines lines; /* of one that this answers */
	struct hash128 says;      /* what the files' text hangs on; zeros: that was not told */
	struct hash128 hidden;    /* once it was asked for */
	bool unfit, knows_hidden;
};

static struct followed *of(struct program *g)
{
	if (!g->followed)
		g->followed = arena_new(&g->arena, struct followed);
	return g->followed;
}

static uint64_t fact_of(const struct stat *st)
{
	struct file_stat facts = file_stat_of(st);
	return file_stat_hash(&facts);
}

void followed_file(struct program *g, const char *path, const struct stat *written, const struct report_time *time)
{
	struct followed *f = of(g);
	struct stat st;
	/* Only of our own file: another may stand there by now. */
	if (lstat(path, &st) || st.st_ino != written->st_ino || st.st_dev != written->st_dev || st.st_nlink != 1)
		f->unfit = true;
	else
		vec_push(&g->arena, &f->files, ((struct file){arena_copy(&g->arena, str_of(path)), fact_of(&st), *time}));
}

void followed_events(struct program *g, const char *path, const struct eventline_run *run)
{
	of(g)->events = arena_copy(&g->arena, str_of(path));
	of(g)->run = *run;
}

void followed_says(struct program *g, struct hash128 key)
{
	of(g)->says = key;
}

void followed_unfit(struct program *g)
{
	of(g)->unfit = true;
}

/* Of all that is masked: what was written when another secret was known may show this one. */
static struct hash128 secrets(struct program *g)
{
	struct followed *f = of(g);
	if (f->knows_hidden)
		return f->hidden;
	struct mask m = {0};
	struct sbuf b = {0};
	mask_read(&m, &g->arena, (const char *const *)environ);
	for (size_t i = 0; i < m.values.n; i++)
		bytes_put_str(&b, m.values.p[i]);
	f->hidden = hash_bytes(b.n ? b.p : "", b.n);
	f->knows_hidden = true;
	sbuf_free(&b);
	return f->hidden;
}

static void put_lines(struct sbuf *b, const struct sealedlines *l)
{
	bytes_put_str(b, l->text);
	for (size_t i = 0; i < SEALEDLINES_GAPS; i++)
		bytes_put_u32(b, l->gaps[i]);
}

static void put_all(struct sbuf *b, const struct followed *f, uint64_t word, struct hash128 hidden)
{
	size_t at = b->n;
	sbuf_add(b, MAGIC, sizeof MAGIC - 1);
	bytes_put_u64(b, 0);
	bytes_put_u64(b, word);
	bytes_put_hash(b, hidden);
	bytes_put_hash(b, f->says);
	bytes_put_u32(b, (uint32_t)f->files.n);
	for (size_t i = 0; i < f->files.n; i++) {
		const struct file *x = &f->files.p[i];
		bytes_put_str(b, x->path);
		bytes_put_u8(b, 0);
		bytes_put_u64(b, x->fact);
		bytes_put_u64(b, x->time.at);
		bytes_put_u32(b, (uint32_t)x->time.n);
	}
	bytes_put_str(b, f->events);
	bytes_put_u8(b, 0);
	put_lines(b, &f->lines);
	uint64_t sum = htole64(hash64_bytes(b->p + at + sizeof MAGIC - 1 + 8, b->n - at - (sizeof MAGIC - 1 + 8)));
	memcpy(b->p + at + sizeof MAGIC - 1, &sum, sizeof sum);
}

static int open_followed(const struct program *g, int flags)
{
	return openat(g->project.store.fd, FOLLOWED, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static bool is_ours(int fd, struct stat *st)
{
	return !fstat(fd, st) && S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1;
}

/* Over what stands there, where that is a file of ours: a new one in its place ext4 would bring to the disk at once. Cut short it is of no seal. */
static bool keep(const struct program *g, struct str bytes)
{
	struct stat st;
	int fd = open_followed(g, O_WRONLY);
	bool well = fd >= 0 && is_ours(fd, &st) && pwrite(fd, bytes.p, bytes.n, 0) == (ssize_t)bytes.n && ((size_t)st.st_size <= bytes.n || !ftruncate(fd, (off_t)bytes.n));
	if (fd >= 0)
		close(fd);
	return well || !os_replace_file(g->project.store.fd, FOLLOWED, 0600, bytes);
}

bool followed_seal(struct program *g, size_t fresh, size_t skipped, struct str said, struct sbuf *word)
{
	struct followed *f = g->followed;
	struct sbuf b = {0};
	uint64_t number = !f ? 0 : f->files.n ? os_random64() | 1 : IN_WORD;
	bool well = !f || !f->unfit;
	bytes_put_u64(word, number);
	if (f && well) {
		f->run.sealed = (struct eventline_sealed){true, fresh, skipped};
		if (f->events.n)
			f->lines = sealedlines_make(&g->arena, &f->run);
		put_all(&b, f, number, secrets(g));
	}
	if (number == IN_WORD)
		bytes_put_str(word, sbuf_view(&b));
	else if (f && well)
		well = keep(g, sbuf_view(&b));
	sbuf_str(word, said);
	sbuf_free(&b);
	return well;
}

/* A string with a NUL behind it. It lies in what is read. */
static struct str take_text(struct reader *r)
{
	struct str s = reader_str(r);
	r->bad = r->bad || reader_u8(r);
	return s;
}

static void take_lines(struct reader *r, struct sealedlines *l)
{
	l->text = reader_str(r);
	for (size_t i = 0; i < SEALEDLINES_GAPS; i++)
		l->gaps[i] = reader_u32(r);
	r->bad = r->bad || !sealedlines_fit(l);
}

/* Of the seal with that word, or, where that is 0, of any? What is taken lies in the bytes. */
static bool take_all(struct str bytes, struct program *g, uint64_t word, struct followed *f)
{
	struct reader r = reader_of(bytes);
	const unsigned char *magic = reader_take(&r, sizeof MAGIC - 1);
	uint64_t sum = reader_u64(&r);
	if (r.bad || memcmp(magic, MAGIC, sizeof MAGIC - 1) != 0 || sum != hash64_bytes(r.at, reader_left(&r)))
		return false;
	uint64_t number = reader_u64(&r);
	if (word && number != word)
		return false;
	if (!hash_eq(reader_hash(&r), secrets(g)))
		return false;
	f->says = reader_hash(&r);
	for (uint32_t n = reader_u32(&r); n && !r.bad; n--) {
		struct file x = {.path = take_text(&r)};
		x.fact = reader_u64(&r);
		x.time.at = reader_u64(&r);
		x.time.n = reader_u32(&r);
		vec_push(&g->arena, &f->files, x);
	}
	f->events = take_text(&r);
	take_lines(&r, &f->lines);
	return reader_at_end(&r);
}

/* When the run began, in place: all else that the file says is so still. What has no such place has its own time alone. */
static bool write_time(int fd, const struct report_time *t, struct str now)
{
	if (!t->n)
		return !futimens(fd, NULL);
	return t->n <= now.n && pwrite(fd, now.p, t->n, (off_t)t->at) == (ssize_t)t->n;
}

static bool renew_file(struct file *x, struct str now)
{
	struct stat st;
	int fd = open(x->path.p, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	bool well = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1 && fact_of(&st) == x->fact && write_time(fd, &x->time, now) && !fstat(fd, &st);
	if (fd >= 0)
		close(fd);
	x->fact = well ? fact_of(&st) : 0;
	return well;
}

/* In the file that is open. Cut short it is of no seal. */
static bool rewrite(int fd, const struct followed *f, struct program *g, uint64_t word, size_t size)
{
	struct sbuf b = {0};
	put_all(&b, f, word, secrets(g));
	bool well = b.n == size && pwrite(fd, b.p, b.n, 0) == (ssize_t)b.n;
	sbuf_free(&b);
	return well;
}

/* The whole file, in the arena. STR_NONE: it is none of ours, or not to be read. */
static struct str read_all(int fd, struct program *g)
{
	struct stat st;
	char *p = is_ours(fd, &st) && st.st_size > 0 && st.st_size <= FOLLOWED_MAX ? arena_array(&g->arena, char, (size_t)st.st_size) : NULL;
	return p && os_read_exactly(fd, p, (size_t)st.st_size) ? (struct str){p, (size_t)st.st_size} : STR_NONE;
}

static bool renew_files(struct followed *f, int64_t began_wall_ns)
{
	struct sbuf now = {0};
	bool well = true;
	clock_iso_ms(&now, began_wall_ns);
	for (size_t i = 0; well && i < f->files.n; i++)
		well = renew_file(&f->files.p[i], sbuf_view(&now));
	sbuf_free(&now);
	return well;
}

static bool renew(int fd, struct program *g, uint64_t word)
{
	struct followed *f = of(g);
	struct str bytes = read_all(fd, g);
	return bytes.n && take_all(bytes, g, word, f) && renew_files(f, clock_wall_ns()) && (!f->files.n || rewrite(fd, f, g, word, bytes.n));
}

bool followed_hold(struct program *g, struct str word, struct str *said)
{
	struct reader r = reader_of(word);
	uint64_t number = reader_u64(&r);
	struct str here = number == IN_WORD ? reader_str(&r) : STR_NONE;
	if (r.bad)
		return false;
	*said = str_sub(word, word.n - reader_left(&r), word.n);
	if (!number)
		return true;
	if (number == IN_WORD)
		return take_all(here, g, number, of(g)) && !of(g)->files.n;
	int fd = open_followed(g, O_RDWR);
	if (fd < 0)
		return false;
	bool well = renew(fd, g, number);
	close(fd);
	return well;
}

static bool are_these(const struct followed *f, const char *const *paths, size_t n)
{
	size_t i = 0;
	while (i < n && i < f->files.n && str_eq(f->files.p[i].path, str_of(paths[i])))
		i++;
	return i == n && i == f->files.n;
}

bool followed_again(struct program *g, struct hash128 key, const char *const *paths, size_t n, int64_t began_wall_ns)
{
	struct followed old = {0};
	int fd = open_followed(g, O_RDONLY);
	if (fd < 0)
		return false;
	struct str bytes = read_all(fd, g);
	close(fd);
	if (!bytes.n || !take_all(bytes, g, 0, &old) || !hash_eq(old.says, key) || !are_these(&old, paths, n) || !renew_files(&old, began_wall_ns))
		return false;
	of(g)->files.n = 0;
	for (size_t i = 0; i < n; i++)
		vec_push(&g->arena, &of(g)->files, old.files.p[i]);
	return true;
}

const struct sealedlines *followed_lines(const struct program *g, const char **path)
{
	const struct followed *f = g->followed;
	if (!f || !f->events.n)
		return NULL;
	*path = f->events.p;
	return &f->lines;
}

#include "run/call_left.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/os.h"
#include "run/live.h"
#include "state/store.h"

#define CALL_MAX ((size_t)256 << 20)
#define FIRST_LINE "axmake call 5\n"

static const char *const answer_files[] = {"stdout", "answer"};
enum { N_FILES = sizeof answer_files / sizeof *answer_files };

struct str call_left_path(struct arena *a, struct str dir)
{
	return arena_printf(a, "%.*s/call", STR_ARG(dir));
}

static const char *state_word(const struct call_left *c)
{
	return c->lost ? "lost" : c->refused ? "refused" : c->unfit ? "unfit" : c->unmoved ? "unmoved" : c->unkept ? "unkept" : c->complete ? "complete" : "begun";
}

/* On a full disk. What it says has a fixed length, so it needs no more room than the one before of the same call. */
static int overwrite(int at, const char *path, struct str content)
{
	struct stat st;
	int fd = openat(at, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return ENOSPC;
	bool done = !fstat(fd, &st) && S_ISREG(st.st_mode) && (size_t)st.st_size == content.n && !os_pwrite_all(fd, content.p, content.n, 0);
	close(fd);
	return done ? 0 : ENOSPC;
}

int call_left_write(int at, struct str dir, const struct call_left *c)
{
	struct arena a = {0};
	struct sbuf text = {0};
	char boot[HASH_HEX], none[HASH_HEX];
	hash_hex((struct hash128){0, 0}, none);
	sbuf_printf(&text, FIRST_LINE "%s %s %s %s %20" PRIu64 " %10u %-8s %-4s %-9s %-6s\n%.*s\n", hash_hex(boot_id(), boot), c->signature, c->refused ? c->asked : none, c->refused ? c->made : none, c->start_id, c->tries,
	            state_word(c), c->in_view ? "view" : "root", c->counted ? "counted" : "uncounted", c->stood ? "stood" : "unsure", STR_ARG(c->provider));
	sbuf_str(&text, c->files);
	const char *path = call_left_path(&a, dir).p;
	struct stat begun;
	bool goes_on = (c->complete || c->stood) && !fstatat(at, path, &begun, AT_SYMLINK_NOFOLLOW);
	/* Before its program starts one that is cut short tells nothing, and nothing there was to tell. */
	bool first = !c->counted && !c->stood && !strcmp(state_word(c), "begun");
	int err = first ? os_new_file(at, path, 0600, sbuf_view(&text)) : os_replace_file(at, path, 0600, sbuf_view(&text));
	if (err == ENOSPC || err == EDQUOT)
		err = overwrite(at, path, sbuf_view(&text));
	if (!err && goes_on)
		utimensat(at, path, (struct timespec[]){begun.st_atim, begun.st_mtim},
		          AT_SYMLINK_NOFOLLOW); /* by which it is known how long it took */
	sbuf_free(&text);
	arena_free(&a);
	return err;
}

bool call_left_read(struct arena *a, int at, struct str dir, struct call_left *out)
{
	struct str text;
	char boot[HASH_HEX], now[HASH_HEX], word[16], where[8], counted[16], inputs[8];
	int n = 0;
	*out = (struct call_left){0};
	if (os_read_file(a, at, call_left_path(a, dir).p, CALL_MAX, &text) || !str_starts(text, STR(FIRST_LINE)))
		return false;
	struct str rest = str_sub(text, sizeof FIRST_LINE - 1, text.n);
	_Static_assert(HASH_HEX == 33, "the width below");
	if (sscanf(rest.p, "%32[0-9a-f] %32[0-9a-f] %32[0-9a-f] %32[0-9a-f] %" SCNu64 " %9u %15[a-z] %7[a-z] %15[a-z] %7[a-z]%n", boot, out->signature, out->asked, out->made, &out->start_id,
	           &out->tries, word, where, counted, inputs, &n) != 10 ||
	    rest.p[n + (int)strspn(rest.p + n, " ")] != '\n')
		return false;
	n += (int)strspn(rest.p + n, " ");
	out->in_view = str_eq(str_of(where), STR("view"));
	out->stood = str_eq(str_of(inputs), STR("stood"));
	out->refused = str_eq(str_of(word), STR("refused"));
	out->unfit = str_eq(str_of(word), STR("unfit"));
	out->unmoved = str_eq(str_of(word), STR("unmoved"));
	out->unkept = str_eq(str_of(word), STR("unkept"));
	out->complete = out->refused || out->unfit || out->unmoved || out->unkept || str_eq(str_of(word), STR("complete"));
	out->counted = out->refused || out->unfit || out->unmoved || out->unkept || str_eq(str_of(counted), STR("counted"));
	bool whole = out->complete && !out->in_view;
	out->lost = str_eq(str_of(word), STR("lost")) || (!whole && !str_eq(str_of(boot), str_of(hash_hex(boot_id(), now))));
	rest = str_sub(rest, (size_t)n + 1, rest.n);
	size_t end = str_find(rest, STR("\n"), 0);
	out->provider = arena_copy(a, str_sub(rest, 0, end));
	out->files = str_sub(rest, end + (end < rest.n), rest.n);
	return true;
}

static const char *place(struct arena *a, struct str dir, size_t i)
{
	return arena_printf(a, "%.*s/%s", STR_ARG(dir), answer_files[i]).p;
}

static bool is_final(int at, struct str dir, const struct provider *p)
{
	struct arena a = {0};
	int fd = openat(at, place(&a, dir, 0), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct live *live = fd < 0 ? NULL : live_new(p);
	char piece[65536];
	for (ssize_t n; live && (n = read(fd, piece, sizeof piece)) > 0;)
		live_add(live, piece, (size_t)n);
	if (live)
		live_end(live);
	bool final = live && live_seen(live).final;
	live_free(live);
	if (fd >= 0)
		close(fd);
	arena_free(&a);
	return final;
}

bool call_left_whole(int at, struct str dir, const struct call_left *c, const struct rules *rules)
{
	const struct provider *p = c->complete ? NULL : rules_provider(rules, c->provider);
	return !c->lost && (c->complete || !p || is_final(at, dir, p));
}

struct timespec call_left_end(int at, struct str dir, const struct call_left *c)
{
	struct arena a = {0};
	struct stat out = {0}, call;
	if (fstatat(at, place(&a, dir, 0), &out, AT_SYMLINK_NOFOLLOW))
		out = (struct stat){0};
	struct timespec end = out.st_mtim;
	if ((c->complete || c->stood) && !fstatat(at, call_left_path(&a, dir).p, &call, AT_SYMLINK_NOFOLLOW) &&
	    call_left_later(call.st_ctim, end))
		end = call.st_ctim;
	arena_free(&a);
	return end;
}

bool call_left_later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Where file number i of a folder is put aside. */
static const char *aside(struct arena *a, struct str dir, size_t i)
{
	char hex[HASH_HEX];
	return arena_printf(a, STORE_LEFT "%s-%s", hash_hex(hash_bytes(dir.p, dir.n), hex), answer_files[i]).p;
}

bool call_left_forget(int at, struct str dir)
{
	struct arena a = {0};
	bool gone = !unlinkat(at, call_left_path(&a, dir).p, 0);
	for (size_t i = 0; i < N_FILES; i++)
		unlinkat(at, aside(&a, dir, i), 0);
	arena_free(&a);
	return gone;
}

/* Killed anywhere in here, the file is in one of the two places as it was. */
static int put_aside(int at, const char *from, const char *to, const struct mask *m)
{
	bool found;
	if (!faccessat(at, to, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0; /* it was before, and what stands here is the masked copy */
	if (renameat(at, from, at, to))
		return errno == ENOENT ? 0 : errno;
	int err = mask_file(m, at, to, from, &found);
	if (!err && !found && renameat(at, to, at, from))
		err = errno;
	return err;
}

int call_left_put_aside(int at, struct str dir, const struct mask *m)
{
	struct arena a = {0};
	int first = m->values.n ? os_mkdirs(at, "results", 0700) : 0;
	for (size_t i = 0; m->values.n && i < N_FILES; i++) {
		int err = put_aside(at, place(&a, dir, i), aside(&a, dir, i), m);
		first = first ? first : err;
	}
	arena_free(&a);
	return first;
}

bool call_left_is_answer(const char *name)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (!strcmp(name, answer_files[i]))
			return true;
	return false;
}

void call_left_follow(int at, struct str from, struct str to)
{
	struct arena a = {0};
	for (size_t i = 0; i < N_FILES; i++)
		renameat(at, aside(&a, from, i), at, aside(&a, to, i));
	arena_free(&a);
}

void call_left_take_back(int at, struct str dir)
{
	struct arena a = {0};
	for (size_t i = 0; i < N_FILES; i++)
		renameat(at, aside(&a, dir, i), at, place(&a, dir, i));
	arena_free(&a);
}

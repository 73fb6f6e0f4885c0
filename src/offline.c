/* axmake-offline: answers a prompt from the prompt alone. The provider of examples and tests. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/os.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "load/value.h"
#include "version.h"

enum {
	MAX_PROMPT = 64 << 20, /* bytes, as rules/offline.ini says */
	MAX_SLEEP_MS = 60000,
	MAX_TITLE = 120, /* bytes of the prompt's first line that the answer repeats */
	POINTS = 4,
	BYTES_A_TOKEN = 4,
};

/* What was asked, and what comes of it. */
struct question {
	struct arena arena;
	struct str prompt, model, role;
	VEC(struct str) copies; /* --write */
	struct str text;        /* the answer */
	struct str error;       /* n > 0: it failed, and why */
};

static const char help[] = "Usage: axmake-offline [--model NAME] [--role TEXT] [--write FILE]... < PROMPT\n"
                           "Answers the prompt on standard input from its text alone: no network, no account, and the same\n"
                           "bytes each time for the same prompt, model and role. Prints one line of JSON: result or error,\n"
                           "is_error, usage.input_tokens, usage.output_tokens, total_cost_usd.\n"
                           "\n"
                           "      --model NAME   counts in the answer; nothing else depends on it\n"
                           "      --role TEXT    the same\n"
                           "      --write FILE   write the answer's text to FILE as well\n"
                           "  -h, --help         print this\n"
                           "  -v, --version      print the version\n"
                           "\n"
                           "Lines of the prompt that begin with one of these words are obeyed, in their order:\n"
                           "  WRITE path/to/file   write the answer's text to that file in or below the current folder; missing\n"
                           "                       folders are made, links to other folders are not followed\n"
                           "  SLEEP MS             wait that many milliseconds, at most 60000\n"
                           "  FAIL: WHY            stop here: is_error is true, error is WHY, the exit status 1\n"
                           "  JSON {...}           this JSON is the answer's text, also of WRITE lines before it\n"
                           "\n"
                           "Exit status: 0 answered, 1 failed (error says why), 2 wrong options.\n";

static const char *const points[] = {
    "Begin with the smallest version that is useful, and let it run before anything is added.",
    "Name the inputs and outputs first; what lies between them can then change freely.",
    "Check what comes from outside where it enters, and trust it after that.",
    "Decide what happens on failure before deciding what happens on success.",
    "Keep one source of truth for each fact and derive the rest.",
    "Write the test that would have caught the last mistake of this kind.",
    "Measure before making it faster, and keep the measurement.",
    "Prefer plain data over clever code: it can be read, compared and stored.",
    "Leave a way back for every step that changes something shared.",
    "Say what is out of scope, so that nobody waits for it.",
    "Give each part one owner and one reason to change.",
    "Make the common case short and the rare case possible.",
    "Log what a person will need at three in the morning, and nothing secret.",
    "Limit what one failure can take down with it.",
    "Agree on names early; they outlive the code.",
    "Automate what is done twice, and document what is done once.",
};

enum { ALL_POINTS = sizeof points / sizeof *points };

/* The next line of text from *at on, which moves past it; false at the end. */
static bool next_line(struct str text, size_t *at, struct str *line)
{
	size_t end = str_find(text, STR("\n"), *at);

	if (*at >= text.n)
		return false;
	*line = str_sub(text, *at, end);
	if (str_ends(*line, STR("\r")))
		line->n--;
	*at = end + 1;
	return true;
}

/* Is the line `WORD rest`? */
static bool directive(struct str line, struct str word, struct str *rest)
{
	if (!str_starts(line, word))
		return false;
	*rest = str_trim(str_sub(line, word.n, line.n));
	return true;
}

static bool is_directive(struct str line)
{
	struct str rest;

	return directive(line, STR("WRITE "), &rest) || directive(line, STR("SLEEP "), &rest) ||
	       directive(line, STR("FAIL:"), &rest) || directive(line, STR("JSON "), &rest);
}

/* The first line that says something to a person, fit for one line of an answer. */
static struct str title_of(struct question *q)
{
	struct sbuf b = {0};
	struct str line, title = STR("an empty prompt");
	size_t cut = MAX_TITLE;

	for (size_t at = 0; next_line(q->prompt, &at, &line);)
		if (!is_directive(line) && str_trim(line).n) {
			title = str_trim(line);
			break;
		}
	while (cut < title.n && cut && ((unsigned char)title.p[cut] & 0xc0) == 0x80)
		cut--;
	utf8_escape(&b, str_sub(title, 0, cut));
	if (cut < title.n)
		sbuf_lit(&b, "…");
	title = arena_copy(&q->arena, sbuf_view(&b));
	sbuf_free(&b);
	return title;
}

static struct hash128 question_hash(const struct question *q)
{
	struct hasher h = hasher_new();
	struct hash128 hash;

	hasher_add_framed(&h, q->prompt.p, q->prompt.n);
	hasher_add_framed(&h, q->role.p, q->role.n);
	hasher_add_framed(&h, q->model.p, q->model.n);
	hash = hasher_end(&h);
	hasher_free(&h);
	return hash;
}

static void write_answer(struct question *q)
{
	struct hash128 hash = question_hash(q);
	/* An odd step visits each of a power of two of points before any comes again. */
	size_t point = hash.lo % ALL_POINTS, step = (hash.lo >> 8) % ALL_POINTS | 1;
	struct sbuf b = {0};
	char hex[HASH_HEX];

	_Static_assert((ALL_POINTS & (ALL_POINTS - 1)) == 0, "a power of two");
	sbuf_printf(&b, "# %.*s\n\n", STR_ARG(title_of(q)));
	for (size_t i = 0; i < POINTS; i++, point = (point + step) % ALL_POINTS)
		sbuf_printf(&b, "%zu. %s\n", i + 1, points[point]);
	sbuf_printf(&b, "\nAnswered offline from %zu bytes of prompt (%.16s).", q->prompt.n, hash_hex(hash, hex));
	q->text = arena_copy(&q->arena, sbuf_view(&b));
	sbuf_free(&b);
}

static void fail(struct question *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct question *q, const char *fmt, ...)
{
	struct sbuf b = {0}, shown = {0};
	va_list ap;

	va_start(ap, fmt);
	sbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	utf8_escape(&shown, sbuf_view(&b));
	q->error = arena_copy(&q->arena, sbuf_view(&shown));
	sbuf_free(&shown);
	sbuf_free(&b);
}

static void take_json(struct question *q, struct str json)
{
	json_error_t error;
	json_t *value = json_loadb(json.p ? json.p : "", json.n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);

	if (!value) {
		fail(q, "the prompt's JSON line is no JSON: %s", error.text);
		return;
	}
	json_decref(value);
	q->text = json;
}

static void sleep_ms(struct question *q, struct str s)
{
	int64_t ms;
	struct timespec left;

	if (!value_int(s, 0, MAX_SLEEP_MS, &ms)) {
		fail(q, "SLEEP wants 0 to %d milliseconds, not '%.*s'", MAX_SLEEP_MS, STR_ARG(s));
		return;
	}
	left = (struct timespec){ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Opens the folder below `at`, made where it is missing; through no link. -1 with errno. */
static int open_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0777) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Walks to the folder of a normal path inside the current one. -1 with errno. */
static int open_parent(struct arena *a, struct str path)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t at = 0, slash; fd >= 0 && (slash = str_find(path, STR("/"), at)) < path.n; at = slash + 1) {
		int next = open_folder(fd, arena_copy(a, str_sub(path, at, slash)).p), err = errno;

		close(fd);
		errno = err;
		fd = next;
	}
	return fd;
}

static void write_file(struct question *q, int at, struct str path)
{
	struct str content = arena_printf(&q->arena, "%.*s\n", STR_ARG(q->text));
	sigset_t endings, before;
	int err;

	/* Asked to end, it does so with the file whole or untouched, and nothing beside it. */
	sigemptyset(&endings);
	sigaddset(&endings, SIGTERM);
	sigaddset(&endings, SIGINT);
	sigaddset(&endings, SIGHUP);
	sigprocmask(SIG_BLOCK, &endings, &before);
	err = os_replace_file(at, path.p, 0666, content);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (err)
		fail(q, "cannot write %.*s: %s", STR_ARG(path), os_error(err));
}

static void write_inside(struct question *q, struct str wanted)
{
	struct str path = path_normal(&q->arena, wanted);
	int at;

	if (!wanted.n || !path_inside(path) || str_eq(path, STR(".")) || str_ends(wanted, STR("/"))) {
		fail(q, "refused to write '%.*s': no file below the current folder", STR_ARG(wanted));
		return;
	}
	at = open_parent(&q->arena, path);
	if (at < 0) {
		fail(q, "cannot write %.*s: %s", STR_ARG(path),
		     errno == ENOTDIR || errno == ELOOP ? "a part of the path is no folder, or a link" : os_error(errno));
		return;
	}
	write_file(q, at, arena_copy(&q->arena, path_base(path)));
	close(at);
}

static void obey(struct question *q)
{
	struct str line, rest;

	for (size_t at = 0; next_line(q->prompt, &at, &line) && !q->error.n;)
		if (directive(line, STR("JSON "), &rest))
			take_json(q, rest);
	for (size_t at = 0; next_line(q->prompt, &at, &line) && !q->error.n;) {
		if (directive(line, STR("SLEEP "), &rest))
			sleep_ms(q, rest);
		else if (directive(line, STR("WRITE "), &rest))
			write_inside(q, rest);
		else if (directive(line, STR("FAIL:"), &rest))
			fail(q, "%.*s", STR_ARG(rest.n ? rest : STR("failed as it was told to")));
	}
	for (size_t i = 0; i < q->copies.n && !q->error.n; i++)
		write_file(q, AT_FDCWD, q->copies.p[i]);
}

static int print_json(const struct question *q)
{
	size_t asked = q->prompt.n + q->role.n, said = q->error.n ? 0 : q->text.n;
	json_t *usage = json_pack("{s:I, s:I}", "input_tokens", (json_int_t)((asked + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN),
	                          "output_tokens", (json_int_t)((said + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN));
	struct str words = q->error.n ? q->error : q->text;
	json_t *all = json_pack("{s:s, s:b, s:s%, s:s%, s:o, s:f}", "type", "result", "is_error", q->error.n > 0, "model",
	                        q->model.n ? q->model.p : "offline", q->model.n ? q->model.n : (size_t)7,
	                        q->error.n ? "error" : "result", words.p, words.n, "usage", usage, "total_cost_usd", 0.0);
	char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	bool written;

	json_decref(all);
	if (!text) {
		fputs("axmake-offline: the model's name is not UTF-8\n", stderr);
		return 2;
	}
	written = puts(text) >= 0 && fflush(stdout) == 0;
	free(text);
	if (!written)
		fprintf(stderr, "axmake-offline: cannot write the answer: %s\n", os_error(errno));
	return !written || q->error.n > 0;
}

/* -1: go on; else the exit status. */
static int read_options(struct question *q, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"model", required_argument, NULL, 'm'}, {"role", required_argument, NULL, 'r'},
	    {"write", required_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},     {NULL, 0, NULL, 0},
	};

	for (int c; (c = getopt_long(argc, argv, "hv", longs, NULL)) != -1;) {
		if (c == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout) != 0;
		if (c == 'v')
			return printf("axmake-offline %s\n", AXMAKE_VERSION) < 0 || fflush(stdout) != 0;
		if (c == 'm')
			q->model = str_of(optarg);
		else if (c == 'r')
			q->role = str_of(optarg);
		else if (c == 'w')
			vec_push(&q->arena, &q->copies, str_of(optarg));
		else
			return 2;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "axmake-offline: unexpected word '%s': the prompt is read from standard input\n", argv[optind]);
	return 2;
}

/* 0, or an errno value: EFBIG beyond MAX_PROMPT. */
static int read_prompt(struct sbuf *b)
{
	ssize_t got;

	do {
		sbuf_reserve(b, 65536);
		got = read(STDIN_FILENO, b->p + b->n, 65536);
		if (got > 0)
			b->n += (size_t)got;
	} while ((got > 0 && b->n <= MAX_PROMPT) || (got < 0 && errno == EINTR));
	return got < 0 ? errno : b->n > MAX_PROMPT ? EFBIG : 0;
}

int main(int argc, char **argv)
{
	struct question q = {0};
	struct sbuf prompt = {0};
	int status = read_options(&q, argc, argv), err;

	if (status < 0) {
		err = read_prompt(&prompt);
		if (err) {
			fail(&q, "cannot read the prompt: %s", os_error(err));
		} else {
			q.prompt = sbuf_view(&prompt);
			write_answer(&q);
			obey(&q);
		}
		status = print_json(&q);
	}
	sbuf_free(&prompt);
	arena_free(&q.arena);
	return status;
}

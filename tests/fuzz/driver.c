/* For compilers without a fuzzer: calls a target with files, and with mutations of them.
 *
 *     TARGET [-n MUTATIONS] [-s SEED] [-o FILE] PATH...
 *
 * A folder stands for the files in it. FILE gets each input before it is tried, so that it holds the one that ended the program. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/vec.h"
#include "fuzz.h"

enum { MOST_BYTES = 4096 };

static struct arena arena;
static VEC(struct str) inputs;
static uint64_t state;

/* xorshift64* */
static uint64_t next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

static size_t below(size_t n)
{
	return n ? (size_t)((next_random() >> 16) % n) : 0;
}

static bool read_input(const char *path)
{
	struct str s;

	if (os_read_file(&arena, AT_FDCWD, path, SIZE_MAX, &s))
		return false;
	vec_push(&arena, &inputs, s);
	return true;
}

static bool read_inputs(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	bool ok = true;

	if (!dir)
		return read_input(path);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			ok = read_input(arena_printf(&arena, "%s/%s", path, e->d_name).p) && ok;
	closedir(dir);
	return ok;
}

/* Puts [p, p + n) in the place of the `gone` bytes at `at`. */
static void replace(struct sbuf *b, size_t at, size_t gone, const char *p, size_t n)
{
	struct sbuf out = {0};

	sbuf_add(&out, b->p, at);
	sbuf_add(&out, p, n);
	sbuf_add(&out, b->p + at + gone, b->n - at - gone);
	sbuf_free(b);
	*b = out;
}

static void mutate_once(struct sbuf *b)
{
	static const char *const values[] = {"\0", "\xff", "\x7f", "\x80", "\n", "\f", "${", "}", "\"", "'", "\\", "**", "[", "]", "{", "- ", ": ", "#", "-1", "99999999999999999999",
					     "\xff\xff\xff\xff", "\xed\xa0\x80", "\x1b[0m", "../", "/", "&a", "*a", "!", "=", "|", "@", "=="};
	struct str from = inputs.p[below(inputs.n)];
	const char *value = values[below(sizeof values / sizeof *values)];
	size_t at = below(b->n + 1), rest = b->n - at, n = below(rest < 32 ? rest + 1 : 32), source = below(from.n + 1);

	switch (below(7)) {
	case 0:
		if (rest)
			b->p[at] = (char)(b->p[at] ^ 1 << below(8));
		break;
	case 1:
		if (rest)
			b->p[at] = (char)below(256);
		break;
	case 2:
		replace(b, at, n, NULL, 0);
		break;
	case 3:
		replace(b, at, 0, value, *value ? strlen(value) : 1);
		break;
	case 4: /* a piece of itself, once more */
		replace(b, at, 0, arena_copy(&arena, str_sub(sbuf_view(b), at, at + n)).p, n);
		break;
	case 5: /* a piece of another one */
		replace(b, at, n, from.p + source, below(from.n - source + 1));
		break;
	default:
		b->n = at;
	}
	if (b->n > MOST_BYTES)
		b->n = MOST_BYTES;
}

static void try(int keep, struct str s)
{
	uint8_t *copy = malloc(s.n);

	if (s.n)
		memcpy(copy, s.p, s.n);
	if (keep >= 0)
		always(!ftruncate(keep, 0) && lseek(keep, 0, SEEK_SET) == 0 && !os_write_all(keep, s.p, s.n));
	LLVMFuzzerTestOneInput(copy, s.n);
	free(copy);
}

static void try_mutation(int keep)
{
	struct sbuf b = {0};

	sbuf_str(&b, inputs.p[below(inputs.n)]);
	sbuf_reserve(&b, 1);
	for (size_t i = 1 + below(6); i; i--)
		mutate_once(&b);
	try(keep, sbuf_view(&b));
	sbuf_free(&b);
}

int main(int argc, char **argv)
{
	unsigned long mutations = 0;
	int keep = -1;

	state = os_random64();
	for (int c; (c = getopt(argc, argv, "n:s:o:")) != -1;) {
		if (c == 'n')
			mutations = strtoul(optarg, NULL, 10);
		else if (c == 's')
			state = strtoull(optarg, NULL, 10);
		else if (c == 'o' && (keep = open(optarg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
			return perror(optarg), 2;
		else if (c == '?')
			return 2;
	}
	state |= 1;
	for (; optind < argc; optind++)
		if (!read_inputs(argv[optind]))
			return fprintf(stderr, "%s cannot be read\n", argv[optind]), 2;
	for (size_t i = 0; i < inputs.n; i++)
		try(keep, inputs.p[i]);
	if (inputs.n)
		for (; mutations; mutations--)
			try_mutation(keep);
	printf("%zu inputs\n", inputs.n);
	arena_free(&arena);
	return 0;
}

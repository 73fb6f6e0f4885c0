#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

static void hashes_are_those_that_xxhash_publishes(void **state)
{
	char hex[HASH_HEX];

	(void)state;
	/* The same as `printf '' | xxh128sum` and `printf abc | xxh128sum` print. */
	assert_string_equal(hash_hex(hash_bytes(NULL, 0), hex), "99aa06d3014798d86001c324468d497f");
	assert_string_equal(hash_hex(hash_bytes("abc", 3), hex), "06b05ab6733a618578af5f94892f3950");
	assert_true(hash64_bytes(NULL, 0) == UINT64_C(0x2d06800538d394c2));
}

static void hex_has_the_high_half_first_and_leading_zeros(void **state)
{
	char hex[HASH_HEX];

	(void)state;
	assert_string_equal(hash_hex((struct hash128){.lo = 0xab, .hi = 1}, hex), "000000000000000100000000000000ab");
}

static void order_is_the_order_of_the_hex(void **state)
{
	struct hash128 low = {.lo = 9, .hi = 1}, high = {.lo = 0, .hi = 2};

	(void)state;
	assert_true(hash_cmp(low, high) < 0);
	assert_true(hash_cmp(high, low) > 0);
	assert_int_equal(hash_cmp(low, low), 0);
	assert_true(hash_cmp((struct hash128){.lo = 1}, (struct hash128){.lo = 2}) < 0);
	assert_true(hash_eq(low, low));
	assert_false(hash_eq(low, (struct hash128){.lo = 9, .hi = 2}));
	assert_false(hash_eq(low, (struct hash128){.lo = 8, .hi = 1}));
}

static void pieces_hash_as_the_whole(void **state)
{
	char text[5000];
	struct hasher h = hasher_new();

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 31);
	for (size_t piece = 1; piece < 3000; piece += 171) {
		hasher_reset(&h);
		for (size_t at = 0; at < sizeof text; at += piece)
			hasher_add(&h, text + at, at + piece < sizeof text ? piece : sizeof text - at);
		assert_true(hash_eq(hasher_end(&h), hash_bytes(text, sizeof text)));
	}
	hasher_free(&h);
}

static struct hash128 framed(const char *a, const char *b)
{
	struct hasher h = hasher_new();
	struct hash128 result;

	hasher_add_framed(&h, a, strlen(a));
	hasher_add_framed(&h, b, strlen(b));
	result = hasher_end(&h);
	hasher_free(&h);
	return result;
}

static void frames_keep_fields_apart(void **state)
{
	(void)state;
	assert_false(hash_eq(framed("ab", "c"), framed("a", "bc")));
	assert_false(hash_eq(framed("", "a"), framed("a", "")));
	assert_true(hash_eq(framed("a", "b"), hash_bytes("\1\0\0\0\0\0\0\0a\1\0\0\0\0\0\0\0b", 18)));
}

static int file_of(const char *p, size_t n)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fflush(f), 0);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static void a_file_hashes_as_its_content_at_every_size(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, 65535, 65536, 65537, 131072, 300001};
	char *text = xmalloc(300001);

	(void)state;
	for (size_t i = 0; i < 300001; i++)
		text[i] = (char)(i * 131 >> 3);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int fd = file_of(text, sizes[i]);
		struct hash128 h;
		uint64_t size;

		/* Wherever the descriptor stands, the content counts from its start. */
		assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
		assert_int_equal(hash_fd(fd, &h, &size), 0);
		assert_int_equal(size, sizes[i]);
		assert_true(hash_eq(h, hash_bytes(text, sizes[i])));
		close(fd);
	}
	free(text);
}

static void a_pipe_is_read_to_its_end(void **state)
{
	struct hash128 h;
	uint64_t size;
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 3; i++) {
			if (write(fds[1], "abc", 3) != 3)
				_exit(1);
			usleep(20000);
		}
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(hash_fd(fds[0], &h, &size), 0);
	assert_int_equal(size, 9);
	assert_true(hash_eq(h, hash_bytes("abcabcabc", 9)));
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_folder_and_a_closed_descriptor_are_errors(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hash128 h;
	uint64_t size;

	(void)state;
	assert_int_equal(hash_fd(fd, &h, &size), EISDIR);
	close(fd);
	assert_int_equal(hash_fd(-1, &h, &size), EBADF);
}

/* Contents of some length go another way, by wider vectors: to the same hash as the library's. */
static void every_length_gives_the_library_s_hash(void **state)
{
	static unsigned char bytes[70000];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 131 + i / 251);
	for (size_t n = 0; n <= sizeof bytes; n += n < 1100 ? 1 : 997) {
		XXH128_hash_t h = XXH3_128bits(bytes, n);

		assert_true(hash64_bytes(bytes, n) == XXH3_64bits(bytes, n));
		assert_true(hash_eq(hash_bytes(bytes, n), (struct hash128){h.low64, h.high64}));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_length_gives_the_library_s_hash),
	    cmocka_unit_test(hashes_are_those_that_xxhash_publishes),
	    cmocka_unit_test(hex_has_the_high_half_first_and_leading_zeros),
	    cmocka_unit_test(order_is_the_order_of_the_hex),
	    cmocka_unit_test(pieces_hash_as_the_whole),
	    cmocka_unit_test(frames_keep_fields_apart),
	    cmocka_unit_test(a_file_hashes_as_its_content_at_every_size),
	    cmocka_unit_test(a_pipe_is_read_to_its_end),
	    cmocka_unit_test(a_folder_and_a_closed_descriptor_are_errors),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}

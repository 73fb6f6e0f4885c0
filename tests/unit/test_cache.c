/* The cache: entries in bytes, what is believed of them, objects, what goes when it is full. */
#include "store_fixture.h"

#include <math.h>

#include "base/pool.h"
#include "state/cache.h"
#include "state/cache_folder.h"

static struct filehash_part part(const char *path, enum part_kind kind, const char *text)
{
	struct filehash_part p = {.path = str_of(path), .kind = kind};

	if (kind == PART_LINK) {
		p.link = str_of(text);
	} else if (kind != PART_FOLDER) {
		p.content = hash_bytes(text, strlen(text));
		p.size = strlen(text);
	}
	return p;
}

/* An output of these parts, contents in the entry where `here`. */
static struct cache_output output(struct arena *a, enum output_kind kind, const char *path, const struct filehash_part *parts, const char *const *texts, size_t n)
{
	struct cache_output o = {.path = str_of(path), .kind = kind, .here = arena_array(a, struct str, n)};

	for (size_t i = 0; i < n; i++) {
		vec_push(a, &o.parts.of, parts[i]);
		o.here[i] = texts && texts[i] ? str_of(texts[i]) : STR_NONE;
	}
	if (!n || parts[0].path.n > o.path.n || kind != OUTPUT_TREE)
		o.hash = filehash_parts_hash(kind, o.path, &o.parts);
	return o;
}

static struct cache_entry an_entry(struct arena *a)
{
	struct filehash_part tree[] = {part("t/a", PART_FILE, "aa"), part("t/d", PART_FOLDER, ""), part("t/d/l", PART_LINK, "../a"), part("t/d/x", PART_PROGRAM, "")};
	const char *const in_tree[] = {"aa", NULL, NULL, ""};
	struct filehash_part file[] = {part("big", PART_FILE, "an object")};
	struct filehash_part glob[] = {part("g/1.c", PART_FILE, "1")};
	const char *const in_glob[] = {"1"};
	struct cache_entry e = {.signature = hash_bytes("s", 1), .provider = STR("bot"), .made_at_ms = 7, .duration_ns = 8, .first_byte_ns = -1, .tries = 2,
				.input_tokens = 3, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = 0, .cost_usd = NAN, .has_result = true,
				.result = {hash_bytes("r", 1), 1, STR("r")}, .n_outputs = 3};

	e.outputs = arena_array(a, struct cache_output, 3);
	e.outputs[0] = output(a, OUTPUT_TREE, "t", tree, in_tree, 4);
	e.outputs[1] = output(a, OUTPUT_FILE, "big", file, NULL, 1);
	e.outputs[2] = output(a, OUTPUT_GLOB, "g/*.c", glob, in_glob, 1);
	return e;
}

static bool count(void *self, struct hash128 hash, uint64_t size)
{
	*(size_t *)self += hash_eq(hash, hash_bytes("an object", 9)) && size == 9;
	return true;
}

static void an_entry_is_read_as_it_was_written(void **state)
{
	struct box *b = *state;
	struct cache_entry e = an_entry(&b->arena), r;
	struct sbuf s = {0};
	size_t objects = 0;

	cache_entry_put(&s, &e);
	assert_true(cache_entry_read(&b->arena, sbuf_view(&s), &r));
	assert_true(hash_eq(r.signature, e.signature) && r.made_at_ms == 7 && r.duration_ns == 8 && r.first_byte_ns == -1 && r.tries == 2);
	assert_str(r.provider, "bot");
	assert_true(r.input_tokens == 3 && r.output_tokens == -1 && isnan(r.cost_usd) && r.has_result);
	assert_str(r.result.here, "r");
	assert_int_equal(r.n_outputs, 3);
	assert_int_equal(r.outputs[0].parts.of.n, 4);
	assert_str(r.outputs[0].parts.of.p[2].link, "../a");
	assert_true(r.outputs[0].parts.of.p[3].kind == PART_PROGRAM && r.outputs[0].here[3].p && !r.outputs[0].here[3].n);
	assert_null(r.outputs[1].here[0].p);
	assert_true(cache_entry_objects(&r, count, &objects));
	assert_int_equal(objects, 1);
	assert_int_equal(cache_entry_bytes(&r), 1 + 2 + 9 + 1);
	sbuf_free(&s);
}

static void every_cut_and_every_changed_byte_is_noticed(void **state)
{
	struct box *b = *state;
	struct cache_entry e = an_entry(&b->arena), r;
	struct sbuf s = {0};

	cache_entry_put(&s, &e);
	for (size_t i = 0; i < s.n; i++) {
		struct arena a = {0};

		assert_false(cache_entry_read(&a, (struct str){s.p, i}, &r));
		s.p[i] ^= 0x41;
		assert_false(cache_entry_read(&a, sbuf_view(&s), &r));
		s.p[i] ^= 0x41;
		arena_free(&a);
	}
	sbuf_char(&s, 'x');
	assert_false(cache_entry_read(&b->arena, sbuf_view(&s), &r));
	sbuf_free(&s);
}

/* Bytes that are wrong though their checksum is right: no length and no count may lead astray. */
static void a_right_checksum_makes_nothing_believed(void **state)
{
	struct box *b = *state;
	struct cache_entry e = an_entry(&b->arena), r;
	struct sbuf s = {0};

	cache_entry_put(&s, &e);
	for (size_t i = 24; i < s.n; i++)
		for (unsigned v = 0; v < 4; v++) {
			static const unsigned char values[] = {0xff, 0x00, 0x7f, '/'};
			struct arena a = {0};
			char was = s.p[i];
			struct hash128 sum;

			s.p[i] = (char)values[v];
			sum = hash_bytes(s.p + 24, s.n - 24);
			memcpy(s.p + 8, &sum.lo, 8);
			memcpy(s.p + 16, &sum.hi, 8);
			cache_entry_read(&a, sbuf_view(&s), &r);
			s.p[i] = was;
			arena_free(&a);
		}
	sbuf_free(&s);
}

static bool holds(struct box *b, struct cache_output o)
{
	struct cache_entry e = {.cost_usd = NAN, .outputs = &o, .n_outputs = 1}, r;
	struct sbuf s = {0};
	bool ok;

	cache_entry_put(&s, &e);
	ok = cache_entry_read(&b->arena, sbuf_view(&s), &r);
	sbuf_free(&s);
	return ok;
}

static bool holds_one(struct box *b, enum output_kind kind, const char *output_path, const char *path)
{
	struct filehash_part p = part(path, PART_FILE, "x");

	return holds(b, output(&b->arena, kind, output_path, &p, NULL, 1));
}

static void parts_stand_only_where_they_may(void **state)
{
	struct box *b = *state;
	struct filehash_part through_link[] = {part("t/l", PART_LINK, "/etc"), part("t/l/passwd", PART_FILE, "x")};
	struct filehash_part through_file[] = {part("t/f", PART_FILE, "x"), part("t/f/x", PART_FILE, "x")};
	struct filehash_part twice[] = {part("t/f", PART_FILE, "x"), part("t/f", PART_FILE, "x")};
	struct filehash_part unsorted[] = {part("t/g", PART_FILE, "x"), part("t/f", PART_FILE, "x")};
	struct filehash_part special = part("t/f", PART_SPECIAL, "x");
	struct cache_output wrong_hash = output(&b->arena, OUTPUT_TREE, "t", through_file, NULL, 1);

	assert_true(holds_one(b, OUTPUT_FILE, "a/f", "a/f"));
	assert_true(holds_one(b, OUTPUT_TREE, "t", "t/f"));
	assert_true(holds_one(b, OUTPUT_GLOB, "g/**/*.c", "g/x/1.c"));
	assert_false(holds_one(b, OUTPUT_FILE, "a/f", "a/g"));
	assert_false(holds_one(b, OUTPUT_FILE, "/etc/f", "/etc/f"));
	assert_false(holds_one(b, OUTPUT_FILE, "../f", "../f"));
	assert_false(holds_one(b, OUTPUT_TREE, "t", "u/f"));
	assert_false(holds_one(b, OUTPUT_TREE, "t", "t/../u"));
	assert_false(holds_one(b, OUTPUT_TREE, "t", "t"));
	assert_false(holds_one(b, OUTPUT_TREE, "t", "t/d/f")); /* whose folder is no part */
	assert_false(holds_one(b, OUTPUT_TREE, "t", "t//f"));
	assert_false(holds_one(b, OUTPUT_TREE, "t", "t/.git"));
	assert_false(holds_one(b, OUTPUT_TREE, ".axmake", ".axmake/log"));
	assert_false(holds_one(b, OUTPUT_GLOB, "g/*.c", "g/x/1.c"));
	assert_false(holds_one(b, OUTPUT_GLOB, "**", "../f"));
	assert_false(holds(b, output(&b->arena, OUTPUT_TREE, "t", through_link, NULL, 2)));
	assert_false(holds(b, output(&b->arena, OUTPUT_TREE, "t", through_file, NULL, 2)));
	assert_false(holds(b, output(&b->arena, OUTPUT_TREE, "t", twice, NULL, 2)));
	assert_false(holds(b, output(&b->arena, OUTPUT_TREE, "t", unsorted, NULL, 2)));
	assert_false(holds(b, output(&b->arena, OUTPUT_TREE, "t", &special, NULL, 1)));
	assert_false(holds(b, output(&b->arena, OUTPUT_FILE, "f", NULL, NULL, 0)));
	assert_true(holds(b, output(&b->arena, OUTPUT_TREE, "t", NULL, NULL, 0)));
	wrong_hash.hash.lo ^= 1;
	assert_false(holds(b, wrong_hash));
}

static struct cache *open_cache(struct box *b, uint64_t limit, bool writable)
{
	struct cache_config c = {.store = &b->s, .owner_only = true, .limit = limit, .writable = writable};

	return cache_open(&b->arena, &c);
}

/* Stores one file of n bytes `fill` under the signature of its name. */
static bool store(struct box *b, struct cache *c, const char *name, size_t n, char fill)
{
	struct filehash_part p = {.path = str_of(name), .kind = PART_FILE, .size = n};
	struct cache_entry e = {.signature = hash_bytes(name, strlen(name)), .cost_usd = NAN, .n_outputs = 1};
	struct cache_output o;
	char *text = malloc(n + 1);
	bool ok;

	memset(text, fill, n);
	text[n] = '\0';
	put(name, text);
	p.content = hash_bytes(text, n);
	free(text);
	o = output(&b->arena, OUTPUT_FILE, name, &p, NULL, 1);
	e.outputs = &o;
	ok = cache_store_begin(c, n) && cache_store_content(c, &b->arena, b->s.root_fd, name, p.content, p.size, &o.here[0]) && cache_store_entry(c, &e);
	cache_store_end(c);
	return ok;
}

static bool find(struct box *b, struct cache *c, const char *name)
{
	struct cache_entry e;

	return cache_find(c, &b->arena, hash_bytes(name, strlen(name)), &e);
}

static void what_was_stored_is_found(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_entry e;
	struct cache_content big;
	int fd;

	open_store(b);
	c = open_cache(b, 1 << 20, true);
	assert_false(cache_exists(c));
	assert_false(find(b, c, "a"));
	assert_true(store(b, c, "a", 300000, 'a') && store(b, c, "small", 10, 's') && store(b, c, "none", 0, 0));
	assert_true(find(b, c, "small") && find(b, c, "none"));
	assert_true(cache_find(c, &b->arena, hash_bytes("a", 1), &e));
	assert_null(e.outputs[0].here[0].p);
	big = (struct cache_content){e.outputs[0].parts.of.p[0].content, 300000, STR_NONE};
	fd = open("copy", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(cache_read(c, &big, fd), 0);
	close(fd);
	assert_true(str_eq(content(b, "copy"), content(b, "a")));
	assert_int_equal(mode_of(".axmake/cache/v1/tmp"), S_IFDIR | 0700);
	cache_forget(c, hash_bytes("a", 1));
	assert_false(find(b, c, "a"));
	assert_int_equal(cache_note(c).n, 0);
	cache_close(c);
}

struct reading {
	const struct cache *c;
	struct cache_content of[26];
	int err[26], to[26];
};

static bool read_some(void *self, size_t from, size_t to)
{
	struct reading *r = self;

	for (size_t i = from; i < to; i++)
		r->err[i] = cache_read_small(r->c, &r->of[i], r->to[i]);
	return true;
}

/* The object of the content of n bytes `fill`. */
static const char *object_of(struct box *b, char fill, size_t n)
{
	struct sbuf text = {0};
	char name[CACHE_NAME_ROOM];

	while (text.n < n)
		sbuf_char(&text, fill);
	cache_name(name, "objects", hash_bytes(text.p, text.n));
	sbuf_free(&text);
	return arena_printf(&b->arena, ".axmake/cache/v1/%s", name).p;
}

static void small_contents_are_had_by_several_threads(void **state)
{
	struct box *b = *state;
	struct reading r = {0};
	struct cache *c;
	struct cache_entry e;
	int fd;

	open_store(b);
	c = open_cache(b, 1 << 20, true);
	for (int i = 0; i < 26; i++) {
		char name[] = {'f', (char)('a' + i), '\0'};

		assert_true(store(b, c, name, 9000 + (size_t)i, name[1]));
		assert_true(cache_find(c, &b->arena, hash_bytes(name, 2), &e));
		r.of[i] = (struct cache_content){e.outputs[0].parts.of.p[0].content, 9000 + (uint64_t)i, STR_NONE};
		assert_true(cache_is_small(c, &r.of[i]));
		r.to[i] = open(arena_printf(&b->arena, "copy%d", i).p, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	/* One has other bytes, one is shorter, one is gone, one is a link. */
	assert_int_equal(chmod(object_of(b, 'b', 9001), 0600), 0);
	fd = open(object_of(b, 'b', 9001), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 4000), 1);
	close(fd);
	assert_int_equal(truncate(object_of(b, 'c', 9002), 100), 0);
	assert_int_equal(unlink(object_of(b, 'd', 9003)), 0);
	assert_int_equal(unlink(object_of(b, 'e', 9004)) || symlink("/dev/null", object_of(b, 'e', 9004)), 0);
	r.c = c;
	assert_true(pool_each(26, 1, read_some, &r));
	for (int i = 0; i < 26; i++) {
		assert_int_equal(r.err[i], i == 3 ? ENOENT : i >= 1 && i <= 4 ? EBADMSG : 0);
		close(r.to[i]);
		if (!r.err[i])
			assert_true(str_eq(content(b, arena_printf(&b->arena, "copy%d", i).p), content(b, arena_printf(&b->arena, "f%c", 'a' + i).p)));
	}
	assert_int_equal(access(object_of(b, 'b', 9001), F_OK), 0);
	cache_drop(c, &r.of[1]);
	assert_int_equal(access(object_of(b, 'b', 9001), F_OK), -1);
	cache_close(c);
}

/* Who has just hashed it need not have it read again. */
static void a_short_content_that_is_known_is_not_read(void **state)
{
	struct box *b = *state;
	struct cache_file known = {"gone", hash_bytes("abc", 3), 3, STR("abc"), STR_NONE}, large = {"gone", hash_bytes("abc", 3), 5000, STR("abc"), STR_NONE};
	struct cache *c;

	open_store(b);
	c = open_cache(b, 4 << 20, true);
	assert_true(cache_store_begin(c, 10));
	assert_true(cache_store_files(c, &b->arena, b->s.root_fd, &known, 1));
	assert_true(str_eq(known.here, STR("abc")));
	assert_false(cache_store_files(c, &b->arena, b->s.root_fd, &large, 1));
	cache_store_end(c);
	cache_close(c);
}

/* As long as nobody else stores where this run has made the folder. */
static void a_cache_is_a_runs_own_until_the_next_one(void **state)
{
	struct box *b = *state;
	struct cache *c;

	open_store(b);
	c = open_cache(b, 4 << 20, true);
	assert_false(cache_is_own(c));
	assert_true(cache_store_begin(c, 10));
	cache_store_end(c);
	assert_true(cache_is_own(c));
	cache_close(c);
	c = open_cache(b, 4 << 20, true);
	assert_true(cache_exists(c));
	assert_true(cache_store_begin(c, 10));
	cache_store_end(c);
	assert_false(cache_is_own(c));
	cache_close(c);
}

static void many_files_are_stored_by_several_threads(void **state)
{
	struct box *b = *state;
	struct cache_file of[CACHE_TOGETHER];
	struct cache *c;
	struct stat st;

	open_store(b);
	c = open_cache(b, 4 << 20, true);
	for (int i = 0; i < CACHE_TOGETHER; i++) {
		struct sbuf text = {0};

		sbuf_printf(&text, "%d", i);
		while (text.n < (i ? 9000 + (size_t)i : 10))
			sbuf_char(&text, 'x');
		of[i] = (struct cache_file){arena_printf(&b->arena, "f%d", i).p, hash_bytes(text.p, text.n), text.n, STR_NONE, STR("?")};
		sbuf_char(&text, '\0');
		put(of[i].path, text.p);
		sbuf_free(&text);
	}
	of[7].hash = of[8].hash; /* twice the same, and no longer what it was hashed as */
	assert_true(cache_store_begin(c, 10));
	assert_false(cache_store_files(c, &b->arena, b->s.root_fd, of, CACHE_TOGETHER));
	of[7] = of[8];
	assert_true(cache_store_files(c, &b->arena, b->s.root_fd, of, CACHE_TOGETHER));
	cache_store_end(c);
	assert_int_equal(of[0].here.n, 10);
	for (int i = 1; i < CACHE_TOGETHER; i++) {
		char name[CACHE_NAME_ROOM];

		assert_null(of[i].here.p);
		cache_name(name, "objects", of[i].hash);
		assert_int_equal(stat(arena_printf(&b->arena, ".axmake/cache/v1/%s", name).p, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0400);
		assert_true(str_eq(content(b, arena_printf(&b->arena, ".axmake/cache/v1/%s", name).p), content(b, of[i].path)));
	}
	assert_int_equal(rmdir(".axmake/cache/v1/tmp"), 0); /* nothing is left there */
	assert_int_equal(cache_note(c).n, 0);
	of[3].path = "gone";
	of[3].hash = hash_bytes("gone", 4);
	assert_true(cache_store_begin(c, 10));
	assert_false(cache_store_files(c, &b->arena, b->s.root_fd, of, CACHE_TOGETHER));
	cache_store_end(c);
	cache_close(c);
}

static void a_content_that_changed_since_is_not_stored(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct str here;

	open_store(b);
	c = open_cache(b, 1 << 20, true);
	put("f", "what stands there now");
	assert_true(cache_store_begin(c, 10));
	assert_false(cache_store_content(c, &b->arena, b->s.root_fd, "f", hash_bytes("what stood there then", 21), 21, &here));
	assert_false(cache_store_content(c, &b->arena, b->s.root_fd, "f", hash_bytes("x", 1), 9000, &here));
	assert_false(cache_store_content(c, &b->arena, b->s.root_fd, "gone", hash_bytes("x", 1), 1, &here));
	cache_store_end(c);
	cache_close(c);
}

static void age(const char *name, int seconds)
{
	char path[200], hex[HASH_HEX];
	struct timespec then[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};

	hash_hex(hash_bytes(name, strlen(name)), hex);
	snprintf(path, sizeof path, ".axmake/cache/v1/entries/%.2s/%s", hex, hex + 2);
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void the_least_recently_used_goes_and_shared_objects_stay(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_stats before, after;

	open_store(b);
	c = open_cache(b, 25000, true);
	assert_true(store(b, c, "old", 10000, 'o'));
	assert_true(store(b, c, "same", 10000, 'o')); /* the same object */
	assert_true(store(b, c, "new", 10000, 'n'));
	age("old", 30);
	age("same", 10);
	age("new", 20);
	assert_int_equal(cache_sweep(c, true, &before, &after), 0);
	assert_true(before.entries == 3 && before.objects == 2 && before.bytes == after.bytes);
	cache_used(c, hash_bytes("old", 3));
	c->config.limit = 15000;
	assert_int_equal(cache_sweep(c, true, &before, &after), 0);
	assert_true(after.entries == 2 && after.objects == 1 && after.bytes < 15000);
	assert_true(find(b, c, "old") && find(b, c, "same") && !find(b, c, "new"));
	assert_false(store(b, c, "huge", 15001, 'h')); /* alone more than all may be */
	assert_true(find(b, c, "same"));
	cache_close(c);
}

static void what_was_used_in_the_future_goes_first(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_stats before, after;

	open_store(b);
	c = open_cache(b, 25000, true);
	assert_true(store(b, c, "ahead", 10000, 'a'));
	assert_true(store(b, c, "old", 10000, 'o'));
	age("ahead", -400000000);
	age("old", 30);
	c->config.limit = 15000;
	assert_int_equal(cache_sweep(c, true, &before, &after), 0);
	assert_true(after.entries == 1 && find(b, c, "old") && !find(b, c, "ahead"));
	assert_true(after.oldest_ns == after.newest_ns && after.newest_ns <= clock_wall_ns());
	cache_close(c);
}

static void a_run_that_stores_much_stays_below_the_limit(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_stats s;
	char name[16];

	open_store(b);
	c = open_cache(b, 100000, true);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "f%d", i);
		assert_true(store(b, c, name, 9000 + (size_t)i, 'x'));
		assert_int_equal(cache_survey(c, &s), 0);
		assert_true(s.bytes < 100000 + 100000 / 3);
	}
	cache_close(c);
	c = open_cache(b, 100000, true);
	assert_int_equal(cache_survey(c, &s), 0);
	assert_true(s.bytes <= 100000 && s.entries >= 9);
	assert_true(find(b, c, "f39"));
	cache_close(c);
}

static void who_only_looks_changes_nothing(void **state)
{
	struct box *b = *state;
	struct cache *c;

	open_store(b);
	c = open_cache(b, 1 << 20, false);
	assert_false(find(b, c, "a"));
	assert_false(cache_store_begin(c, 1));
	assert_false(is_there(".axmake/cache"));
	cache_close(c);
}

/* Who removes waits for those who store, and does not wait for ever. */
static void storing_keeps_removing_away(void **state)
{
	struct box *b = *state;
	struct cache *one, *other;
	struct cache_stats s;

	open_store(b);
	one = open_cache(b, 1 << 20, true);
	other = open_cache(b, 1 << 20, true);
	assert_true(store(b, other, "f", 10, 'x'));
	assert_true(cache_store_begin(one, 10));
	assert_int_equal(cache_sweep(other, false, NULL, &s), EAGAIN);
	cache_store_end(one);
	assert_int_equal(cache_sweep(other, false, NULL, &s), 0);
	cache_close(one);
	cache_close(other);
}

static void what_arrives_is_there_once_it_is_kept(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_arrival one, two;
	struct hash128 hash = hash_bytes("abc", 3);
	char text[4] = "";
	int fd;

	open_store(b);
	c = open_cache(b, 1 << 20, true);
	assert_false(cache_has_object(c, hash, 3));
	assert_int_equal(cache_object_fd(c, hash, 3), -1);
	assert_true(cache_store_begin(c, 6));
	assert_int_equal(cache_arrival_begin(c, &one), 0);
	assert_int_equal(cache_arrival_begin(c, &two), 0);
	assert_true(write(one.fd, "abc", 3) == 3 && write(two.fd, "ab", 2) == 2);
	assert_false(cache_has_object(c, hash, 3));
	assert_int_equal(cache_arrival_keep(c, &one, hash, 3), 0);
	cache_arrival_drop(c, &two);
	cache_arrival_drop(c, &two); /* once more does nothing */
	cache_store_end(c);
	assert_true(cache_has_object(c, hash, 3));
	assert_false(cache_has_object(c, hash, 4));
	fd = cache_object_fd(c, hash, 3);
	assert_int_equal(read(fd, text, sizeof text), 3);
	assert_string_equal(text, "abc");
	close(fd);
	assert_int_equal(rmdir(".axmake/cache/v1/tmp"), 0); /* nothing was left in it */
	cache_close(c);
}

static void an_entry_s_bytes_are_found_and_stored_as_they_are(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_entry e;
	struct str file, again;

	open_store(b);
	c = open_cache(b, 1 << 20, true);
	assert_true(store(b, c, "a", 10, 'a'));
	assert_true(cache_find_bytes(c, &b->arena, hash_bytes("a", 1), &e, &file));
	cache_forget(c, hash_bytes("a", 1));
	assert_true(cache_store_begin(c, file.n) && cache_store_bytes(c, hash_bytes("a", 1), file));
	cache_store_end(c);
	assert_true(cache_find_bytes(c, &b->arena, hash_bytes("a", 1), &e, &again) && str_eq(file, again));
	cache_close(c);
}

static void what_servers_gave_is_added_up_by_their_names(void **state)
{
	struct box *b = *state;
	struct cache *c;
	struct cache_traffic t;
	const struct cache_traffic one = {1, 20, 3, 40}, two = {0, 0, 1, 2};

	open_store(b);
	c = open_cache(b, 1 << 20, true);
	cache_traffic_read(c, STR("http://a"), &t);
	assert_true(!t.entries_got && !t.bytes_put);
	cache_traffic_add(c, STR("http://a"), &one);
	cache_traffic_add(c, STR("http://a b"), &two);
	cache_traffic_add(c, STR("http://a"), &two);
	cache_traffic_read(c, STR("http://a"), &t);
	assert_true(t.entries_got == 1 && t.bytes_got == 20 && t.entries_put == 4 && t.bytes_put == 42);
	cache_traffic_read(c, STR("http://a b"), &t);
	assert_true(t.entries_got == 0 && t.entries_put == 1);
	put(".axmake/cache/v1/servers", "1 2 3\nrubbish\n1 2 3 4 http://c\n99999999999999999999 1 1 1 http://d\n1 2 3 -4 http://e\n");
	cache_traffic_read(c, STR("http://c"), &t);
	assert_true(t.entries_got == 1 && t.bytes_put == 4);
	for (const char *const *u = (const char *const[]){"http://d", "http://e", "rubbish", NULL}; *u; u++) {
		cache_traffic_read(c, str_of(*u), &t);
		assert_true(!t.entries_got && !t.bytes_got && !t.entries_put && !t.bytes_put);
	}
	cache_close(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_entry_is_read_as_it_was_written),
	    TEST(every_cut_and_every_changed_byte_is_noticed),
	    TEST(a_right_checksum_makes_nothing_believed),
	    TEST(parts_stand_only_where_they_may),
	    TEST(what_was_stored_is_found),
	    TEST(small_contents_are_had_by_several_threads),
	    TEST(a_short_content_that_is_known_is_not_read),
	    TEST(a_cache_is_a_runs_own_until_the_next_one),
	    TEST(many_files_are_stored_by_several_threads),
	    TEST(a_content_that_changed_since_is_not_stored),
	    TEST(the_least_recently_used_goes_and_shared_objects_stay),
	    TEST(what_was_used_in_the_future_goes_first),
	    TEST(a_run_that_stores_much_stays_below_the_limit),
	    TEST(who_only_looks_changes_nothing),
	    TEST(storing_keeps_removing_away),
	    TEST(what_arrives_is_there_once_it_is_kept),
	    TEST(an_entry_s_bytes_are_found_and_stored_as_they_are),
	    TEST(what_servers_gave_is_added_up_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* After a change of inputs a seal tells what it reaches; and a run of that puts it right. */
#include "store_fixture.h"

#include "base/hash.h"
#include "state/filehash.h"
#include "state/seal.h"

#define SEAL ".axmake/seal"

static const struct hash128 key = {1, 2};

/* a and b read in-a and in-b, and make files; c needs b; g is a group of b and c; d stands alone, as do e to p; x is no task that could be judged apart, and y needs it. */
enum { A, B, C, G, D, X, Y, E, TASKS = 20 };
static const uint32_t need_b[] = {B}, need_b_c[] = {B, C}, need_x[] = {X};

static struct slice_whole whole_of(struct box *b)
{
	static const char *const names[TASKS] = {"a", "b", "c", "g", "d", "x", "y", "e"};
	struct slice_whole w = {.n = TASKS, .tasks = arena_array(&b->arena, struct slice_task, TASKS), .log_seq = 40, .log_size = 7, .saving = {.ns = 5}};

	for (uint32_t i = 0; i < TASKS; i++) {
		struct slice_task *t = &w.tasks[i];

		t->name = names[i] ? str_of(names[i]) : arena_printf(&b->arena, "t%u", i);
		t->how = SLICE_WANTED | (i == G ? 0 : SLICE_COUNTED) | (i == X ? 0 : SLICE_APART);
		if (i != G)
			t->log.done = (struct log_place){100 + i, 10};
	}
	w.tasks[C].deps = need_b, w.tasks[C].n_deps = 1;
	w.tasks[G].deps = need_b_c, w.tasks[G].n_deps = 2;
	w.tasks[Y].deps = need_x, w.tasks[Y].n_deps = 1;
	return w;
}

static void look_at(struct filehash *fh, uint32_t task, const char *input, const char *output)
{
	struct hash128 h;
	int err;

	filehash_attend(fh, task);
	if (input)
		assert_int_equal(filehash_hash(fh, filehash_file(fh, str_of(input)), false), FILE_REGULAR);
	if (output)
		assert_int_equal(filehash_output(fh, str_of(output), &h, &err), FILE_REGULAR);
	filehash_attend(fh, FILEHASH_NOBODY);
}

static void age(const char *path)
{
	struct timespec old[2] = {{1000000000, 7}, {1000000000, 7}};

	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static struct seal_looks look(struct box *b, const struct slice_whole *w)
{
	struct seen *seen = seen_new(&b->arena);
	struct filehash *fh = filehash_new(&b->arena, b->s.root_fd, NULL);
	struct str text;

	filehash_see(fh, seen);
	assert_int_equal(seen_read_file(seen, &b->arena, AT_FDCWD, "workflow", SIZE_MAX, &text), 0);
	assert_int_equal(filehash_look(fh, filehash_file(fh, STR("nobody's")), false), FILE_REGULAR);
	look_at(fh, A, "in-a", "out-a");
	look_at(fh, B, "in-b", "out-b");
	look_at(fh, C, "out-b", "out-c");
	look_at(fh, D, "in-d", NULL);
	look_at(fh, A, "in-d", NULL);
	look_at(fh, X, "in-x", NULL);
	look_at(fh, Y, "in-y", NULL);
	return (struct seal_looks){.seen = seen, .fh = fh, .whole = w};
}

static void release(struct seal_looks *l)
{
	filehash_free((struct filehash *)l->fh);
	seen_free((struct seen *)l->seen);
}

static void make_seal(struct box *b)
{
	static const char *const files[] = {"workflow", "nobody's", "in-a", "in-b", "in-d", "in-x", "in-y", "out-a", "out-b", "out-c"};
	struct slice_whole w = whole_of(b);

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		put(files[i], files[i]);
		age(files[i]);
	}
	open_store(b);
	put(".axmake/log", "the log");
	put(".axmake/lock", "");
	nanosleep(&(struct timespec){0, 40 * 1000000}, NULL);
	struct seal_looks looks = look(b, &w);
	seal_make(&b->s, key, &looks, STR("said\n"));
	release(&looks);
	assert_true(is_there(SEAL));
}

/* What of it is kept, as "+reached -beside", in the order of their numbers; "holds", or "all". */
static const char *found(struct box *b, struct slice *s)
{
	struct str word;
	struct sbuf text = {0};
	bool holds = seal_holds(&b->s, &b->arena, key, &word, s);

	if (holds || !s->n_kept)
		return holds ? "holds" : "all";
	assert_str(word, "said\n");
	for (uint32_t number = 0; number < TASKS; number++)
		for (size_t i = 0; i < s->n_kept; i++)
			if (s->kept[i].number == number) {
				sbuf_printf(&text, "%s%c%.*s", text.n ? " " : "", s->kept[i].reached ? '+' : '-', STR_ARG(s->kept[i].name));
				assert_ptr_equal(map_get(&s->by_name, s->kept[i].name), &s->kept[i]);
			}
	const char *out = arena_copy(&b->arena, sbuf_view(&text)).p;
	sbuf_free(&text);
	return out;
}

static void expect(struct box *b, const char *what)
{
	struct slice s = {0};

	assert_string_equal(found(b, &s), what);
	map_free(&s.by_name);
}

static void a_change_reaches_who_looked_and_who_needs_them(void **state)
{
	struct box *b = *state;
	struct slice s = {0};

	make_seal(b);
	expect(b, "holds");
	put("in-a", "else");
	expect(b, "+a");
	put("in-b", "else");
	assert_string_equal(found(b, &s), "+a +b +c +g");
	assert_int_equal(s.fresh, TASKS - 4);
	assert_int_equal(s.log_seq, 40);
	assert_int_equal(s.saving.ns, 5);
	assert_int_equal(s.n_places, 3); /* the group has none */
	assert_int_equal(s.n_files, 6); /* in-a, in-b, in-d, out-a, out-b, out-c */
	for (size_t i = 0; i < s.n_files; i++)
		assert_true(s.files[i].path.n && s.files[i].fact && s.files[i].hashed);
	map_free(&s.by_name);
	make_seal(b);
	put("in-d", "else");
	expect(b, "+a +d");
}

static void what_is_needed_stands_beside(void **state)
{
	struct box *b = *state;
	struct slice_whole w = whole_of(b);

	w.tasks[D].deps = need_b;
	w.tasks[D].n_deps = 1;
	make_seal(b);
	struct seal_looks looks = look(b, &w);
	seal_make(&b->s, key, &looks, STR("said\n"));
	release(&looks);
	put("in-d", "else");
	expect(b, "+a -b +d");
}

static void else_all_is_to_be_judged(void **state)
{
	struct box *b = *state;

	make_seal(b);
	put("in-x", "else"); /* of one that cannot be judged apart */
	expect(b, "all");
	make_seal(b);
	put("in-y", "else"); /* of one that needs such a one */
	expect(b, "all");
	make_seal(b);
	put("nobody's", "else");
	expect(b, "all");
	make_seal(b);
	put("workflow", "else");
	expect(b, "all");
	make_seal(b);
	put("out-b", "else"); /* an output, though also an input */
	expect(b, "all");
	make_seal(b);
	unlink("in-a");
	expect(b, "all");
	make_seal(b);
	put(".axmake/log", "grown, and so it is not known what it says");
	put("in-a", "else");
	expect(b, "all");
}

/* The run of the slice: it has written to the log, and looked again. */
static void run_and_renew(struct box *b, struct slice *s, struct hash128 *spoil)
{
	struct slice_whole w = {.n = s->n_kept, .tasks = arena_array(&b->arena, struct slice_task, s->n_kept), .log_seq = 43, .saving = {.ns = 8}};
	struct seen *seen = seen_new(&b->arena);
	struct filehash *fh = filehash_new(&b->arena, b->s.root_fd, NULL);

	for (size_t i = 0; i < s->n_kept; i++)
		w.tasks[i] = (struct slice_task){.name = s->kept[i].name, .log = {{200 + (uint64_t)i, 11}, {300, 12}, true}};
	put("out-a", "made anew");
	put(".axmake/log", arena_printf(&b->arena, "%.*s, and more", STR_ARG(content(b, ".axmake/log"))).p);
	filehash_see(fh, seen);
	look_at(fh, A, "in-a", "out-a");
	if (spoil)
		filehash_file(fh, STR("out-a"))->hash = *spoil;
	seal_renew(&b->s, s, &(struct seal_looks){.seen = seen, .fh = fh, .whole = &w});
	filehash_free(fh);
	seen_free(seen);
}

static void a_seal_is_renewed_in_its_place(void **state)
{
	struct box *b = *state;

	make_seal(b);
	for (int i = 0; i < 3; i++) {
		struct slice s = {0};

		put("in-a", i % 2 ? "else" : "again");
		assert_string_equal(found(b, &s), "+a");
		assert_int_equal(s.places[0].at, i ? 200 : 100);
		assert_int_equal(s.n_places, i ? 2 : 1);
		assert_int_equal(s.log_seq, i ? 43 : 40);
		assert_int_equal(s.saving.ns, i ? 8 : 5);
		run_and_renew(b, &s, NULL);
		map_free(&s.by_name);
		expect(b, "holds");
	}
	put("in-b", "else");
	expect(b, "+b +c +g");
}

/* Stamps are those of the content that was looked at, but the content is not. */
static void a_young_file_counts_by_its_content(void **state)
{
	struct box *b = *state;
	struct slice s = {0};

	make_seal(b);
	put("in-a", "else");
	assert_string_equal(found(b, &s), "+a");
	run_and_renew(b, &s, &(struct hash128){1, 1});
	map_free(&s.by_name);
	expect(b, "all");
}

static void what_the_old_seal_does_not_know_ends_it(void **state)
{
	struct box *b = *state;
	struct slice s = {0};
	struct seen *seen = seen_new(&b->arena);
	struct filehash *fh = filehash_new(&b->arena, -1, NULL);
	struct slice_whole w = {0};

	make_seal(b);
	put("in-a", "else");
	put("new", "new");
	assert_string_equal(found(b, &s), "+a");
	filehash_use(fh, b->s.root_fd, NULL);
	look_at(fh, A, "new", NULL);
	seal_renew(&b->s, &s, &(struct seal_looks){.seen = seen, .fh = fh, .whole = &w});
	assert_false(is_there(SEAL));
	map_free(&s.by_name);
	filehash_free(fh);
	seen_free(seen);
}

/* Bytes of what tells of tasks and paths: whatever becomes of them, nothing else is found than what was put there. */
static void no_damage_finds_another_slice(void **state)
{
	struct box *b = *state;

	make_seal(b);
	put("in-a", "else");
	struct str right = content(b, SEAL);
	char *bytes = (char *)arena_copy(&b->arena, right).p;

	for (size_t i = 0; i < right.n; i++) {
		struct slice s = {0};

		bytes[i] ^= (char)(1 << i % 8);
		assert_int_equal(os_replace_file(AT_FDCWD, SEAL, 0600, (struct str){bytes, right.n}), 0);
		const char *what = found(b, &s);
		if (strcmp(what, "all") != 0 && strcmp(what, "+a") != 0)
			fail_msg("byte %zu: %s", i, what);
		map_free(&s.by_name);
		bytes[i] = right.p[i];
	}
	for (size_t n = right.n; n > right.n - 200; n--) {
		assert_int_equal(os_replace_file(AT_FDCWD, SEAL, 0600, str_sub(right, 0, n - 1)), 0);
		expect(b, "all");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_change_reaches_who_looked_and_who_needs_them, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(what_is_needed_stands_beside, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(else_all_is_to_be_judged, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(a_seal_is_renewed_in_its_place, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(a_young_file_counts_by_its_content, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(what_the_old_seal_does_not_know_ends_it, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(no_damage_finds_another_slice, box_setup, box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a sandbox refused: notes of it, addresses, and what is judged a refusal. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/utf8.h"
#include "run/mask.h"
#include "run/refusal.h"
#include "run/refusal_calls.h"
#include "run/refusal_judge.h"
#include "run/refusal_net.h"
#include "store_fixture.h"

static void the_same_refusal_is_counted_and_of_others_only_so_many_are_kept(void **state)
{
	static struct refusals r;
	char what[2 * REFUSAL_TEXT];
	(void)state;
	refusal_note(&r, REFUSED_HIDDEN, "/a");
	refusal_note(&r, REFUSED_HIDDEN, "/ab");
	refusal_note(&r, REFUSED_HIDDEN, "/a");
	refusal_note(&r, REFUSED_READ_ONLY, "/a");
	assert_int_equal(r.n, 3);
	assert_int_equal(r.all[0].times, 2);
	assert_int_equal(r.all[2].why, REFUSED_READ_ONLY);
	memset(what, 'x', sizeof what);
	what[sizeof what - 1] = '\0';
	refusal_note(&r, REFUSED_HIDDEN, what);
	refusal_note(&r, REFUSED_HIDDEN, what);
	assert_int_equal(r.n, 4);
	assert_int_equal(strlen(r.all[3].what), REFUSAL_TEXT - 1);
	for (int i = 0; i < 2 * REFUSALS_MOST; i++) {
		snprintf(what, sizeof what, "/%d", i);
		refusal_note(&r, REFUSED_HIDDEN, what);
	}
	assert_int_equal(r.n, REFUSALS_MOST);
	assert_int_equal(r.more, 2 * REFUSALS_MOST - (REFUSALS_MOST - 4));
}

static void a_text_that_was_cut_says_so_and_shows_no_part_of_a_secret(void **state)
{
	static const char *const env[] = {"A_TOKEN=tops\xc3\xa9" "cret-of-many-letters", NULL};
	static struct refusals r;
	struct arena a = {0};
	struct mask m = {0};
	(void)state;
	mask_read(&m, &a, env);
	for (size_t part = 1; part < strlen(env[0] + sizeof "A_TOKEN=" - 1); part++) {
		char what[2 * REFUSAL_TEXT];
		memset(what, 'x', sizeof what);
		strcpy(what + REFUSAL_TEXT - 1 - part, env[0] + sizeof "A_TOKEN=" - 1);
		refusal_note(&r, REFUSED_HIDDEN, what);
		struct str text = refusal_text(&a, &r.all[--r.n]);
		assert_true(str_ends(text, STR("…")) && utf8_invalid(text) >= text.n);
		text = mask_copy(&m, &a, text);
		assert_true(str_find(text, STR("tops"), 0) == text.n);
	}
	refusal_note(&r, REFUSED_HIDDEN, "/short");
	assert_string_equal(arena_copy(&a, refusal_text(&a, &r.all[0])).p, "/short");
	arena_free(&a);
}

static void what_is_noted_is_seen_by_who_maps_the_same_memory(void **state)
{
	int fd = refusals_new();
	struct refusals *one = refusals_map(fd), *other = refusals_map(fd);
	(void)state;
	assert_non_null(one);
	assert_non_null(other);
	refusal_note(one, REFUSED_NETWORK, "192.0.2.1:80");
	assert_int_equal(other->n, 1);
	assert_string_equal(other->all[0].what, "192.0.2.1:80");
	refusals_unmap(one);
	refusals_unmap(other);
	refusals_unmap(NULL);
	close(fd);
}

static void shows_4(const char *address, uint16_t port, bool local, const char *want)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_in *in = (void *)&s;
	struct net_place p;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
	assert_false(net_place(&s, sizeof(sa_family_t), &p));
	assert_int_equal(net_place(&s, sizeof *in, &p), want != NULL);
	if (want) {
		assert_string_equal(p.text, want);
		assert_int_equal(p.local, local);
	}
}

static void shows_6(const char *address, uint16_t port, bool local, const char *want)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_in6 *in = (void *)&s;
	struct net_place p;
	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, address, &in->sin6_addr), 1);
	assert_true(net_place(&s, sizeof *in, &p));
	assert_string_equal(p.text, want);
	assert_int_equal(p.local, local);
}

static void addresses_are_shown_with_their_port_and_those_of_this_machine_known(void **state)
{
	(void)state;
	shows_4("127.0.0.1", 80, true, "127.0.0.1:80");
	shows_4("127.1.2.3", 80, true, "127.1.2.3:80");
	shows_4("192.0.2.1", 443, false, "192.0.2.1:443");
	shows_4("192.0.2.1", 0, false, NULL); /* which asks for a route only */
	shows_6("::1", 80, true, "[::1]:80");
	shows_6("2001:db8::1", 80, false, "[2001:db8::1]:80");
	shows_6("::ffff:127.0.0.1", 80, true, "127.0.0.1:80");
}

static void of_local_sockets_those_in_the_file_system_have_a_path(void **state)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_un *un = (void *)&s;
	struct net_place p;
	(void)state;
	un->sun_family = AF_UNIX;
	memset(un->sun_path, 'x', sizeof un->sun_path); /* a path that fills it has no NUL */
	assert_true(net_place(&s, sizeof *un, &p));
	assert_int_equal(strlen(p.path), sizeof un->sun_path);
	assert_true(net_place(&s, offsetof(struct sockaddr_un, sun_path) + 3, &p));
	assert_string_equal(p.path, "xxx");
	un->sun_path[0] = '\0';
	assert_false(net_place(&s, sizeof *un, &p)); /* abstract */
	assert_false(net_place(&s, sizeof(sa_family_t), &p));
	s.ss_family = AF_NETLINK;
	assert_false(net_place(&s, sizeof *un, &p));
}

static void who_listens_is_read_from_the_systems_table(void **state)
{
	int tables[2] = {open("tcp", O_RDWR | O_CREAT | O_CLOEXEC, 0600), -1};
	(void)state;
	assert_true(tables[0] >= 0);
	for (int i = 0; i < 200; i++) /* more than is read at once */
		dprintf(tables[0], "  %2d: 0100007F:%04X 00000000:0000 0%c 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0\n", i, 1000 + i, i % 2 ? 'A' : '1');
	assert_true(net_listens(tables, 1001));
	assert_true(net_listens(tables, 1199));
	assert_false(net_listens(tables, 1198)); /* it is connected */
	assert_false(net_listens(tables, 1200));
	close(tables[0]);
}

/* A sandbox with another folder for its root, in which nothing is mounted. */
static struct judge judge_in(const char *root, struct refusals *notes)
{
	struct judge j;
	judge_init(&j, "/none", true, notes);
	j.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(j.root >= 0);
	return j;
}

static const struct refusal_call opens = {.kind = CALL_OPEN}, makes = {.kind = CALL_MAKE}, removes = {.kind = CALL_REMOVE}, renames = {.kind = CALL_RENAME};

static void asks(struct judge *j, const struct refusal_call *call, uint64_t flags, const char *path)
{
	static struct heard h;
	memset(&h, 0, sizeof h);
	h.call = call;
	h.flags = flags;
	assert_non_null(getcwd(h.path, PATH_MAX)); /* what a sandbox shows stands at the same paths */
	memcpy(h.second, h.path, PATH_MAX);
	strcat(h.path, path);
	strcat(h.second, "/inside-only");
	judge_call(j, &h);
}

static void hidden_is_what_is_there_outside_alone(void **state)
{
	static struct refusals r;
	char here[PATH_MAX], command[4 * PATH_MAX];
	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	snprintf(command, sizeof command, "mkdir -p home/.ssh sub root%s && touch home/.ssh/id sub/seen && ln -s home/.ssh way && mkdir root%s/sub && touch root%s/sub/seen", here, here, here);
	assert_int_equal(system(command), 0);
	struct judge j = judge_in("root", &r);
	asks(&j, &opens, O_RDONLY, "/sub/seen");
	asks(&j, &opens, O_RDWR, "/sub/seen");
	asks(&j, &opens, O_RDONLY, "/sub/not-there");
	asks(&j, &opens, O_RDONLY, "/nowhere/at/all");
	asks(&j, &opens, O_WRONLY | O_CREAT, "/sub/new");
	asks(&j, &opens, O_WRONLY | O_CREAT, "/nowhere/new");
	asks(&j, &makes, 0, "/sub/new");
	asks(&j, &removes, 0, "/sub/seen");
	asks(&j, &renames, 0, "/sub/seen");
	assert_int_equal(r.n, 0);
	asks(&j, &opens, O_RDONLY, "/home/.ssh/id");
	asks(&j, &opens, O_RDONLY, "/sub/..//home/./.ssh/id");
	asks(&j, &opens, O_RDONLY, "/way/id");
	asks(&j, &opens, O_WRONLY | O_CREAT, "/home/.ssh/new");
	asks(&j, &makes, 0, "/home/folder");
	asks(&j, &removes, 0, "/home/.ssh/id");
	assert_int_equal(r.n, 4);
	assert_int_equal(r.all[0].times, 3);
	assert_string_equal(r.all[0].what + strlen(here), "/home/.ssh/id");
	assert_string_equal(r.all[1].what + strlen(here), "/way/id");
	assert_string_equal(r.all[2].what + strlen(here), "/home/.ssh/new");
	assert_string_equal(r.all[3].what + strlen(here), "/home/folder");
	for (uint32_t i = 0; i < r.n; i++)
		assert_int_equal(r.all[i].why, REFUSED_HIDDEN);
	close(j.root);
}

static void nothing_is_judged_before_the_sandbox_stands(void **state)
{
	static struct refusals r;
	static struct heard h;
	struct judge j;
	(void)state;
	judge_init(&j, "/proc/self/exe", false, &r);
	h.call = &opens;
	h.pid = getpid();
	strcpy(h.path, "/etc/passwd");
	judge_call(&j, &h);
	assert_int_equal(j.root, -1);
	assert_int_equal(r.n, 0);
}

static void only_calls_of_the_table_are_known(void **state)
{
	(void)state;
	assert_null(refusal_call(-1));
	assert_null(refusal_call(1 << 30));
	for (int i = 0, known = 0; i < 1000; i++) {
		const struct refusal_call *c = refusal_call(i);
		known += c != NULL;
		assert_true(!c || (c->number == i && c->at >= 0 && c->at < 6 && c->folder < 6 && c->also < 6));
		assert_true(i < 999 || known > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_refusal_is_counted_and_of_others_only_so_many_are_kept),
		cmocka_unit_test(a_text_that_was_cut_says_so_and_shows_no_part_of_a_secret),
		cmocka_unit_test(what_is_noted_is_seen_by_who_maps_the_same_memory),
		cmocka_unit_test(addresses_are_shown_with_their_port_and_those_of_this_machine_known),
		cmocka_unit_test(of_local_sockets_those_in_the_file_system_have_a_path),
		cmocka_unit_test_setup_teardown(who_listens_is_read_from_the_systems_table, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(hidden_is_what_is_there_outside_alone, box_setup, box_teardown),
		cmocka_unit_test(nothing_is_judged_before_the_sandbox_stands),
		cmocka_unit_test(only_calls_of_the_table_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ax runs: what earlier runs did, from the journals that they wrote. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "ax/verb.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/os.h"
#include "show/phrase.h"
#include "state/runs.h"

#define JOURNAL_LIMIT (256u << 20)

/* A journal, read. Its texts live in the objects, which told_free gives back. */
struct told {
	struct str id;
	json_t *begin, *end; /* NULL: not there (yet) */
	VEC(json_t *) tasks, all, at_work; /* at_work: `start` of those that have not ended */
	bool alive;
};

static void told_free(struct told *t)
{
	for (size_t i = 0; i < t->all.n; i++)
		json_decref(t->all.p[i]);
}

static struct str text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static int64_t number_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_number(v) ? (int64_t)json_number_value(v) : -1;
}

static void find_at_work(struct arena *a, struct told *t)
{
	struct map open = {0};
	for (size_t i = 0; i < t->all.n; i++) {
		struct str ev = text_of(t->all.p[i], "ev"), task = text_of(t->all.p[i], "task");
		if (str_eq(ev, STR("start")))
			*map_slot(&open, task) = t->all.p[i];
		else if (str_eq(ev, STR("ended")) || str_eq(ev, STR("not-run")))
			*map_slot(&open, task) = NULL;
	}
	for (size_t i = 0; i < t->all.n; i++)
		if (str_eq(text_of(t->all.p[i], "ev"), STR("start")) && map_get(&open, text_of(t->all.p[i], "task")) == t->all.p[i])
			vec_push(a, &t->at_work, t->all.p[i]);
	map_free(&open);
}

static struct told read_journal(struct arena *a, int state_fd, struct str id)
{
	struct told t = {.id = id};
	struct str text = STR_NONE;
	os_read_file(a, state_fd, arena_printf(a, "runs/%.*s/" RUNS_JOURNAL, STR_ARG(id)).p, JOURNAL_LIMIT, &text);
	for (size_t at = 0; at < text.n;) {
		size_t end = str_find(text, STR("\n"), at);
		json_t *o = json_loadb(text.p + at, end - at, 0, NULL);
		struct str ev = text_of(o, "ev");
		vec_push(a, &t.all, o);
		if (str_eq(ev, STR("begin")))
			t.begin = o;
		else if (str_eq(ev, STR("end")))
			t.end = o;
		else if (str_eq(ev, STR("ended")) || str_eq(ev, STR("task"))) /* as records of before version 1 call it */
			vec_push(a, &t.tasks, o);
		at = end + 1;
	}
	t.alive = !t.end && runs_alive(state_fd, id);
	if (!t.end)
		find_at_work(a, &t);
	return t;
}

static struct str state_of(const struct told *t)
{
	return t->end ? text_of(t->end, "state") : t->alive ? STR("running") : STR("killed");
}

static struct usage usage_of(const struct told *t)
{
	struct usage u = {0};
	for (size_t i = 0; i < t->tasks.n; i++) {
		const json_t *o = t->tasks.p[i], *tokens = json_object_get(o, "tokens"), *usd = json_object_get(o, "cost_usd");
		if (tokens)
			usage_add(&u, number_of(tokens, "input"), number_of(tokens, "output"), json_is_number(usd) ? json_number_value(usd) : (double)NAN);
	}
	return u;
}

static size_t count_of(const struct told *t, struct str state)
{
	size_t n = 0;
	for (size_t i = 0; i < t->tasks.n; i++)
		n += str_eq(text_of(t->tasks.p[i], "state"), state);
	return n;
}

/* Tasks that did not come to run are told by events of their own. */
static const struct {
	const char *ev, *words;
} unrun[] = {{"refused", "refused"}, {"held", "held"}, {"not-run", "not run"}};

/* States of tasks that ended, but for those that are done. */
static const struct {
	const char *state, *words;
} ended[] = {{"restored", "restored"}, {"recorded", "recorded as up to date"}, {"failed", "failed"}, {"ignored", "failed and ignored"}};

/* "3 done, 1 failed, 2 not run (812+96 tokens, $0.01)" */
static void add_counts(struct sbuf *b, const struct told *t)
{
	struct usage u = usage_of(t);
	sbuf_printf(b, "%zu done", count_of(t, STR("done")));
	for (size_t k = 0; k < sizeof ended / sizeof *ended; k++) {
		size_t n = count_of(t, str_of(ended[k].state));
		if (n)
			sbuf_printf(b, ", %zu %s", n, ended[k].words);
	}
	if (t->at_work.n)
		sbuf_printf(b, ", %zu %s", t->at_work.n, t->alive ? "at work" : "cut off");
	for (size_t k = 0; k < sizeof unrun / sizeof *unrun; k++) {
		size_t n = 0;
		for (size_t i = 0; i < t->all.n; i++)
			n += str_eq(text_of(t->all.p[i], "ev"), str_of(unrun[k].ev));
		if (n)
			sbuf_printf(b, ", %zu %s", n, unrun[k].words);
	}
	usage_phrase(b, &u);
}

static void print_line(const struct told *t)
{
	struct sbuf took = {0}, b = {0};
	int64_t ms = number_of(t->end, "duration_ms");
	if (ms >= 0)
		clock_duration(&took, ms * NS_PER_MS);
	phrase_cell(&b, t->id, 25);
	phrase_cell(&b, state_of(t), 12);
	phrase_cell(&b, took.n ? sbuf_view(&took) : STR("-"), 8);
	phrase_line(&b, text_of(t->begin, "what"));
	sbuf_lit(&b, ": ");
	add_counts(&b, t);
	printf("%s\n", b.p);
	sbuf_free(&took);
	sbuf_free(&b);
}

/* The folder .axmake, and what runs there are, the oldest first. */
static int open_runs(struct arena *a, struct str **ids, size_t *n)
{
	int fd = open(".axmake", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*n = 0;
	int err = fd < 0 ? errno : runs_list(a, fd, ids, n);
	if (err && err != ENOENT)
		fprintf(stderr, "ax: *** cannot read .axmake/runs: %s\n", os_error(err));
	return fd;
}

static int list(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct str *ids = NULL;
	size_t n = 0;
	int fd = open_runs(&g->arena, &ids, &n);
	(void)v, (void)w;
	for (size_t i = n; i-- > 0;) {
		struct told t = read_journal(&g->arena, fd, ids[i]);
		if (t.begin)
			print_line(&t);
		told_free(&t);
	}
	return 0;
}

/* The run that these first letters name; none after saying so. */
static struct str choose(struct program *g, struct str wanted, const struct str *ids, size_t n)
{
	struct str found = STR_NONE;
	size_t many = 0;
	for (size_t i = 0; i < n; i++)
		if (str_starts(ids[i], wanted)) {
			found = ids[i];
			many++;
			if (ids[i].n == wanted.n)
				return found;
		}
	if (many == 1)
		return found;
	diag_error(g->project.diag, POS_NONE, "ax runs list shows them", many ? "%zu runs begin with '%.*s'" : "no run of %zu here begins with '%.*s'",
		   many ? many : n, STR_ARG(wanted));
	program_report(g);
	return STR_NONE;
}

/* From nobody: what it made was there. */
static void add_agent(struct sbuf *b, struct str agent, struct str provider)
{
	sbuf_lit(b, "  agent ");
	phrase_line(b, agent);
	if (provider.n) {
		sbuf_lit(b, " via ");
		phrase_line(b, provider);
	}
}

static void print_at_work(const json_t *o, const char *state)
{
	struct sbuf b = {0};
	struct str agent = text_of(o, "agent");
	sbuf_lit(&b, "  ");
	phrase_cell(&b, str_of(state), 9);
	phrase_cell(&b, STR("-"), 8);
	phrase_line(&b, text_of(o, "task"));
	if (agent.n)
		add_agent(&b, agent, text_of(o, "provider"));
	printf("%s\n", b.p);
	sbuf_free(&b);
}

static void print_task(const json_t *o)
{
	struct sbuf b = {0}, took = {0};
	const json_t *tokens = json_object_get(o, "tokens"), *usd = json_object_get(o, "cost_usd");
	struct str agent = text_of(o, "agent"), error = text_of(o, "error");
	bool asked = !str_eq(text_of(o, "state"), STR("restored"));
	clock_duration(&took, number_of(o, "duration_ms") * NS_PER_MS);
	sbuf_lit(&b, "  ");
	phrase_cell(&b, text_of(o, "state"), 9);
	phrase_cell(&b, sbuf_view(&took), 8);
	phrase_line(&b, json_object_get(o, "task") ? text_of(o, "task") : text_of(o, "name"));
	if (agent.n)
		add_agent(&b, agent, asked ? text_of(o, "provider") : STR_NONE);
	if (agent.n && asked) {
		struct usage u = {0};
		usage_add(&u, number_of(tokens, "input"), number_of(tokens, "output"), json_is_number(usd) ? json_number_value(usd) : (double)NAN);
		usage_phrase(&b, &u);
	}
	if (number_of(o, "tries") > 1)
		sbuf_printf(&b, ", %lld tries", (long long)number_of(o, "tries"));
	if (error.n) {
		sbuf_lit(&b, ": ");
		phrase_line(&b, error);
	}
	printf("%s\n", b.p);
	sbuf_free(&b);
	sbuf_free(&took);
}

static void print_unrun(const json_t *o)
{
	for (size_t k = 0; k < sizeof unrun / sizeof *unrun; k++) {
		struct sbuf b = {0};
		struct str question = text_of(o, "question"), lacks = text_of(o, "text");
		if (!str_eq(text_of(o, "ev"), str_of(unrun[k].ev)))
			continue;
		sbuf_lit(&b, "  ");
		phrase_cell(&b, str_of(unrun[k].words), 9);
		phrase_cell(&b, STR("-"), 8);
		phrase_line(&b, text_of(o, "task"));
		sbuf_lit(&b, ": ");
		phrase_line(&b, question.n ? question : lacks.n ? lacks : text_of(o, "reason"));
		printf("%s\n", b.p);
		sbuf_free(&b);
	}
}

static int show(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct str *ids = NULL;
	size_t n = 0;
	int fd = open_runs(&g->arena, &ids, &n);
	struct str id = choose(g, w->plain.p[0], ids, n);
	if (!id.p)
		return v->wrong_use;
	struct told t = read_journal(&g->arena, fd, id);
	struct sbuf b = {0};
	add_counts(&b, &t);
	printf("run %.*s: %.*s\n", STR_ARG(id), STR_ARG(text_of(t.begin, "what")));
	printf("began %.*s, pid %lld, %.*s", STR_ARG(text_of(t.begin, "at")), (long long)number_of(t.begin, "pid"), STR_ARG(state_of(&t)));
	if (t.end)
		printf(" %.*s with status %lld", STR_ARG(text_of(t.end, "at")), (long long)number_of(t.end, "status"));
	printf("\n%s\n", b.p);
	for (size_t i = 0; i < t.tasks.n; i++)
		print_task(t.tasks.p[i]);
	for (size_t i = 0; i < t.at_work.n; i++)
		print_at_work(t.at_work.p[i], t.alive ? "at work" : "cut off");
	for (size_t i = 0; i < t.all.n; i++)
		print_unrun(t.all.p[i]);
	told_free(&t);
	sbuf_free(&b);
	return 0;
}

static const struct ax_option no_options[] = {{0}};

const struct ax_verb ax_runs_verbs[] = {
	{.name = "runs list",
	 .args = "",
	 .help = "List the last runs here, the newest first",
	 .more = "Of each: when it began (UTC), how it ended, what it took, what ran, tokens and cost. The last hundred\nthat started anything are kept, in .axmake/runs.",
	 .options = no_options,
	 .run = list,
	 .wrong_use = EXIT_TROUBLE},
	{.name = "runs show", .args = "ID", .help = "Show one run, task by task", .more = "The first letters of ID will do.", .options = no_options, .least = 1, .most = 1, .run = show, .wrong_use = EXIT_TROUBLE},
	{0},
};

/* ax run: one agent, its answer on standard output, all else on standard error. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ax/verb.h"
#include "base/clock.h"
#include "base/jsonout.h"
#include "base/os.h"
#include "base/utf8.h"
#include "engine.h"
#include "listeners.h"
#include "load/task_keys.h"
#include "load/value.h"
#include "run/previous.h"
#include "run/process.h"
#include "show/failure.h"
#include "show/jsonprint.h"
#include "show/phrase.h"
#include "show/screen.h"
#include "state/runs.h"

#define EXIT_FAILED 1
#define TASK_MAX ((size_t)64 << 20) /* bytes of a task on standard input, as of a task_file */

extern char **environ;

/* A call on its way. */
struct one {
	struct program *g;
	struct task *task;
	struct str asked;
	struct str id;          /* of the run */
	struct str folder;      /* its own, as the root sees it */
	bool is_temporary;      /* not below .axmake */
	int state_fd;           /* .axmake, until old runs are pruned; -1 */
	bool json;
	struct outcome outcome; /* with its strings in the program's arena */
	bool ended;
	bool refused;
};

static void say_line(struct sbuf *b)
{
	sbuf_char(b, '\n');
	fwrite(b->p, 1, b->n, stderr);
	sbuf_free(b);
}

static void on_start(const struct event *e)
{
	struct sbuf b = {0};
	sbuf_lit(&b, "ax: ");
	phrase_kind(&b, e->task);
	sbuf_lit(&b, " via ");
	phrase_line(&b, e->text);
	say_line(&b);
}

static void on_retry(const struct event *e)
{
	struct sbuf b = {0};
	sbuf_lit(&b, "ax: ");
	phrase_line(&b, e->task->name);
	sbuf_printf(&b, ": try %u failed (", e->outcome->tries);
	failure_words(&b, e->task, e->outcome);
	sbuf_lit(&b, e->delay_ns > 0 ? "); next in " : "); next at once");
	if (e->delay_ns > 0)
		phrase_span(&b, e->delay_ns);
	if (e->text.n) {
		sbuf_lit(&b, " by ");
		phrase_line(&b, e->text);
	}
	say_line(&b);
}

static void add_usage(struct sbuf *b, const struct outcome *o)
{
	struct usage u = {0};
	usage_add(&u, o->input_tokens, o->output_tokens, o->cost_usd);
	sbuf_lit(b, " in ");
	clock_duration(b, o->duration_ns);
	usage_phrase(b, &u);
}

static void on_end(struct one *one, const struct event *e)
{
	const struct outcome *o = e->outcome;
	struct sbuf b = {0};
	one->ended = true;
	one->outcome = *o;
	one->outcome.error = arena_copy(&one->g->arena, o->error);
	one->outcome.provider = arena_copy(&one->g->arena, o->provider);
	one->outcome.log_path = arena_copy(&one->g->arena, o->log_path);
	one->outcome.tail = STR_NONE;
	if (e->task->state == STATE_FAILED && o->tail.n)
		phrase_lines(&b, failure_tail(o->tail), "    ");
	sbuf_printf(&b, "ax: %s", e->task->state == STATE_FAILED ? "*** " : "");
	phrase_line(&b, e->task->name);
	sbuf_lit(&b, ": ");
	if (e->task->state == STATE_FAILED)
		failure_words(&b, e->task, o);
	else
		sbuf_lit(&b, "done");
	add_usage(&b, o);
	if (o->ended)
		sbuf_printf(&b, "; %zu process%s left behind and ended", o->ended, o->ended == 1 ? "" : "es");
	say_line(&b);
}

static void on_text(const struct event *e, const char *what)
{
	struct sbuf b = {0};
	sbuf_printf(&b, "ax: %s", what);
	phrase_line(&b, e->text);
	say_line(&b);
}

/* It got no provider, or no more time. */
static void on_not_run(struct one *one, const struct event *e)
{
	struct sbuf b = {0};
	one->ended = true;
	one->outcome = (struct outcome){.class = TRY_FAILED, .error = arena_copy(&one->g->arena, e->text), .input_tokens = -1, .output_tokens = -1, .cost_usd = NAN};
	sbuf_lit(&b, "ax: *** ");
	phrase_line(&b, e->task->name);
	sbuf_lit(&b, ": ");
	phrase_line(&b, e->text);
	say_line(&b);
}

static void hear(void *self, const struct event *e)
{
	struct one *one = self;
	switch (e->kind) {
	case EVENT_START:
		on_start(e);
		break;
	case EVENT_RETRY:
		on_retry(e);
		break;
	case EVENT_END:
		on_end(one, e);
		break;
	case EVENT_NOT_RUN:
		on_not_run(one, e);
		break;
	case EVENT_ASKED:
		on_text(e, "asks ");
		break;
	case EVENT_WAITS:
		on_text(e, "waits: ");
		break;
	case EVENT_WARNING:
		on_text(e, "warning: ");
		break;
	case EVENT_REFUSED:
		one->refused = true;
		on_text(e, "*** ");
		break;
	default:
		break;
	}
}

static void mask_previous(const struct one *one)
{
	int err = previous_mask(one->state_fd, one->g->project.rules, false, one->id, (const char *const *)environ);
	if (err)
		fprintf(stderr, "ax: warning: cannot mask secrets in what a killed run left in .axmake/runs: %s\n", os_error(err));
}

/* While the agent works, old runs go, and what a killed one left is masked. */
static void flush(void *self)
{
	struct one *one = self;
	if (one->state_fd < 0)
		return;
	mask_previous(one);
	runs_prune(one->state_fd);
	close(one->state_fd);
	one->state_fd = -1;
}

/* `${` stays text: what is asked is not expanded. */
static struct str unexpanded(struct arena *a, struct str s)
{
	struct sbuf b = {0};
	for (size_t at = 0; at < s.n;) {
		size_t next = str_find(s, STR("${"), at);
		sbuf_str(&b, str_sub(s, at, next));
		if (next < s.n)
			sbuf_lit(&b, "$${");
		at = next + 2;
	}
	struct str out = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return out;
}

static bool read_timeout(struct program *g, struct str value, int64_t *ns)
{
	if (value_duration(value, ns))
		return true;
	diag_error(g->project.diag, POS_NONE, "seconds, or 500ms, 30s, 10m, 1h", "'--timeout' wants a span of time, not '%.*s'", STR_ARG(value));
	return false;
}

/* "-": the task comes from standard input. */
static bool read_task(struct program *g, struct str *asked)
{
	struct sbuf b = {0};
	char piece[4096];
	ssize_t n;
	if (!str_eq(*asked, STR("-")))
		return true;
	if (isatty(STDIN_FILENO) == 1)
		fputs("ax: reads the task from the terminal, up to Ctrl-D\n", stderr);
	while ((n = read(STDIN_FILENO, piece, sizeof piece)) != 0 && (n > 0 || errno == EINTR) && b.n <= TASK_MAX)
		sbuf_str(&b, (struct str){piece, n > 0 ? (size_t)n : 0});
	int err = n < 0 ? errno : b.n > TASK_MAX ? EFBIG : 0;
	*asked = arena_copy(&g->arena, sbuf_view(&b));
	sbuf_free(&b);
	size_t bad = utf8_invalid(*asked), nul = str_find(*asked, STR("\0"), 0);
	if (err)
		diag_error(g->project.diag, POS_NONE, NULL, "cannot read the task from standard input: %s", os_error(err));
	else if (bad < asked->n || nul < asked->n)
		diag_error(g->project.diag, POS_NONE, "it is to be text in UTF-8", "the task on standard input: byte %zu is %s", (bad < nul ? bad : nul) + 1, bad < nul ? "not UTF-8" : "NUL");
	return !diag_errors(g->project.diag);
}

/* The workflow that the words stand for: one task, named as its agent. */
static bool make_workflow(struct program *g, const struct ax_words *w, struct str asked)
{
	struct project *p = &g->project;
	struct str agent = w->plain.p[0];
	struct task_def *t = arena_new(&g->arena, struct task_def);
	task_init(t, POS_NONE);
	t->name.s = t->agent.s = agent;
	t->prompt.s = unexpanded(&g->arena, asked);
	t->model.s = ax_words_value(w, "model");
	t->delegates_any = ax_words_has(w, "parallel");
	if (!str_trim(asked).n)
		diag_error(p->diag, POS_NONE, "say what it is to do", "agent '%.*s' is asked nothing", STR_ARG(agent));
	if (ax_words_value(w, "timeout").p && read_timeout(g, ax_words_value(w, "timeout"), &t->timeout_ns))
		g->whole_ns = t->timeout_ns;
	p->workflow = arena_new(&g->arena, struct workflow);
	p->workflow->file = STR("ax run");
	p->workflow->root = STR(".");
	p->workflow->policy.max_latency_ms = -1;
	vec_push(&g->arena, &p->workflow->tasks, t);
	return !diag_errors(p->diag);
}

/* Options are those of AXMAKEFLAGS and of the settings; of MAKEFLAGS only what must not be handed on is looked at. */
static bool load(struct program *g, const struct ax_words *w, struct str *asked)
{
	struct project *p = &g->project;
	char *argv[] = {(char *)"ax", NULL, NULL};
	if (ax_words_has(w, "provider"))
		argv[1] = (char *)arena_printf(&g->arena, "--provider=%.*s", STR_ARG(ax_words_value(w, "provider"))).p;
	options_parse(&g->options, &g->arena, p->diag, argv[1] ? 2 : 1, argv, getenv("AXMAKEFLAGS"), NULL);
	g->options.makeflags = str_of(getenv("MAKEFLAGS"));
	g->options.jobs = JOBS_UNSET;
	g->options.touch = g->options.ignore_errors = false;
	g->options.sync = SYNC_TARGET;
	if (read_task(g, asked) && make_workflow(g, w, *asked))
		project_load(p, &g->options);
	p->config.parallel_delegation = true; /* nobody is asked but by --parallel */
	return program_report(g);
}

/* A folder of the system's, where the root takes none. */
static int temporary_folder(struct one *one)
{
	const char *base = getenv("TMPDIR");
	struct str path = arena_printf(&one->g->arena, "%s/ax-XXXXXX", base && *base == '/' ? base : "/tmp");
	if (!mkdtemp((char *)path.p))
		return -1;
	one->folder = path;
	one->is_temporary = true;
	return open(path.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The run's own folder: nothing of it is the root's record. */
static int open_folder(struct one *one)
{
	struct project *p = &one->g->project;
	struct store_error err = {0};
	int fd;
	one->id = runs_id(&one->g->arena, clock_wall_ns(), os_random64());
	bool there = store_open_again(&p->store, p->arena, &err);
	if (there && !runs_make(p->store.fd, one->id, &fd)) {
		one->state_fd = openat(p->store.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		one->folder = arena_printf(&one->g->arena, ".axmake/runs/%.*s", STR_ARG(one->id));
		return fd;
	}
	if (!there)
		store_close(&p->store);
	if (!there && !store_open(&p->store, p->arena, false, &err) && (p->store.root_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	return temporary_folder(one);
}

/* What the engine needed, and nobody after it. A failed call's output stays: it says why. */
static void clear_folder(struct one *one)
{
	static const char *const files[] = {STORE_CALL "/result", STORE_CALL "/stdout", STORE_CALL "/stderr", STORE_CALL "/prompt"};
	int at = one->g->project.store.fd;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlinkat(at, files[i], 0);
	if (unlinkat(at, STORE_CALL, AT_REMOVEDIR)) /* there is more in it */
		os_remove_tree(at, STORE_CALL);
	if (one->is_temporary)
		os_remove_tree(AT_FDCWD, one->folder.p);
}

static struct sched_result run(struct one *one, struct loop *loop, uint64_t run_id)
{
	struct project *p = &one->g->project;
	struct listeners all = {0};
	struct listeners_config c = {.run_id = run_id, .asked = one->asked, .id = one->id, .run_fd = p->store.fd};
	c.what = arena_printf(p->arena, "ax run %.*s", STR_ARG(one->task->name));
	tee_add(&all.tee, (struct observer){hear, flush, one});
	listeners_begin(&all, one->g, &c);
	listeners_keep(&all, one->g, &c);
	struct observer seen = listeners_observer(&all);
	struct sched_result r = engine_run(one->g, loop, &seen, run_id);
	listeners_close(&all, one->g, &r, r.failed || r.refused ? EXIT_FAILED : 0);
	return r;
}

/* A terminal is shown what would steer it; all else gets the answer byte by byte. `fd` -1: it is empty. */
static bool print_answer(int fd)
{
	char last = '\0';
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	if (end > 0 && (pread(fd, &last, 1, end - 1) != 1 || lseek(fd, 0, SEEK_SET)))
		return false;
	int err = end > 0 ? screen_copy(fd, stdout, isatty(STDOUT_FILENO) == 1 ? SCREEN_SAFE : SCREEN_RAW, NULL) : 0;
	if (last != '\n')
		putchar('\n');
	bool written = !fflush(stdout) && !ferror(stdout);
	if (err)
		errno = err;
	return written && !err;
}

static void print_made(struct sbuf *b)
{
	fwrite(b->p, 1, b->n, stdout);
	sbuf_clear(b);
}

/* One object; the answer in it is that of `fd`, in pieces (-1: it is empty). 0 or the errno of reading that. */
static int print_json(const struct one *one, bool ok, int fd)
{
	const struct outcome *o = &one->outcome;
	struct sbuf b = {0}, why = {0};
	struct jsonout j = {.b = &b};
	int err = 0;
	if (!ok)
		failure_words(&why, one->task, o);
	jsonout_object(&j, NULL);
	jsonout_text(&j, "agent", one->task->agent->name);
	jsonout_known(&j, "provider", o->provider);
	jsonout_word(&j, "status", ok ? "completed" : "failed");
	jsonout_key(&j, "result");
	print_made(&b);
	if (fd >= 0)
		err = jsonprint_file(fd, stdout);
	else
		fputs(ok ? "\"\"" : "null", stdout);
	jsonout_object(&j, "tokens");
	jsonout_count(&j, "input", o->input_tokens);
	jsonout_count(&j, "output", o->output_tokens);
	jsonout_end(&j);
	jsonout_real(&j, "cost_usd", o->cost_usd);
	jsonout_number(&j, "duration_ms", o->duration_ns / NS_PER_MS);
	jsonout_text(&j, "error", ok ? STR_NONE : sbuf_view(&why));
	jsonout_end(&j);
	sbuf_char(&b, '\n');
	print_made(&b);
	sbuf_free(&b);
	sbuf_free(&why);
	return err;
}

static bool hand_failure(struct one *one)
{
	return !one->json || (one->ended && !print_json(one, false, -1) && !fflush(stdout) && !ferror(stdout));
}

/* In pieces, however long it is. *read: it could be read. */
static bool hand_answer(struct one *one, bool *read)
{
	const struct store *store = &one->g->project.store;
	int fd = -1, err = one->task->result_size ? store_open_result(store, one->task->result, &fd) : 0;
	bool printed = false;
	if (!err && !one->json)
		printed = print_answer(fd);
	else if (!err && one->ended && !(err = print_json(one, true, fd)))
		printed = !fflush(stdout) && !ferror(stdout);
	if (fd >= 0)
		close(fd);
	*read = !err;
	return printed;
}

/* The answer goes out; false when it could not: then it is kept, since it was paid for. *broken: nobody reads it. */
static bool hand_over(struct one *one, bool ok, bool *broken)
{
	bool read = true;
	if (ok ? hand_answer(one, &read) : hand_failure(one))
		return true;
	*broken = read && errno == EPIPE;
	if (!read)
		fprintf(stderr, "ax: *** the answer cannot be read from %.*s\n", STR_ARG(one->folder));
	else if (ok)
		fprintf(stderr, "ax: *** cannot write standard output: %s\n  hint: the answer is kept in %.*s/" STORE_CALL "/result\n", os_error(errno), STR_ARG(one->folder));
	clearerr(stdout);
	return false;
}

/* A reader that has gone ends this process as any other that writes to it, but not before it is said where the answer is. */
static bool hand_over_safely(struct one *one, bool ok, bool *broken)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	bool was_set = !sigaction(SIGPIPE, &ignore, &old);
	bool handed = hand_over(one, ok, broken);
	if (was_set)
		sigaction(SIGPIPE, &old, NULL);
	*broken = *broken && was_set && old.sa_handler == SIG_DFL;
	return handed;
}

static int run_one(struct one *one)
{
	struct project *p = &one->g->project;
	uint64_t run_id = os_random64();
	struct observer seen = {hear, flush, one};
	if (!sched_providers_there(p->graph, getenv("PATH"), &seen, false))
		return EXIT_FAILED;
	int fd = open_folder(one);
	if (fd < 0 || !project_open_apart(p, fd, one->folder)) {
		fprintf(stderr, "ax: *** no folder for this run can be made: %s\n", os_error(errno));
		return EXIT_FAILED;
	}
	int err = process_become_reaper();
	struct loop *loop = err ? NULL : loop_new();
	if (!loop) {
		fprintf(stderr, "ax: *** cannot watch processes: %s\n", os_error(err ? err : errno));
		return EXIT_FAILED;
	}
	struct sched_result r = run(one, loop, run_id);
	loop_free(loop);
	bool ok = one->task->state == STATE_DONE;
	bool broken = false, handed = (r.signal && !ok) || hand_over_safely(one, ok, &broken);
	if (ok && handed)
		clear_folder(one);
	if (!ok && one->outcome.tries)
		fprintf(stderr, "    log: %.*s\n", STR_ARG(one->outcome.log_path.n ? one->outcome.log_path : one->folder));
	project_close(p);
	if (r.signal || broken)
		engine_raise(r.signal ? r.signal : SIGPIPE);
	return ok && handed ? 0 : EXIT_FAILED;
}

static int call(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct one one = {.g = g, .state_fd = -1, .asked = w->plain.p[1], .json = ax_words_has(w, "json")};
	(void)v;
	if (!load(g, w, &one.asked))
		return EXIT_FAILED;
	one.task = g->project.graph->tasks.p[0];
	return run_one(&one);
}

static const struct ax_option options[] = {
	{"timeout", 0, "SECONDS", "end it after so long; 30, or 500ms, 10m, 1h"},
	{"provider", 0, "PROVIDER", "ask this provider, not the agent's own"},
	{"model", 0, "M", "use this model, not the agent's own"},
	{"parallel", 0, NULL, "do at once what its answer asks of other agents: lines @AGENT: TASK"},
	{"json", 0, NULL, "print one object: result, status, tokens, cost, time"},
	{0},
};

const struct ax_verb ax_run_verbs[] = {
	{
		.name = "run",
		.args = "AGENT \"TASK\"",
		.help = "Ask one agent; its answer goes to standard output",
		.more = "All else goes to standard error. Exit status: 0 it answered, 1 it failed. It is called each time,\nalso inside tasks; ${...} in TASK is text. A TASK of - is read from standard input.",
		.options = options,
		.least = 2,
		.most = 2,
		.run = call,
		.wrong_use = EXIT_FAILED,
		.too_many = "put the task into quotes: ax run AGENT \"TASK\"",
	},
	{0},
};

/* Starting a task: its call, its files, its process. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/path.h"
#include "graph/content.h"
#include "graph/usual.h"
#include "load/value.h"
#include "run/foreign.h"
#include "run/inherited.h"
#include "run/job.h"
#include "run/script_call.h"

/* Bytes that someone else put into an output are kept before a rerun writes over them. false with the reason. */
static bool keep_foreign(struct job *j, struct str *why)
{
	const struct sched_config *c = j->sched->c;
	for (size_t i = 0; i < j->task->outputs.n; i++) {
		const struct pattern *p = &j->task->outputs.p[i];
		bool kept;
		if (!foreign_keep(c, &j->arena, j->task, p, &kept, why))
			return false;
		if (kept)
			sched_warn(j->sched, j->task, "'%.*s' %s and is made again; what stood there is kept in .axmake/%.*s/edited", STR_ARG(content_label(&j->arena, p)),
				   foreign_word(c, j->task, p), STR_ARG(j->dir));
	}
	return true;
}

/* Folders that outputs will lie in. false with the reason. */
static bool make_folders(struct job *j, struct str *why)
{
	struct str last = STR(".");
	for (size_t i = 0; i < j->task->outputs.n; i++) {
		struct str dir = path_dir(j->task->outputs.p[i].path);
		if (j->task->outputs.p[i].kind == PATTERN_GLOB || str_eq(dir, STR(".")) || str_eq(dir, last))
			continue;
		last = dir;
		int err = beneath_mkdirs(j->sched->c->store->root_fd, arena_copy(&j->arena, dir).p);
		if (err) {
			*why = arena_printf(&j->arena, "cannot make folder '%.*s': %s", STR_ARG(dir), err == EXDEV ? "a link leads out of the root there" : os_error(err));
			return false;
		}
	}
	return true;
}

/* So much of a script goes into an argument. In quotes each of its own quotes takes four bytes. */
static size_t script_limit(const struct job *j)
{
	bool quoted = j->task->executor && j->task->executor->quote == EXECUTOR_QUOTE_SHELL;
	return (quoted ? 24 : 100) * 1024;
}

/* The words of a run task. A script too long for one argument goes through a file. */
static bool script_words(struct job *j, struct str script, struct call *call, struct str *why)
{
	const struct task_def *def = j->task->def;
	size_t n = 0;
	struct str *words = def->shell.s.n ? value_words(&j->arena, def->shell.s, &n) : NULL;
	char **argv = arena_array(&j->arena, char *, n + 5);
	size_t at = 0;
	for (size_t i = 0; i < n; i++)
		argv[at++] = (char *)words[i].p;
	if (!n) {
		argv[at++] = (char *)"/bin/sh";
		argv[at++] = (char *)"-e";
	}
	struct str file = str_of(argv[0]);
	if (n && !os_find_program(&j->arena, argv[0], j->sched->path_env, &file)) {
		*why = arena_printf(&j->arena, "shell '%s' is not installed (not found in PATH)", argv[0]);
		return false;
	}
	call->file = file.p;
	if (script.n < script_limit(j)) {
		argv[at++] = (char *)"-c";
		argv[at++] = (char *)script.p;
	} else {
		struct str path = arena_printf(&j->arena, "%.*s/%s", STR_ARG(j->dir), j->checking ? "check" : "script");
		int err = os_mkdirs(j->sched->c->store->fd, j->dir.p, 0700);
		if (!err)
			err = os_replace_file(j->sched->c->store->fd, path.p, 0600, script);
		if (err) {
			*why = arena_printf(&j->arena, "cannot write .axmake/%.*s: %s", STR_ARG(path), os_error(err));
			return false;
		}
		argv[at++] = (char *)arena_printf(&j->arena, ".axmake/%.*s", STR_ARG(path)).p;
	}
	call->argv = argv;
	return true;
}

/* A script that is but a program and its words costs no shell. */
static void without_shell(struct job *j, struct str script, struct call *call, char *const *env)
{
	const struct task_def *def = j->task->def;
	char **words = def->shell.s.n ? NULL : script_call_words(&j->arena, script);
	if (words && script_call_program(&j->arena, words[0], env, j->sched->pwd, &call->plain_file))
		call->plain_argv = words;
}

/* What counts, and what a person said of the last answer, which does not. */
static struct str prompt_to_send(struct job *j)
{
	struct sched *s = j->sched;
	struct str why;
	if (!log_rejected(s->c->log, s->c->graph->workflow->file, j->task->name, &why) || !why.n)
		return j->signing.prompt;
	return arena_printf(&j->arena,
			    "%.*s\n\n[The last answer to this task was rejected. The reason that was given:]\n%.*s\n[End of the reason. Answer the task anew.]\n",
			    STR_ARG(j->signing.prompt), STR_ARG(why));
}

bool job_resumes(const struct job *j)
{
	return j->feedback.n && j->session.n && j->session_of == j->provider && j->provider->resume_args.n;
}

/* After a failed check: a conversation that can go on is told that alone, a new one after the whole task. */
static void add_feedback(struct job *j, struct call_input *in)
{
	j->resumed = job_resumes(j);
	if (j->resumed) {
		in->session = j->session;
		in->prompt = j->feedback;
	} else if (j->feedback.n) {
		in->prompt = arena_printf(&j->arena, "%.*s\n\n%.*s", STR_ARG(in->prompt), STR_ARG(j->feedback));
	}
}

static bool agent_words(struct job *j, struct call *call, struct str *why)
{
	struct sched *s = j->sched;
	/* Where it is known by no other path. */
	struct str absolute = executor_carries(j->task) ? path_join(&j->arena, s->c->store->folder, j->dir) : path_join(&j->arena, path_join(&j->arena, s->c->root, s->c->store->folder), j->dir);
	struct call_input in = {
		.provider = j->provider,
		.task = j->task->name,
		.agent = j->task->agent->name,
		.prompt = prompt_to_send(j),
		.role = j->task->role,
		.model = j->task->model,
		.root = executor_carries(j->task) ? STR(".") : isolate_root(j),
		.prompt_file = arena_printf(&j->arena, "%.*s/prompt", STR_ARG(absolute)),
		.result_file = arena_printf(&j->arena, "%.*s/answer", STR_ARG(absolute)),
		.path_env = s->path_env,
		.elsewhere = j->task->executor,
	};
	add_feedback(j, &in);
	if (!agent_call(&j->arena, &in, call, why)) {
		if (!j->feedback.n || j->resumed)
			return false;
		in.prompt = prompt_to_send(j); /* there is no room for more */
		if (!agent_call(&j->arena, &in, call, why))
			return false;
	}
	/* First, also on the disk: a killed try's call must never be answered by this one's output. */
	int err = salvage_forget(j) ? os_sync(s->c->store->fd, j->dir.p) : 0;
	j->fresh = !err && !mkdirat(s->c->store->fd, j->dir.p, 0700);
	if (!err && !j->fresh)
		err = os_mkdirs(s->c->store->fd, j->dir.p, 0700);
	struct str prompt = arena_printf(&j->arena, "%.*s/prompt", STR_ARG(j->dir)), answer = arena_printf(&j->arena, "%.*s/answer", STR_ARG(j->dir));
	if (!err)
		err = os_new_file(s->c->store->fd, prompt.p, 0600, call->stdin_text);
	if (err) {
		*why = arena_printf(&j->arena, "cannot write %.*s/%.*s: %s", STR_ARG(s->c->store->folder), STR_ARG(prompt), os_error(err));
		return false;
	}
	err = j->fresh ? 0 : os_remove_tree(s->c->store->fd, answer.p); /* a program may have made a folder of it */
	if (!err && j->task->def->sandbox) /* it is mounted there: an empty one is as good as none */
		err = os_replace_file(s->c->store->fd, answer.p, 0600, STR_NONE);
	if (err)
		*why = arena_printf(&j->arena, "cannot clear %.*s/%.*s: %s", STR_ARG(s->c->store->folder), STR_ARG(answer), os_error(err));
	return !err;
}

static int open_stdin(struct job *j, const struct call *call)
{
	if (j->elsewhere.sent.n)
		return executor_stdin(j, call->prompt_on_stdin ? call->stdin_text : STR_NONE);
	if (!call->prompt_on_stdin) {
		errno = j->sched->null_error;
		return j->sched->null_fd;
	}
	struct str prompt = arena_printf(&j->arena, "%.*s/prompt", STR_ARG(j->dir));
	return openat(j->sched->c->store->fd, prompt.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void job_show_live(struct job *j, enum stream stream, struct str piece, bool last)
{
	struct sbuf masked = {0};
	if (j->sched->mask.values.n) {
		mask_piece(&j->sched->mask, &j->carry[stream], piece, last, &masked);
		piece = sbuf_view(&masked);
	}
	if (piece.n)
		sched_send(j->sched, &(struct event){.kind = EVENT_DATA, .task = j->task, .text = piece, .is_stderr = stream == STREAM_ERR});
	sbuf_free(&masked);
}

static void capture_data(void *self, enum stream stream, const char *p, size_t n)
{
	struct job *j = self;
	attend_data(j, stream, p, n);
	if (j->sched->c->live_output)
		job_show_live(j, stream, (struct str){p, n}, false);
}

static void close_stdin(const struct job *j, int in)
{
	if (in != j->sched->null_fd)
		close(in);
}

static void capture_trouble(void *self, int err, const char *path)
{
	struct job *j = self;
	sched_warn(j->sched, j->task, "cannot keep its output in %.*s/%s: %s", STR_ARG(j->sched->c->store->folder), path, os_error(err));
}

int64_t job_timeout(const struct job *j)
{
	int64_t t = j->task->def->timeout_ns;
	if (t == TIMEOUT_UNSET && j->provider && j->provider->has_timeout)
		t = j->provider->timeout_ns;
	if (t == TIMEOUT_UNSET && j->task->kind == TASK_AGENT)
		t = j->sched->c->agent_timeout_ns;
	return t == TIMEOUT_UNSET ? 0 : t;
}

int64_t job_run_until(const struct job *j)
{
	return j->as ? INT64_MAX : j->sched->until_ns;
}

/* Spawns. 0 or errno. */
static int spawn(struct job *j, const struct call *call, const struct jobserver_env *je, char **env)
{
	struct sched *s = j->sched;
	struct capture_config cc = {
		.loop = s->c->loop,
		.watch = s->watch,
		.store_fd = s->c->store->fd,
		.dir = j->checking ? check_dir(j).p : j->dir.p,
		.files = !j->checking && (j->task->kind == TASK_AGENT || j->task->def->leave), /* a pipe that nobody reads any more would end what writes to it */
		.left = !j->checking && j->task->def->leave,
		.fresh = !j->checking && j->fresh,
		.bare = !j->checking && j->bare && j->tries == 1,
		.on_data = capture_data,
		.on_end = reaper_pipes_ended,
		.on_error = capture_trouble,
		.self = j,
	};
	int child[2], in = open_stdin(j, call);
	if (in < 0)
		return errno ? errno : EMFILE;
	int err = capture_open(&cc, &j->capture, child);
	if (err) {
		j->roomless = cc.files && (err == ENOSPC || err == EDQUOT);
		close_stdin(j, in);
		return err;
	}
	int highest = child[0] > child[1] ? child[0] : child[1];
	inherited_make_room(highest);
	admission_crowd(s->admission, inherited_is_short(highest));
	struct spawn sp = {call->file, call->argv, env, call->plain_file, call->plain_argv, in, child[0], child[1], {je->keep[0], je->keep[1], sandbox_notes(j)}, isolate_place(j), sandbox_file_size(j), &j->step, &j->group};
	err = j->checking ? 0 : salvage_begin(j); /* now that no earlier output stands there */
	if (!err)
		err = process_spawn(&sp, &j->pid);
	close_stdin(j, in);
	capture_started(j->capture);
	return err;
}

static struct str spawn_error(struct job *j, const struct call *call, int err)
{
	if (j->unnoted)
		return arena_printf(&j->arena, "cannot write %.*s/%.*s/call: %s; it is not asked, since its answer could be lost", STR_ARG(j->sched->c->store->folder), STR_ARG(j->dir), os_error(err));
	if (j->roomless)
		return arena_printf(&j->arena, "no room for its output in %.*s/%.*s: %s; it is not started, since its answer could be lost", STR_ARG(j->sched->c->store->folder), STR_ARG(j->dir), os_error(err));
	if (j->step)
		return arena_printf(&j->arena, "cannot %s of its view: %s", j->step, os_error(err));
	if (err == E2BIG)
		return arena_printf(&j->arena, "cannot start '%s': its arguments and environment exceed the system's limit; see 'env' and 'vars'", call->file);
	if (err == EMFILE || err == ENFILE)
		return arena_printf(&j->arena, "cannot start '%s': %s; raise 'ulimit -n', or lower -j", call->file, os_error(err));
	if (err == ENOENT && !access(call->file, F_OK))
		return arena_printf(&j->arena, "cannot start '%s': the interpreter that its first line names is not there", call->file);
	return arena_printf(&j->arena, "cannot start '%s': %s", call->file, os_error(err));
}

/* Is it the agent's program itself that cannot be started? */
static bool is_broken(const struct job *j, int err)
{
	bool own = j->task->kind == TASK_AGENT && !j->task->executor && !j->task->def->sandbox && !j->unnoted && !j->roomless && !j->step;
	return own && (err == ENOENT || err == ENOEXEC || err == EACCES);
}

/* Spawns what the call says. false with *why. */
static bool start_call(struct job *j, struct call *call, struct str *why)
{
	struct jobserver_env je = jobserver_child(j->sched->c->jobserver, j->has_pipe);
	char **env = NULL;
	if (!childenv_build(j, &je, call->env, &env, why))
		return false;
	if (!sandbox_wrap(j, call, je.keep, env, why))
		return false;
	if (!executor_wrap(j, call, env, why))
		return false;
	if (call->script.n && !j->task->def->sandbox && !j->task->executor)
		without_shell(j, call->script, call, env);
	int err = spawn(j, call, &je, env);
	if (err) {
		sandbox_ended(j);
		j->scarce = err == EMFILE || err == ENFILE || err == EAGAIN || err == ENOMEM;
		executor_unstarted(j);
		if (!j->checking)
			salvage_forget(j); /* nobody was asked */
		*why = spawn_error(j, call, err);
		call->unfit = is_broken(j, err);
		return false;
	}
	j->phase = PHASE_RUNNING;
	j->ending = (struct ending){.boxed = j->task->def->sandbox, .watched = j->notes, .group = j->pid, .mark = j->mark, .list = reaper_orphans, .self = j->sched};
	return true;
}

bool job_start_script(struct job *j, struct str script, struct str *why)
{
	struct call call = {.script = script};
	return script_words(j, script, &call, why) && start_call(j, &call, why);
}

static void set_mark(struct job *j)
{
	j->mark = arena_printf(&j->arena, "%llx-%u-%u", (unsigned long long)j->sched->c->run_id, j->task->id, j->tries);
}

/* Do others hold places, which they will give back? */
static bool others_run(const struct job *j)
{
	for (size_t i = 0; i < j->sched->live.n; i++)
		if (j->sched->live.p[i]->places.task && j->sched->live.p[i] != j)
			return true;
	return false;
}

static void start_try(struct job *j)
{
	struct call call = {0};
	struct str why = STR_NONE;
	j->tries++;
	j->cause = END_OWN;
	j->status = 0;
	j->pid = 0;
	j->failed = TRY_OK;
	j->masked = j->unfit = j->scarce = j->fresh = false;
	j->asked = NULL;
	set_mark(j);
	/* What stays behind could hold tokens, and the pipe, for ever; elsewhere there is no pipe. */
	j->has_pipe = !j->task->def->leave && !j->task->executor && (j->task->def->jobserver < 0 ? j->task->kind == TASK_RUN : j->task->def->jobserver);
	j->checked = false;
	j->outcome.unasked = j->outcome.unstarted = false;
	j->check_sizes = (struct capture_sizes){0};
	j->has_answer = false;
	live_free(j->live);
	j->live = j->provider ? live_new(j->provider) : NULL;
	bool ok = isolate_begin(j, &why);
	j->try_began_ns = clock_ns(); /* a copy takes its time, not the task's */
	if (ok)
		ok = j->task->kind == TASK_AGENT ? agent_words(j, &call, &why) && start_call(j, &call, &why)
						 : job_start_script(j, j->task->def->run.s, &why);
	if (ok)
		attend_begin(j);
	else if (j->scarce && others_run(j))
		finish_scarce(j, why);
	else if (call.unfit)
		finish_unfit(j, why);
	else {
		j->outcome.unstarted = j->tries == 1;
		finish_unstarted(j, TRY_FAILED, why);
	}
}

/* Needed where an edited output is kept. Under another `on_edit` today it may be tomorrow; of a script, no mark says no less than the right one, but an old one does. */
static bool is_marked(const struct job *j)
{
	const struct task *t = j->task;
	if (!t->outputs.n)
		return false;
	return t->kind == TASK_AGENT || t->def->on_edit == ON_EDIT_KEEP || (!j->bare && store_has_mark(j->sched->c->store, t->name));
}

/* Everything before the first try; false after ending the task. */
static bool prepare(struct job *j)
{
	struct sched *s = j->sched;
	struct task *t = j->task;
	struct str why = STR_NONE;
	if (!sign_task(j))
		return false;
	j->bare = !store_has_folder(s->c->store, j->dir);
	if (!j->bare)
		tries_forget(j);
	if (!keep_foreign(j, &why) || (!isolate_wanted(j->task) && !make_folders(j, &why))) {
		finish_unstarted(j, TRY_FAILED, why);
		return false;
	}
	if (j->as)
		return true; /* its asker is on record */
	advise_of_patterns(j);
	/* On record before the program runs: what it leaves must never be taken for somebody's edit. */
	int err = log_start(s->c->log, s->c->graph->workflow->file, t->name, j->start_id, s->c->run_id);
	if (!err && is_marked(j))
		err = store_mark_start(s->c->store, t->name, j->start_id);
	if (!err)
		err = stale_begin(s->c->stale, &j->arena, t, j->start_id, &j->makers);
	if (!err && lasting_start(j))
		err = log_sync(s->c->log);
	if (err) {
		sched_state_lost(s, err);
		finish_unstarted(j, TRY_FAILED, STR("its start could not be recorded"));
		return false;
	}
	return true;
}

struct job *job_make(struct sched *s, struct task *t)
{
	struct job *j = xcalloc(1, sizeof *j);
	struct str why;
	j->sched = s;
	j->task = t;
	if (s->verdicts[t->id])
		j->verdict = *s->verdicts[t->id];
	free(s->verdicts[t->id]); /* it has its own */
	s->verdicts[t->id] = NULL;
	j->dir = store_dir_of(s->c->store, &j->arena, t->name);
	j->start_id = s->next_start_id++;
	j->last_first_byte_ns = -1;
	if (t->id < s->c->graph->tasks.n)
		j->taken = usual_taken(s->c->log, s->c->graph->workflow->file, t);
	if (t->record && t->kind == TASK_AGENT)
		j->taken_with = arena_copy(&j->arena, t->record->provider);
	j->rejected = s->remote && stale_rejected(s->c->stale, t, &why);
	j->timer.self = j;
	j->hold.fd = j->place.fd = j->group.fd = -1;
	j->outcome = (struct outcome){.input_tokens = -1, .output_tokens = -1, .cache_read_tokens = -1, .cache_write_tokens = -1, .cost_usd = NAN};
	s->jobs[t->id] = j;
	return j;
}

void job_go(struct job *j)
{
	struct sched *s = j->sched;
	vec_push(NULL, &s->live, j);
	if (!j->tries) {
		j->task->state = STATE_RUNNING;
		j->began_ns = clock_ns();
		bool salvaged = salvage_take(j);
		if (!salvaged && !prepare(j))
			return;
		if (!j->asks_again)
			sched_send(s, &(struct event){.kind = EVENT_START, .task = j->task, .verdict = &j->verdict, .text = j->provider ? j->provider->name : STR_NONE});
		if (salvaged) {
			set_mark(j);
			finish_salvaged(j);
			return;
		}
	} else if (!sign_again(j)) {
		return;
	}
	if ((j->tries || j->asks_again) && !j->as)
		sched_send(s, &(struct event){.kind = EVENT_TRY, .task = j->task, .count = j->tries - j->passed_over + 1, .text = j->provider ? j->provider->name : STR_NONE});
	start_try(j);
}

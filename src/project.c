#include "project.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/path.h"
#include "load/trees.h"
#include "state/seal.h"
#include "graph/apart.h"
#include "graph/approval.h"
#include "graph/foresight.h"

static bool current_folder(struct project *p, struct str *out)
{
	char *cwd = getcwd(NULL, 0);
	if (cwd)
		*out = arena_copy(p->arena, str_of(cwd));
	else
		diag_error(p->diag, POS_NONE, NULL, "cannot tell where this folder is: %s", os_error(errno));
	free(cwd);
	return cwd != NULL;
}

/* As seen from the root. A file in it has one name there, by whatever links and detours it is called from `from`, since what is on record is so by that name. */
static struct str name_from_root(struct project *p, struct str from, struct str path)
{
	char buf[PATH_MAX];
	struct str file = path_join(p->arena, from, path), seen = path_relative(p->arena, p->root, file), there;
	if (path_inside(seen) || !seen_realpath(p->seen, arena_copy(p->arena, path_dir(file)).p, buf))
		return seen;
	there = path_relative(p->arena, p->root, path_join(p->arena, arena_copy(p->arena, str_of(buf)), path_base(file)));
	return path_inside(there) ? there : seen;
}

/* So are files that are named on the command line. */
static void names_from_root(struct project *p, struct str *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!names[i].n || path_inside(path_normal(p->arena, names[i])))
			continue;
		struct str there = name_from_root(p, p->root, names[i]);
		names[i] = path_inside(there) ? there : names[i];
	}
}

/* The root becomes the current folder, and the workflow's name is seen from there. */
static bool enter_root(struct project *p)
{
	struct str from = STR_NONE;
	if (!current_folder(p, &from))
		return false;
	p->root = from;
	/* What was looked at was noted as seen from here; and a seal is looked for here. */
	bool elsewhere = !str_eq(p->workflow->root, STR("."));
	if (elsewhere)
		seen_spoil(p->seen);
	if (!elsewhere && path_inside(p->workflow->file))
		return true;
	if (chdir(arena_copy(p->arena, p->workflow->root).p)) {
		diag_error(p->diag, POS_NONE, "'root:' is relative to the workflow file", "cannot enter the root '%.*s': %s", STR_ARG(p->workflow->root),
			   os_error(errno));
		return false;
	}
	if (!current_folder(p, &p->root))
		return false;
	p->start = from;
	if (p->seen && elsewhere) {
		p->seen_outside = p->seen;
		p->seen = seen_new(p->arena);
		seen_spoil(p->seen);
	}
	if (!str_eq(p->workflow->file, STR("/dev/stdin"))) /* which is the same wherever the root is */
		p->workflow->file = name_from_root(p, from, p->workflow->file);
	return true;
}

static void name_set(struct project *p, struct map *set, const struct str *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct task_span named = graph_named(p->graph, names[i]);
		for (size_t k = 0; k < named.n; k++)
			*map_slot(set, named.p[k]->name) = p;
		if (!named.n)
			*map_slot(set, graph_path(p->graph, p->arena, names[i])) = p;
	}
}

static bool load_workflow(struct project *p)
{
	p->file = workflow_find(p->arena, p->diag, p->seen, p->options->file);
	if (!p->file.p)
		return false;
	project_read(p);
	if (!p->workflow->tasks.n && !diag_errors(p->diag))
		diag_error(p->diag, POS_NONE, "list them under 'tasks:'", "there are no tasks in '%.*s'", STR_ARG(p->file));
	return true;
}

void project_load_settings(struct project *p, struct options *o)
{
	p->options = o;
	p->rules = rules_load(p->arena, p->diag, p->seen, o->no_builtin ? RULES_NO_BUILTIN : 0);
	p->config = config_load(p->arena, p->diag, p->seen);
	provider_settings_apply(&p->config.providers, p->rules, p->arena, p->diag);
	options_settings(o, p->arena, p->diag, p->rules);
}

bool project_runs(const struct options *o)
{
	return o->mode == MODE_BUILD && !o->dry_run && !o->question && !(o->touch_inherited && !o->touch);
}

static void want_targets(struct project *p)
{
	const struct options *o = p->options;
	if (p->slice)
		apart_want(p->graph, p->slice);
	else
		graph_want(p->graph, p->diag, o->targets.p, o->targets.n, p->filehash, &p->plain_targets);
}

/* Where something is to run, makers of includes come first; who only looks sees all that is known. */
static void want(struct project *p)
{
	if (!p->making || !project_runs(p->options))
		want_targets(p);
	name_set(p, &p->new_files, p->options->new_files.p, p->options->new_files.n);
	name_set(p, &p->old_files, p->options->old_files.p, p->options->old_files.n);
}

/* A cache is a folder's, whether or not there is one workflow in it; it is asked for where only settings and state are. */
static bool without_workflow(struct project *p)
{
	if ((p->options->mode != MODE_CACHE_STATS && p->options->mode != MODE_CACHE_GC) || p->options->file.p)
		return false;
	size_t mark = diag_mark(p->diag);
	bool none = !workflow_find(p->arena, p->diag, NULL, STR_NONE).p;
	diag_rewind(p->diag, mark);
	return none;
}

static void load_state(struct project *p, struct options *o)
{
	struct store_error err = {0};
	project_load_settings(p, o);
	/* What is wrong is said by who opens it for good. Until then the root is looked at all the same. */
	if (!store_open(&p->store, p->arena, false, &err))
		p->store.root_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void project_load(struct project *p, struct options *o)
{
	p->options = o;
	if (without_workflow(p)) {
		if (current_folder(p, &p->root))
			load_state(p, o);
		return;
	}
	if (!p->workflow && !load_workflow(p))
		return;
	if (!enter_root(p))
		return;
	names_from_root(p, o->targets.p, o->targets.n);
	names_from_root(p, o->new_files.p, o->new_files.n);
	names_from_root(p, o->old_files.p, o->old_files.n);
	load_state(p, o);
	p->filehash = filehash_new(p->arena, p->store.root_fd, NULL);
	filehash_see(p->filehash, p->seen);
	if (diag_errors(p->diag))
		return; /* names can only be judged where all that defines them was understood */
	if (project_link(p, NULL))
		want(p);
	p->n_loaded = p->seen && !p->seen->spoiled ? p->seen->all.n : 0;
}

/* Does the mark in the environment name that run? Its processes may not be seen from here, in a sandbox say. */
static bool inside_run(uint64_t run_id)
{
	char mark[32];
	struct str marks = str_of(getenv("AX_RUN"));
	snprintf(mark, sizeof mark, "%llx-", (unsigned long long)run_id);
	for (size_t at = 0; at < marks.n; at = str_find(marks, STR(":"), at) + 1)
		if (str_starts(str_sub(marks, at, marks.n), str_of(mark)))
			return true;
	return false;
}

/* Waits for another run of this root, saying for whom. */
static bool take_lock(struct project *p, uint64_t run_id)
{
	struct lock_holder h = {0};
	struct store_error err = {0};
	enum lock_result r = store_lock(&p->store, run_id, false, &h, &err, p->arena);
	if (r == LOCK_BUSY && inside_run(h.run_id))
		r = LOCK_OWN_ANCESTOR;
	if (r == LOCK_BUSY) {
		fprintf(stderr, "%s: waiting for another run in '%.*s' (pid %ld)\n", diag_program(p->diag), STR_ARG(p->root), (long)h.pid);
		r = store_lock(&p->store, run_id, true, &h, &err, p->arena);
		p->waited = true;
		filehash_forget(p->filehash);
	}
	p->own_ancestor = r == LOCK_OWN_ANCESTOR;
	if (r == LOCK_OWN_ANCESTOR)
		fprintf(stderr,
			"%s: *** a task of this run builds the same root '%.*s' (pid %ld holds it): that would wait for itself.\n"
			"  hint: use 'dependencies' instead, or another root\n",
			diag_program(p->diag), STR_ARG(p->root), (long)h.pid);
	else if (r == LOCK_FAILED)
		fprintf(stderr, "%s: *** %.*s\n", diag_program(p->diag), STR_ARG(err.message));
	p->killed_run = r == LOCK_TAKEN ? h.run_id : 0;
	p->copied = p->killed_run && h.copied;
	return r == LOCK_TAKEN;
}

/* The log, and what it says of each task. */
static bool recall(struct project *p, bool writable)
{
	struct str note = STR_NONE;
	p->store.seen = p->seen;
	p->log = p->slice ? project_slice_log(p) : p->store.apart ? log_in_memory(p->arena) : log_open(p->arena, p->store.fd, !writable, &note);
	if (note.n) {
		seen_spoil(p->seen);
		fprintf(stderr, "%s: %s%.*s\n", diag_program(p->diag), p->log ? "warning: " : "*** ", STR_ARG(note));
	}
	if (!p->log)
		return false;
	if (log_of_other_boot(p->log) && !(writable && !store_sift_results(&p->store)))
		p->store.doubts = true;
	project_remember(p, writable);
	return true;
}

void project_remember(struct project *p, bool writable)
{
	filehash_use(p->filehash, p->store.root_fd, p->log);
	graph_recall(p->graph, p->log);
	p->stale = (struct stale){
		.hashing = {.g = p->graph, .store = &p->store, .fh = p->filehash, .hasher = hasher_new(), .seen = p->seen},
		.log = p->log,
		.arena = p->arena,
		.always_make = p->options->always_make || p->options->always_make_inherited,
		.spare_agents = !p->options->always_make,
		.ignore_errors = p->options->ignore_errors,
		.new_files = &p->new_files,
		.old_files = p->options->old_files.n ? &p->old_files : NULL,
		.planning = !writable,
	};
}

bool project_open(struct project *p, bool writable, uint64_t run_id)
{
	struct store_error err = {0};
	store_close(&p->store);
	if (!store_open(&p->store, p->arena, writable, &err)) {
		fprintf(stderr, "%s: *** %.*s\n", diag_program(p->diag), STR_ARG(err.message));
		return false;
	}
	if (writable && !take_lock(p, run_id))
		return false;
	if (p->ready ? !project_ready_begin(p) : !recall(p, writable))
		return false;
	if (p->slice && !project_slice_begin(p))
		return false;
	if (writable && !p->start.p) /* else they would not be looked for here */
		trees_keep(p->reading.trees, p->store.fd, "trees");
	return true;
}

/* What is remembered, of the graph as it is now. */
static void recall_graph(struct project *p)
{
	graph_recall(p->graph, p->log);
	p->stale.hashing.g = p->graph;
	stale_free(&p->stale);
}

static bool ended_well(const struct task *t, bool planning)
{
	return t->state == STATE_UPTODATE || t->state == STATE_SKIPPED || (!planning && (t->state == STATE_DONE || t->state == STATE_FAILED));
}

static void mark_ended(struct project *p)
{
	for (size_t i = 0; i < p->graph->tasks.n; i++) {
		struct task *t = p->graph->tasks.p[i];
		t->ended = t->ended || (t->wanted && ended_well(t, p->stale.planning));
	}
}

static bool read_again(struct project *p)
{
	if (!project_read_again(p))
		return false;
	recall_graph(p);
	return true;
}

bool project_go_on(struct project *p)
{
	if (!p->making)
		return false;
	mark_ended(p);
	bool outdated = project_outdated(p);
	if (!outdated)
		p->making = graph_want_makers(p->graph);
	/* Else, where nobody is left to make what lacks, reading it again will say so. */
	if ((outdated || (!p->making && p->workflow->partial)) && !read_again(p))
		return false;
	want(p);
	return !diag_errors(p->diag);
}

bool project_look_again(struct project *p)
{
	mark_ended(p);
	if (!project_held_needlessly(p))
		return false;
	if (read_again(p))
		want(p);
	return true;
}

/* Does it stand in a file that a task has made, and that has become another one or cannot be read? */
static bool is_of_the_past(const struct project *p, const struct task *t)
{
	bool yes = false;
	for (uint32_t i = t->def->include; i && !yes; i = p->graph->workflow->includes.p[i - 1].from)
		yes = p->graph->makers[i - 1] && p->graph->makers[i - 1]->ended;
	return yes;
}

void project_want_rest(struct project *p)
{
	size_t mark = diag_mark(p->diag);
	want_targets(p);
	diag_rewind(p->diag, mark);
	for (size_t i = 0; diag_errors(p->diag) && i < p->graph->tasks.n; i++)
		if (is_of_the_past(p, p->graph->tasks.p[i]))
			p->graph->tasks.p[i]->wanted = false;
}

bool project_open_apart(struct project *p, int fd, struct str folder)
{
	store_apart(&p->store, fd, folder);
	return recall(p, true);
}

static enum task_state state_of(struct project *p, struct task *t, const struct verdict *v)
{
	if (v->why == WHY_NOT)
		return STATE_UPTODATE;
	if (verdict_is_skip(v))
		return STATE_SKIPPED;
	if (verdict_is_error(v))
		return v->why == WHY_BLOCKED ? STATE_NOT_RUN : STATE_FAILED;
	return v->why == WHY_HELD_BEHIND || approval_lacks(&p->stale, t, v) ? STATE_HELD : STATE_STALE;
}

struct verdict *project_judge(struct project *p)
{
	struct verdict *v = arena_array(p->arena, struct verdict, p->graph->tasks.n + 1);
	for (size_t i = 0; i < p->graph->order.n; i++) {
		struct task *t = p->graph->order.p[i];
		if (!t->wanted || t->ended)
			continue;
		v[t->id] = stale_judge(&p->stale, t);
		t->state = state_of(p, t, &v[t->id]);
		t->perhaps_held = t->state == STATE_HELD && stale_may_be_fresh(&p->stale, t, &v[t->id]);
		t->foreseen = t->foreseen_files = false;
		if (t->state == STATE_STALE)
			foresight_of(&p->stale, p->cache, t, &v[t->id]);
		else if (t->state == STATE_HELD)
			foresight_refuses(&p->stale, p->cache, t, &v[t->id]);
		if (verdict_is_error(&v[t->id]))
			t->state = state_of(p, t, &v[t->id]);
	}
	return v;
}

bool project_shares_cache(const struct project *p)
{
	return (p->options->cache_dir.p || p->options->server.url.n) && !p->options->no_cache;
}

static uint64_t cache_limit(const struct options *o)
{
	return o->cache_size == CACHE_SIZE_UNSET ? CACHE_LIMIT_DEFAULT : o->cache_size;
}

/* Is it a folder of the root's owner alone? */
static bool is_private_cache(const struct project *p)
{
	struct str dir = p->options->cache_dir;
	return !dir.p || path_under(path_normal(p->arena, dir), STR(".axmake"));
}

void project_cache(struct project *p, bool writable, bool always)
{
	const struct options *o = p->options;
	uint64_t limit = cache_limit(o);
	struct cache_config c = {
		.store = &p->store,
		.dir = o->cache_dir,
		.owner_only = is_private_cache(p),
		.limit = limit,
		.writable = writable,
	};
	if (always || (!o->no_cache && limit))
		p->cache = cache_open(p->arena, &c);
}

const struct wire_config *project_server(struct project *p)
{
	const struct options *o = p->options;
	const struct server_setting *s = &o->server;
	if (!s->url.n || o->no_cache)
		return NULL;
	p->server = (struct wire_config){
		.url = s->url,
		.user = s->user,
		.password = s->password,
		.ca = s->ca,
		.key = s->key,
		.dir = o->cache_dir,
		.limit = cache_limit(o),
		.timeout_ns = s->timeout_ns ? s->timeout_ns : SERVER_TIMEOUT_DEFAULT_NS,
		.owner_only = is_private_cache(p),
		.push = !s->no_push && !o->no_cache_push,
		.root_fd = p->store.root_fd,
		.store_fd = p->store.fd,
	};
	return &p->server;
}

void project_tell_cache(struct project *p)
{
	struct str note = p->cache ? cache_note(p->cache) : STR_NONE;
	if (note.n)
		fprintf(stderr, "%s: warning: %.*s\n", diag_program(p->diag), STR_ARG(note));
}

static void make_seal(struct project *p, const struct seal_looks *looks)
{
	if (!p->slice)
		seal_make(&p->store, p->seal_key, looks, p->seal_word);
	else if (p->judge_again)
		seal_renew(&p->store, p->slice, looks);
}

/* Of a second judgement. */
static void free_looks(struct project *p, struct seal_looks *looks)
{
	if (looks->seen != p->seen)
		seen_free((struct seen *)looks->seen);
	if (looks->fh != p->filehash)
		filehash_free((struct filehash *)looks->fh);
	if (p->slice)
		map_free(&p->slice->by_name);
}

int project_close(struct project *p)
{
	struct seal_looks looks = {.seen = p->seen, .fh = p->filehash};
	bool well = (p->seal_word.p || p->slice) && (!p->judge_again || project_judge_again(p, &looks));
	cache_close(p->cache);
	p->cache = NULL;
	bool moves = false;
	if (p->log && well && !log_settle(p->log, &moves) && !moves)
		looks.whole = project_whole(p);
	int err = p->log ? log_close(p->log) : 0;
	p->log = NULL;
	if (!err && well)
		make_seal(p, &looks);
	free_looks(p, &looks);
	if (p->closing)
		p->closing(p->closing_self, p);
	seen_free(p->seen);
	seen_free(p->seen_outside);
	p->seen = p->seen_outside = NULL;
	if (p->graph)
		graph_free(p->graph);
	if (p->rules)
		rules_free(p->rules);
	map_free(&p->new_files);
	map_free(&p->old_files);
	filehash_free(p->filehash);
	p->filehash = NULL;
	map_free(&p->stale.hashing.foresight.files);
	map_free(&p->stale.hashing.foresight.results);
	if (p->stale.hashing.hasher.state)
		hasher_free(&p->stale.hashing.hasher);
	stale_free(&p->stale);
	trees_close(p->reading.trees);
	p->reading.trees = NULL;
	store_close(&p->store);
	return err;
}

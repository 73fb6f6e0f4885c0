/* `results/shelf/KEY/` has what stood in the task's folder: `call`, `stdout`, `answer`, `delegates`, and of an isolated task its
 * `view`. What an answer made in the root is kept as the cache keeps what a success made, in `results/shelf/v1`, by the same key:
 * of the task and the signature. Of an isolated task that is what its view lay over. */
#include "run/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"
#include "graph/content.h"
#include "run/putback.h"
#include "state/views.h"

#define SHELF "results/shelf"
/* The moments of a program in which it leaves after its answer. */
#define LEAVING_S 10

static const char *const linked[] = {"stdout", "answer", "call"}; /* the call last: with it an answer is there */
enum { N_LINKED = sizeof linked / sizeof *linked };

static int store_of(const struct job *j)
{
	return j->sched->c->store->fd;
}

static struct hash128 shelf_key(struct job *j, const char *signature)
{
	struct str s = arena_printf(&j->arena, "%.*s\n%s", STR_ARG(j->dir), signature);
	return hash_bytes(s.p, s.n);
}

static struct str folder_of(struct job *j, struct hash128 key)
{
	char hex[HASH_HEX];
	return arena_printf(&j->arena, SHELF "/%s", hash_hex(key, hex));
}

static const char *in(struct job *j, struct str dir, const char *name)
{
	return arena_printf(&j->arena, "%.*s/%s", STR_ARG(dir), name).p;
}

static struct cache *open_made(struct job *j)
{
	struct store *s = j->sched->c->store;
	struct cache_config c = {.store = s,
	                         .dir = arena_printf(&j->arena, "%.*s/" SHELF, STR_ARG(s->folder)),
	                         .owner_only = true,
	                         .limit = CACHE_LIMIT_DEFAULT,
	                         .writable = true};
	return cache_open(&j->arena, &c);
}

static bool changed_since(struct job *j, struct str path, struct timespec then)
{
	struct stat st;
	return fstatat(j->sched->c->store->root_fd, path.p, &st, AT_SYMLINK_NOFOLLOW) || call_left_later(st.st_ctim, then);
}

/* Were its inputs what they were at its start when it had answered? Where nobody looked then, they are at least now. */
static bool inputs_stood(struct job *j, const struct call_left *left)
{
	struct filehash *fh = j->sched->c->filehash;
	struct field f;
	bool same = true;
	for (size_t at = 0; !left->stood && same && field_next(left->files, &at, &f);) {
		struct filehash_file *file = f.kind == FIELD_INPUT ? filehash_file(fh, f.label) : NULL;
		same = !file || (filehash_hash(fh, file, true) == FILE_REGULAR && hash_eq(file->hash, f.hash));
	}
	return same;
}

static bool is_as_before(const struct job *j, const struct pattern *p, struct hash128 now)
{
	const struct output_record *r = j->task->record ? content_output_record(j->task, p) : NULL;
	return r && hash_eq(r->hash, now);
}

static bool any_changed_since(struct job *j, const struct filehash_parts *parts, struct timespec then)
{
	for (size_t i = 0; i < parts->of.n; i++)
		if (changed_since(j, parts->of.p[i].path, then))
			return true;
	return false;
}

/* Is an output still as that answer left it? Where it is as the last success made it, somebody may have put it back at once; else
 * the program gets the time to leave, and a check that was cut short may have gone on with it. */
static bool output_stands(struct job *j, const struct pattern *p, const struct filehash_parts *parts, struct hash128 now,
                          struct timespec end)
{
	bool as_before = is_as_before(j, p, now);
	if (!as_before && j->task->def->check.s.n)
		return true;
	if (!as_before)
		end.tv_sec += LEAVING_S;
	return !any_changed_since(j, parts, end);
}

bool shelf_outputs_stand(struct job *j, const struct call_left *left)
{
	struct timespec end = call_left_end(store_of(j), j->dir, left);
	for (size_t i = 0; i < j->task->outputs.n; i++) {
		const struct pattern *p = &j->task->outputs.p[i];
		struct filehash_parts parts = {0};
		struct hash128 now = {0, 0};
		struct str problem = STR_NONE;
		content_parts(&j->sched->c->stale->hashing, &j->arena, p, &parts, &now, &problem);
		if (is_as_before(j, p, now) && any_changed_since(j, &parts, end))
			return false;
	}
	return true;
}

/* One output as it stands. What a view is to be moved over need not be there: of a file it is then a pattern that finds nothing.
 * false: it is not what the call made. */
static bool look_at_output(struct job *j, const struct call_left *left, struct cache_output *o, struct timespec end)
{
	struct pattern p = {.kind = (enum pattern_kind)o->kind, .path = o->path};
	struct str problem = STR_NONE;
	enum file_state st = content_parts(&j->sched->c->stale->hashing, &j->arena, &p, &o->parts, &o->hash, &problem);
	if (left->in_view && st == FILE_MISSING && !problem.n) {
		o->kind = o->kind == OUTPUT_FILE ? OUTPUT_GLOB : o->kind;
		o->hash = filehash_parts_hash(o->kind, o->path, &o->parts);
		return true;
	}
	bool stands = !problem.n && (st == FILE_REGULAR || st == FILE_FOLDER);
	return stands && (left->in_view || output_stands(j, &p, &o->parts, o->hash, end));
}

/* The outputs as that call declared them. false: they are not what it made. */
static bool look_at_outputs(struct job *j, const struct call_left *left, struct timespec end, struct cache_entry *e)
{
	VEC(struct cache_output) all = {0};
	struct field f;
	for (size_t at = 0; field_next(left->files, &at, &f);) {
		struct cache_output o = {.path = arena_copy(&j->arena, f.label), .kind = (enum output_kind)f.hash.lo};
		if (f.kind != FIELD_OUTPUT)
			continue;
		if (!look_at_output(j, left, &o, end))
			return false;
		vec_push(&j->arena, &all, o);
	}
	e->outputs = all.p;
	e->n_outputs = all.n;
	return true;
}

static bool keep_outputs(struct job *j, struct cache_entry *e)
{
	if (!e->n_outputs)
		return true;
	struct cache *c = open_made(j);
	bool ok = cache_store_begin(c, cache_entry_bytes(e));
	for (size_t i = 0; ok && i < e->n_outputs; i++)
		ok = stash_output(j, c, &e->outputs[i]);
	ok = ok && cache_store_entry(c, e);
	cache_store_end(c);
	struct str note = cache_note(c);
	if (note.n)
		sched_warn(j->sched, j->task, "%.*s", STR_ARG(note));
	cache_close(c);
	return ok;
}

/* Files get a second name first: killed anywhere in here, the answer is whole in one of the two places. 0 or errno. */
static int link_all(struct job *j, struct str from, struct str to)
{
	int at = store_of(j), err = os_mkdirs(at, to.p, 0700);
	for (size_t i = 0; !err && i < N_LINKED; i++) {
		const char *source = in(j, from, linked[i]), *target = in(j, to, linked[i]);
		if (faccessat(at, source, F_OK, AT_SYMLINK_NOFOLLOW))
			continue;
		if ((unlinkat(at, target, 0) && errno != ENOENT) || linkat(at, source, at, target, 0))
			err = errno;
	}
	return err;
}

/* A folder that is not there has been moved before. 0 or errno. */
static int move_folder(struct job *j, const char *from, const char *to)
{
	int at = store_of(j), err = 0;
	if (faccessat(at, from, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	err = os_remove_tree(at, to);
	return err ? err : renameat(at, from, at, to) ? errno : 0;
}

static int move_folders(struct job *j, struct str task_dir, struct str shelf, bool back)
{
	struct str view = views_dir(&j->arena, j->task->name);
	const char *of_task[] = {in(j, task_dir, "delegates"), view.p},
	           *of_shelf[] = {in(j, shelf, "delegates"), in(j, shelf, "view")};
	int err = back ? os_mkdirs(store_of(j), path_dir(view).p, 0700) : 0;
	for (size_t i = 0; !err && i < 2; i++)
		err = back ? move_folder(j, of_shelf[i], of_task[i]) : move_folder(j, of_task[i], of_shelf[i]);
	return err;
}

bool shelf_carry(struct job *j, struct str from)
{
	int at = store_of(j);
	int err = link_all(j, from, j->dir);
	if (!err)
		err = move_folder(j, in(j, from, "delegates"), in(j, j->dir, "delegates"));
	if (err) {
		sched_warn(j->sched, j->task, "cannot take its answer from .axmake/%.*s, where it had another name: %s", STR_ARG(from), os_error(err));
		return false;
	}
	call_left_follow(at, from, j->dir);
	delegate_follow(j, from);
	for (size_t i = N_LINKED; i-- > 0;)
		unlinkat(at, in(j, from, linked[i]), 0);
	return true;
}

/* Files that it edits in place are others' as well, and cannot be put back; nor can what has begun to be moved out of a view. */
static bool can_be_kept(struct job *j, const struct call_left *left)
{
	struct field f;
	for (size_t at = 0; !left->in_view && field_next(left->files, &at, &f);)
		if (f.kind == FIELD_EDIT)
			return false;
	return !(left->in_view && views_moving(j->sched->c->store, views_dir(&j->arena, j->task->name)));
}

static bool is_on_record(const struct job *j, const struct call_left *left)
{
	return j->task->record && j->task->record->start_id == left->start_id;
}

static bool put(struct job *j, const struct call_left *left, struct cache_entry **made)
{
	int at = store_of(j);
	struct hash128 key = shelf_key(j, left->signature);
	struct cache_entry *e = arena_new(&j->arena, struct cache_entry);
	*e = (struct cache_entry){.signature = key,
	                          .input_tokens = -1,
	                          .output_tokens = -1,
	                          .cache_read_tokens = -1,
	                          .cache_write_tokens = -1,
	                          .cost_usd = NAN};
	if (is_on_record(j, left) || !can_be_kept(j, left) || !call_left_whole(at, j->dir, left, j->sched->c->rules))
		return false;
	if (!inputs_stood(j, left) || !look_at_outputs(j, left, call_left_end(at, j->dir, left), e) || !keep_outputs(j, e))
		return false;
	struct str shelf = folder_of(j, key);
	int err = link_all(j, j->dir, shelf);
	if (!err)
		err = move_folders(j, j->dir, shelf, false);
	if (err)
		sched_warn(j->sched, j->task, "cannot keep its answer to what was asked before in .axmake/%.*s: %s",
		           STR_ARG(shelf), os_error(err));
	else
		*made = e;
	return !err;
}

bool shelf_asked_now(struct job *j, const struct call_left *left)
{
	for (size_t i = 0; i < j->task->n_providers; i++) {
		struct signing now;
		char hex[HASH_HEX];
		if (!str_eq(j->task->providers[i]->name, left->provider))
			continue;
		signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, j->task->providers[i], true, false, &now);
		return !now.problem.n && !strcmp(hash_hex(now.hash, hex), left->signature);
	}
	return false;
}

const struct cache_entry *shelf_put(struct job *j)
{
	struct call_left left;
	struct cache_entry *e = NULL;
	int at = store_of(j);
	if (j->sched->c->store->apart || j->task->kind != TASK_AGENT || !call_left_read(&j->arena, at, j->dir, &left) || left.lost || shelf_asked_now(j, &left))
		return NULL;
	call_left_take_back(at, j->dir);
	if (!left.refused && put(j, &left, &e)) {
		sched_warn(j->sched, j->task, "its answer to what was asked before is complete: it is kept for when that is asked again");
		call_left_forget(at, j->dir);
		return e;
	}
	/* What it took may be yet to be counted. */
	call_left_put_aside(at, j->dir, &j->sched->mask);
	call_left_forget(at, j->dir);
	left.lost = true;
	if (!left.counted)
		call_left_write(at, j->dir, &left);
	return NULL;
}

void shelf_put_of(struct sched *s, struct task *t)
{
	struct job j = {.sched = s, .task = t};
	struct call_left left;
	if (t->kind != TASK_AGENT || !t->outputs.n || !log_open_start(s->c->log, s->c->graph->workflow->file, t->name).open)
		return;
	j.dir = store_task_dir(&j.arena, t->name);
	/* What was refused waits until another is asked for, and knows what it made. */
	if (!call_left_read(&j.arena, store_of(&j), j.dir, &left) || !left.refused)
		shelf_put(&j);
	arena_free(&j.arena);
}

/* Is it of this task's outputs, as they are declared now? */
static bool fits(const struct task *t, const struct cache_entry *e)
{
	bool same = e->n_outputs == t->outputs.n;
	for (size_t i = 0; same && i < e->n_outputs; i++)
		same = ((int)e->outputs[i].kind == (int)t->outputs.p[i].kind || !e->outputs[i].parts.of.n) &&
		       str_eq(e->outputs[i].path, t->outputs.p[i].path);
	return same;
}

/* *lost: it will never be had. */
static bool put_outputs(struct job *j, const struct cache_entry *kept, struct hash128 key, bool *lost)
{
	struct cache_entry e;
	if (!j->task->outputs.n)
		return putback_begin(j);
	struct cache *c = open_made(j);
	*lost = !cache_find(c, &j->arena, key, &e) || !fits(j->task, &e);
	struct putback b = {.j = j, .from = c, .entry = &e, .kept = kept, .whence = "with its earlier answer"};
	cache_attend(c, (struct cache_attend){putback_go_on, &b});
	bool ok = !*lost && putback_fetch(&b) && putback_place(&b);
	putback_sweep(j->sched);
	*lost = *lost || b.lost;
	if (*lost)
		sched_warn(j->sched, j->task, "what its earlier answer made is lost or damaged, so it is asked again");
	else if (b.problem.n)
		sched_warn(j->sched, j->task, "%.*s; it runs instead", STR_ARG(b.problem));
	cache_close(c);
	return ok;
}

static void drop(struct job *j, struct hash128 key)
{
	struct cache *c = open_made(j);
	views_remove(j->sched->c->store, arena_printf(&j->arena, "%.*s/view", STR_ARG(folder_of(j, key))));
	os_remove_tree(store_of(j), folder_of(j, key).p);
	cache_forget(c, key);
	cache_close(c);
}

static bool take(struct job *j, const struct call_left *left, const struct cache_entry *kept, struct hash128 key)
{
	bool lost = false;
	uint64_t own = j->start_id;
	j->start_id = left->start_id;
	if (!put_outputs(j, kept, key, &lost)) {
		j->start_id = own;
		if (lost)
			drop(j, key);
		return false;
	}
	j->start_id = own;
	call_left_forget(store_of(j), j->dir); /* what stands there is not what is to come beside it */
	int err = link_all(j, folder_of(j, key), j->dir);
	if (!err)
		err = move_folders(j, j->dir, folder_of(j, key), true);
	if (err)
		sched_warn(j->sched, j->task, "cannot take its earlier answer from .axmake/%.*s: %s", STR_ARG(folder_of(j, key)),
		           os_error(err));
	else
		drop(j, key);
	return !err;
}

static bool is_empty(const struct job *j)
{
	return j->sched->c->store->apart || j->as || faccessat(store_of(j), SHELF, F_OK, AT_SYMLINK_NOFOLLOW);
}

bool shelf_take(struct job *j, const struct cache_entry *kept, struct call_left *left)
{
	for (size_t i = 0; !is_empty(j) && i < j->task->n_providers; i++) {
		struct signing now;
		char hex[HASH_HEX];
		signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, j->task->providers[i], true, false, &now);
		struct hash128 key = shelf_key(j, hash_hex(now.hash, hex));
		if (!now.problem.n && call_left_read(&j->arena, store_of(j), folder_of(j, key), left) &&
		    !strcmp(left->signature, hex) && take(j, left, kept, key))
			return true;
	}
	return false;
}

void shelf_forget(struct job *j)
{
	char hex[HASH_HEX];
	if (is_empty(j))
		return;
	struct hash128 key = shelf_key(j, hash_hex(j->signing.hash, hex));
	if (!faccessat(store_of(j), folder_of(j, key).p, F_OK, AT_SYMLINK_NOFOLLOW))
		drop(j, key);
}

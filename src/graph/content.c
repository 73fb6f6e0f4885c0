#include "graph/content.h"
#include "graph/fields.h"
#include "graph/ref.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/glob.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/path.h"

struct str content_label(struct arena *a, const struct pattern *p)
{
	return p->kind == PATTERN_TREE ? arena_printf(a, "%.*s/", STR_ARG(p->path)) : p->path;
}

bool content_recorded(const struct task *t, enum field_kind kind, struct str label, struct hash128 *out)
{
	struct field f;
	for (size_t at = 0; t->record && field_next(t->record->fields, &at, &f);)
		if (f.kind == kind && str_eq(f.label, label)) {
			*out = f.hash;
			return true;
		}
	return false;
}

const struct output_record *content_output_record(const struct task *t, const struct pattern *p)
{
	for (size_t i = 0; t->record && i < t->record->n_outputs; i++)
		if (t->record->outputs[i].kind == (uint8_t)p->kind && str_eq(t->record->outputs[i].path, p->path))
			return &t->record->outputs[i];
	return NULL;
}

bool content_edits(const struct task *t, struct str path)
{
	for (size_t i = 0; i < t->edits.n; i++) {
		const struct pattern *e = &t->edits.p[i];
		if (e->kind == PATTERN_GLOB ? glob_match(e->path, path, false) : path_under(path, e->path))
			return true;
	}
	return false;
}

/* A tree as a pattern, in memory of its own. */
static char *as_glob(const struct pattern *p)
{
	struct sbuf b = {0};
	if (p->kind == PATTERN_GLOB)
		sbuf_str(&b, p->path);
	else if (!str_eq(p->path, STR(".")))
		glob_quote(&b, p->path);
	if (p->kind == PATTERN_TREE)
		sbuf_lit(&b, b.n ? "/**" : "**");
	return b.p;
}

/* Does a byte of the path stand for itself, as those before it did? */
static bool is_plain_at(const struct pattern *p, size_t i)
{
	char c = p->path.p[i];
	return p->kind == PATTERN_GLOB ? c != '*' && c != '?' && c != '[' && c != ']' && c != '\\' : i || c != '.' || p->path.n > 1;
}

/* Most of many patterns are about different folders: that is to be seen at once. */
static bool begin_apart(const struct pattern *x, const struct pattern *y)
{
	size_t n = x->path.n < y->path.n ? x->path.n : y->path.n;
	for (size_t i = 0; i < n && is_plain_at(x, i) && is_plain_at(y, i); i++)
		if (x->path.p[i] != y->path.p[i])
			return true;
	return false;
}

bool content_meets(const struct pattern *x, const struct pattern *y)
{
	if (begin_apart(x, y))
		return false;
	if (x->kind != PATTERN_GLOB && y->kind != PATTERN_GLOB)
		return (x->kind == PATTERN_TREE && path_under(y->path, x->path)) || (y->kind == PATTERN_TREE && path_under(x->path, y->path)) ||
		       str_eq(x->path, y->path);
	char *a = as_glob(x), *b = as_glob(y);
	bool meet = glob_may_meet(str_of(a), str_of(b));
	free(a);
	free(b);
	return meet;
}

bool content_edited_by(const struct task *t, const struct pattern *output)
{
	for (size_t i = 0; i < t->edits.n; i++)
		if (content_meets(output, &t->edits.p[i]))
			return true;
	return false;
}

bool content_is_old(const struct map *old_files, const struct task *t)
{
	bool is = old_files && map_get(old_files, t->name);
	for (size_t i = 0; old_files && i < t->outputs.n && !is; i++)
		is = map_get(old_files, t->outputs.p[i].path) != NULL;
	return is;
}

static bool is_old_input(const struct hashing *h, struct str path)
{
	const struct task *maker = h->old_files ? graph_producer(h->g, path) : NULL;
	return h->old_files && (map_get(h->old_files, path) || (maker && content_is_old(h->old_files, maker)));
}

/* What tasks make changes while we run; sources are looked at once a run. */
static bool is_fresh(const struct hashing *h, const struct task *t, struct str path, bool fresh)
{
	return fresh || (t->deps.n && graph_producer(h->g, path));
}

void content_look_ahead(struct hashing *h, struct arena *a, const struct task *t, const struct str_list *inputs, bool fresh)
{
	struct filehash_wish *wishes;
	if (inputs->items.n < 2 || (h->old_files && h->old_files->n) || h->foresight.files.n)
		return;
	wishes = arena_array(a, struct filehash_wish, inputs->items.n);
	for (size_t i = 0; i < inputs->items.n; i++)
		wishes[i] = (struct filehash_wish){filehash_file(h->fh, inputs->items.p[i]), is_fresh(h, t, inputs->items.p[i], fresh)};
	filehash_ahead(h->fh, wishes, inputs->items.n, false);
}

bool content_of_input(struct hashing *h, struct arena *a, struct task *t, struct str path, bool fresh, struct hash128 *out, struct str *problem)
{
	if (is_old_input(h, path) && content_recorded(t, FIELD_INPUT, path, out))
		return true;
	const struct hash128 *ahead = map_get(&h->foresight.files, path);
	if (ahead) {
		*out = *ahead;
		return true;
	}
	struct filehash_file *f = filehash_file(h->fh, path);
	enum file_state s = filehash_hash(h->fh, f, is_fresh(h, t, path, fresh));
	if (s == FILE_REGULAR) {
		*out = f->hash;
		return true;
	}
	const struct task *maker = s == FILE_MISSING ? graph_producer(h->g, path) : NULL;
	*problem = maker && maker->state == STATE_SKIPPED ? arena_printf(a, "input '%.*s' is not there: '%.*s', which makes it, was skipped", STR_ARG(path), STR_ARG(maker->name))
		   : s == FILE_MISSING  ? arena_printf(a, "input '%.*s' is not there", STR_ARG(path))
		   : s == FILE_FOLDER ? arena_printf(a, "input '%.*s' has become a folder", STR_ARG(path))
		   : s == FILE_FAILED ? arena_printf(a, "cannot read input '%.*s': %s", STR_ARG(path), os_error(f->err))
				      : arena_printf(a, "input '%.*s' is neither a file nor a folder", STR_ARG(path));
	return false;
}

bool content_vanished(const struct hashing *h, const struct task *t, struct str path)
{
	struct stat st;
	for (size_t i = 0; i < t->inputs.n; i++)
		if (t->inputs.p[i].kind == PATTERN_FILE && !t->inputs.p[i].exclude && str_eq(t->inputs.p[i].path, path))
			return false;
	if (!fstatat(h->store->root_fd, path.p, &st, AT_SYMLINK_NOFOLLOW) || (errno != ENOENT && errno != ENOTDIR))
		return false;
	seen_spoil(h->seen);
	return true;
}

_Static_assert((int)PATTERN_FILE == (int)OUTPUT_FILE && (int)PATTERN_TREE == (int)OUTPUT_TREE && (int)PATTERN_GLOB == (int)OUTPUT_GLOB, "one is the other");

static struct str other_kind(struct hashing *h, struct arena *a, const struct pattern *p, bool folder)
{
	struct stat st;
	if (folder)
		return arena_printf(a, "output '%.*s' is a folder, and is never removed: move it away, or declare '%.*s/'", STR_ARG(p->path), STR_ARG(p->path));
	bool link = !fstatat(h->store->root_fd, p->path.p, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode);
	return arena_printf(a, "output '%.*s/' is a %s, not a folder: move it away", STR_ARG(p->path), link ? "link" : "file");
}

static enum file_state judge_output(struct hashing *h, struct arena *a, const struct pattern *p, enum file_state s, bool any, int err, struct str bad, struct str *problem)
{
	if (s == FILE_FAILED)
		*problem = arena_printf(a, "cannot read '%.*s': %s", STR_ARG(bad.n ? bad : p->path), os_error(err));
	else if ((p->kind == PATTERN_FILE && s == FILE_FOLDER) || (p->kind == PATTERN_TREE && s == FILE_REGULAR))
		*problem = other_kind(h, a, p, s == FILE_FOLDER);
	else if (p->kind == PATTERN_GLOB && s != FILE_MISSING && !any)
		return FILE_MISSING;
	return s;
}

bool content_obstructed(struct hashing *h, struct arena *a, const struct pattern *p, struct str *problem)
{
	struct stat st;
	if (p->kind == PATTERN_GLOB || fstatat(h->store->root_fd, p->path.p, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode) == (p->kind == PATTERN_TREE))
		return false;
	*problem = other_kind(h, a, p, S_ISDIR(st.st_mode));
	return true;
}

enum file_state content_parts(struct hashing *h, struct arena *a, const struct pattern *p, struct filehash_parts *parts, struct hash128 *out, struct str *problem)
{
	int err = 0;
	struct str bad = p->path;
	enum file_state s = filehash_parts(h->fh, a, (enum output_kind)p->kind, p->path, NULL, parts, &err, &bad);
	if (p->kind == PATTERN_TREE ? s == FILE_FOLDER : s == FILE_REGULAR)
		*out = filehash_parts_hash((enum output_kind)p->kind, p->path, parts);
	return judge_output(h, a, p, s, parts->of.n, err, bad, problem);
}

enum file_state content_of_output(struct hashing *h, struct arena *a, const struct pattern *p, struct hash128 *out, struct str *problem)
{
	int err = 0;
	size_t count = 0;
	struct str bad = p->path;
	enum file_state s;
	if (p->kind == PATTERN_FILE)
		s = filehash_output(h->fh, p->path, out, &err);
	else if (p->kind == PATTERN_TREE)
		s = filehash_tree(h->fh, p->path, NULL, out, &err, &bad);
	else
		s = filehash_glob(h->fh, p->path, NULL, out, &count, &err, &bad);
	return judge_output(h, a, p, s, count, err, bad, problem);
}

/* A file that a pattern found counts unless it is excluded, an edit, or made by a task that does not come before. */
static bool counts(struct hashing *h, const struct task *t, const bool *direct, struct str path)
{
	for (size_t i = 0; i < t->inputs.n; i++) {
		const struct pattern *p = &t->inputs.p[i];
		if (p->exclude && (p->kind == PATTERN_GLOB ? glob_match(p->path, path, true) : path_under(path, p->path)))
			return false;
	}
	if (content_edits(t, path))
		return false;
	const struct task *maker = graph_producer(h->g, path);
	return !maker || (maker != t && direct[maker->id]);
}

/* Planning: does it stand there only until its maker is restored? */
static bool goes(const struct hashing *h, struct str path)
{
	const struct task *maker = h->foresight.paths.items.n ? graph_producer(h->g, path) : NULL;
	return maker && maker->foreseen_files && !map_get(&h->foresight.files, path);
}

static void find(struct hashing *h, struct arena *a, struct task *t, const struct pattern *p, const bool *direct, struct glob_list *out,
		 struct str *problem)
{
	struct str bad = STR_NONE;
	size_t kept = out->paths.n;
	int err = p->kind == PATTERN_TREE ? glob_walk_tree(a, h->store->root_fd, p->path, out, &bad)
					  : glob_walk(a, h->store->root_fd, p->path, out, &bad);
	if (err) {
		*problem = arena_printf(a, "cannot look for inputs in '%.*s': %s", STR_ARG(bad), os_error(err));
		return;
	}
	for (size_t i = kept; i < out->paths.n; i++)
		if (counts(h, t, direct, out->paths.p[i]) && !goes(h, out->paths.p[i]))
			out->paths.p[kept++] = out->paths.p[i];
	out->paths.n = kept;
	for (size_t i = 0; i < h->foresight.paths.items.n; i++) {
		struct str path = h->foresight.paths.items.p[i];
		bool met = p->kind == PATTERN_TREE ? path_under(path, p->path) : glob_match(p->path, path, false);
		if (met && counts(h, t, direct, path))
			vec_push(a, &out->paths, path);
	}
}

void content_inputs(struct hashing *h, struct arena *a, struct task *t, bool fresh, struct str_list *out, struct str *problem)
{
	bool patterns = false;
	struct glob_list all = {.seen = h->listing ? h->listing : h->seen};
	if (h->listed) {
		*out = *h->listed;
		return;
	}
	for (size_t i = 0; i < t->inputs.n; i++) {
		const struct pattern *p = &t->inputs.p[i];
		if (p->kind != PATTERN_FILE)
			patterns = patterns || !p->exclude;
		else if (!p->exclude)
			vec_push(a, &all.paths, p->path);
	}
	(void)fresh;
	if (patterns) { /* else sorted already, each once */
		bool *direct = xcalloc(h->g->tasks.n, sizeof *direct);
		for (size_t i = 0; i < t->deps.n; i++)
			direct[t->deps.p[i].task->id] = dep_counts(&t->deps.p[i]);
		for (size_t i = 0; i < t->inputs.n && !problem->n; i++)
			if (t->inputs.p[i].kind != PATTERN_FILE && !t->inputs.p[i].exclude)
				find(h, a, t, &t->inputs.p[i], direct, &all, problem);
		free(direct);
		glob_sort(&all);
		filehash_expect(h->fh, all.paths.n);
	}
	/* Handed over as it is, for there may be many. */
	out->items.p = all.paths.p;
	out->items.n = all.paths.n;
	out->items.cap = all.paths.cap;
}

/* Is all known that counts of a dependency that is to be restored? */
static bool is_foreseen(const struct dep *d)
{
	return d->task->foreseen && !(d->how & DEP_EDIT) && (d->task->foreseen_files || !(d->how & (DEP_FILE | DEP_PATTERN)));
}

bool content_may_change(const struct dep *d)
{
	return dep_counts(d) && (d->task->state == STATE_STALE || d->task->perhaps_held) && !is_foreseen(d);
}

static void join_paths(struct sbuf *out, const struct str_list *l)
{
	for (size_t i = 0; i < l->items.n; i++) {
		if (i)
			sbuf_char(out, '\n');
		sbuf_str(out, l->items.p[i]);
	}
}

bool content_result(struct hashing *h, struct arena *a, const struct task *t, struct str *text, struct str *problem)
{
	const struct str *ahead = t->foreseen ? map_get(&h->foresight.results, (struct str){(const char *)&t->result, sizeof t->result}) : NULL;
	if (ahead)
		*text = *ahead;
	else if (!store_read_result(h->store, a, t->result, text)) {
		*problem = errno && errno != ENOENT ? arena_printf(a, "the kept result of task '%.*s' cannot be read: %s", STR_ARG(t->name), os_error(errno)) :
		           arena_printf(a, "the kept result of task '%.*s' is missing or damaged: run it again with -W '%.*s'", STR_ARG(t->name),
					STR_ARG(t->name));
		return false;
	}
	*text = str_trim_end_newlines(*text);
	return true;
}

static bool expand_field(struct hashing *h, struct arena *a, const struct piece *p, const struct ref *r, struct sbuf *out, struct str *problem)
{
	struct task *t = r->task;
	struct str result;
	if (!fields_known(t)) {
		if (!content_result(h, a, t, &result, problem))
			return false;
		fields_read(h->g->arena, t, t->result, result);
	}
	const struct used_field *f = fields_find(t, r->rest);
	if (f->found)
		sbuf_str(out, f->text);
	if (f->found || p->optional)
		return true;
	struct str where = t->result_size ? arena_printf(a, "; it stands in %.*s", STR_ARG(store_result_path(a, t->result))) : STR_NONE; /* an empty one has no file */
	*problem = arena_printf(a, "'${%.*s}': the result of task '%.*s' %.*s%.*s; -W '%.*s' makes another", STR_ARG(p->text), STR_ARG(t->name),
				STR_ARG(fields_lack(a, t, f)), STR_ARG(where), STR_ARG(t->name));
	return false;
}

static bool expand_result(struct hashing *h, struct arena *a, const struct piece *p, const struct ref *r, struct sbuf *out, struct str *problem)
{
	const struct task *t = r->task;
	if (!t->has_result) {
		if (p->optional)
			return true;
		const char *why = t->state == STATE_NOT_RUN ? "was not run" : t->state == STATE_FAILED ? "failed" : "has not succeeded yet";
		*problem = arena_printf(a, "there is no result of task '%.*s' for '${%.*s}': it %s; '${%.*s?}' would be empty", STR_ARG(t->name),
					STR_ARG(p->text), why, STR_ARG(p->text));
		return false;
	}
	if (r->kind == REF_PATH) {
		sbuf_str(out, store_result_path(a, t->result));
		return true;
	}
	if (t->state == STATE_SKIPPED)
		return true;
	if (r->kind == REF_FIELD)
		return expand_field(h, a, p, r, out, problem);
	struct str text;
	if (!content_result(h, a, t, &text, problem))
		return false;
	sbuf_str(out, text);
	return true;
}

bool content_ref(struct hashing *h, struct arena *a, struct task *t, const struct piece *p, struct sbuf *out, struct str *problem)
{
	struct ref r = ref_resolve(h->g, t, p->text);
	struct str_list list = {0};
	const char *value;
	switch (r.kind) {
	case REF_VAR:
		sbuf_str(out, r.var->value.s);
		return true;
	case REF_ENV:
		value = seen_getenv(h->seen, arena_copy(a, r.rest).p);
		sbuf_lit(out, value ? value : "");
		return true;
	case REF_INPUTS:
		content_inputs(h, a, t, false, &list, problem);
		join_paths(out, &list);
		return !problem->n;
	case REF_OUTPUTS:
		for (size_t i = 0; i < t->outputs.n; i++)
			vec_push(a, &list.items, content_label(a, &t->outputs.p[i]));
		join_paths(out, &list);
		return true;
	case REF_RESULT:
	case REF_PATH:
	case REF_FIELD:
		return expand_result(h, a, p, &r, out, problem);
	default:
		*problem = arena_printf(a, "'${%.*s}' means nothing", STR_ARG(p->text));
		return false;
	}
}

bool content_expand(struct hashing *h, struct arena *a, struct task *t, const struct template *tpl, struct sbuf *out, struct str *problem)
{
	for (size_t i = 0; i < tpl->n; i++) {
		if (!tpl->pieces[i].is_ref)
			sbuf_str(out, tpl->pieces[i].text);
		else if (!content_ref(h, a, t, &tpl->pieces[i], out, problem))
			return false;
	}
	return true;
}

static void add_hash(struct hasher *h, struct hash128 x)
{
	hasher_add(h, &x.lo, 8);
	hasher_add(h, &x.hi, 8);
}

/* Does some task that comes after dep edit this path? */
static bool is_edited(const void *dep, struct str path)
{
	const struct task *t = dep;
	for (size_t i = 0; i < t->users.n; i++)
		if (content_edits(t->users.p[i], path))
			return true;
	return false;
}

/* What stands in a tree, or meets a pattern, and that nobody edits. */
static struct hash128 unedited(struct hashing *h, const struct task *dep, const struct pattern *p)
{
	struct filehash_skip skip = {is_edited, dep};
	struct hash128 out = {0, 0};
	struct str bad;
	size_t count;
	int err;
	if (p->kind == PATTERN_TREE)
		filehash_tree(h->fh, p->path, &skip, &out, &err, &bad);
	else if (p->kind == PATTERN_GLOB)
		filehash_glob(h->fh, p->path, &skip, &out, &count, &err, &bad);
	return out;
}

/* For a user that edits something of an output: all as it was made, and what nobody edits as it stands. */
static struct hash128 of_outputs(struct hashing *h, struct hasher *hs, const struct task *dep, const struct task *user)
{
	for (size_t i = 0; i < dep->outputs.n; i++) {
		const struct pattern *p = &dep->outputs.p[i];
		const struct output_record *made = user && content_edited_by(user, p) ? content_output_record(dep, p) : NULL;
		hasher_add_framed(hs, p->path.p, p->path.n);
		add_hash(hs, made ? made->hash : dep->out_hash ? dep->out_hash[i] : (struct hash128){0, 0});
		if (made && p->kind != PATTERN_FILE)
			add_hash(hs, unedited(h, dep, p));
	}
	return hasher_end(hs);
}

static int by_value(const void *x, const void *y)
{
	return hash_cmp(*(const struct hash128 *)x, *(const struct hash128 *)y);
}

/* Groups within groups are seen with the user's eyes only so deep; deeper ones count as for everybody. */
#define GROUP_DEPTH 4

static struct hash128 contribution(struct hashing *h, struct task *dep, const struct task *user, int depth);

/* What a group's dependencies count, in the order of their hashes. */
static struct hash128 of_group(struct hashing *h, struct hasher *hs, const struct task *group, const struct task *user, int depth)
{
	VEC(struct hash128) all = {0};
	for (size_t i = 0; i < group->deps.n; i++)
		if (group->deps.p[i].how & DEP_NAMED)
			vec_push(NULL, &all, contribution(h, group->deps.p[i].task, depth < GROUP_DEPTH ? user : NULL, depth + 1));
	if (all.n > 1)
		qsort(all.p, all.n, sizeof *all.p, by_value);
	for (size_t i = 0; i < all.n; i++)
		add_hash(hs, all.p[i]);
	vec_free(&all);
	return hasher_end(hs);
}

static struct hash128 contribution(struct hashing *h, struct task *dep, const struct task *user, int depth)
{
	bool special = user && user->edits.n > 0;
	if (dep->contribution_known && !special)
		return dep->contribution;
	struct hash128 out = {0, 0};
	if (dep->kind != TASK_GROUP && !dep->outputs.n) {
		out = dep->has_result ? dep->result : out;
	} else {
		struct hasher hs = hasher_new();
		out = dep->kind == TASK_GROUP ? of_group(h, &hs, dep, user, depth) : of_outputs(h, &hs, dep, special ? user : NULL);
		hasher_free(&hs);
	}
	if (!special) {
		dep->contribution = out;
		dep->contribution_known = true;
	}
	return out;
}

void content_forget(struct task *t)
{
	VEC(struct task *) todo = {0};
	vec_push(NULL, &todo, t);
	while (todo.n) {
		struct task *at = todo.p[--todo.n];
		at->contribution_known = false;
		for (size_t i = 0; i < at->users.n; i++)
			if (at->users.p[i]->kind == TASK_GROUP && at->users.p[i]->contribution_known)
				vec_push(NULL, &todo, at->users.p[i]);
	}
	vec_free(&todo);
}

void content_as_it_stands(struct hashing *h, struct arena *a, struct task *t)
{
	struct arena scratch = {0};
	if (!t->out_hash)
		t->out_hash = arena_array(a, struct hash128, t->outputs.n);
	for (size_t i = 0; i < t->outputs.n; i++) {
		struct str problem = STR_NONE;
		t->out_hash[i] = (struct hash128){0, 0};
		content_of_output(h, &scratch, &t->outputs.p[i], &t->out_hash[i], &problem);
	}
	content_forget(t);
	arena_free(&scratch);
}

struct hash128 content_contribution(struct hashing *h, struct task *dep, const struct task *user)
{
	return contribution(h, dep, user, 0);
}

#include "load/workflow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "base/path.h"
#include "load/candidates.h"
#include "load/file_keys.h"
#include "load/limit_keys.h"
#include "load/makers.h"
#include "load/matrix.h"
#include "load/reader.h"
#include "load/trees.h"
#include "load/yaml.h"

#define MAX_INCLUDE_DEPTH 32

/* A file on the way from the main one to the one that is being read. */
struct chain {
	const struct chain *above; /* the file that includes it; NULL: the main file */
	struct str file, identity;
	size_t depth;
	uint32_t include; /* in workflow.includes, from 1; 0: the main file */
};

struct loader {
	struct reader r;
	struct seen *sights;
	struct map seen; /* identities of files */
	const struct inclusion *how;
};

static bool exists(struct seen *seen, const char *path)
{
	struct stat st;
	bool there = stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);

	if (!there)
		seen_missing(seen, str_of(path), true);
	return there; /* and will be read, which notes it */
}

static int compare_names(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void report_several(struct arena *a, struct diag *d, const struct str *files, size_t n)
{
	struct sbuf list = {0};

	for (size_t i = 0; i < n; i++)
		sbuf_printf(&list, "%s%.*s", i ? ", " : "", STR_ARG(files[i]));
	const char *hint = arena_printf(a, "choose one, as in 'axmake -f %.*s', or call the main one workflow.ax.yaml", STR_ARG(files[0])).p;
	diag_error(d, POS_NONE, hint, "there are several workflows here: %s", list.p);
	sbuf_free(&list);
}

/* The only *.ax.yaml of the current folder that no other one includes, or STR_NONE after reporting. */
static struct str find_only(struct arena *a, struct diag *d, struct seen *seen)
{
	VEC(struct str) found = {0};
	DIR *dir = opendir(".");
	struct dirent *e;

	if (!dir) {
		diag_error(d, POS_NONE, NULL, "the current folder cannot be read: %s", os_error(errno));
		return STR_NONE;
	}
	seen_open(seen, STR("."), dirfd(dir));
	while ((e = readdir(dir))) {
		struct str name = str_of(e->d_name);

		if (e->d_name[0] != '.' && str_ends(name, STR(".ax.yaml")))
			vec_push(a, &found, arena_copy(a, name));
	}
	closedir(dir);
	if (found.n == 1)
		return found.p[0];
	if (found.n == 0) {
		diag_error(d, POS_NONE, "name the file with -f, or its folder with -C; axmake --init writes one to start from",
		           "there is no workflow here: no workflow.ax.yaml, axmake.yaml or *.ax.yaml");
		return STR_NONE;
	}
	qsort(found.p, found.n, sizeof *found.p, compare_names);
	struct str main = candidates_main(a, seen, found.p, found.n);
	if (!main.p)
		report_several(a, d, found.p, found.n);
	return main;
}

struct str workflow_find(struct arena *a, struct diag *d, struct seen *seen, struct str wanted)
{
	static const char *const names[] = {"workflow.ax.yaml", "axmake.yaml"};

	if (wanted.p && wanted.n == 0) {
		diag_error(d, POS_NONE, NULL, "the workflow file's name is empty");
		return STR_NONE;
	}
	if (wanted.p)
		return path_normal(a, wanted);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (exists(seen, names[i]))
			return str_of(names[i]);
	}
	return find_only(a, d, seen);
}

/* The file's content as registered source; false after reporting, or, with *missing, without. */
static bool read_source(struct loader *l, struct str file, struct pos at, struct str *text, uint32_t *source, bool *missing)
{
	/* What a person names may be a pipe. Nobody is waited for where an include could be one by now. */
	int err = (at.source ? seen_read_file : seen_read_any)(l->sights, l->r.a, AT_FDCWD, file.p, YAML_MAX_FILE, text);

	if (err == 0) {
		*source = diag_source(l->r.d, file, *text);
		return true;
	}
	*missing = err == ENOENT && at.source;
	if (*missing)
		return false;
	if (err == EISDIR)
		diag_error(l->r.d, at, "name a file in it", "%.*s is a folder, not a workflow file", STR_ARG(file));
	else if (err == EFBIG)
		diag_error(l->r.d, at, NULL, "%.*s is larger than %u MiB", STR_ARG(file), YAML_MAX_FILE >> 20);
	else
		diag_error(l->r.d, at, NULL, "cannot read %.*s: %s", STR_ARG(file), os_read_error(err));
	return false;
}

/* Equal for one file under two names. The name itself where there is no such file. */
static struct str identity_of(struct loader *l, struct str file)
{
	struct stat st;

	if (stat(file.p, &st) < 0)
		return file;
	seen_path(l->sights, file, &st, true);
	return arena_printf(l->r.a, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
}

static void report_circle(struct loader *l, const struct chain *from, struct str identity, struct str file, struct pos at)
{
	const struct chain *way[MAX_INCLUDE_DEPTH + 1];
	struct sbuf b = {0};
	size_t n = 0;

	for (const struct chain *c = from; c; c = c->above) {
		way[n++] = c;
		if (str_eq(c->identity, identity))
			break;
	}
	for (; n; n--)
		sbuf_printf(&b, "%.*s -> ", STR_ARG(way[n - 1]->file));
	diag_error(l->r.d, at, "take one of these includes out", "files include each other in a circle: %s%.*s", b.p,
	           STR_ARG(file));
	sbuf_free(&b);
}

static void load_file(struct loader *l, const struct chain *above, struct str file, uint32_t include, bool *missing);

static bool is_in(const struct map *set, struct str path)
{
	return map_get(set, path) != NULL;
}

static void read_include(struct loader *l, const struct chain *from, uint32_t number)
{
	struct include_def *inc = &l->r.wf->includes.p[number - 1];
	struct str file = path_join(l->r.a, l->r.wf->root, inc->path);
	struct str identity = identity_of(l, file);
	struct pos at = inc->at;
	bool missing = false;

	for (const struct chain *c = from; c; c = c->above) {
		if (str_eq(c->identity, identity)) {
			report_circle(l, from, identity, file, at);
			return;
		}
	}
	if (from->depth == MAX_INCLUDE_DEPTH) {
		diag_error(l->r.d, at, NULL, "includes are more than %d deep here", MAX_INCLUDE_DEPTH);
		return;
	}
	if (!map_get(&l->seen, identity))
		load_file(l, from, file, number, &missing);
	l->r.wf->includes.p[number - 1].missing = missing; /* by now they may lie elsewhere */
}

static void load_include(struct loader *l, const struct chain *from, const struct text *t)
{
	struct include_def inc = {.path = path_normal(l->r.a, t->s), .at = t->at, .from = from->include};

	inc.left_out = is_in(&l->how->hold, inc.path);
	vec_push(l->r.a, &l->r.wf->includes, inc);
	if (!inc.left_out)
		read_include(l, from, (uint32_t)l->r.wf->includes.n);
}

/* `root:` is relative to the file that says it. */
static void set_root(struct loader *l, struct str file, const struct text *root)
{
	struct stat st;

	if (!root->s.p)
		return;
	l->r.wf->root = arena_copy(l->r.a, path_normal(l->r.a, path_join(l->r.a, path_dir(file), root->s)));
	if (stat(l->r.wf->root.p, &st) < 0)
		diag_error(l->r.d, root->at, NULL, "the root %.*s cannot be used: %s", STR_ARG(l->r.wf->root), os_error(errno));
	else if (!S_ISDIR(st.st_mode))
		diag_error(l->r.d, root->at, NULL, "the root %.*s is no folder", STR_ARG(l->r.wf->root));
}

/* Of the list of tasks only those stay that are named in the set. */
static void keep_only(struct node *top, const struct map *set)
{
	struct node *tasks = top->kind == NODE_MAP ? node_get(top, STR("tasks")) : NULL;
	size_t kept = 0;

	for (size_t i = 0; tasks && tasks->kind == NODE_LIST && i < tasks->n; i++) {
		const struct node *name = tasks->items[i]->kind == NODE_MAP ? node_get(tasks->items[i], STR("name")) : NULL;

		if (name && name->kind == NODE_SCALAR && map_get(set, name->text))
			tasks->items[kept++] = tasks->items[i];
	}
	if (tasks && tasks->kind == NODE_LIST)
		tasks->n = kept;
}

/* Reads one file and, after its own tasks, what it includes. */
static void load_file(struct loader *l, const struct chain *above, struct str file, uint32_t include, bool *missing)
{
	struct chain here = {above, arena_copy(l->r.a, file), STR_NONE, above ? above->depth + 1 : 0, include};
	struct pos at = include ? l->r.wf->includes.p[include - 1].at : POS_NONE;
	struct file_part part = {.is_main = !above};
	size_t first = l->r.wf->tasks.n;
	struct arena tree = {0}; /* only what is kept of it is copied */
	struct node *top;
	struct str text;
	uint32_t source;

	if (!read_source(l, here.file, at, &text, &source, missing))
		return;
	if (include)
		l->r.wf->includes.p[include - 1].text = text;
	here.identity = identity_of(l, here.file);
	*map_slot(&l->seen, here.identity) = l;
	vec_push(l->r.a, &l->r.wf->files, here.file);
	top = trees_parse(l->how->trees, &tree, l->r.d, source, text, above ? NULL : l->how->only);
	if (top) {
		if (l->how->only && part.is_main)
			keep_only(top, l->how->only);
		file_read(&l->r, top, &part);
		if (part.is_main)
			set_root(l, here.file, &part.root);
	}
	arena_free(&tree);
	for (; first < l->r.wf->tasks.n; first++)
		l->r.wf->tasks.p[first]->include = include;
	for (size_t i = 0; i < part.include.n; i++)
		load_include(l, &here, &part.include.p[i]);
}

static void find_makers(struct loader *l)
{
	struct workflow *wf = l->r.wf;
	struct makers makers = {0};

	if (wf->includes.n)
		makers_add(&makers, l->r.a, wf);
	for (size_t i = 0; i < wf->includes.n; i++) {
		struct include_def *inc = &wf->includes.p[i];

		inc->output = makers_find(&makers, inc->path, &inc->output_sure);
		if (inc->missing && inc->output.source && !is_in(&l->how->final, inc->path))
			inc->left_out = true;
		wf->partial = wf->partial || (inc->left_out && !l->how->strict);
	}
	makers_free(&makers);
}

static void report_missing(struct loader *l, const struct include_def *inc)
{
	bool made = inc->output_sure;

	if (is_in(&l->how->may_lack, inc->path))
		return;
	diag_error(l->r.d, inc->at, made ? NULL : "its path is relative to the root", "there is no file %.*s to include", STR_ARG(inc->path));
	if (made)
		diag_note(l->r.d, inc->output, "the task with this output did not make it");
}

static void check_includes(struct loader *l)
{
	find_makers(l);
	for (size_t i = 0; i < l->r.wf->includes.n; i++) {
		struct include_def *inc = &l->r.wf->includes.p[i];

		if (!inc->missing || inc->left_out)
			continue;
		if (l->r.wf->partial && !inc->output.source)
			inc->left_out = true; /* who makes it may come with another */
		else
			report_missing(l, inc);
	}
}

static void check_var_names(struct loader *l)
{
	for (size_t i = 0; i < l->r.wf->vars.n; i++) {
		const struct text *name = &l->r.wf->vars.p[i].name;
		const struct task_def *t = map_get(&l->r.tasks, name->s);

		if (!t)
			continue;
		diag_error(l->r.d, name->at, "rename one of them: ${…} could mean either", "'%.*s' is both a variable and a task",
		           STR_ARG(name->s));
		diag_note(l->r.d, t->at, "the task is here");
	}
}

static void warn_of_ignored(struct loader *l)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < l->r.ignored.n; i++)
		sbuf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(l->r.ignored.p[i]));
	if (b.n)
		diag_warn(l->r.d, l->r.ignored_at, NULL, "axmake does not act on: %s", b.p);
	sbuf_free(&b);
}

static void warn_of_classified(struct loader *l)
{
	const struct text *key = &l->r.classified;
	if (key->s.p && !str_eq(l->r.wf->policy.privacy.s, STR("private")))
		diag_warn(l->r.d, key->at, "'policy: {constraints: {privacy: private}}' lets only private providers serve",
			  "'%.*s' does not restrict providers: prompts may go to public ones", STR_ARG(key->s));
}

struct workflow *workflow_load(struct arena *a, struct diag *d, struct seen *seen, struct str file, const struct inclusion *how)
{
	static const struct inclusion nothing_made;
	struct loader l = {.r = {.a = a, .d = d, .wf = arena_new(a, struct workflow)}, .sights = seen, .how = how ? how : &nothing_made};
	struct workflow *wf = l.r.wf;
	bool missing;

	wf->file = arena_copy(a, path_normal(a, file));
	wf->root = STR(".");
	wf->policy.max_latency_ms = -1;
	load_file(&l, NULL, wf->file, 0, &missing);
	check_includes(&l);
	check_var_names(&l);
	matrix_check_keys(&l.r);
	limits_link(&l.r);
	warn_of_ignored(&l);
	warn_of_classified(&l);
	map_free(&l.r.tasks);
	map_free(&l.r.vars);
	map_free(&l.r.pools);
	map_free(&l.seen);
	return wf;
}

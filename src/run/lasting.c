/* What may not be lost when the machine loses its power. */
#include "run/job.h"

#include "state/durable.h"

bool lasting_wanted(const struct job *j)
{
	const struct task *t = j->task;
	if (j->sched->c->store->apart) /* it keeps nothing */
		return false;
	return t->kind == TASK_AGENT || t->edits.n || t->def->on_edit == ON_EDIT_KEEP;
}

bool lasting_start(const struct job *j)
{
	return lasting_wanted(j) && (j->task->outputs.n || j->task->edits.n);
}

/* Whatever cannot be listed has been said by who hashed it. */
static void add_paths(struct durable *d, struct job *j, const struct pattern *paths, size_t n)
{
	struct filehash *fh = j->sched->c->stale->hashing.fh;
	for (size_t i = 0; i < n; i++) {
		const struct pattern *p = &paths[i];
		struct filehash_parts parts = {0};
		struct str bad;
		int err;
		filehash_parts(fh, &j->arena, (enum output_kind)p->kind, p->path, NULL, &parts, &err, &bad);
		for (size_t k = 0; k < parts.of.n; k++) {
			const struct filehash_part *part = &parts.of.p[k];
			if (part->kind == PART_FOLDER)
				durable_folder(d, part->path);
			else if (part->kind != PART_SPECIAL)
				durable_file(d, part->path);
		}
		if (p->kind == PATTERN_TREE)
			durable_folder(d, p->path);
	}
}

static void add_made(struct durable *d, struct job *j)
{
	add_paths(d, j, j->task->outputs.p, j->task->outputs.n);
	add_paths(d, j, j->task->edits.p, j->task->edits.n);
	durable_folder(d, STR_NONE); /* .axmake has its name there */
}

static int sync_made(struct job *j)
{
	int err = 0;
	struct durable d = {.at = j->sched->c->store->root_fd, .arena = &j->arena, .err = &err};
	add_made(&d, j);
	int folders = durable_end(&d);
	return err ? err : folders;
}

static void add_own(struct durable *d, struct job *j, const char *name)
{
	durable_file(d, arena_printf(&j->arena, "%.*s/%s", STR_ARG(j->dir), name));
}

void lasting_made(struct sched *s, struct job *const *jobs, size_t n, int *errs)
{
	struct arena a = {0};
	struct durable root = {.at = s->c->store->root_fd, .arena = &a}, own = {.at = s->c->store->fd, .arena = &a};
	for (size_t i = 0; i < n; i++) {
		struct job *j = jobs[i];
		errs[i] = 0;
		root.err = own.err = &errs[i];
		add_made(&root, j);
		if (j->task->has_result && (j->task->result_size || j->task->kind == TASK_AGENT))
			durable_file(&own, str_sub(store_result_path(&a, j->task->result), sizeof ".axmake/" - 1, SIZE_MAX));
		add_own(&own, j, "started");
	}
	int in_root = durable_end(&root), in_own = durable_end(&own), folders = in_root ? in_root : in_own;
	for (size_t i = 0; i < n; i++)
		if (!errs[i])
			errs[i] = folders;
	arena_free(&a);
}

int lasting_answer(struct job *j)
{
	int made = j->view ? 0 : sync_made(j), err = 0;
	struct durable d = {.at = j->sched->c->store->fd, .arena = &j->arena, .err = &err};
	add_own(&d, j, "stdout");
	add_own(&d, j, "answer");
	int folders = durable_end(&d);
	return made ? made : err ? err : folders;
}

int lasting_call(struct job *j)
{
	int err = 0;
	struct durable d = {.at = j->sched->c->store->fd, .arena = &j->arena, .err = &err};
	add_own(&d, j, "call");
	int folders = durable_end(&d);
	return err ? err : folders;
}

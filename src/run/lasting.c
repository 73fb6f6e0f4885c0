/* What may not be lost when the machine loses its power. */
#include "run/job.h"

#include "state/durable.h"

bool lasting_wanted(const struct task *t)
{
	return t->kind == TASK_AGENT || t->edits.n || t->def->on_edit == ON_EDIT_KEEP;
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

static int sync_paths(struct job *j)
{
	struct durable d = {.at = j->sched->c->store->root_fd, .arena = &j->arena};
	add_paths(&d, j, j->task->outputs.p, j->task->outputs.n);
	add_paths(&d, j, j->task->edits.p, j->task->edits.n);
	durable_folder(&d, STR_NONE); /* .axmake has its name there */
	return durable_end(&d);
}

static void add_own(struct durable *d, struct job *j, const char *name)
{
	durable_file(d, arena_printf(&j->arena, "%.*s/%s", STR_ARG(j->dir), name));
}

int lasting_made(struct job *j)
{
	struct store *store = j->sched->c->store;
	struct durable d = {.at = store->fd, .arena = &j->arena};
	int err = sync_paths(j);
	if (j->task->has_result && (j->task->result_size || j->task->kind == TASK_AGENT))
		durable_file(&d, str_sub(store_result_path(&j->arena, j->task->result), sizeof ".axmake/" - 1, SIZE_MAX));
	add_own(&d, j, "started");
	int own = durable_end(&d);
	return err ? err : own;
}

int lasting_answer(struct job *j)
{
	struct durable d = {.at = j->sched->c->store->fd, .arena = &j->arena};
	int err = j->view ? 0 : sync_paths(j);
	add_own(&d, j, "stdout");
	add_own(&d, j, "answer");
	int own = durable_end(&d);
	return err ? err : own;
}

int lasting_call(struct job *j)
{
	struct durable d = {.at = j->sched->c->store->fd, .arena = &j->arena};
	add_own(&d, j, "call");
	return durable_end(&d);
}

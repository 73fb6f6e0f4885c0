#include "run/foreign.h"

#include "base/os.h"
#include "graph/content.h"

static bool has_open_start(const struct sched_config *c, const struct task *t)
{
	return log_open_start(c->log, c->graph->workflow->file, t->name).open;
}

const char *foreign_word(const struct sched_config *c, const struct task *t, const struct pattern *output)
{
	if (output && t->record && stale_made_since(c->stale, t, output))
		return "was made anew by another task";
	bool left = has_open_start(c, t) || (output && t->record && stale_left_by_try(c->stale, t));
	return left ? "was left changed by an interrupted or failed try" : "was changed by someone else";
}

/* Not as it is on record, and nobody knows by whom. What a failed or killed try of a script left is its own; of an agent's file nobody can tell, so it is foreign as well. */
static bool is_foreign(const struct sched_config *c, struct arena *a, struct task *t, const struct pattern *output)
{
	const struct output_record *r = t->record ? content_output_record(t, output) : NULL;
	struct hash128 now;
	struct str problem = STR_NONE;
	if (!r || (t->kind == TASK_RUN && has_open_start(c, t)))
		return false;
	enum file_state st = content_of_output(&c->stale->hashing, a, output, &now, &problem);
	return !problem.n && (st == FILE_REGULAR || st == FILE_FOLDER) && !hash_eq(r->hash, now) && !stale_left_by_editor(c->stale, t, output, now);
}

static bool keep_path(const struct sched_config *c, struct arena *a, const struct task *t, struct str path, struct str *why)
{
	int err = store_keep_edited(c->store, t->name, path);
	if (err)
		*why = arena_printf(a, "cannot keep the edited '%.*s' under .axmake: %s; move it away", STR_ARG(path), os_error(err));
	return !err;
}

bool foreign_keep(const struct sched_config *c, struct arena *a, struct task *t, const struct pattern *output, bool *kept, struct str *why)
{
	struct verdict refused;
	*kept = is_foreign(c, a, t, output);
	if (*kept && stale_refused(c->stale, t, NULL, &refused)) { /* since it was judged */
		*why = stale_reason(a, &refused);
		return false;
	}
	if (!*kept || output->kind != PATTERN_GLOB)
		return !*kept || keep_path(c, a, t, output->path, why);
	/* The files of a pattern are on record as one hash, so all of them are kept, as all of a tree is. */
	struct filehash_parts parts = {0};
	struct hash128 hash;
	struct str problem = STR_NONE;
	content_parts(&c->stale->hashing, a, output, &parts, &hash, &problem);
	for (size_t i = 0; i < parts.of.n; i++)
		if (!keep_path(c, a, t, parts.of.p[i].path, why))
			return false;
	return true;
}

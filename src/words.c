#include "words.h"

#include <stdio.h>
#include <unistd.h>

#include "base/os.h"
#include "graph/approval.h"
#include "run/mask.h"
#include "show/actions.h"
#include "show/phrase.h"

/* The name in TASK=WHY: the longest that is one, since a matrix's tasks have a '=' in theirs; without any, what stands before the
 * first. --approve takes names alone. */
static struct str name_in(const struct project *p, struct str subject)
{
	for (size_t end = subject.n; end; end--) {
		if ((end == subject.n || subject.p[end] == '=') && graph_named(p->graph, str_sub(subject, 0, end)).n)
			return str_sub(subject, 0, end);
		if (p->options->mode == MODE_APPROVE)
			return subject;
	}
	size_t eq = str_find(subject, STR("="), 0), open = str_find(subject, STR("["), 0);

	if (open < eq) /* it was meant as such a name */
		eq = str_find(subject, STR("="), str_find(subject, STR("]"), open));
	return str_sub(subject, 0, eq);
}

static bool check(struct project *p, struct str name)
{
	struct task_span named = graph_named(p->graph, name);
	const struct task *t = named.n ? named.p[0] : NULL; /* all tasks of a matrix are of one kind */
	bool approve = p->options->mode == MODE_APPROVE;
	size_t errors = diag_errors(p->diag);

	graph_want(p->graph, p->diag, &name, 1, p->filehash, &p->plain_targets);
	if (diag_errors(p->diag) > errors)
		return false;
	if (!t)
		diag_error(p->diag, POS_NONE, "axmake --list shows the tasks", "'%.*s' is not a task", STR_ARG(name));
	else if (approve && !t->def->approve.s.p)
		diag_error(p->diag, t->def->at, "only tasks that say 'approve' wait for a yes", "nothing holds '%.*s'", STR_ARG(name));
	else if (!approve && t->kind == TASK_GROUP)
		diag_error(p->diag, t->def->at, "name the task that made it", "'%.*s' makes nothing itself", STR_ARG(name));
	else
		return true;
	return false;
}

bool words_check(struct project *p)
{
	bool ok = true;

	for (size_t i = 0; i < p->options->subjects.n; i++)
		ok = check(p, name_in(p, p->options->subjects.p[i])) && ok;
	return ok;
}

static void refuse(const struct project *p, const struct task *t, struct str why)
{
	struct sbuf b = {0};

	sbuf_lit(&b, diag_program(p->diag));
	sbuf_lit(&b, ": *** ");
	phrase_line(&b, t->name);
	sbuf_lit(&b, ": ");
	phrase_line(&b, why);
	fprintf(stderr, "%s\n", b.p);
	sbuf_free(&b);
}

static bool recorded(const struct project *p, const struct task *t, int err)
{
	if (err)
		refuse(p, t, arena_printf(p->arena, "it cannot be recorded in .axmake/log: %s", os_error(err)));
	return !err;
}

/* Prompts hold answers, and what of the environment they name. */
static void print_shown(struct arena *a, struct str text)
{
	struct mask m = {0};
	struct actions_stream at = {0};
	struct sbuf b = {0};

	mask_read(&m, a, (const char *const *)environ);
	text = mask_copy(&m, a, text);
	if (actions_here()) {
		actions_defuse(&at, text, &b);
		text = sbuf_view(&b);
	}
	fwrite(text.p, 1, text.n, stdout);
	sbuf_free(&b);
}

static void print_approved(const struct task *t, const struct signing *what, const struct verdict *v, struct arena *a, bool only_look)
{
	struct sbuf b = {0};

	sbuf_lit(&b, only_look ? "would approve " : "approved ");
	phrase_line(&b, t->name);
	sbuf_lit(&b, ": ");
	phrase_line(&b, t->def->approve.s);
	sbuf_lit(&b, "\n    to be run because: ");
	phrase_line(&b, v->why == WHY_NOT ? STR("a run was to run it anew") : stale_reason(a, v));
	sbuf_char(&b, '\n');
	if (t->kind == TASK_RUN) {
		phrase_lines(&b, t->def->run.s, "    ");
	} else {
		sbuf_lit(&b, "    ");
		phrase_kind(&b, t);
		sbuf_lit(&b, ":\n");
		phrase_lines(&b, what->prompt.n ? what->prompt : t->prompt_source.s, "      ");
	}
	print_shown(a, sbuf_view(&b));
	sbuf_free(&b);
}

static bool waits(struct project *p, struct task *t, const struct verdict *v)
{
	return v->why != WHY_NOT || approval_waits(&p->stale, t);
}

static bool approve(struct project *p, struct task *t, const struct verdict *v)
{
	struct signing what;
	bool only_look = p->options->dry_run;
	int err = 0;

	if (!waits(p, t, v)) {
		refuse(p, t, STR("it is up to date: there is nothing to approve"));
		return false;
	}
	bool skipped = verdict_is_skip(v) && v->why != WHY_IF_FAILURE; /* then a run may have held it */
	if (verdict_is_error(v) || v->why == WHY_HELD_BEHIND || skipped) {
		refuse(p, t, stale_reason(p->arena, v));
		return false;
	}
	if (!(only_look ? approval_subject(&p->stale, p->arena, t, &what) : approval_give(&p->stale, p->arena, t, &what, &err))) {
		refuse(p, t, what.problem);
		return false;
	}
	if (!recorded(p, t, err))
		return false;
	print_approved(t, &what, v, p->arena, only_look);
	return true;
}

/* Of a whole matrix those that wait for it; where none does, the first one says why. */
static bool approve_named(struct project *p, struct task_span t, const struct verdict *v)
{
	bool ok = true, any = false;

	for (size_t i = 0; i < t.n; i++) {
		if (t.n > 1 && !waits(p, t.p[i], &v[t.p[i]->id]))
			continue;
		any = true;
		ok = approve(p, t.p[i], &v[t.p[i]->id]) && ok;
	}
	return any ? ok : approve(p, t.p[0], &v[t.p[0]->id]);
}

int words_approve(struct project *p)
{
	bool ok = true;

	p->stale.planning = true; /* nothing runs */
	struct verdict *v = project_judge(p);
	for (size_t i = 0; i < p->options->subjects.n; i++) {
		ok = approve_named(p, graph_named(p->graph, p->options->subjects.p[i]), v) && ok;
	}
	return ok ? 0 : 2;
}

static bool write_rejection(struct project *p, const struct task *t, struct str why)
{
	struct str workflow = p->workflow->file;
	int err = str_eq(t->record->name, t->name) ? 0 : log_rename(p->log, workflow, t->record->name, t->name);

	if (!err)
		err = log_reject(p->log, workflow, t->name, why);
	if (!recorded(p, t, err ? err : log_sync(p->log)))
		return false;
	cache_forget(p->cache, t->record->signature);
	return true;
}

static bool reject(struct project *p, struct task *t, struct str why)
{
	struct sbuf b = {0};
	struct mask m = {0};

	mask_read(&m, p->arena, (const char *const *)environ);
	why = mask_copy(&m, p->arena, why); /* it is kept in the log */
	if (!t->record) {
		refuse(p, t, STR("it has not succeeded yet: there is nothing to reject"));
		return false;
	}
	if (!p->options->dry_run && !write_rejection(p, t, why))
		return false;
	sbuf_lit(&b, p->options->dry_run ? "would reject " : "rejected ");
	phrase_line(&b, t->name);
	if (why.n) {
		sbuf_lit(&b, ": ");
		phrase_line(&b, why);
	}
	printf("%s\n", b.p);
	sbuf_free(&b);
	return true;
}

/* Of a whole matrix those that have made something. */
static bool reject_named(struct project *p, struct task_span t, struct str why)
{
	bool ok = true, any = false;

	for (size_t i = 0; i < t.n; i++) {
		if (t.n > 1 && !t.p[i]->record)
			continue;
		any = true;
		ok = reject(p, t.p[i], why) && ok;
	}
	return any ? ok : reject(p, t.p[0], why);
}

int words_reject(struct project *p)
{
	bool ok = true;

	p->stale.planning = true;
	if (!p->options->dry_run && p->store.fd >= 0)
		project_cache(p, true, true);
	project_judge(p); /* finds the record of a task that was renamed */
	for (size_t i = 0; i < p->options->subjects.n; i++) {
		struct str subject = p->options->subjects.p[i], name = name_in(p, subject);

		ok = reject_named(p, graph_named(p->graph, name), str_trim(str_sub(subject, name.n + 1, subject.n))) && ok;
	}
	return ok ? 0 : 2;
}

#include "offers.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "show/phrase.h"
#include "state/runs.h"

#define MEANING_COLUMNS 60

/* The first line of a text, in few columns; no tab is in it, as that ends the word. */
static void add_meaning(struct sbuf *b, struct str meaning)
{
	struct str text = str_trim(meaning);
	struct sbuf shown = {0};
	phrase_line(&shown, str_sub(text, 0, str_find(text, STR("\n"), 0)));
	for (size_t i = 0; i < shown.n; i++)
		if (shown.p[i] == '\t')
			shown.p[i] = ' ';
	if (shown.n > MEANING_COLUMNS)
		phrase_fit(b, sbuf_view(&shown), MEANING_COLUMNS);
	else
		sbuf_str(b, sbuf_view(&shown));
	sbuf_free(&shown);
}

void offer(struct offers *o, struct str name, struct str meaning)
{
	struct str whole = arena_printf(&o->g->arena, "%.*s%.*s", STR_ARG(o->fixed), STR_ARG(name));
	if (!str_starts(whole, o->word))
		return;
	sbuf_str(&o->lines, whole);
	sbuf_char(&o->lines, '\t');
	add_meaning(&o->lines, meaning);
	sbuf_char(&o->lines, '\n');
}

/* Reads the workflow's files, once; the root becomes the current folder. NULL: there is none, or it has mistakes. */
static const struct workflow *workflow(struct offers *o)
{
	struct project *p = &o->g->project;
	if (p->file.p || p->workflow)
		return diag_errors(p->diag) ? NULL : p->workflow;
	p->options = &o->g->options;
	p->file = workflow_find(p->arena, p->diag, NULL, p->options->file);
	if (p->file.p)
		project_read(p);
	if (!p->workflow || diag_errors(p->diag) || chdir(arena_copy(p->arena, p->workflow->root).p))
		return NULL;
	return p->workflow;
}

static struct str meaning_of(struct arena *a, const struct task_def *t)
{
	struct str what = t->description.s;
	if (what.n)
		return what;
	if (t->agent.s.n)
		return arena_printf(a, "agent %.*s", STR_ARG(t->agent.s));
	return t->run.s.p ? STR("run") : STR("group");
}

void offer_tasks(struct offers *o)
{
	const struct workflow *w = workflow(o);
	for (size_t i = 0; w && i < w->matrices.n; i++)
		offer(o, w->matrices.p[i].name.s, arena_printf(&o->g->arena, "all %zu of it", w->matrices.p[i].n));
	for (size_t i = 0; w && i < w->tasks.n; i++)
		offer(o, w->tasks.p[i]->name.s, meaning_of(&o->g->arena, w->tasks.p[i]));
}

void offer_vars(struct offers *o)
{
	const struct workflow *w = workflow(o);
	for (size_t i = 0; w && i < w->vars.n; i++)
		offer(o, arena_printf(&o->g->arena, "%.*s=", STR_ARG(w->vars.p[i].name.s)), w->vars.p[i].value.s);
}

/* The root's; NULL where they have mistakes. */
static const struct rules *rules(struct offers *o)
{
	struct project *p = &o->g->project;
	workflow(o);
	struct diag *d = diag_new();
	p->rules = rules_load(p->arena, d, NULL, o->g->options.no_builtin ? RULES_NO_BUILTIN : 0);
	rules_complete(p->rules);
	bool well = !diag_errors(d);
	diag_free(d);
	return well ? p->rules : NULL;
}

void offer_agents(struct offers *o)
{
	const struct rules *r = rules(o);
	for (size_t i = 0; r && i < r->agent_list.n; i++)
		offer(o, r->agent_list.p[i]->name, r->agent_list.p[i]->role);
}

void offer_providers(struct offers *o)
{
	const struct rules *r = rules(o);
	for (size_t i = 0; r && i < r->provider_list.n; i++)
		offer(o, r->provider_list.p[i]->name, r->provider_list.p[i]->command.n ? r->provider_list.p[i]->command.p[0] : STR_NONE);
}

void offer_runs(struct offers *o)
{
	struct str *ids;
	size_t n = 0;
	int fd = open(".axmake", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (runs_list(&o->g->arena, fd, &ids, &n))
		n = 0;
	while (n-- > 0)
		offer(o, ids[n], STR_NONE);
	close(fd);
}

static void offer_files(struct offers *o)
{
	o->paths = OFFER_FILES;
}

static void offer_folders(struct offers *o)
{
	o->paths = OFFER_FOLDERS;
}

static void offer_tasks_and_files(struct offers *o)
{
	offer_tasks(o);
	offer_files(o);
}

/* "this|that" */
static void offer_choices(struct offers *o, struct str all)
{
	for (size_t at = 0, end; at < all.n; at = end + 1) {
		end = str_find(all, STR("|"), at);
		offer(o, str_sub(all, at, end), STR_NONE);
	}
}

bool offer_values(struct offers *o, struct str called)
{
	static const struct {
		const char *called;
		void (*offer)(struct offers *o);
	} rows[] = {
		{"FILE", offer_files},       {"DIR", offer_folders}, {"TASK", offer_tasks},     {"TASK[=WHY]", offer_tasks}, {"NAME", offer_tasks_and_files},
		{"PROVIDER", offer_providers}, {"AGENT", offer_agents}, {"AGENT...", offer_agents}, {"ID", offer_runs},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(called, str_of(rows[i].called))) {
			rows[i].offer(o);
			return true;
		}
	if (str_find(called, STR("|"), 0) == called.n)
		return false;
	offer_choices(o, called);
	return true;
}

void offers_print(struct offers *o)
{
	static const char *const paths[] = {[OFFER_NO_PATHS] = "-", [OFFER_FILES] = "files", [OFFER_FOLDERS] = "folders"};
	puts(paths[o->paths]);
	if (o->lines.n)
		fwrite(o->lines.p, 1, o->lines.n, stdout);
	sbuf_free(&o->lines);
}

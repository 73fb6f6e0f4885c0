/* ax list and ax config: the agents, providers and settings that hold in this folder. */
#include <stdio.h>
#include <stdlib.h>

#include "ax/verb.h"
#include "axmake.h"
#include "base/clock.h"
#include "run/agent.h"
#include "show/console.h"
#include "show/phrase.h"
#include "state/cache.h"

#define LINE_COLUMNS 100 /* where no terminal says how many there are */

static bool load(struct program *g)
{
	struct project *p = &g->project;
	char *argv[] = {(char *)"ax", NULL};
	options_parse(&g->options, &g->arena, p->diag, 1, argv, getenv("AXMAKEFLAGS"), NULL);
	project_load_settings(p, &g->options);
	rules_complete(p->rules);
	return program_report(g);
}

static void print(struct sbuf *b)
{
	printf("%.*s\n", (int)str_trim(sbuf_view(b)).n, b->p);
	sbuf_free(b);
}

static size_t widest(struct arena *a, const struct rules *r, bool agents)
{
	size_t n = 0, count = agents ? r->agent_list.n : r->provider_list.n;
	(void)a;
	for (size_t i = 0; i < count; i++) {
		size_t w = phrase_width(agents ? r->agent_list.p[i]->name : r->provider_list.p[i]->name);
		n = w > n ? w : n;
	}
	return n > 30 ? 30 : n;
}

/* The first of an agent's providers that is installed; NULL: none. */
static const struct provider *serving(struct program *g, const struct agent *t)
{
	const struct provider *p;
	for (size_t i = 0; program_asks(g, t, i, &p); i++)
		if (p && agent_installed(&g->arena, p, getenv("PATH"), NULL))
			return p;
	return NULL;
}

static int list_agents(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	(void)w;
	if (!load(g))
		return v->wrong_use;
	const struct rules *r = g->project.rules;
	size_t names = widest(&g->arena, r, true), providers = widest(&g->arena, r, false), columns = console_width();
	size_t used = names + providers + 4, role = (columns ? columns : LINE_COLUMNS) > used ? (columns ? columns : LINE_COLUMNS) - used : 0;
	for (size_t i = 0; i < r->agent_list.n; i++) {
		const struct agent *t = r->agent_list.p[i];
		const struct provider *p = serving(g, t);
		struct sbuf b = {0};
		phrase_cell(&b, t->name, names + 2);
		phrase_cell(&b, p ? p->name : STR("-"), providers + 2);
		phrase_cell(&b, t->role, role);
		print(&b);
	}
	return 0;
}

static int list_providers(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	(void)w;
	if (!load(g))
		return v->wrong_use;
	const struct rules *r = g->project.rules;
	size_t names = widest(&g->arena, r, false);
	for (size_t i = 0; i < r->provider_list.n; i++) {
		const struct provider *p = r->provider_list.p[i];
		struct str path = STR_NONE;
		bool there = agent_installed(&g->arena, p, getenv("PATH"), &path);
		struct sbuf b = {0};
		phrase_cell(&b, p->name, names + 2);
		phrase_cell(&b, there ? STR("installed") : STR("missing"), 11);
		phrase_cell(&b, p->is_private ? STR("private") : STR("public"), 9);
		phrase_line(&b, there ? path : p->command.p[0]);
		if (p->only_when_asked)
			sbuf_lit(&b, "  (only when asked for)");
		print(&b);
	}
	return 0;
}

/* Where a setting comes from. */
static void add_origin(struct program *g, struct sbuf *b, const char *name, bool known)
{
	const struct rules *r = g->project.rules;
	struct pos at = POS_NONE;
	for (size_t i = 0; i < r->settings.n; i++)
		if (str_eq(r->settings.p[i].name.s, str_of(name)) || options_same(r->settings.p[i].name.s, name))
			at = r->settings.p[i].name.at;
	if (options_given(&g->options, name))
		sbuf_lit(b, "AXMAKEFLAGS");
	else if (at.source)
		diag_where(g->project.diag, at, b);
	else
		sbuf_lit(b, known ? "" : "default");
}

static void print_setting(struct program *g, const char *name, struct str value, const char *from)
{
	struct sbuf b = {0};
	size_t width = phrase_width(value) + 2;
	phrase_cell(&b, str_of(name), 24);
	phrase_cell(&b, value.n ? value : STR("-"), width > 24 ? width : 24); /* whole, however long */
	if (from)
		phrase_line(&b, str_of(from));
	else
		add_origin(g, &b, name, false);
	print(&b);
}

static struct str yes_no(bool on)
{
	return on ? STR("yes") : STR("no");
}

static void print_limits(struct program *g)
{
	const struct options *o = &g->options;
	struct sbuf b = {0};
	if (o->budget_usd > 0)
		phrase_usd(&b, o->budget_usd);
	print_setting(g, "budget", b.n ? sbuf_view(&b) : STR("none"), NULL);
	sbuf_free(&b);
	print_setting(g, "load-average", o->max_load < 0 ? STR("no limit") : arena_printf(&g->arena, "%g", o->max_load), NULL);
}

static void print_file(struct program *g, const char *name, struct str path)
{
	print_setting(g, name, path.n ? path : STR("none"), NULL);
}

/* What is told of a run. */
static void print_told(struct program *g)
{
	const struct options *o = &g->options;
	print_file(g, "events", o->events.path);
	print_file(g, "trace-file", o->trace_file.path);
	for (size_t i = 0; i < o->reports.n; i++)
		print_file(g, "report", o->reports.p[i].path);
	if (!o->reports.n)
		print_file(g, "report", STR_NONE);
	print_file(g, "notify", o->notify);
}

static void print_cache(struct program *g)
{
	const struct options *o = &g->options;
	struct sbuf size = {0}, timeout = {0};
	phrase_bytes(&size, o->cache_size == CACHE_SIZE_UNSET ? CACHE_LIMIT_DEFAULT : o->cache_size);
	print_setting(g, "no-cache", yes_no(o->no_cache), NULL);
	print_setting(g, "cache_dir", o->cache_dir.p ? o->cache_dir : STR(".axmake/cache"), NULL);
	print_setting(g, "cache_size", sbuf_view(&size), NULL);
	print_setting(g, "cache_url", o->server.url.n ? o->server.url : STR("none"), NULL);
	print_setting(g, "cache_push", yes_no(!o->server.no_push && !o->no_cache_push), NULL);
	phrase_span(&timeout, o->server.timeout_ns ? o->server.timeout_ns : SERVER_TIMEOUT_DEFAULT_NS);
	print_setting(g, "cache_timeout", sbuf_view(&timeout), NULL);
	print_file(g, "cache_ca", o->server.ca);
	print_file(g, "cache_key", o->server.key);
	sbuf_free(&size);
	sbuf_free(&timeout);
}

static void print_options(struct program *g)
{
	static const char *const syncs[] = {[SYNC_TARGET] = "target", [SYNC_LINE] = "line", [SYNC_NONE] = "none"};
	static const char *const colors[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
	const struct options *o = &g->options;
	struct arena *a = &g->arena;
	const struct config *c = &g->project.config;
	struct str jobs = o->jobs == JOBS_UNLIMITED ? STR("no limit") : arena_printf(a, "%zu", o->jobs > 0 ? (size_t)o->jobs : program_jobs(g));
	const char *file = c->file.n ? c->file.p : NULL;
	print_setting(g, "jobs", jobs, o->jobs == JOBS_UNSET && c->max_concurrent_agents ? file : NULL);
	print_setting(g, "keep-going", yes_no(o->keep_going), NULL);
	print_setting(g, "ignore-errors", yes_no(o->ignore_errors), NULL);
	print_setting(g, "silent", yes_no(o->silent), NULL);
	print_setting(g, "output-sync", str_of(syncs[o->sync]), NULL);
	print_setting(g, "trace", yes_no(o->trace), NULL);
	print_setting(g, "color", str_of(colors[o->color]), NULL);
	print_setting(g, "progress", o->progress.n ? o->progress : STR("auto"), NULL);
	print_setting(g, "provider", o->provider.n ? o->provider : STR("the agent's"), NULL);
	print_limits(g);
	print_told(g);
	print_cache(g);
	print_setting(g, "jobserver-style", o->jobserver_style.n ? o->jobserver_style : STR("pipe"), NULL);
	struct sbuf b = {0};
	if (c->default_timeout_ns > 0)
		phrase_span(&b, c->default_timeout_ns);
	print_setting(g, "maxConcurrentAgents", c->max_concurrent_agents ? arena_printf(a, "%d", c->max_concurrent_agents) : STR("4"),
		      c->max_concurrent_agents ? file : "default");
	print_setting(g, "defaultTimeout", b.n ? sbuf_view(&b) : STR("none"), c->default_timeout_ns > 0 ? file : "default");
	sbuf_free(&b);
}

static int config_show(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	(void)w;
	if (!load(g))
		return v->wrong_use;
	print_options(g);
	puts("\nThese were read; the upper win:");
	for (uint32_t i = diag_sources(g->project.diag); i; i--) {
		struct str name = diag_source_name(g->project.diag, i);
		printf("  %.*s\n", STR_ARG(name));
	}
	return 0;
}

static int doctor(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	char *argv[] = {(char *)"axmake", (char *)"--doctor", NULL};
	(void)v, (void)w;
	return axmake_main(arena_new(&g->arena, struct program), 2, argv);
}

static const struct ax_option no_options[] = {{0}};

#define OF_NOTHING .args = "", .options = no_options, .wrong_use = EXIT_TROUBLE

const struct ax_verb ax_list_verbs[] = {
	{OF_NOTHING, .name = "list agents", .help = "List agents, who would serve each, and roles", .run = list_agents},
	{OF_NOTHING, .name = "list providers", .help = "List providers, and whether they are installed", .run = list_providers},
	{OF_NOTHING, .name = "doctor", .help = "Say which providers are usable, and what others lack", .run = doctor},
	{OF_NOTHING, .name = "config show", .help = "Show the settings in force, and from where", .run = config_show},
	{0},
};

#include "show/database.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonout.h"
#include "base/utf8.h"
#include "run/mask.h"
#include "show/phrase.h"

extern char **environ;

void database_where(struct sbuf *b, const struct diag *d, struct pos at, char mark)
{
	sbuf_printf(b, "  %c ", mark);
	diag_where(d, at, b);
	sbuf_char(b, '\n');
}

/* Does it mean itself to a reader of YAML or INI, and to a person? */
static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("_-./+@ ", s.p[i]))
			return false;
	return s.n && isalnum((unsigned char)s.p[0]) && s.p[s.n - 1] != ' ';
}

void database_text(struct sbuf *b, struct str s)
{
	if (is_plain(s)) {
		sbuf_str(b, s);
		return;
	}
	struct sbuf quoted = {0};
	jsonout_text(&(struct jsonout){.b = &quoted}, NULL, s);
	/* JSON leaves C1 and format characters alone, which steer terminals. */
	utf8_escape(b, sbuf_view(&quoted));
	sbuf_free(&quoted);
}

static void head(struct sbuf *b, const char *title)
{
	sbuf_printf(b, "%s# %s\n\n", b->n ? "\n" : "", title);
}

/* The later ones win, where two say the same. */
static void add_files(struct sbuf *b, const struct diag *d)
{
	head(b, "Files, in the order in which they were read");
	for (uint32_t i = 1; i <= diag_sources(d); i++) {
		phrase_line(b, diag_source_name(d, i));
		sbuf_char(b, '\n');
	}
}

static int by_name(const void *x, const void *y)
{
	const struct var_def *const *a = x, *const *b = y;
	return str_cmp((*a)->name.s, (*b)->name.s);
}

static bool is_among(const struct var_def *v, const struct var_def *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v == &all[i])
			return true;
	return false;
}

static void add_vars(struct sbuf *b, const struct view *v, const struct database *db)
{
	const struct var_def **all = arena_array(v->arena, const struct var_def *, v->graph->vars.n + 1);
	struct map_entry *e;
	size_t n = 0;
	for (size_t at = 0; (e = map_next(&v->graph->vars, &at));)
		all[n++] = e->value;
	qsort(all, n, sizeof *all, by_name);
	head(b, "Variables");
	for (size_t i = 0; i < n; i++) {
		sbuf_printf(b, "%.*s = ", STR_ARG(all[i]->name.s));
		database_text(b, all[i]->value.s);
		if (all[i]->name.at.source)
			database_where(b, v->diag, all[i]->name.at, '#');
		else
			sbuf_lit(b, is_among(all[i], db->vars, db->n_vars) ? "  # command line\n" : "  # MAKEFLAGS\n");
	}
}

static void add_key(struct sbuf *b, const struct diag *d, struct str name, struct str value, struct pos at)
{
	utf8_escape(b, name);
	sbuf_lit(b, " = ");
	phrase_line(b, value);
	database_where(b, d, at, ';');
}

static void add_section(struct sbuf *b, const struct diag *d, const char *kind, struct str name, const struct ini_said *said)
{
	sbuf_printf(b, "[%s ", kind);
	utf8_escape(b, name);
	sbuf_lit(b, "]\n");
	for (size_t i = 0; i < said->keys.n; i++)
		add_key(b, d, said->keys.p[i].name.s, said->keys.p[i].value.s, said->keys.p[i].name.at);
}

/* What the JSON settings say of a provider: they come before its rule. */
static void add_json(struct sbuf *b, const struct diag *d, const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->providers.all.n; i++) {
		const struct provider_setting *s = &c->providers.all.p[i];
		if (!str_eq(s->name, name))
			continue;
		sbuf_lit(b, "; ");
		diag_where(d, c->providers.at, b);
		sbuf_printf(b, " %.*s:", STR_ARG(s->pointer));
		if (s->enabled)
			sbuf_printf(b, " enabled %s", s->enabled == SAID_TRUE ? "true" : "false");
		if (s->has_priority)
			sbuf_printf(b, " priority %g", s->priority);
		if (s->timeout_ns > 0) {
			sbuf_lit(b, " timeout ");
			phrase_span(b, s->timeout_ns);
		}
		if (s->limited)
			sbuf_printf(b, " rateLimit %s", s->limited == SAID_TRUE ? "on" : "off");
		if (s->capacity)
			sbuf_printf(b, " capacity %u", s->capacity);
		if (s->refill > 0)
			sbuf_printf(b, " refill %g", s->refill);
		sbuf_char(b, '\n');
	}
}

/* A URL without the user and the password in it. */
static struct str without_login(struct arena *a, struct str value)
{
	size_t begin = str_find(value, STR("://"), 0), end = str_find(value, STR("/"), begin + 3), at = begin;
	for (size_t i = begin; i < end; i++)
		if (value.p[i] == '@')
			at = i;
	return at == begin ? value : arena_printf(a, "%.*s***%.*s", (int)begin + 3, value.p, STR_ARG(str_sub(value, at, value.n)));
}

static void add_settings(struct sbuf *b, const struct view *v, const struct database *db)
{
	const struct config *c = db->config;
	head(b, "Settings");
	if (db->rules->settings.n)
		sbuf_lit(b, "[axmake]\n");
	for (size_t i = 0; i < db->rules->settings.n; i++)
		add_key(b, v->diag, db->rules->settings.p[i].name.s, without_login(v->arena, db->rules->settings.p[i].value.s), db->rules->settings.p[i].name.at);
	if (c->max_concurrent_agents)
		sbuf_printf(b, "maxConcurrentAgents = %d  ; %.*s\n", c->max_concurrent_agents, STR_ARG(c->file));
	if (c->parallel_delegation)
		sbuf_printf(b, "parallelDelegationEnabled = true  ; %.*s\n", STR_ARG(c->file));
	if (c->default_timeout_ns > 0) {
		sbuf_lit(b, "defaultTimeout = ");
		phrase_span(b, c->default_timeout_ns);
		sbuf_printf(b, "  ; %.*s\n", STR_ARG(c->file));
	}
}

static void add_rules(struct sbuf *b, const struct view *v, const struct database *db)
{
	const struct rules *r = db->rules;
	head(b, "Providers, in the order in which they serve who names none");
	for (size_t i = 0; i < r->provider_list.n; i++) {
		const struct provider *p = r->provider_list.p[i];
		sbuf_lit(b, i ? "\n" : "");
		add_section(b, v->diag, "provider", p->name, &p->said);
		add_json(b, v->diag, db->config, p->name);
	}
	if (r->executor_list.n)
		head(b, "Executors");
	for (size_t i = 0; i < r->executor_list.n; i++) {
		sbuf_lit(b, i ? "\n" : "");
		add_section(b, v->diag, "executor", r->executor_list.p[i]->name, &r->executor_list.p[i]->said);
	}
	head(b, "Agents");
	for (size_t i = 0; i < r->agent_list.n; i++) {
		sbuf_lit(b, i ? "\n" : "");
		add_section(b, v->diag, "agent", r->agent_list.p[i]->name, &r->agent_list.p[i]->said);
	}
}

static void add_policy(struct sbuf *b, const struct view *v)
{
	const struct workflow *w = v->graph->workflow;
	const struct policy *p = &w->policy;
	head(b, "Tasks");
	if (p->privacy.s.n) {
		sbuf_printf(b, "# privacy: %.*s", STR_ARG(p->privacy.s));
		database_where(b, v->diag, p->privacy.at, '#');
	}
	if (p->max_latency_ms >= 0) {
		sbuf_printf(b, "# maxLatency: %lld", (long long)p->max_latency_ms);
		database_where(b, v->diag, p->latency_at, '#');
	}
	if (p->budget.cost_usd > 0)
		sbuf_printf(b, "# budget: cost_usd %g\n", p->budget.cost_usd);
	if (p->budget.tokens > 0)
		sbuf_printf(b, "# budget: tokens %lld\n", (long long)p->budget.tokens);
	for (size_t i = 0; i < w->pools.n; i++) {
		sbuf_lit(b, "# pool ");
		database_text(b, w->pools.p[i].name.s);
		sbuf_printf(b, ": %u", w->pools.p[i].places);
		database_where(b, v->diag, w->pools.p[i].name.at, '#');
	}
	for (size_t i = 0; i < w->defaults_targets.n; i++) {
		sbuf_lit(b, "# default target ");
		database_text(b, w->defaults_targets.p[i].s);
		database_where(b, v->diag, w->defaults_targets.p[i].at, '#');
	}
}

void view_database(const struct view *v, const struct database *db, FILE *to)
{
	struct sbuf b = {0}, masked = {0};
	struct mask m = {0};
	add_files(&b, v->diag);
	add_vars(&b, v, db);
	add_settings(&b, v, db);
	add_rules(&b, v, db);
	add_policy(&b, v);
	sbuf_lit(&b, "tasks:\n");
	for (size_t i = 0; i < v->graph->tasks.n; i++)
		database_task(&b, v->diag, v->graph->tasks.p[i]);
	sbuf_char(&b, '\n');
	mask_read(&m, v->arena, (const char *const *)environ);
	mask_text(&m, sbuf_view(&b), &masked);
	fwrite(masked.p, 1, masked.n, to);
	sbuf_free(&b);
	sbuf_free(&masked);
}

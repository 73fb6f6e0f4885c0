#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/os.h"
#include "base/utf8.h"
#include "graph/signature.h"
#include "run/agent.h"
#include "run/probe.h"
#include "run/remote.h"
#include "show/console.h"
#include "show/phrase.h"
#include "state/limits.h"

extern char **environ;

#define VERSION_LIMIT_NS (5 * NS_PER_S)
#define VERSION_COLUMNS 60

struct times {
	VEC(int64_t) ns;
};

struct examination {
	struct program *g;
	const struct rules *rules;
	bool private_only;
	struct map installed; /* provider's name -> itself */
	struct map latencies; /* provider's name -> struct times */
	struct sbuf out;
	size_t usable, closed; /* closed: would be usable, but are out of quota */
};

static void note_latency(void *self, const struct task_record *r)
{
	struct examination *x = self;
	if (!r->provider.n || r->first_byte_ns < 0)
		return;
	void **slot = map_slot(&x->latencies, r->provider);
	if (!*slot)
		*slot = arena_new(&x->g->arena, struct times);
	vec_push(&x->g->arena, &((struct times *)*slot)->ns, r->first_byte_ns);
}

static int by_number(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

/* What earlier runs of the workflow know. */
static void recall(struct examination *x)
{
	struct project *p = &x->g->project;
	if (p->graph && project_open(p, false, 0))
		log_each(p->log, p->workflow->file, note_latency, x);
}

/* A program that takes no options would answer them, and be paid for it: only who says how is asked for its version. */
static void add_program(struct examination *x, const struct provider *p, struct str path)
{
	struct str version = STR_NONE, why = STR_NONE;
	utf8_escape(&x->out, path);
	if (!p->version_args.n)
		return;
	bool known = probe_version(&x->g->arena, path.p, &p->version_args, VERSION_LIMIT_NS, &version, &why);
	sbuf_lit(&x->out, known ? ", " : " (");
	if (known) {
		struct sbuf shown = {0};
		utf8_escape(&shown, version);
		size_t columns = utf8_width(sbuf_view(&shown));
		phrase_fit(&x->out, sbuf_view(&shown), columns < VERSION_COLUMNS ? columns : VERSION_COLUMNS);
		sbuf_free(&shown);
	} else {
		utf8_escape(&x->out, why);
		sbuf_char(&x->out, ')');
	}
}

/* The variable that holds its key; empty: none of them does. */
static struct str key_of(struct arena *a, const struct provider *p)
{
	for (size_t i = 0; i < p->key_env.n; i++) {
		const char *value = getenv(arena_copy(a, p->key_env.p[i]).p);
		if (value && *value)
			return p->key_env.p[i];
	}
	return STR_NONE;
}

/* What somebody left who logged in; empty: nothing is there. */
static struct str login_of(struct arena *a, const struct provider *p)
{
	for (size_t i = 0; i < p->login_files.n; i++) {
		struct str path = p->login_files.p[i];
		const char *home = str_starts(path, STR("~/")) ? home_folder(a) : "";
		if (home && !access(arena_printf(a, "%s%.*s", home, STR_ARG(*home ? str_sub(path, 1, path.n) : path)).p, F_OK))
			return path;
	}
	return STR_NONE;
}

/* Nobody could have logged in, as far as the rule can tell. */
static bool no_login(struct arena *a, const struct provider *p)
{
	return p->login_files.n && !key_of(a, p).n && !login_of(a, p).n;
}

/* "; no key in A, B and no log-in seen: log in with 'mine login'". Without login_files a program may have logged in where nobody looks. */
static void add_key(struct examination *x, const struct provider *p)
{
	struct arena *a = &x->g->arena;
	struct str key = key_of(a, p), login = login_of(a, p);
	if (key.n)
		sbuf_printf(&x->out, "; key in %.*s", STR_ARG(key));
	else if (login.n)
		sbuf_printf(&x->out, "; logged in (%.*s)", STR_ARG(login));
	for (size_t i = 0; !key.n && !login.n && i < p->key_env.n; i++)
		sbuf_printf(&x->out, "%s%.*s", i ? ", " : "; no key in ", STR_ARG(p->key_env.p[i]));
	if (!no_login(a, p))
		return;
	sbuf_lit(&x->out, p->key_env.n ? " and no log-in seen" : "; no log-in seen");
	if (p->login.n) {
		sbuf_lit(&x->out, ": log in with '");
		utf8_escape(&x->out, p->login);
		sbuf_char(&x->out, '\'');
	}
}

/* "; out of quota until 2026-12-01 09:00 (rm FILE opens it before)" */
static void add_quota(struct examination *x, int64_t closed_ms, struct str file)
{
	if (!closed_ms)
		return;
	sbuf_lit(&x->out, "; out of quota until ");
	clock_when(&x->out, closed_ms * NS_PER_MS);
	sbuf_lit(&x->out, " (rm ");
	phrase_word(&x->out, file);
	sbuf_lit(&x->out, " opens it before)");
}

static void add_limits(struct examination *x, const struct provider *p)
{
	struct times *t = map_get(&x->latencies, p->name);
	if (p->max_concurrent)
		sbuf_printf(&x->out, "; at most %u at once", p->max_concurrent);
	if (p->rate_capacity)
		sbuf_printf(&x->out, "; %u call%s may begin at once, then %g a second", p->rate_capacity, p->rate_capacity == 1 ? "" : "s", p->rate_refill);
	if (!t)
		return;
	qsort(t->ns.p, t->ns.n, sizeof *t->ns.p, by_number);
	sbuf_lit(&x->out, "; first byte after ");
	clock_duration(&x->out, t->ns.p[t->ns.n / 2]);
}

/* "mine: usable: /usr/bin/mine, mine 0.40; public; at most 4 at once" */
static void examine_provider(struct examination *x, struct provider *p)
{
	struct str path, file = STR_NONE;
	bool installed = agent_installed(&x->g->arena, p, getenv("PATH"), &path), allowed = !x->private_only || p->is_private;
	sbuf_lit(&x->out, "  ");
	utf8_escape(&x->out, p->name);
	if (!installed) {
		sbuf_lit(&x->out, ": not installed (no '");
		utf8_escape(&x->out, p->command.p[0]);
		sbuf_lit(&x->out, "' in PATH)\n");
		return;
	}
	int64_t closed_ms = limits_out_of_quota(&x->g->arena, p->name, &file);
	sbuf_lit(&x->out, !allowed ? ": not allowed by 'privacy: private': " : closed_ms || no_login(&x->g->arena, p) ? ": installed: " : ": usable: ");
	add_program(x, p, path);
	sbuf_lit(&x->out, p->is_private ? "; private" : "; public");
	add_key(x, p);
	add_quota(x, closed_ms, file);
	add_limits(x, p);
	if (p->only_when_asked)
		sbuf_lit(&x->out, "; only when asked for (--provider)");
	sbuf_char(&x->out, '\n');
	x->closed += allowed && closed_ms && !p->only_when_asked;
	if (!allowed || closed_ms)
		return;
	*map_slot(&x->installed, p->name) = p;
	x->usable += !p->only_when_asked;
}

/* The provider that would serve it now; NULL: none. */
static const struct provider *server_of(const struct examination *x, const struct agent *agent)
{
	const struct provider *p;
	for (size_t i = 0; program_asks(x->g, agent, i, &p); i++)
		if (p && map_get(&x->installed, p->name))
			return p;
	return NULL;
}

/* "  backend, quality" of all that this provider serves; with NULL of those that none does. */
static void add_agents(struct examination *x, const struct provider *p)
{
	struct sbuf names = {0};
	for (size_t i = 0; i < x->rules->agent_list.n; i++) {
		const struct agent *agent = x->rules->agent_list.p[i];
		if (server_of(x, agent) != p)
			continue;
		sbuf_lit(&names, names.n ? ", " : "");
		utf8_escape(&names, agent->name);
	}
	if (names.n) {
		sbuf_lit(&x->out, "  ");
		if (p)
			utf8_escape(&x->out, p->name);
		else
			sbuf_lit(&x->out, "no usable provider");
		sbuf_printf(&x->out, ": %s\n", names.p);
	}
	sbuf_free(&names);
}

/* "  ssh: /usr/bin/ssh; wants 'hosts = NAME' from axmake.ini; at most 16 at once" */
static void examine_executor(struct examination *x, const struct executor *e)
{
	struct str word = e->wrap.p[0], path = word;
	const char *lacks = executor_lacks(e);
	sbuf_lit(&x->out, "  ");
	utf8_escape(&x->out, e->name);
	if (str_find(word, STR("${"), 0) == word.n && !str_starts(word, STR("~/")) && !os_find_program(&x->g->arena, word.p, getenv("PATH"), &path)) {
		sbuf_lit(&x->out, ": not installed (no '");
		utf8_escape(&x->out, word);
		sbuf_lit(&x->out, "' in PATH)\n");
		return;
	}
	sbuf_lit(&x->out, ": ");
	utf8_escape(&x->out, str_starts(word, STR("~/")) || str_find(word, STR("${"), 0) < word.n ? word : path);
	if (lacks)
		sbuf_printf(&x->out, "; wants '%s = NAME' from axmake.ini", lacks);
	for (size_t i = 0; i < e->hosts.n; i++) {
		sbuf_lit(&x->out, i ? ", " : "; hosts ");
		utf8_escape(&x->out, e->hosts.p[i]);
	}
	sbuf_printf(&x->out, "; at most %u at once%s\n", executor_places(e), e->root_apart ? "; files go there and back" : "");
}

/* Which there are, never what they hold: not every rule says where its key is. */
static void add_keys(struct examination *x)
{
	const char *gap = "";
	sbuf_lit(&x->out, "variables that hold keys, by their names: ");
	for (char **e = environ; *e; e++) {
		struct str all = str_of(*e), name = str_sub(all, 0, str_find(all, STR("="), 0));
		if (!signature_secret_name(name) || name.n + 1 >= all.n)
			continue;
		sbuf_lit(&x->out, gap);
		utf8_escape(&x->out, name);
		gap = ", ";
	}
	sbuf_lit(&x->out, *gap ? "\n" : "none\n");
}

/* Does the shared cache answer? */
static void add_server(struct examination *x)
{
	const struct wire_config *c = project_server(&x->g->project);
	struct str text;
	if (!c)
		return;
	struct wire_config ask = *c;
	ask.root_fd = ask.store_fd = -1;
	remote_check(&x->g->arena, x->g->options.server.program, &ask, &text);
	sbuf_lit(&x->out, "shared cache\n  ");
	utf8_escape(&x->out, c->url);
	sbuf_lit(&x->out, " ");
	utf8_escape(&x->out, text);
	sbuf_lit(&x->out, c->push ? "\n" : "; nothing is put there\n");
}

/* What to do where nothing serves. */
static void add_advice(struct examination *x)
{
	if (x->usable)
		return;
	sbuf_lit(&x->out, x->closed ? "no provider is usable now: one that is out of quota is opened as its line above says, another one has to be installed"
				    : "no provider is usable by itself: install one of the programs above");
	if (map_get(&x->installed, STR("offline")))
		sbuf_lit(&x->out, ", or try without: axmake --provider offline");
	sbuf_char(&x->out, '\n');
}

/* A line of the terminal's width at most, broken at spaces; what follows stands below its text. */
static void add_wrapped(struct sbuf *b, struct str line, size_t columns)
{
	size_t indent = line.n && line.p[0] == ' ' ? 6 : 2, used = 0;
	for (size_t at = 0; at < line.n;) {
		size_t end = str_find(line, STR(" "), at + strspn(line.p + at, " "));
		struct str word = str_sub(line, at, end < line.n ? end : line.n);
		size_t width = utf8_width(word);
		if (used && used + width >= columns) {
			sbuf_char(b, '\n');
			phrase_fill(b, indent);
			word = str_trim(word);
			used = indent;
			width = utf8_width(word);
		}
		sbuf_str(b, word);
		used += width;
		at = end;
	}
	sbuf_char(b, '\n');
}

static void print(struct str text)
{
	struct sbuf b = {0};
	size_t columns = console_width();
	for (size_t at = 0, end; columns && at < text.n; at = end + 1) {
		end = str_find(text, STR("\n"), at);
		add_wrapped(&b, str_sub(text, at, end), columns);
	}
	if (columns)
		text = sbuf_view(&b);
	fwrite(text.p, 1, text.n, stdout);
	sbuf_free(&b);
}

static void load(struct program *g)
{
	struct project *p = &g->project;
	struct diag *unheard = diag_new();
	bool workflow = g->options.file.p || workflow_find(&g->arena, unheard, NULL, STR_NONE).p;
	diag_free(unheard);
	if (workflow) {
		project_load(p, &g->options);
		return;
	}
	p->options = &g->options;
	p->rules = rules_load(&g->arena, p->diag, NULL, g->options.no_builtin ? RULES_NO_BUILTIN : 0);
	p->config = config_load(&g->arena, p->diag, NULL);
	options_settings(&g->options, &g->arena, p->diag, p->rules);
}

int doctor(struct program *g)
{
	struct examination x = {.g = g};
	load(g);
	if (!program_report(g))
		return EXIT_TROUBLE;
	rules_complete(g->project.rules);
	x.rules = g->project.rules;
	x.private_only = g->project.workflow && str_eq(g->project.workflow->policy.privacy.s, STR("private"));
	recall(&x);
	sbuf_lit(&x.out, "providers\n");
	for (size_t i = 0; i < x.rules->provider_list.n; i++)
		examine_provider(&x, x.rules->provider_list.p[i]);
	sbuf_lit(&x.out, "agents, by the provider that would serve them now\n");
	for (size_t i = 0; i < x.rules->provider_list.n; i++)
		add_agents(&x, x.rules->provider_list.p[i]);
	add_agents(&x, NULL);
	if (x.rules->executor_list.n)
		sbuf_lit(&x.out, "executors\n");
	for (size_t i = 0; i < x.rules->executor_list.n; i++)
		examine_executor(&x, x.rules->executor_list.p[i]);
	add_keys(&x);
	add_server(&x);
	add_advice(&x);
	print(sbuf_view(&x.out));
	sbuf_free(&x.out);
	map_free(&x.installed);
	map_free(&x.latencies);
	return x.usable ? 0 : EXIT_TROUBLE;
}

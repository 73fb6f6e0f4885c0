#include "load/rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/utf8.h"
#include "load/inifile.h"
#include "load/provider.h"

void rules_free(struct rules *r)
{
	map_free(&r->providers);
	map_free(&r->agents);
	map_free(&r->executors);
}

/* May a provider, an agent or an executor be called so? Lists are separated by commas, and names become parts of paths and of lines. */
static bool check_name(struct diag *d, const struct ini_section *s)
{
	if (!s->name.s.n) {
		diag_error(d, s->kind.at, NULL, "a section [%.*s] wants a name: [%.*s NAME]", STR_ARG(s->kind.s),
		           STR_ARG(s->kind.s));
		return false;
	}
	for (size_t i = 0; i < s->name.s.n; i++) {
		unsigned char c = (unsigned char)s->name.s.p[i];

		if (c < 0x20 || c == 0x7f || c == '/' || c == ',') {
			diag_error(d, s->name.at, NULL, "a name may not hold '/', ',' or a control character");
			return false;
		}
	}
	return true;
}

/* The user's own providers come before the built-in ones: who describes one means it to be used. */
static void list_provider(struct rules *r, struct arena *a, struct provider *p, bool own)
{
	size_t at;

	vec_push(a, &r->provider_list, p);
	if (!own)
		return;
	for (at = r->provider_list.n - 1; at > r->n_own; at--)
		r->provider_list.p[at] = r->provider_list.p[at - 1];
	r->provider_list.p[at] = p;
	r->n_own++;
}

struct provider *rules_provider(const struct rules *r, struct str name)
{
	struct provider *p = map_get(&r->providers, name);
	if (p && p->unread) {
		struct ini_section s = builtin_read(r->arena, p->unread);
		p->unread = NULL;
		provider_apply(p, r->arena, r->diag, &s, false);
	}
	return p;
}

static struct provider *new_provider(struct rules *r, struct arena *a, struct str name, bool own)
{
	struct provider *p = arena_new(a, struct provider);
	p->name = name;
	*map_slot(&r->providers, name) = p;
	list_provider(r, a, p, own);
	return p;
}

static void add_provider(struct rules *r, struct arena *a, struct diag *d, const struct ini_section *s, bool user)
{
	struct provider *p;

	if (!check_name(d, s))
		return;
	p = rules_provider(r, s->name.s);
	if (!p)
		p = new_provider(r, a, s->name.s, user);
	provider_apply(p, a, d, s, user);
}

static bool list_has(const struct agent *agent, struct str name)
{
	for (size_t i = 0; i < agent->providers.n; i++)
		if (str_eq(agent->providers.p[i], name))
			return true;
	return false;
}

/* `provider = a, b`: each with its own place. */
static void set_agent_providers(struct agent *agent, struct arena *a, struct diag *d, const struct text *value)
{
	agent->providers.n = agent->provider_places.n = 0;
	for (size_t at = 0; value->s.n && at <= value->s.n;) {
		size_t end = str_find(value->s, STR(","), at), start = at;
		struct str name = utf8_nfc(a, str_trim(str_sub(value->s, at, end)));
		struct pos place = value->at;

		while (start < end && (value->s.p[start] == ' ' || value->s.p[start] == '\t'))
			start++;
		place.col += (uint32_t)utf8_length(str_sub(value->s, 0, start));
		at = end + 1;
		if (!name.n) {
			diag_error(d, place, "names are separated by single commas", "a provider's name is missing");
			continue;
		}
		if (list_has(agent, name)) {
			diag_error(d, place, "name it once", "provider '%.*s' stands twice in the list", STR_ARG(name));
			continue;
		}
		vec_push(a, &agent->providers, name);
		vec_push(a, &agent->provider_places, place);
	}
}

static void report_agent_key(struct diag *d, const struct ini_key *key)
{
	struct suggestion near = {.wanted = key->name.s};
	const char *hint;

	suggestion_offer(&near, STR("provider"));
	suggestion_offer(&near, STR("model"));
	suggestion_offer(&near, STR("role"));
	hint = diag_did_you_mean(d, &near);
	diag_error(d, key->name.at, hint ? hint : "known are provider, model and role",
	           "unknown key '%.*s' in an agent's section", STR_ARG(key->name.s));
}

static void set_agent_key(struct agent *agent, struct arena *a, struct diag *d, const struct ini_key *key)
{
	ini_said_note(&agent->said, a, key);
	if (str_eq(key->name.s, STR("provider")))
		set_agent_providers(agent, a, d, &key->value);
	else if (str_eq(key->name.s, STR("model")))
		agent->model = key->value.s;
	else if (str_eq(key->name.s, STR("role")))
		agent->role = key->value.s;
	else
		report_agent_key(d, key);
}

static void agent_apply(struct agent *agent, struct arena *a, struct diag *d, const struct ini_section *s)
{
	agent->at = s->kind.at;
	for (size_t i = 0; i < s->keys.n; i++)
		set_agent_key(agent, a, d, &s->keys.p[i]);
}

struct agent *rules_agent(const struct rules *r, struct str name)
{
	struct agent *agent = map_get(&r->agents, name);
	if (agent && agent->unread) {
		struct ini_section s = builtin_read(r->arena, agent->unread);
		agent->unread = NULL;
		agent_apply(agent, r->arena, r->diag, &s);
	}
	return agent;
}

static struct agent *new_agent(struct rules *r, struct arena *a, struct str name)
{
	struct agent *agent = arena_new(a, struct agent);
	agent->name = name;
	*map_slot(&r->agents, name) = agent;
	vec_push(a, &r->agent_list, agent);
	return agent;
}

static void add_agent(struct rules *r, struct arena *a, struct diag *d, const struct ini_section *s)
{
	struct agent *agent;

	if (!check_name(d, s))
		return;
	agent = rules_agent(r, s->name.s);
	if (!agent)
		agent = new_agent(r, a, s->name.s);
	agent_apply(agent, a, d, s);
}

const struct executor *rules_executor(const struct rules *r, struct str name)
{
	struct executor *e = map_get(&r->executors, name);
	if (e && e->unread) {
		struct ini_section s = builtin_read(r->arena, e->unread);
		e->unread = NULL;
		executor_apply(e, r->arena, r->diag, &s, false);
	}
	return e;
}

void rules_complete(struct rules *r)
{
	for (size_t i = 0; i < r->provider_list.n; i++)
		rules_provider(r, r->provider_list.p[i]->name);
	for (size_t i = 0; i < r->agent_list.n; i++)
		rules_agent(r, r->agent_list.p[i]->name);
	for (size_t i = 0; i < r->executor_list.n; i++)
		rules_executor(r, r->executor_list.p[i]->name);
}

static struct executor *new_executor(struct rules *r, struct arena *a, struct str name)
{
	struct executor *e = arena_new(a, struct executor);
	e->name = name;
	*map_slot(&r->executors, name) = e;
	vec_push(a, &r->executor_list, e);
	return e;
}

static void add_executor(struct rules *r, struct arena *a, struct diag *d, const struct ini_section *s, bool user)
{
	struct executor *e;

	if (!check_name(d, s))
		return;
	if (str_eq(s->name.s, STR(EXECUTOR_LOCAL))) {
		diag_error(d, s->name.at, "give it another name", "'" EXECUTOR_LOCAL "' is what a task names to run on this machine, without an executor");
		return;
	}
	e = (struct executor *)rules_executor(r, s->name.s);
	if (!e)
		e = new_executor(r, a, s->name.s);
	executor_apply(e, a, d, s, user);
}

/* A later file's setting takes the earlier one's place. An empty one stays, so that its name is checked too. */
static void add_setting(struct rules *r, struct arena *a, const struct ini_key *key)
{
	for (size_t i = 0; i < r->settings.n; i++)
		if (str_eq(r->settings.p[i].name.s, key->name.s)) {
			r->settings.p[i] = (struct setting){key->name, key->value};
			return;
		}
	vec_push(a, &r->settings, (struct setting){key->name, key->value});
}

static void add_settings(struct rules *r, struct arena *a, struct diag *d, const struct ini_section *s)
{
	if (s->name.s.n) {
		diag_error(d, s->name.at, "write [axmake]", "the section [axmake] takes no name");
		return;
	}
	for (size_t i = 0; i < s->keys.n; i++)
		add_setting(r, a, &s->keys.p[i]);
}

static void report_kind(struct diag *d, const struct ini_section *s)
{
	struct suggestion near = {.wanted = s->kind.s};
	const char *hint;

	suggestion_offer(&near, STR("provider"));
	suggestion_offer(&near, STR("agent"));
	suggestion_offer(&near, STR("executor"));
	suggestion_offer(&near, STR("axmake"));
	hint = diag_did_you_mean(d, &near);
	diag_error(d, s->kind.at, hint ? hint : "known are [axmake], [provider NAME], [agent NAME] and [executor NAME]",
	           "unknown kind of section '%.*s'", STR_ARG(s->kind.s));
}

/* A section is there to say something. */
static void report_empty(struct diag *d, const struct ini_section *s)
{
	if (!s->keys.n)
		diag_error(d, s->kind.at, "give it a key, or put a ';' before its heading, too", "section [%.*s%s%.*s] is empty", STR_ARG(s->kind.s), s->name.s.n ? " " : "",
		           STR_ARG(s->name.s));
}

void rules_add(struct rules *r, struct arena *a, struct diag *d, uint32_t source, struct str text, bool user)
{
	const struct inifile *file = inifile_read(a, d, source, text);

	for (size_t i = 0; i < file->sections.n; i++) {
		const struct ini_section *s = &file->sections.p[i];

		if (str_eq(s->kind.s, STR("provider")))
			add_provider(r, a, d, s, user);
		else if (str_eq(s->kind.s, STR("agent")))
			add_agent(r, a, d, s);
		else if (str_eq(s->kind.s, STR("executor")))
			add_executor(r, a, d, s, user);
		else if (str_eq(s->kind.s, STR("axmake")))
			add_settings(r, a, d, s);
		else {
			report_kind(d, s); /* which is enough to be said of it */
			continue;
		}
		report_empty(d, s);
	}
}

static void check_agent(const struct rules *r, struct diag *d, const struct agent *agent)
{
	for (size_t i = 0; i < agent->providers.n; i++) {
		struct suggestion near = {.wanted = agent->providers.p[i]};

		if (map_get(&r->providers, near.wanted))
			continue;
		for (size_t j = 0; j < r->provider_list.n; j++)
			suggestion_offer(&near, r->provider_list.p[j]->name);
		diag_error(d, agent->provider_places.p[i], diag_did_you_mean(d, &near),
		           "agent '%.*s' names an unknown provider '%.*s'", STR_ARG(agent->name), STR_ARG(near.wanted));
	}
}

void rules_check(struct rules *r, struct arena *a, struct diag *d)
{
	(void)a;
	for (size_t i = 0; i < r->provider_list.n; i++)
		if (!r->provider_list.p[i]->unread)
			provider_check(r->provider_list.p[i], d);
	for (size_t i = 0; i < r->agent_list.n; i++)
		check_agent(r, d, r->agent_list.p[i]);
	for (size_t i = 0; i < r->executor_list.n; i++)
		if (!r->executor_list.p[i]->unread)
			executor_check(r->executor_list.p[i], d);
}

/* By its name alone. */
static void add_builtin(struct rules *r, struct arena *a, const struct builtin_section *found)
{
	struct builtin_section *s = arena_new(a, struct builtin_section);
	struct str name = arena_copy(a, found->name);
	*s = *found;
	if (str_eq(s->kind, STR("provider")))
		new_provider(r, a, name, false)->unread = s;
	else if (str_eq(s->kind, STR("agent")))
		new_agent(r, a, name)->unread = s;
	else
		new_executor(r, a, name)->unread = s;
}

static void add_builtins(struct rules *r, struct arena *a, struct diag *d)
{
	r->arena = a;
	r->diag = d;
	for (const struct builtin_rule *b = builtin_rules; b->name; b++) {
		struct str text = {b->text, b->n};
		uint32_t source = diag_source(d, arena_printf(a, "built-in %s", b->name), text), line = 1;
		size_t from = 0;
		struct builtin_section s;
		while (builtin_next(source, text, &from, &line, &s))
			add_builtin(r, a, &s);
	}
}

static void report_file(struct diag *d, struct str path, int err)
{
	diag_error(d, (struct pos){diag_source(d, path, STR_NONE), 0, 0}, NULL, "cannot read these rules: %s", os_read_error(err));
}

/* A file of the user's that may be absent. */
static void add_file(struct rules *r, struct arena *a, struct diag *d, struct seen *seen, struct str path)
{
	struct str text;
	int err = seen_read_file(seen, a, AT_FDCWD, path.p, INIFILE_MAX, &text);

	if (err == ENOENT)
		return;
	if (err) {
		report_file(d, path, err);
		return;
	}
	/* Without its BOM, the first line's excerpt and columns agree. */
	if (str_starts(text, STR("\xEF\xBB\xBF")))
		text = str_sub(text, 3, text.n);
	rules_add(r, a, d, diag_source(d, path, text), text, true);
}

/* $XDG_CONFIG_HOME/axmake, or ~/.config/axmake; STR_NONE without a home. Relative ones are void, as XDG has it. */
static struct str user_folder(struct arena *a, struct seen *seen)
{
	const char *config = seen_getenv(seen, "XDG_CONFIG_HOME"), *home = seen_getenv(seen, "HOME");

	if (config && *config == '/')
		return arena_printf(a, "%s/axmake", config);
	if (home && *home == '/')
		return arena_printf(a, "%s/.config/axmake", home);
	return STR_NONE;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void add_folder(struct rules *r, struct arena *a, struct diag *d, struct seen *seen, struct str folder)
{
	VEC(struct str) names = {0};
	DIR *dir = folder.n ? opendir(folder.p) : NULL;
	const struct dirent *entry;

	if (!dir) {
		if (folder.n && errno != ENOENT)
			report_file(d, folder, errno);
		else if (folder.n)
			seen_missing(seen, folder, true);
		return;
	}
	seen_open(seen, folder, dirfd(dir));
	while (errno = 0, entry = readdir(dir)) {
		struct str name = str_of(entry->d_name);

		if (str_ends(name, STR(".ini")) && name.p[0] != '.')
			vec_push(a, &names, arena_copy(a, name));
	}
	if (errno)
		report_file(d, folder, errno);
	closedir(dir);
	if (names.n)
		qsort(names.p, names.n, sizeof *names.p, by_bytes);
	for (size_t i = 0; i < names.n; i++)
		add_file(r, a, d, seen, arena_printf(a, "%.*s/%.*s", STR_ARG(folder), STR_ARG(names.p[i])));
}

struct rules *rules_load(struct arena *a, struct diag *d, struct seen *seen, unsigned flags)
{
	struct rules *r = arena_new(a, struct rules);

	if (!(flags & RULES_NO_BUILTIN))
		add_builtins(r, a, d);
	if (!(flags & RULES_NO_USER)) {
		add_folder(r, a, d, seen, user_folder(a, seen));
		add_file(r, a, d, seen, STR("axmake.ini"));
	}
	rules_check(r, a, d);
	return r;
}

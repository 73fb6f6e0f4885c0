#include "load/provider.h"

#include <assert.h>
#include <string.h>

#include "load/callwords.h"
#include "load/inifile.h"
#include "load/provider_parts.h"
#include "load/value.h"

/* The line "name=value" in sorted lines, put in or replaced. */
static struct str with_line(struct arena *a, struct str lines, struct str name, struct str value)
{
	struct sbuf b = {0};
	struct str out;
	bool placed = false;

	for (size_t at = 0; at < lines.n;) {
		size_t end = str_find(lines, STR("\n"), at);
		struct str line = str_sub(lines, at, end), old = str_sub(line, 0, str_find(line, STR("="), 0));
		int order = str_cmp(old, name);

		if (order >= 0 && !placed) {
			sbuf_printf(&b, "%.*s=%.*s\n", STR_ARG(name), STR_ARG(value));
			placed = true;
		}
		if (order)
			sbuf_printf(&b, "%.*s\n", STR_ARG(line));
		at = end + 1;
	}
	if (!placed)
		sbuf_printf(&b, "%.*s=%.*s\n", STR_ARG(name), STR_ARG(value));
	out = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return out;
}

static void apply_key(struct apply *ap, const struct ini_key *key)
{
	const struct key_def *def = provider_key(key->name.s);

	if (!def) {
		provider_key_unknown(ap, key);
		return;
	}
	ap->key = key;
	ini_said_note(&ap->provider->said, ap->arena, key);
	if (key->value.s.n)
		def->set(ap, def);
	else
		memset(provider_key_field(ap, def), 0, def->size);
	if (ap->user && def->shapes)
		ap->provider->user_shape = with_line(ap->arena, ap->provider->user_shape, key->name.s, provider_key_shape(ap, def));
}

/* Does the section give a command, and another one than the provider has? */
static bool other_command(const struct provider *p, struct arena *a, const struct ini_section *section)
{
	const struct ini_key *key = ini_section_get(section, STR("command"));
	size_t n = 0;
	struct str *words = key && key->value.s.n ? value_words(a, key->value.s, &n) : NULL;

	if (!words || !p->command.n)
		return false;
	if (n != p->command.n)
		return true;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(words[i], p->command.p[i]))
			return true;
	return false;
}

/* What a provider keeps when it starts afresh with another command. */
static struct ini_said kept_of(const struct ini_said *said, struct arena *a)
{
	static const char *const kept[] = {"max_prompt", "privacy", "rate_capacity", "rate_refill", "max_concurrent", "ask"};
	struct ini_said out = {0};

	for (size_t i = 0; i < said->keys.n; i++)
		for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
			if (str_eq(said->keys.p[i].name.s, str_of(kept[k])))
				vec_push(a, &out.keys, said->keys.p[i]);
	return out;
}

void provider_apply(struct provider *p, struct arena *a, struct diag *d, const struct ini_section *section, bool user)
{
	struct apply ap = {.provider = p, .arena = a, .diag = d, .user = user};

	p->at = section->kind.at;
	if (user && other_command(p, a, section))
		*p = (struct provider){.name = p->name,
		                       .at = p->at,
		                       .max_prompt = p->max_prompt,
		                       .is_private = p->is_private,
		                       .rate_capacity = p->rate_capacity,
		                       .rate_refill = p->rate_refill,
		                       .max_concurrent = p->max_concurrent,
		                       .only_when_asked = p->only_when_asked,
		                       .said = kept_of(&p->said, a)};
	for (size_t i = 0; i < section->keys.n; i++)
		apply_key(&ap, &section->keys.p[i]);
}

/* As it could have been said; a word with blanks in it is quoted. */
static void note_command(struct provider *p, struct arena *a, struct pos at)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < p->command.n; i++) {
		bool blank = str_find(p->command.p[i], STR(" "), 0) < p->command.p[i].n;

		sbuf_printf(&b, "%s%s%.*s%s", i ? " " : "", blank ? "'" : "", STR_ARG(p->command.p[i]), blank ? "'" : "");
	}
	ini_said_note(&p->said, a, &(struct ini_key){.name = {STR("command"), at, 0, false}, .value = {arena_copy(a, sbuf_view(&b)), at, 0, false}});
	sbuf_free(&b);
}

/* The rule's words with another program. */
static void set_program(struct provider *p, struct arena *a, struct str program, struct pos at)
{
	struct words *w = &p->command;
	struct apply ap = {.provider = p, .arena = a};
	const struct key_def *command = provider_key(STR("command"));
	struct str *words = arena_array(a, struct str, w->n);

	if (str_eq(w->p[0], program))
		return;
	memcpy(words, w->p, w->n * sizeof *words);
	words[0] = program;
	w->p = words;
	note_command(p, a, at);
	assert(command);
	p->user_shape = with_line(a, p->user_shape, STR("command"), provider_key_shape(&ap, command));
}

void provider_set_command(struct provider *p, struct arena *a, struct diag *d, struct text command)
{
	size_t n = 0;
	struct str *words = value_words(a, command.s, &n);
	struct ini_section section = {.kind = {.s = STR("provider"), .at = command.at}};

	if (words && n == 1 && p->command.n && words[0].n && str_find(words[0], STR("${"), 0) == words[0].n) {
		set_program(p, a, words[0], command.at);
		return;
	}
	vec_push(a, &section.keys, (struct ini_key){.name = {.s = STR("command"), .at = command.at}, .value = command});
	provider_apply(p, a, d, &section, true);
	provider_check(p, d);
}

static void check_uses(const struct provider *p, struct diag *d, struct str name, const char *key)
{
	if (!callwords_use(&p->command, name) && !callwords_use(&p->env, name))
		diag_error(d, p->command.at, diag_hint(d, "add the word ${%.*s}", STR_ARG(name)),
		           "provider '%.*s' has %s = file, but its command does not name that file", STR_ARG(p->name), key);
}

void provider_check(const struct provider *p, struct diag *d)
{
	if (!p->command.n) {
		/* One that was there, but wrong, has been reported. */
		if (!p->command.at.source)
			diag_error(d, p->at, "add command = PROGRAM WORDS…", "provider '%.*s' has no command", STR_ARG(p->name));
		return;
	}
	if ((p->rate_capacity > 0) != (p->rate_refill > 0))
		diag_error(d, p->at, p->rate_refill > 0 ? "add rate_capacity = CALLS" : "add rate_refill = CALLS-A-SECOND",
			   "provider '%.*s' has only one of rate_capacity and rate_refill", STR_ARG(p->name));
	if (p->prompt == PROMPT_FILE)
		check_uses(p, d, STR("prompt_file"), "prompt");
	if (p->result.kind == WHERE_FILE)
		check_uses(p, d, STR("result_file"), "result");
	if (p->prompt != PROMPT_ARG && callwords_use(&p->command, STR("prompt")))
		diag_error(d, p->command.at, "add prompt = arg",
		           "provider '%.*s' has ${prompt} in its command, but no prompt = arg", STR_ARG(p->name));
	if (p->resume_args.n && p->session.kind == WHERE_NONE)
		diag_error(d, p->resume_args.at, "add session = jsonl:/POINTER",
		           "provider '%.*s' has resume_args, but nothing says where its ${session} stands", STR_ARG(p->name));
}

#include "load/executor.h"

#include <stddef.h>
#include <string.h>

#include "load/regex.h"
#include "load/value.h"

#define MOST_PLACES 1000000

/* One section that is being laid over an executor. */
struct apply {
	struct executor *executor;
	struct arena *arena;
	struct diag *diag;
	const struct ini_key *key; /* at hand; its value is not empty */
	bool user;                 /* who wrote it; the built-in ones are tested */
};

struct key_def {
	const char *name;
	void (*set)(struct apply *ap, const struct key_def *def);
	size_t field, size; /* of struct executor; cleared by an empty value */
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const placeholders[] = {"name", "root", "mark", "run", "lane", "host", "image", "uid", "gid", "slots", "memory", NULL};
static const char *const run_placeholders[] = {"root", "run", NULL}; /* what is the same for all tries of a run */

static void *field_of(struct apply *ap, const struct key_def *def)
{
	return (char *)ap->executor + def->field;
}

static void report_value(struct apply *ap, const char *wanted)
{
	diag_error(ap->diag, ap->key->value.at, wanted, "'%.*s' is no value for '%.*s'", STR_ARG(ap->key->value.s), STR_ARG(ap->key->name.s));
}

static void set_words_with(struct apply *ap, const struct key_def *def, const char *const *known)
{
	struct words *w = field_of(ap, def);
	callwords_read(ap->arena, ap->diag, ap->key, known, w);
	if (w->n && !w->p[0].n)
		diag_error(ap->diag, ap->key->value.at, NULL, "the command's first word is empty");
}

static void set_words(struct apply *ap, const struct key_def *def)
{
	set_words_with(ap, def, placeholders);
}

static void set_run_words(struct apply *ap, const struct key_def *def)
{
	set_words_with(ap, def, run_placeholders);
}

static void set_hosts(struct apply *ap, const struct key_def *def)
{
	static const char *const none[] = {NULL};
	struct words *w = field_of(ap, def);
	callwords_read(ap->arena, ap->diag, ap->key, none, w);
	for (size_t i = 0; i < w->n; i++)
		if (!w->p[i].n || *w->p[i].p == '-')
			diag_error(ap->diag, ap->key->value.at, "HOST HOST …", "'%.*s' is no name of a host", STR_ARG(w->p[i]));
}

static void set_text(struct apply *ap, const struct key_def *def)
{
	*(struct str *)field_of(ap, def) = ap->key->value.s;
}

static void set_names(struct apply *ap, const struct key_def *def)
{
	static const char *const none[] = {NULL};
	struct words *w = field_of(ap, def);
	callwords_read(ap->arena, ap->diag, ap->key, none, w);
	for (size_t i = 0; i < w->n; i++)
		if (!callwords_is_name(w->p[i]))
			diag_error(ap->diag, ap->key->value.at, "NAME NAME", "'%.*s' is no variable's name", STR_ARG(w->p[i]));
}

/* One of two words, of which the first is 0. */
static int one_of(struct apply *ap, const char *first, const char *second)
{
	int word = str_eq(ap->key->value.s, str_of(second));
	if (!word && !str_eq(ap->key->value.s, str_of(first)))
		report_value(ap, diag_hint(ap->diag, "%s or %s", first, second));
	return word;
}

static void set_shared(struct apply *ap, const struct key_def *def)
{
	bool shared = true;
	if (!value_bool(ap->key->value.s, &shared))
		report_value(ap, "yes or no");
	*(bool *)field_of(ap, def) = !shared;
}

static void set_quote(struct apply *ap, const struct key_def *def)
{
	*(enum executor_quote *)field_of(ap, def) = (enum executor_quote)one_of(ap, "none", "shell");
}

static void set_env(struct apply *ap, const struct key_def *def)
{
	*(enum executor_env *)field_of(ap, def) = (enum executor_env)one_of(ap, "inherit", "stdin");
}

static void set_regex(struct apply *ap, const struct key_def *def)
{
	size_t groups;
	/* The built-in ones are tested. */
	const char *fault = ap->user ? regex_fault(ap->arena, ap->key->value.s, &groups) : NULL;
	if (fault) {
		diag_error(ap->diag, ap->key->value.at, "a POSIX extended regular expression is wanted", "'%.*s': %s", STR_ARG(ap->key->name.s), fault);
		return;
	}
	*(struct str *)field_of(ap, def) = ap->key->value.s;
}

static void set_places(struct apply *ap, const struct key_def *def)
{
	int64_t n;
	if (value_int(ap->key->value.s, 1, MOST_PLACES, &n))
		*(uint32_t *)field_of(ap, def) = (uint32_t)n;
	else
		report_value(ap, "a whole number from 1 to 1000000");
}

#define FIELD(f) .field = offsetof(struct executor, f), .size = sizeof((struct executor *)NULL)->f

static const struct key_def keys[] = {
    {"wrap", set_words, FIELD(wrap)},
    {"max_concurrent", set_places, FIELD(max_concurrent)},
    {"hosts", set_hosts, FIELD(hosts)},
    {"image", set_text, FIELD(image)},
    {"shared_root", set_shared, FIELD(root_apart)},
    {"quote", set_quote, FIELD(quote)},
    {"env", set_env, FIELD(env)},
    {"pass", set_names, FIELD(pass)},
    {"stop", set_words, FIELD(stop)},
    {"cancel", set_words, FIELD(cancel)},
    {"end", set_run_words, FIELD(end)},
    {"retry_on", set_regex, FIELD(retry_on)},
    {"fail_on", set_regex, FIELD(fail_on)},
};

static void report_key(struct apply *ap, const struct ini_key *key)
{
	struct suggestion near = {.wanted = key->name.s};
	for (size_t i = 0; i < COUNT(keys); i++)
		suggestion_offer(&near, str_of(keys[i].name));
	diag_error(ap->diag, key->name.at, diag_did_you_mean(ap->diag, &near), "unknown key '%.*s' in an executor's section", STR_ARG(key->name.s));
}

static void apply_key(struct apply *ap, const struct ini_key *key)
{
	const struct key_def *def = NULL;
	for (size_t i = 0; i < COUNT(keys) && !def; i++)
		def = str_eq(key->name.s, str_of(keys[i].name)) ? &keys[i] : NULL;
	if (!def) {
		report_key(ap, key);
		return;
	}
	ap->key = key;
	ini_said_note(&ap->executor->said, ap->arena, key);
	if (key->value.s.n)
		def->set(ap, def);
	else
		memset(field_of(ap, def), 0, def->size);
}

void executor_apply(struct executor *e, struct arena *a, struct diag *d, const struct ini_section *section, bool user)
{
	struct apply ap = {.executor = e, .arena = a, .diag = d, .user = user};
	e->at = section->kind.at;
	for (size_t i = 0; i < section->keys.n; i++)
		apply_key(&ap, &section->keys.p[i]);
}

void executor_check(const struct executor *e, struct diag *d)
{
	/* One that was there, but wrong, has been reported. */
	if (!e->wrap.n && !e->wrap.at.source)
		diag_error(d, e->at, "add wrap = PROGRAM WORDS…", "executor '%.*s' has no 'wrap'", STR_ARG(e->name));
}

static bool wants(const struct executor *e, struct str placeholder)
{
	return callwords_use(&e->wrap, placeholder) || callwords_use(&e->stop, placeholder) || callwords_use(&e->cancel, placeholder);
}

const char *executor_lacks(const struct executor *e)
{
	if (!e->hosts.n && wants(e, STR("host")))
		return "hosts";
	return !e->image.n && wants(e, STR("image")) ? "image" : NULL;
}

uint32_t executor_places(const struct executor *e)
{
	return e->max_concurrent ? e->max_concurrent : EXECUTOR_PLACES;
}

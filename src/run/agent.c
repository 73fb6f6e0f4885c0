#include "run/agent.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/home.h"
#include "base/os.h"
#include "base/path.h"
#include "base/vec.h"

/* The kernel's MAX_ARG_STRLEN is 32 pages, the NUL included. */
#define ARG_MAX_BYTES ((size_t)131071)

#define OFFLINE_PROGRAM "axmake-offline"

static const struct {
	struct str name;
	size_t offset; /* of the value in struct call_input */
} placeholders[] = {
    {{"prompt", 6}, offsetof(struct call_input, prompt)},
    {{"prompt_file", 11}, offsetof(struct call_input, prompt_file)},
    {{"result_file", 11}, offsetof(struct call_input, result_file)},
    {{"model", 5}, offsetof(struct call_input, model)},
    {{"role", 4}, offsetof(struct call_input, role)},
    {{"agent", 5}, offsetof(struct call_input, agent)},
    {{"name", 4}, offsetof(struct call_input, task)},
    {{"session", 7}, offsetof(struct call_input, session)},
    {{"root", 4}, offsetof(struct call_input, root)},
};

static const struct str *placeholder_value(const void *in, struct str name)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
		if (str_eq(placeholders[i].name, name))
			return (const struct str *)(const void *)((const char *)in + placeholders[i].offset);
	return NULL;
}

static struct str expand_word(struct arena *a, const struct call_input *in, struct str w)
{
	return callwords_expand(a, w, placeholder_value, in);
}

/* As expand_word; a `~/` that the rule itself begins with is the home folder, as it would be in a shell. */
static struct str expand_argument(struct arena *a, const struct call_input *in, struct str w)
{
	const char *home = str_starts(w, STR("~/")) ? home_folder(a) : NULL;

	if (!home)
		return expand_word(a, in, w);
	struct str rest = expand_word(a, in, str_sub(w, 1, w.n));
	return arena_printf(a, "%s%.*s", home, STR_ARG(rest));
}

/* `word` is expanded. A relative path with '/' is the root's where the root is known, since that is where tasks run. */
static bool find_program(struct arena *a, struct str word, struct str root, const char *path_env, struct str *out)
{
	if (word.n == 0 || memchr(word.p, 0, word.n))
		return false;
	if (str_eq(word, STR(OFFLINE_PROGRAM)) && beside_find(a, word, out))
		return true;
	if (memchr(word.p, '/', word.n) && root.n > 0)
		word = path_join(a, root, word);
	return os_find_program(a, arena_copy(a, word).p, path_env, out);
}

bool agent_beside(struct arena *a, struct str word, const char *path_env, struct str *path)
{
	return beside_find(a, word, path) || os_find_program(a, arena_copy(a, word).p, path_env, path);
}

bool agent_installed(struct arena *a, const struct provider *p, const char *path_env, struct str *path)
{
	char here[PATH_MAX];
	struct call_input in = {.provider = p};
	struct str found;

	assert(p->command.n > 0);
	if (callwords_word_uses(p->command.p[0], STR("root")))
		in.root = str_of(getcwd(here, sizeof here));
	if (!find_program(a, expand_argument(a, &in, p->command.p[0]), STR_NONE, path_env, &found))
		return false;
	if (path)
		*path = arena_copy(a, found);
	return true;
}

/* What a call is being put together in. */
struct building {
	struct arena *a;
	const struct call_input *in; /* its prompt has the role before it where no argument carries the role */
	struct str *why;
	VEC(char *) argv;
};

/* Can `s`, made of `word`, be one argument or variable? */
static bool check_argument(const struct building *b, struct str word, struct str s)
{
	bool prompt = callwords_word_uses(word, STR("prompt"));
	const char *what = prompt ? "prompt" : callwords_word_uses(word, STR("role")) ? "role" : "argument";
	const char *cure = prompt ? "use prompt = stdin or file" : "shorten it; prompt = stdin or file has no such limit";

	if (s.n > ARG_MAX_BYTES) {
		*b->why = arena_printf(b->a, "%s of %zu bytes exceeds the %zu bytes that one argument of a program can have: %s",
		                       what, s.n, ARG_MAX_BYTES, cure);
		return false;
	}
	if (s.n > 0 && memchr(s.p, 0, s.n)) {
		*b->why = arena_printf(b->a, "%s holds a NUL byte, which no argument of a program can have: %s", what,
		                       prompt ? cure : "remove it");
		return false;
	}
	return true;
}

/* Who wrote the prompt, or what stands at its beginning, does not choose options: a line end before it makes none of it, and no other prompt. */
static struct str no_option(struct building *b, struct str word, struct str s)
{
	struct sbuf text = {0};

	if (!str_starts(word, STR("${prompt}")) || !str_starts(s, STR("-")))
		return s;
	sbuf_char(&text, '\n');
	sbuf_str(&text, s);
	s = arena_copy(b->a, sbuf_view(&text));
	sbuf_free(&text);
	return s;
}

static bool add_words(struct building *b, const struct words *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct str s = no_option(b, w->p[i], expand_argument(b->a, b->in, w->p[i]));

		if (!check_argument(b, w->p[i], s))
			return false;
		vec_push(b->a, &b->argv, (char *)s.p);
	}
	return true;
}

static bool add_arguments(struct building *b)
{
	const struct provider *p = b->in->provider;
	bool model = b->in->model.n > 0, role = b->in->role.n > 0;
	static const struct str last = {"${prompt}", 9};
	struct words prompt = {.p = (struct str *)&last, .n = 1};

	if (!add_words(b, &p->command))
		return false;
	if (model && !add_words(b, &p->model_args))
		return false;
	if (role && !add_words(b, &p->role_args))
		return false;
	if (b->in->session.n && !add_words(b, &p->resume_args))
		return false;
	bool said = callwords_use(&p->command, STR("prompt")) || (model && callwords_use(&p->model_args, STR("prompt"))) ||
	            (role && callwords_use(&p->role_args, STR("prompt")));
	if (p->prompt == PROMPT_ARG && !said && !add_words(b, &prompt))
		return false;
	vec_push(b->a, &b->argv, NULL);
	return true;
}

static char **build_env(struct building *b)
{
	const struct words *env = &b->in->provider->env;
	char **out = arena_array(b->a, char *, env->n + 1);

	for (size_t i = 0; i < env->n; i++) {
		struct str s = expand_word(b->a, b->in, env->p[i]);

		if (!check_argument(b, env->p[i], s))
			return NULL;
		out[i] = (char *)s.p;
	}
	return out;
}

/* The role goes before the prompt unless the rule has a place of its own for it: it is said once. */
static struct str whole_prompt(struct arena *a, const struct call_input *in)
{
	const struct provider *p = in->provider;

	if (in->role.n == 0 || in->session.n > 0 || p->role_args.n > 0 || callwords_use(&p->command, STR("role")) || callwords_use(&p->env, STR("role")))
		return in->prompt;
	struct sbuf b = {0};
	sbuf_str(&b, in->role);
	sbuf_lit(&b, "\n\n");
	sbuf_str(&b, in->prompt);
	struct str out = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return out;
}

static void say_not_installed(struct arena *a, const struct provider *p, struct str word, struct str *why)
{
	bool is_path = word.n > 0 && memchr(word.p, '/', word.n);

	*why = arena_printf(a, "provider '%.*s': program '%.*s' is not installed (%s)", STR_ARG(p->name), STR_ARG(word),
	                    is_path ? "no executable file of that name" : "not found in PATH");
}

bool agent_call(struct arena *a, const struct call_input *in, struct call *out, struct str *why)
{
	const struct provider *p = in->provider;
	struct call_input full = *in;
	struct building b = {.a = a, .in = &full, .why = why};
	struct str file;

	assert(p->command.n > 0);
	*out = (struct call){0};
	full.prompt = whole_prompt(a, in);
	if (p->max_prompt > 0 && full.prompt.n > p->max_prompt) {
		*why = arena_printf(a, "prompt of %zu bytes exceeds the %llu bytes that provider '%.*s' takes (max_prompt)",
		                    full.prompt.n, (unsigned long long)p->max_prompt, STR_ARG(p->name));
		out->unfit = true;
		return false;
	}
	struct str word = expand_argument(a, &full, p->command.p[0]);
	bool here = find_program(a, word, in->root, in->path_env, &file);
	if (!here && in->elsewhere && word.n && !memchr(word.p, 0, word.n)) {
		file = word;
	} else if (!here) {
		say_not_installed(a, p, word, why);
		return false;
	}
	out->unfit = !add_arguments(&b) || !(out->env = build_env(&b));
	if (out->unfit)
		return false;
	out->file = arena_copy(a, file).p;
	out->argv = b.argv.p;
	out->stdin_text = full.prompt;
	out->prompt_on_stdin = p->prompt == PROMPT_STDIN;
	return true;
}

/* An agent's call: which provider, which words, which environment. */
#ifndef AXMAKE_RUN_AGENT_H
#define AXMAKE_RUN_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "load/rules.h"

/* What one call is made of. All paths are absolute. */
struct call_input {
	const struct provider *provider;
	struct str task, agent;  /* names */
	struct str prompt;       /* expanded */
	struct str role, model;  /* empty: none */
	struct str session;      /* of the conversation that is to go on, with the prompt alone; empty: a new one */
	struct str root;         /* absolute */
	struct str prompt_file, result_file; /* where the caller keeps them */
	const char *path_env;    /* PATH to search */
	bool elsewhere;          /* where the program will be looked for again: it need not be here */
};

struct call {
	struct str script; /* of a task that runs one; empty: an agent's call */
	const char *file;  /* program, found */
	char **argv;       /* NULL-terminated */
	const char *plain_file; /* a script that needs no shell: tried before `file`, which is the shell; NULL: none */
	char **plain_argv;
	struct str stdin_text; /* content of the prompt's file (role and prompt); always to be written to prompt_file */
	bool prompt_on_stdin;  /* prompt_file is standard input; else /dev/null */
	char **env;        /* NAME=VALUE to add unless the environment has NAME; NULL-terminated */
	bool unfit;        /* where none came of it: this provider cannot be given what is to be asked, or its program cannot be started; another one may do */
};

/* Builds the call. Placeholders stay inside their word. false with *why (a whole sentence part: "prompt of 200000 bytes exceeds …") when the prompt is beyond max_prompt, an
 * argument beyond 128 KiB (then out->unfit), or the program is not there. */
bool agent_call(struct arena *a, const struct call_input *in, struct call *out, struct str *why);

/* Is the provider's program installed? *path (may be NULL) gets it. `offline`'s program (axmake-offline) is found beside axmake's own executable first, then in
 * ../libexec/axmake and ../lib/axmake relative to it, then along PATH. */
bool agent_installed(struct arena *a, const struct provider *p, const char *path_env, struct str *path);

/* A program that is installed together with axmake: beside it, or where a package keeps programs that are not for people's PATH; else in PATH. */
bool agent_beside(struct arena *a, struct str word, const char *path_env, struct str *path);

#endif

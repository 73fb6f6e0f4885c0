/* Rules: how agents become commands. INI files, later ones win key by key. */
#ifndef AXMAKE_LOAD_RULES_H
#define AXMAKE_LOAD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "load/workflow.h"

/* Where in an answer something stands: `json:/a/b`, `jsonl:/a/b` (last line that has it), `jsonl-sum:/a/b` (adds over lines and members; a part `*` is any member), `stderr-json:/a`,
 * `text` (all of standard output), `file` (${result_file}). */
enum where_kind { WHERE_NONE, WHERE_TEXT, WHERE_FILE, WHERE_JSON, WHERE_JSONL, WHERE_JSONL_SUM, WHERE_STDERR_JSON };
struct where {
	enum where_kind kind;
	struct str pointer; /* RFC 6901; a part `*` names every member */
};

enum prompt_way { PROMPT_STDIN, PROMPT_FILE, PROMPT_ARG };

struct words {
	struct str *p; /* placeholders ${…} still in them */
	size_t n;
	struct pos at;
};

struct provider {
	struct str name;
	struct pos at;
	struct words command; /* n > 0 */
	struct words model_args, role_args;
	struct words env; /* NAME=VALUE each */
	enum prompt_way prompt;
	uint64_t max_prompt; /* bytes; 0: none */
	struct where result, failed, error;
	struct where input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd;
	bool cached_in_input;
	bool is_private; /* `privacy = private` */
	bool only_when_asked; /* never chosen unless a task, agent, setting or option names it (`ask = true`): offline */
	struct str retry_on, fatal_on; /* POSIX ERE; empty: none */
	struct str revision;
	struct str user_shape; /* canonical text of the call-shaping keys that the user's files set; counts in signatures; empty when none */
};

struct agent {
	struct str name;
	struct pos at;
	VEC(struct str) providers; /* in the order to try; empty: every provider not only_when_asked, by name order of the rules */
	VEC(struct pos) provider_places;
	struct str model, role;
};

/* `[axmake]`: long options' names without dashes. Kept as texts for options.c. */
struct setting {
	struct text name, value;
};

struct rules {
	struct map providers; /* name -> struct provider * */
	struct map agents;    /* name -> struct agent * */
	VEC(struct provider *) provider_list; /* in the order of definition */
	VEC(struct agent *) agent_list;
	VEC(struct setting) settings;
};

/* One built-in file (rules/ *.ini made part of the program; see rules/embed.sh). */
struct builtin_rule {
	const char *name;
	const char *text;
	size_t n;
};
extern const struct builtin_rule builtin_rules[]; /* ends with a NULL name */

/* Reads the built-ins, then the user's *.ini of $XDG_CONFIG_HOME/axmake or ~/.config/axmake, by name, then axmake.ini of the current folder. Reports every mistake to d.
 * `flags`: RULES_NO_USER, RULES_NO_BUILTIN or 0. */
#define RULES_NO_USER 1u
#define RULES_NO_BUILTIN 2u
struct rules *rules_load(struct arena *a, struct diag *d, unsigned flags);
/* Adds one INI text; `user`: its keys count as set by the user. */
void rules_add(struct rules *r, struct arena *a, struct diag *d, uint32_t source, struct str text, bool user);
/* Checks what only the whole shows (a provider without a command, an agent's unknown provider). rules_load has done it. */
void rules_check(struct rules *r, struct arena *a, struct diag *d);

struct provider *rules_provider(const struct rules *r, struct str name);
struct agent *rules_agent(const struct rules *r, struct str name);

#endif

/* Providers: programs that answer prompts, and the keys of their [provider] sections. */
#ifndef AXMAKE_LOAD_PROVIDER_H
#define AXMAKE_LOAD_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/callwords.h"
#include "load/inifile.h"

/* Where in an answer something stands: `json:/a/b`, `jsonl:/a/b` (last line that has it), `jsonl-sum:/a/b` (adds over lines and
 * members; a part `*` is any member), `stderr-json:/a`, `text` (all of standard output), `file` (${result_file}). */
enum where_kind { WHERE_NONE, WHERE_TEXT, WHERE_FILE, WHERE_JSON, WHERE_JSONL, WHERE_JSONL_SUM, WHERE_STDERR_JSON };
/* As a section of the rules says it, up to a pointer: "text", "jsonl:"; what is nowhere is looked for in the text. */
const char *where_name(enum where_kind kind);
struct where {
	enum where_kind kind;
	struct str pointer; /* RFC 6901; a part `*` names every member */
};

/* Several places: in each line the first that has something counts. */
#define WHERES_MAX 4
struct wheres {
	struct where of[WHERES_MAX];
	size_t n;
};

/* What stands at a place: `jsonl:/a` (something that counts as true there) or `jsonl:/a=VALUE` (this). */
struct where_value {
	struct where where; /* WHERE_NONE: nowhere */
	bool has_value;
	struct str value;
};

/* Bounds of rate_capacity, rate_refill and max_concurrent. */
#define PROVIDER_CALLS_MAX 10000
#define PROVIDER_REFILL_MIN 0.00001

/* The first part of a pointer that is a set of members, `{a,b}`, whose numbers are to be added: from its '{' to behind its '}'. */
bool where_pointer_set(struct str pointer, size_t *from, size_t *to);

enum prompt_way { PROMPT_STDIN, PROMPT_FILE, PROMPT_ARG };

struct builtin_section;

struct provider {
	struct str name;
	const struct builtin_section *unread; /* see struct rules */
	struct pos at;
	struct words command; /* n > 0 */
	struct words model_args, role_args;
	struct words resume_args; /* go on with ${session} */
	struct words env; /* NAME=VALUE each */
	struct words needs;   /* paths in a sandbox that its program may read and write, absolute or below "~/"; a folder that is made where it is missing ends in '/' */
	struct words key_env; /* names of variables, one of which may hold its key: only for people */
	struct words version_args; /* with which its program prints its version, and calls nobody; none: it is not asked */
	struct words login_files;  /* as `needs`; one of them is there once somebody has logged in: only for people */
	struct str login;          /* what logs in, for people; empty: not said */
	enum prompt_way prompt;
	uint64_t max_prompt; /* bytes; 0: none */
	struct where result, error;
	struct where_value failed; /* whatever the exit status */
	struct where_value final;  /* which line of standard output ends an answer: WHERE_JSONL */
	struct wheres activity; /* WHERE_JSONL each */
	struct where session; /* WHERE_JSONL or WHERE_NONE */
	struct where input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd;
	bool cached_in_input;
	bool is_private;               /* `privacy = private` */
	bool only_when_asked;          /* never chosen unless a task, agent, setting or option names it (`ask = true`): offline */
	struct str retry_on, fatal_on; /* POSIX ERE; empty: none */
	struct str quota_on;           /* POSIX ERE; empty: none */
	struct str quota_reset;        /* POSIX ERE with a group; empty: none */
	/* Of the JSON settings. */
	bool switched_off; /* serves nobody */
	bool has_priority, has_timeout;
	double priority;    /* where an agent names no providers: the lowest comes first, those without one after all that have one */
	int64_t timeout_ns; /* of a call, where the task gives none; 0: none */
	struct str revision;
	uint32_t rate_capacity; /* calls that may begin at once; 0: any number. With rate_refill or not at all */
	double rate_refill;     /* calls a second */
	uint32_t max_concurrent; /* calls on their way at the same time; 0: any number */
	struct ini_said said;    /* the keys of all its sections, for people */
	struct str user_shape; /* canonical text of the call-shaping keys that the user's files set; counts in signatures; empty
	                          when none */
};

/* Lays a section over what p says already, key by key; an empty value clears. `user`: keys that shape the call are noted in
 * user_shape, and another command than p's makes p start afresh: of what it said, only limits, privacy and `ask` stay. */
void provider_apply(struct provider *p, struct arena *a, struct diag *d, const struct ini_section *section, bool user);
/* A command that the user's settings give: one word is the program, in place of the rule's, whose other words stay; several are a command of their own, as in
 * a section. */
void provider_set_command(struct provider *p, struct arena *a, struct diag *d, struct text command);
/* What only the sum of all sections shows: a command is there, and hands the prompt and the result over as `prompt` and `result`
 * say. */
void provider_check(const struct provider *p, struct diag *d);

#endif

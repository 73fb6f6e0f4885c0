/* Rules: how agents become commands, and where these run. INI files, later ones win key by key. */
#ifndef AXMAKE_LOAD_RULES_H
#define AXMAKE_LOAD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/seen.h"
#include "base/str.h"
#include "base/vec.h"
#include "load/builtin.h"
#include "load/executor.h"
#include "load/provider.h"
#include "load/workflow.h"

struct agent {
	struct str name;
	const struct builtin_section *unread; /* see struct rules */
	struct pos at;
	/* In the order to try; empty: every provider not only_when_asked, in the order of provider_list. */
	VEC(struct str) providers;
	VEC(struct pos) provider_places;
	struct str model, role;
	struct ini_said said; /* the keys of all its sections, for people */
};

/* `[axmake]`: long options' names without dashes. Kept as texts for options.c. */
struct setting {
	struct text name, value;
};

/* What is built in has nothing but its name, and is marked as `unread`, until it is asked for by name or rules_complete is called. */
struct rules {
	struct arena *arena; /* of rules_load, for what is still to be read; the same is true of diag, which is told nothing then */
	struct diag *diag;
	struct map providers;                 /* name -> struct provider * */
	struct map agents;                    /* name -> struct agent * */
	VEC(struct provider *) provider_list; /* in the order of definition, those that only the user's files define first */
	size_t n_own;                         /* how many these are */
	VEC(struct agent *) agent_list;
	struct map executors;                 /* name -> struct executor * */
	VEC(struct executor *) executor_list; /* in the order of definition */
	VEC(struct setting) settings;
};

#define RULES_NO_USER 1u
#define RULES_NO_BUILTIN 2u
/* Reads the built-ins, then the user's *.ini of $XDG_CONFIG_HOME/axmake or ~/.config/axmake, by name, then axmake.ini of the
 * current folder. Reports every mistake to d. `flags`: RULES_NO_USER, RULES_NO_BUILTIN or 0. */
struct rules *rules_load(struct arena *a, struct diag *d, struct seen *seen, unsigned flags);
/* Adds one INI text; `user`: its keys count as set by the user. */
void rules_add(struct rules *r, struct arena *a, struct diag *d, uint32_t source, struct str text, bool user);
/* Checks what only the whole shows, of all but what is unread (a provider without a command, an agent's unknown provider). rules_load has done it. */
void rules_check(struct rules *r, struct arena *a, struct diag *d);

/* What lies outside the arena. */
void rules_free(struct rules *r);

/* Reads what is unread: to be called, while what rules_load was given is there, by who looks at more than names in the lists. */
void rules_complete(struct rules *r);
/* By name, and read; NULL: there is none. */
struct provider *rules_provider(const struct rules *r, struct str name);
struct agent *rules_agent(const struct rules *r, struct str name);
const struct executor *rules_executor(const struct rules *r, struct str name);

#endif

/* Executors: where a task's command runs, and the keys of their [executor] sections. */
#ifndef AXMAKE_LOAD_EXECUTOR_H
#define AXMAKE_LOAD_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "load/callwords.h"
#include "load/inifile.h"

#define EXECUTOR_LOCAL "local" /* what a task names to run here after all; no section bears that name */
#define EXECUTOR_PLACES 64     /* unless max_concurrent says otherwise */

/* What follows `wrap`: the command's words, or one word that a shell makes these of. */
enum executor_quote { EXECUTOR_QUOTE_NONE, EXECUTOR_QUOTE_SHELL };

/* How variables get there: `wrap` hands its environment on, or they go before standard input. */
enum executor_env { EXECUTOR_ENV_INHERIT, EXECUTOR_ENV_STDIN };

struct builtin_section;

struct executor {
	struct str name;
	const struct builtin_section *unread; /* see struct rules */
	struct pos at;
	struct words wrap;       /* n > 0; they come before a task's command */
	struct words hosts;      /* of which ${host} is one */
	struct str image;        /* ${image} */
	enum executor_quote quote;
	enum executor_env env;
	struct words pass;       /* names of inherited variables that go there with EXECUTOR_ENV_STDIN */
	bool root_apart;         /* `shared_root = no`: the root is not seen there */
	struct words stop;       /* they tell its command there to end; n == 0: the end of `wrap` does */
	struct words cancel;     /* they end what a try may have left there; n == 0: nothing has to */
	struct str retry_on;     /* POSIX ERE on what `wrap` says of a try that never began: it is worth another. Empty: none is */
	struct str fail_on;      /* the same of one that began and did not tell its end: it has failed, and was not lost. Empty: none has */
	struct words end;        /* they end what it keeps for a whole run; n == 0: nothing has to */
	uint32_t max_concurrent; /* its tasks at the same time; 0: EXECUTOR_PLACES */
	struct ini_said said;    /* the keys of all its sections, for people */
};

/* Lays a section over what e says already, key by key; an empty value clears. */
void executor_apply(struct executor *e, struct arena *a, struct diag *d, const struct ini_section *section, bool user);
/* What only the sum of all sections shows: there is something to wrap in. */
void executor_check(const struct executor *e, struct diag *d);
/* The key that one of its words wants and that nobody has set, such as "hosts"; NULL: none. */
const char *executor_lacks(const struct executor *e);
/* How many of its tasks may run at once. */
uint32_t executor_places(const struct executor *e);

#endif

/* Private to executor*.c: words of an executor's rule with values in them. */
#ifndef AXMAKE_RUN_EXECUTOR_H
#define AXMAKE_RUN_EXECUTOR_H

#include "load/rules.h"
#include "run/job.h"

/* What placeholders stand for; one without p has no value. */
struct executor_values {
	struct str name, root, mark, run, lane, host, image, uid, gid, slots, memory;
};

struct executor_words {
	VEC(char *) of;
};

/* Adds what is the same for all tries of the executor in that run. */
void executor_values_add(struct executor_values *v, struct arena *a, const struct executor *e, uint64_t run_id);
/* Those of a try. */
struct executor_values executor_values(struct job *j);
/* Adds the rule's words with their values, but those that lack one. A `~/` at the beginning is the home folder. */
void executor_expand(struct arena *a, const struct words *w, const struct executor_values *v, struct executor_words *out);
/* Finds the program; a relative path with '/' is the root's. */
bool executor_find(struct arena *a, struct str root, const char *path_env, const char *word, struct str *out);

/* One of the executor's hosts that has the fewest tries of this run, and was not lost lately; STR_NONE: it has none. To be given back. */
struct str executor_take_host(struct job *j);
void executor_give_host(struct job *j, bool lost);

/* A number for the try that no other one of its executor has in this run until it is given back; rather one whose last task had the same slots and memory. */
void executor_take_lane(struct job *j);
void executor_give_lane(struct job *j); /* nothing where it has none */

/* Shell text of words: each in quotes, with spaces between them. In the arena. */
struct str executor_quoted(struct arena *a, char *const *words);
/* Shell text that sets the variables that are to go there. In the arena. */
struct str executor_variables(struct job *j, char *const *env);

/* Outputs and edits are looked at as they stand now, and not as this machine remembers them. */
void executor_look_anew(struct job *j);

/* For an executor that does not see the root: the shell around the command there, up to that; then all of the call, carried by axmake-carry. false with *why. */
void executor_carry_words(struct job *j, struct executor_words *w);
bool executor_carry(struct job *j, struct call *call, struct str *why);

/* Its `end` will be due: that is noted once a run. false with *why. */
bool executor_used(struct job *j, const struct executor *e, struct str *why);
/* Runs the rule's words, ten seconds at most. false with *why. */
bool executor_run_words(struct arena *a, const struct words *w, const struct executor_values *v, const char *path_env, struct str *why);

/* What is noted of a try, or without a name of a whole run, in `.axmake/elsewhere`, for the run after a killed one. */
enum { NOTED_EXECUTOR, NOTED_NAME, NOTED_ROOT, NOTED_HOST, NOTED_SLOTS, NOTED_MEMORY, NOTED_LANE, NOTED_N };

#endif

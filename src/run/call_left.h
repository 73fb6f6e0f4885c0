/* Private to run/: `tasks/NAME/call`, which tells what an agent at work was asked, for the run that finds this one killed; and its answer as the program wrote it, where what
 * people see of it had to be masked. */
#ifndef AXMAKE_RUN_CALL_LEFT_H
#define AXMAKE_RUN_CALL_LEFT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/hash.h"
#include "load/rules.h"
#include "run/mask.h"

struct call_left {
	char signature[HASH_HEX];
	uint64_t start_id;
	unsigned tries;
	bool complete;       /* known to be; else its output may tell */
	bool unfit;          /* complete, but it lacked a field that was used then, and that failure is on record */
	bool unmoved;        /* complete, but what it made could not all be moved to the root, and that failure is on record */
	bool refused;        /* complete, but its check failed, and that failure is on record */
	char asked[HASH_HEX]; /* of that: the signature but for the check, */
	char made[HASH_HEX];  /* and what it made in outputs and edits, as its check found and left it */
	bool unkept;         /* complete, but it could not be kept, and that failure is on record */
	bool lost;           /* can never be taken up; so is one that was not complete when the machine may have lost its power: nobody knows what of it is whole */
	bool counted;        /* what it took is on record */
	bool in_view;        /* what it made is not in the root, but in the task's view of it */
	bool stood;          /* its inputs were what the signature says when it had answered; else nobody looked then */
	struct str provider; /* its name */
	struct str files;    /* fields, see graph/field.h: inputs with their contents, and declared outputs with their kinds as contents' `lo` */
};

/* `dir` is the task's folder, seen from folder `at` (.axmake), here and below. */
struct str call_left_path(struct arena *a, struct str dir);
/* Its time of modification stays that of its beginning. 0 or errno. */
int call_left_write(int at, struct str dir, const struct call_left *c);
/* false: there is none that can be read. Strings in the arena. */
bool call_left_read(struct arena *a, int at, struct str dir, struct call_left *out);
/* Is its answer whole? Where nobody knows its provider now, somebody may later. */
bool call_left_whole(int at, struct str dir, const struct call_left *c, const struct rules *rules);
/* When the answer was there, at the latest, as far as is known; wall clock, as the file system has it. */
struct timespec call_left_end(int at, struct str dir, const struct call_left *c);
bool call_left_later(struct timespec a, struct timespec b);
/* It goes, and what was put aside of it. false: there was none. */
bool call_left_forget(int at, struct str dir);

/* The files that an answer is read from are put aside, among the results, where they hold a secret, and masked copies take their places. 0 or the first errno. */
int call_left_put_aside(int at, struct str dir, const struct mask *m);
/* Is a file of that name one of these? */
bool call_left_is_answer(const char *name);
/* What was put aside of folder `from`, which is called `to` now, is so of that one. */
void call_left_follow(int at, struct str from, struct str to);
/* They stand in their places again. */
void call_left_take_back(int at, struct str dir);

#endif

/* An output as it stands, beside what the cache has of it. */
#ifndef AXMAKE_RUN_STANDING_H
#define AXMAKE_RUN_STANDING_H

#include "base/filestat.h"
#include "base/vec.h"
#include "run/sched.h"
#include "state/cache_entry.h"

/* A part that is not as it was made, or is not there. */
struct missing {
	const struct filehash_part *part;
	struct str here;
	const char *aside; /* where it is fetched to; NULL: nowhere yet, or a folder */
	bool over;             /* something stands there, as it was when standing_still was last asked */
	struct file_stat was;
};

/* Whose is what stands there? */
enum owner {
	OWNER_OTHERS,
	OWNER_LEFT, /* a failed or killed try of the task's own left it, or one that may edit it: others may have put something beside it */
	OWNER_TASK, /* just as it made it, or nothing at all */
};

struct standing {
	const struct pattern *pattern;
	const struct cache_output *made;
	struct filehash_parts stands;
	enum file_state state;
	struct hash128 hash; /* of all that stands there; nothing where it is missing */
	enum owner owner;
	VEC(struct missing) missing;
	VEC(const struct filehash_part *) extra; /* stands there, but was not made */
};

/* Looks and compares; pattern and made are the caller's, the rest is written anew, in a. false: it cannot be looked at, which *why tells; or a run would not do with what stands there, or a
 * folder of somebody's is in the way. */
bool standing_look(struct standing *o, const struct sched_config *c, struct arena *a, struct task *t, struct str *why);
/* Is it as it was looked at? */
bool standing_still(struct standing *o, const struct sched_config *c);
/* What stands at the path; NULL: nothing of this output. */
const struct filehash_part *standing_part(const struct standing *o, struct str path);
bool standing_is_folder(const struct filehash_part *p);

#endif

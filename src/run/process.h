/* Starting a program, and finding and ending all that it left. */
#ifndef AXMAKE_RUN_PROCESS_H
#define AXMAKE_RUN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

/* Where a program is started: namespaces of its own, then a folder in them. */
struct place {
	int user_ns, mount_ns; /* descriptors; -1: this process's own */
	const char *folder;    /* NULL: this process's own */
};

struct pidgroup;

struct spawn {
	const char *file;      /* the program: a path with '/', found before */
	char *const *argv, *const *envp;
	const char *first_file; /* tried before, with words of its own; where it cannot be executed nobody is told. NULL: none */
	char *const *first_argv;
	int in, out, err;      /* become 0, 1, 2 */
	int keep[3];           /* further descriptors that stay open (the jobserver's, and what a sandbox's guard notes in), or -1 */
	const struct place *place; /* NULL: where this process is */
	uint64_t file_size;    /* bytes that it may write into any file (RLIMIT_FSIZE); 0: as this process */
	const char **step;     /* where an error came on the way to that place: which step it was. NULL: nobody asks */
	const struct pidgroup *group; /* in which it is counted, if it can be; NULL: none */
};

/* Makes this process the reaper of its orphaned descendants (PR_SET_CHILD_SUBREAPER). 0 or errno. Once, before the first spawn. */
int process_become_reaper(void);

/* From its first call on this process asks the kernel for short slices of time, and so gets a processor soon after a task's end although tasks have them all; what it starts gets slices as ever.
 * Where the kernel knows none such (before Linux 6.12), or somebody gave this process a policy or a better nice value of its own, all stays as it was. */
void process_prompt(void);

/* Starts it by vfork (nothing of a big process is copied): in a session of its own (no terminal), SIGTERM when axmake's main thread dies, default signal handlers and
 * the mask that axmake was started with; a SIGHUP ignored at start stays ignored. To be called from the main thread. 0 or errno of the step that failed (execve's too). */
int process_spawn(const struct spawn *s, pid_t *pid);

/* Reaps one ended child of any kind without waiting; false when none. wait status in *status. */
bool process_reap(pid_t *pid, int *status);

/* A mark in the environment tells whose an orphan is: `AX_RUN=OUTER:…:RUN-SEQ`. */
#define PROCESS_MARK "AX_RUN"
/* Does the environment of pid hold `mark` as one of the colon-separated parts of AX_RUN? false also where it cannot be read. */
bool process_has_mark(pid_t pid, struct str mark);

struct pid_list {
	VEC(pid_t) pids;
};

/* A process for good: a number may be given again, but not with the same start. */
struct process_id {
	pid_t pid;
	uint64_t start; /* clock ticks since boot */
};

struct process_ids {
	VEC(struct process_id) of;
};

/* Adds all living (not zombie) descendants of pid (not pid itself), by /proc/PID/task/TID/children; where the kernel lacks it, by one scan of /proc. */
void process_descendants(pid_t pid, struct pid_list *out);
/* Adds this process's own children (of its main thread, and other threads); zombies too. Cheap: one small file. */
void process_children(struct pid_list *out);
/* The same for a part that begins with that. */
bool process_has_mark_of(pid_t pid, struct str mark_prefix);
/* Every living process of this user with AX_RUN's part beginning with run mark (one scan of /proc): what a killed run left behind. */
void process_marked(struct str mark_prefix, struct pid_list *out);

/* Ending a task: SIGTERM once to each process, a grace for the whole, SIGKILL, until none is left. A state machine that the scheduler turns. */
struct ending {
	bool boxed;         /* its first process and the children of that are a sandbox's own, and not told to end: all in it would be killed with them, without a grace. What is ended is not counted */
	bool watched;       /* and one of these children hears of the calls of all in there: as long as there is somebody to call, it is not killed */
	pid_t group;        /* the task's first process = its session and group */
	struct str mark;    /* its own part of AX_RUN */
	int64_t kill_at_ns; /* monotonic; 0: not begun */
	bool killed;        /* SIGKILL has been sent, */
	bool spared;        /* and not to those children */
	size_t ended;       /* processes other than the first that had to be ended */
	struct process_ids told; /* got SIGTERM */
	struct process_ids own;  /* orphans adopted by axmake that belong to this task */
	void (*list)(void *self, struct pid_list *out); /* adds axmake's own children that are no task's first process; NULL: all its children are looked at */
	void *self;
};

#define ENDING_GRACE_NS (5 * INT64_C(1000000000))

/* Is anything of the task alive but `group` itself when that is already reaped? `orphans`: axmake's own children that are no task's first process and not yet
 * known to be another task's; this one's (by mark, by session) are added to e->own. */
bool ending_anything_left(struct ending *e, const struct pid_list *orphans, bool first_alive);
/* SIGTERM to all that is left and was not told yet; begins the grace at the first call (now + ENDING_GRACE_NS). */
void ending_term(struct ending *e, const struct pid_list *orphans, bool first_alive, int64_t now_ns);
/* SIGKILL to all that is left. */
void ending_kill(struct ending *e, const struct pid_list *orphans, bool first_alive);
void ending_free(struct ending *e);

#endif

/* Private to run/: a task on its way from stale to ended, and the scheduler's own state. */
#ifndef AXMAKE_RUN_JOB_H
#define AXMAKE_RUN_JOB_H

#include "run/admission.h"
#include "run/agent.h"
#include "run/answer.h"
#include "run/capture.h"
#include "run/left.h"
#include "run/mask.h"
#include "run/pidgroup.h"
#include "run/process.h"
#include "run/sched.h"
#include "run/live.h"
#include "run/taskheap.h"
#include "state/limits.h"

struct choice;
struct remote;
struct choice_none;
struct notes;
struct words_list;
struct executor_places;
#include "run/taskheap.h"

enum end_cause { END_OWN, END_TIMEOUT, END_STALL, END_BUDGET, END_DISK, END_INTERRUPT };

/* How what an executor ran came to its end. */
enum far_end {
	FAR_ENDED,     /* its command ended, or axmake ended it */
	FAR_LOST,      /* nobody knows: its node, or the way there, is gone */
	FAR_FAILED,    /* nobody knows, but the executor says why it had to end */
	FAR_UNSTARTED, /* the executor's own program failed before it began */
};

/* A try of which an executor runs the command, or the check. */
struct elsewhere_try {
	enum far_end end;
	bool settled;         /* `end` is known, and what may be left there was cancelled */
	bool began;           /* its time is counted from its beginning there */
	uint32_t lost_tries;  /* of the task, with this one */
	int status;           /* wait status, while `cancel` runs */
	struct str error;     /* what is said where it was lost, or not started */
	struct str sent;      /* variables, as shell text before standard input; n == 0: none */
	struct str host;      /* STR_NONE: none */
	bool has_host;        /* it counts there */
	size_t host_number;
	uint32_t lane;        /* its number; 0: it has none */
	bool stopping;        /* its command was told to end, by `stop` */
	bool stop_failed;     /* or could not be: its program here is */
	struct sbuf said;     /* the end of standard error */
};

enum job_phase {
	PHASE_MADE,     /* not started yet */
	PHASE_RUNNING,  /* its program runs */
	PHASE_ENDING,   /* the program has ended or is being ended; what it left is being ended */
	PHASE_CANCELLING, /* what an executor may still run of it is cancelled */
	PHASE_DRAINING, /* all have ended, but somebody unknown still holds its pipe, or there is much to be read */
	PHASE_SETTLING, /* it has succeeded, which waits to be brought to the disk with others' successes */
	PHASE_ASKING,   /* its answer is there and waits for those of its delegates. No place is held */
	PHASE_WAITING,  /* a try failed; the next one waits for its delay, then for its places. No place is held */
};

struct job {
	struct sched *sched;
	struct task *task;
	struct arena arena;
	enum job_phase phase;
	struct places places;   /* while it runs */
	bool has_pipe;          /* its program got the jobserver */
	struct verdict verdict;
	struct signing signing; /* as it was before the start */
	struct seen *listing;   /* folders that were listed for its inputs then; NULL: nobody noted */
	const struct graph *listed_in; /* by what that graph says of who makes what */
	const struct provider *provider, *signed_for; /* that serves; whose answer `signing` would be */
	struct limit_hold place; /* the executor's */
	struct limit_hold hold; /* the provider's place */
	bool fell_back;         /* an earlier try was another provider's */
	uint32_t *tries_with;   /* of those of its task's providers that it has left; UINT32_MAX: it has no more there. NULL: it has left none */
	struct str dir;         /* "tasks/NAME" in .axmake */
	uint64_t start_id;
	struct makers makers;   /* of its outputs, under other names */
	int64_t began_ns, try_began_ns;
	uint32_t tries, tries_before; /* started; of them with providers that serve no more */
	uint32_t passed_over;         /* of them those whose provider could not be asked */
	pid_t pid;              /* 0: reaped, or never started */
	int status;             /* wait status */
	enum end_cause cause;
	struct pidgroup group;  /* in which its sandbox's processes are counted, */
	uint32_t unforked, unforked_told; /* and how many more were refused in all tries; as was told last */
	struct loop_timer disk_timer; /* looks at what it has written, in a sandbox */
	uint64_t disk_before;   /* bytes that stood in its view */
	struct notes *notes;    /* of what its sandbox refused; NULL: there are none */
	unsigned disk_closed;   /* in how many looks in a row it had a folder that may not be read */
	bool put_off;           /* of one that an answer asks: it was not asked for want of a budget, a quota or a provider. Of who asks: one of those was not, and so all of it is left to do */
	bool roomless;          /* its output may be cut, since the disk is full: another try would have no more room */
	bool cut;               /* its output was not read to its end, for a second signal */
	bool leaves;            /* its program ended well and what it left may stay, unless the try fails after all */
	enum try_class failed;  /* with what it fails once what it left has been ended; TRY_OK: nothing of the kind */
	struct capture *capture;
	struct live *live;       /* an agent's output as it comes; NULL: the rule looks for nothing in it */
	bool has_answer;         /* `answer` was read and kept at the final line, and stands whatever comes */
	struct answer answer;
	struct capture_sizes sizes; /* of the try's output, once it has ended */
	int64_t took_ns;         /* the try */
	bool checking, checked;  /* its check runs; has run */
	struct capture_sizes check_sizes;
	struct ending command_ending; /* while the check runs */
	struct str command_mark;
	struct str feedback;     /* what the next try of an agent is told; empty: nothing */
	struct str session;      /* in which it may be told so; empty: not known */
	const struct provider *session_of;
	bool resumed;            /* this try goes on with that */
	int64_t limit_from_ns;   /* from when its time is counted */
	struct elsewhere_try elsewhere;
	int64_t last_byte_ns;    /* of either stream; the try's beginning at first */
	bool over_budget;        /* the running try has spent its task's own */
	bool unfit;              /* the try's answer lacks a field that some task uses */
	bool paid_before;        /* its answer is an earlier run's, and so is a failure that came of it */
	bool refused;            /* it is an earlier run's, whose check refused it then, and is judged again */
	bool asks_again;         /* that was in vain: what follows begins as if nothing had been there, but its start was told */
	struct hash128 made;     /* what stood in its outputs and edits when its check began, see salvage_made */
	bool counted;            /* what the try took is on record */
	struct sbuf carry[2];    /* live output: what may be the beginning of a masked value */
	struct ending ending;
	struct loop_timer timer; /* of the phase: time-out, grace, draining, delay */
	struct str mark;        /* this try's part of AX_RUN */
	struct outcome outcome;
	struct filehash_parts *parts; /* by output, as they were hashed last; NULL: they are not to be cached */
	struct spent spent;     /* by its tries that have ended */
	struct spent kept;      /* of that, what is on record */
	struct taken taken;     /* before */
	struct str taken_with;  /* who answered the last of these */
	int64_t last_first_byte_ns;
	bool tainted;             /* an input changed while it ran */
	bool fresh;               /* this try has made its folder */
	bool bare;                /* there was no folder when it began: nothing is left of earlier runs */
	bool masked;              /* what its answer is read from held a secret, and is no longer what the program wrote */
	struct view *view;        /* in which it works; NULL: the root itself */
	const char *step;         /* on the way to that view, where its start failed there */
	bool scarce;              /* its start failed for want of what others hold: descriptors, processes, memory */
	bool unnoted;             /* what it was asked could not be written down, so it is not asked */
	bool unkept;              /* it answered, but that could not be kept or looked at */
	bool taking_up, barred;   /* an earlier run's answer is looked at now, to be taken up; what it made cannot be looked at, as then */
	bool rejected;            /* what it made last was, and what it makes now takes the place of that on a server too */
	bool unrecorded;          /* it succeeded, but that is not on record */
	bool unpublished;         /* it ended well, but what it made could not be moved to the root */
	struct delegate *as;      /* what it is, for another job's answer; NULL: a task of the graph */
	struct delegation *asked; /* whom its own answer asks; NULL: nobody yet */
};

/* A host of an executor, in this run. */
struct executor_host {
	const struct executor *executor;
	size_t number;         /* in its hosts */
	size_t running;
	uint32_t lost;         /* tries in a row */
	int64_t away_until_ns; /* passed over where there is another */
};

/* A number that one task of an executor has at a time, in this run. */
struct executor_lane {
	const struct executor *executor;
	uint32_t number; /* from 1 on */
	bool taken;
	uint32_t slots;  /* of the task that has it, or had it last */
	uint64_t memory;
	uint64_t given;  /* which of all that were given back it was; 0: never */
};

/* Tasks that wait to hear whether a server has what they make. */
struct sharing {
	struct map askers;            /* a signature by its bytes -> those who ask for it; private to sharing.c */
	VEC(struct task *) answered;  /* from `next` on */
	size_t next, waiting;         /* not answered yet */
};

/* An entry of the cache that is to be written. */
struct stash_due {
	struct hash128 signature;
	const struct task *task;
	bool replace; /* also what a server has of it */
	struct sbuf bytes;
};

struct sched {
	const struct sched_config *c;
	struct arena *arena;
	struct taskheap ready;           /* to be judged */
	struct admission *admission;     /* to be started */
	struct loop_timer look_again;    /* for slots that are wanted together */
	struct job **jobs;               /* by task id; those of delegates follow those of the graph */
	size_t n_jobs, room;             /* ids given; of jobs and verdicts */
	size_t asking;                   /* jobs in PHASE_ASKING */
	VEC(struct job *) live;          /* jobs with their places: running, ending, draining */
	struct verdict **verdicts;       /* by task id, of stale tasks that have no job yet; each is malloc's */
	struct choice *choice;
	struct spent spent;              /* by all tries of this run that have ended */
	struct map spent_by_agent;       /* the same by agents' names -> struct spent *, without earlier rounds of a watch, and without calls that failed for nothing */
	struct map usual_by_agent;       /* what its tasks on record usually take, once each; empty where there is no budget */
	bool budget_warned, budget_passed;
	unsigned unpriced_told, uncounted_told; /* once each of a provider and of a call that failed */
	bool over_cost, over_tokens;     /* some task was not started for that limit of the budget */
	struct capture_watch *watch;
	const char *path_env;
	char **base_env;                 /* inherited, without what axmake sets itself; NULL-terminated */
	size_t n_base_env;
	const char *pwd;                 /* the entry PWD=… among them; NULL: the root is not known */
	int null_fd, null_error;         /* /dev/null, the standard input of most; -1, and why */
	uint64_t next_start_id;          /* counts on from a random number */
	VEC(struct view *) views;        /* of all isolated tasks on their way */
	struct mask mask;                /* values that are not to be seen */
	const char *guard;               /* the program that sees what sandboxes refuse; NULL: there is none, or it does not work here */
	bool guard_sought, unwatched_told;
	struct str outer_mark;           /* AX_RUN as inherited */
	size_t retrying;                 /* jobs in PHASE_WAITING */
	bool judging_all;                /* see judging_all */
	bool checked_providers;
	bool gone_on;                    /* the graph was read again in this run: a task may be judged a second time */
	bool stopping;                   /* a failure: nothing new starts but what runs after failures */
	bool stuck;                      /* nothing more is known of the workflow */
	bool stop_followed;              /* what follows from that was done */
	bool handlers;                   /* when it was, some tasks that run after failures had not begun */
	bool broken;                     /* the log cannot be written: nothing new starts, exit 2 */
	int64_t turn_ns;                 /* when the loop has its next turn, for who asks for one within something long */
	int signal;                      /* asked to end */
	int64_t until_ns;                /* when the run's own time is over, on the clock of timers; INT64_MAX: never */
	struct loop_timer until;
	bool late;                       /* it is: nothing new starts, and what runs is ended by its own limit */
	uint8_t signals[2];              /* that came by themselves, and that a watcher handed on: one that it got together with this process is one */
	bool kill_now;                   /* a second time */
	bool children_ended;             /* SIGCHLD since the last look */
	int64_t collect_ns;              /* not before is it looked at again: see reaper_due */
	struct loop_timer collect;       /* for that */
	const struct pid_list *orphans;  /* while some are told to end: what reaper_orphans has found for all of them; NULL: it looks */
	struct pid_list seen;            /* what it found last, */
	int64_t seen_ns;                 /* and when */
	int watched_fd;                  /* for tokens; -1: none */
	bool slot_came;                  /* one may have come free since none was */
	VEC(struct executor_host) hosts;
	VEC(struct executor_lane) lanes;
	uint64_t lanes_given;
	struct pidgroups groups;         /* of sandboxes */
	struct executor_places *executor_places; /* NULL: nobody asked yet */
	VEC(const struct executor *) to_end; /* those used in this run that have an `end` */
	struct left_list left;           /* tries of `leave` tasks that ended well */
	struct pid_list strangers;       /* children that this process had before it was axmake */
	VEC(struct job *) settling;      /* jobs in PHASE_SETTLING */
	struct remote *remote;           /* NULL: no server */
	struct sharing sharing;
	struct map advised;              /* what was told of patterns that find nothing */
	VEC(struct stash_due) stashing;  /* see stash_all */
	VEC(struct str) nameless;        /* names that no task bears, of tasks that a killed run had begun: see renamed.h */
	bool sought_nameless;
	struct map cached;               /* signatures stored or restored in this run -> struct cached_by * */
	struct sched_result result;
	struct sbuf scratch;
};

/* Tells of patterns of a task that is to start, and is signed, which find nothing. */
void advise_of_patterns(struct job *j);
/* Tells, once each, of files that input patterns find and whose tasks have left the workflow. Before anything of the graph is judged. */
void advise_of_remains(struct sched *s);

/* Before the first start: has every task that may start what it asks of this machine? false, after EVENT_REFUSED: the run is refused. */
bool demands_met(struct sched *s);
/* What follows from it for reports is that t was refused, and not merely left. */
void demands_refuse(struct sched *s, struct task *t, struct str why);

/* A job for a stale task, in s->jobs. */
struct job *job_make(struct sched *s, struct task *t);
/* Starts its first or next try; its places are held. Ends the task at once when it cannot start. */
void job_go(struct job *j);
/* Will its next try go on with a conversation, as far as is known? */
bool job_resumes(const struct job *j);
/* The signature of the task as it is now, under which an answer will be recorded; false after ending the task. */
bool sign_task(struct job *j);
/* The same before a later try: where another provider is to be asked, or the inputs are not what they were. */
bool sign_again(struct job *j);
/* The limit of a try; 0: none. */
int64_t job_timeout(const struct job *j);
/* When the time of the run is over, for what it does itself; INT64_MAX: never. */
int64_t job_run_until(const struct job *j);

/* Live output (-O none), masked. */
void job_show_live(struct job *j, enum stream stream, struct str piece, bool last);

/* The environment of a try: NULL-terminated, in the job's arena. false with *problem. */
bool childenv_build(struct job *j, const struct jobserver_env *je, char *const *extra, char ***out, struct str *problem);
void childenv_base(struct sched *s);

/* Ending. */
void reaper_signal(void *sched, const struct signalfd_siginfo *si);
void reaper_pipes_ended(void *job);    /* nobody holds its pipes any more */
/* Adds this process's children that are no task's first process; a struct sched. */
void reaper_orphans(void *sched, struct pid_list *out);
bool reaper_due(struct sched *s);     /* Is it time for reaper_collect? Where there are thousands of children, many ends are looked at together. */
void reaper_collect(struct sched *s);  /* after SIGCHLD: reaps, finds orphans, moves jobs on */
void reaper_end_try(struct job *j, enum end_cause cause); /* ends a running try; one that has just ended by itself did so */
void reaper_interrupt(struct sched *s);
/* A try whose processes were to stay has failed: they are ended, then finish_failed is called. */
void reaper_end_left(struct job *j, enum try_class class);
void reaper_last(struct sched *s);     /* at the end of a run: what is left of unmarked orphans */

/* Attending a running try. */
void attend_begin(struct job *j);      /* after its spawn */
void attend_check(struct job *j);      /* the same of its check */
void attend_data(struct job *j, enum stream from, const char *p, size_t n); /* output has been read */
bool attend_answered(const struct job *j); /* Has the line come after which the answer is complete? */
bool attend_answered_by_now(struct job *j); /* the same, after reading what is there */

/* The final line has come: keeps the answer. */
void finish_answered(struct job *j);
/* Do all declared outputs stand there? They are hashed. false with outcome.error. */
bool finish_outputs_made(struct job *j);
/* The try's program and all it started have ended. */
void finish_try(struct job *j);
/* The same of a try that is known to have failed with j->failed. */
void finish_failed(struct job *j);
/* Writes an answer that stands not as it is in what its program wrote where results are kept. 0 or errno. */
int result_write(struct job *j);
/* Keeps its result. TRY_FAILED with an error in the outcome; an agent's answer then stands to be taken up by the next run. */
enum try_class result_keep(struct job *j);
/* salvage_take has found an answer. */
void finish_salvaged(struct job *j);
/* Its check has judged again an answer that it refused in an earlier run. false: it does so again, and another one is asked for. */
bool finish_judged_again(struct job *j, enum try_class class);
/* A task whose next try will not come. */
void finish_dropped(struct job *j);
/* A try that never started. */
void finish_unstarted(struct job *j, enum try_class class, struct str error);
/* The same, for want of what those that run will give back: it starts later, and that was no try of its own. */
void finish_scarce(struct job *j, struct str error);
/* The same, since its provider cannot be asked: another one is asked at once. Where none is left it has failed, as its last try did if there was one. */
void finish_unfit(struct job *j, struct str error);
/* Of one that waits for its next try: was nobody asked yet, since its providers could not be? Then its start is closed, and the caller is to say that it is not run. */
bool finish_unasked(struct job *j);
/* A task for which no provider is left. */
void finish_unprovided(struct job *j, const struct choice_none *none);
/* A watch does not try it again: state, and for those that run all the same what it left. */
void finish_spared(struct sched *s, struct task *t);
/* The success of a try that took so long goes on record, with the outputs' hashes and the result that the task has now; where that is to last, it is on the disk. 0 or errno. */
int finish_record(struct job *j, int64_t duration_ns, uint8_t flags);
/* All in PHASE_SETTLING are brought to the disk, go on record, and end. */
void settle_all(struct sched *s);
/* -t */
void finish_touch(struct sched *s, struct task *t, const struct verdict *v);

/* Starts a script in the task's folder and environment: the task's own, or while j->checking its check. false with *why. */
bool job_start_script(struct job *j, struct str script, struct str *why);

/* Checks. */
bool check_begin(struct job *j);            /* false with outcome.error: it could not be started */
enum try_class check_ended(struct job *j);  /* TRY_OK, TRY_CHECK, or TRY_CRASH: interrupted */
struct str check_dir(struct job *j);        /* of its logs, in .axmake */
void check_show(struct job *j);             /* the failed check's output instead of the command's */

/* Fields of answers that other tasks use. */
bool unfit_judge(struct job *j); /* Is one missing? Then the answer is kept as tries/N/answer, and outcome.error says which */
bool unfit_still(struct job *j); /* The same of an earlier run's answer; nothing is kept or said */

/* What tries print. */
int tries_answer(struct job *j, struct str *text); /* the answer as it will be kept; 0 or errno */
void tries_keep_answer(struct job *j); /* what the check is to judge, as tries/N/answer */
struct str tries_dir(struct job *j);   /* "tasks/NAME/tries/N" in .axmake */
void tries_forget(struct job *j);      /* those of earlier runs */
void tries_keep(struct job *j);        /* masks the logs of the try that has ended, gives it its folder, and says what is to be shown */
void tries_mask(struct job *j);     /* masks what the task's folder holds; part of tries_keep */

/* The cache. Restores a stale task that has an entry, and ends it so. Else it is to run, unless *refused (in s->arena) says why not. */
enum restored {
	RESTORED,
	RESTORED_NOT, /* there is none that can be had */
	RESTORED_NEVER, /* it is there, or may be, and cannot be put back: another look brings no more */
};
enum restored restore_task(struct sched *s, struct task *t, const struct verdict *v, struct str *refused);
/* Of a stale task that is to wait for a yes: would it then be refused for an edit that `on_edit: fail` guards? *refused says so, as restore_task would. */
bool restore_refuses(struct sched *s, struct task *t, const struct verdict *v, struct str *refused);
void stash_task(struct job *j);        /* stores what was just recorded, as far as that is wanted and possible; what is short by stash_all */
void stash_all(struct sched *s);       /* what waits for it */
/* Stores the contents of an output, between cache_store_begin and _end; those that are to stand in the entry are given back in o->here. false: it cannot be stored. */
bool stash_output(struct job *j, struct cache *c, struct cache_output *o);
/* May the task have the entry of this signature? Not where another task of this run has it, unless both say so. It is the task's from here on. */
bool stash_take(struct sched *s, struct hash128 signature, const struct task *t);
void stash_warn(struct sched *s, const struct task *t); /* what the cache has to tell */

/* Answers that outlive the run which paid for them. */
struct answer_input finish_answer_input(struct job *j, const struct provider *p); /* where a try's answer is read from; as if it had ended well */
int salvage_begin(struct job *j);     /* before an agent's program starts: what is asked */
void salvage_answered(struct job *j);  /* its final line has come: notes whether its inputs are as they were */
void salvage_complete(struct job *j);  /* the answer is whole, whatever its output tells */
void salvage_unfit(struct job *j);     /* the try's answer lacks a field: it is taken up once nobody uses that any more */
struct hash128 salvage_made(struct job *j); /* outputs and edits as they stand; zero: they are not to be known, or not to be taken up */
void salvage_refused(struct job *j);   /* the try's check failed: the next run shows the answer to the check again before it asks */
void salvage_drop(struct job *j);      /* what was taken up is no answer to what is asked: the job is as before it was */
void salvage_unkept(struct job *j);    /* the answer is whole, and a fault of the system keeps it from being used: the next run takes it up */
void salvage_stay(struct job *j);      /* what has the answer is to be taken up: before it is masked, it is put aside */
bool salvage_forget(struct job *j);    /* the try was judged; false: there was none */
bool salvage_take(struct job *j);      /* before a first try: takes up what a killed run left, if it is what would be asked now */

/* Would a loss of power cost money, or pass for somebody's work? So of agents' tasks, of those that edit, and of those whose edited outputs are kept. A script's other outputs are
 * made again when they are not as recorded. */
bool lasting_wanted(const struct job *j);
/* Its start too, before its program runs? Where it makes nothing, a start that is lost deceives nobody. */
bool lasting_start(const struct job *j);
/* On the disk: what each of n tasks made, its result and its marks, before its record says so; what an agent made and its answer is read from, before its call is marked as complete;
 * that mark. 0 or errno. */
void lasting_made(struct sched *s, struct job *const *jobs, size_t n, int *errs);
int lasting_answer(struct job *j);
int lasting_call(struct job *j);

/* Views of isolated tasks. A delegate works in its asker's. */
bool isolate_possible(struct sched *s);              /* false after EVENT_REFUSED: some task that may run wants what this machine has not */
bool isolate_begin(struct job *j, struct str *why);  /* before a try: goes on in the view it has, or makes one where it is to have one */
bool isolate_wanted(const struct task *t);           /* does it work in a view, or does what it makes elsewhere come into one? */
const struct place *isolate_place(const struct job *j); /* where its programs start; NULL: in the root */
struct str isolate_root(const struct job *j);        /* what is the root for them, absolute */
bool isolate_moving(const struct job *j);            /* has it a view, from which files have been moved to the root? */
bool isolate_outputs_made(struct job *j);            /* finish_outputs_made, in the view; true without one */
bool isolate_publish(struct job *j);                 /* moves outputs and edits to the root, and says what else was written. false with outcome.error */
bool isolate_take_up(struct job *j);                 /* what a killed run left of j->start_id's view; false: nothing that can be gone on with */
void isolate_failed(struct job *j, enum try_class class); /* the try has failed: drops the view, unless the next try goes on in it */
void isolate_end(struct job *j);                     /* drops it */
void isolate_tidy(struct sched *s);                  /* at the end of a run: drops views of tasks that are up to date */
struct job *delegate_asker(const struct job *j);     /* whose answer it works for; NULL: a task of the graph */

/* Sandboxes of isolated tasks. */
bool sandbox_possible(struct sched *s);              /* as isolate_possible */
/* Puts the call into the task's sandbox, if it is to have one. keep: descriptors that stay open; env: what the program will find, NULL-terminated. false with *why. */
bool sandbox_wrap(struct job *j, struct call *call, const int keep[2], char *const *env, struct str *why);
uint64_t sandbox_file_size(const struct job *j);     /* bytes that its program may write into any file; 0: as many as axmake may */
void sandbox_ended(struct job *j);                   /* its program has ended, or was never started: its group goes */
void sandbox_end_run(struct sched *s);
void sandbox_attend(struct job *j);                  /* its program runs: what it writes into its view is measured, and too much ends it */
struct str sandbox_disk_full(struct job *j);         /* what is said then */
/* What a sandbox refuses. */
const char *sandbox_find_guard(struct sched *s);    /* s->guard, which is looked for once */
void sandbox_guard(struct job *j, const char *bwrap, bool network, struct words_list *w); /* the words before bubblewrap's own, if it is to be watched */
int sandbox_notes(const struct job *j);              /* the descriptor that stays open for that; -1: none */
void sandbox_tell(struct job *j);                    /* a try has ended: fills outcome.refused, and warns of what was not told yet */
void sandbox_gone(struct job *j);                    /* before the job is freed */

/* Executors. */
bool executor_carries(const struct task *t);          /* do its files go there, and what it made come back? */
bool executor_possible(struct sched *s);             /* as isolate_possible */
/* Wraps the call in the words of the task's executor, if it has one. false with *why. */
bool executor_wrap(struct job *j, struct call *call, char *const *env, struct str *why);
/* The executor's place, which other runs may have. false: the task waits, holds nothing, and is offered again (sched_offer). */
bool executor_take_place(struct job *j);
void executor_give_place(struct job *j);
size_t executor_waiting(const struct sched *s);            /* tasks that wait here */
void executor_forget_waiting(struct sched *s);             /* those that may not start any more */
void executor_places_free(struct sched *s);
/* Standard input with what is sent before it. -1 with errno. */
int executor_stdin(struct job *j, struct str prompt);
void executor_started(struct job *j);                      /* a new try, or its check */
void executor_gone(struct job *j);                         /* before the job is freed */
void executor_unstarted(struct job *j);                    /* nothing came of it */
void executor_said(struct job *j, const char *p, size_t n); /* on standard error */
/* Its command is told to end by words of the executor's, and its program here is left alone until that has ended or its time is up. false: there are none, or it has not begun. */
bool executor_stops(struct job *j);
/* All of its program that is here has ended: how did it end there? true: something is cancelled first, and finish_try called again. */
bool executor_ends(struct job *j);
void executor_cancelled(struct job *j);                    /* `cancel` has ended, with j->status */
bool executor_may_again(const struct job *j);              /* after a lost try: is another one free? */
int64_t executor_pause(const struct job *j);               /* before it, in ns */
void executor_end_run(struct sched *s);                    /* runs the `end` of those that were used */
/* A limit on its time is over: is it to be counted anew, since it began there later, or has not yet? */
bool executor_not_yet(struct job *j);

/* The answers of delegates have been added to its own; not `whole`: the run is ending before they came. */
void finish_asked(struct job *j, bool whole);
/* Adds what a provider reported; negative, or NaN: nothing. */
void outcome_add(struct outcome *o, int64_t input_tokens, int64_t output_tokens, double cost_usd);

/* Delegates. Does the answer of a try that has ended well ask others that may be asked? Then they are, and finish_asked comes later. */
bool delegate_ask(struct job *j);
/* Keeps a delegate's answer for its asker. false: it cannot be read. */
bool delegate_keep(struct job *j);
/* A delegate has ended, its outcome says how. Frees it, and goes on with its asker. */
void delegate_ended(struct job *j);
/* What those it asked have answered is part of its result by now, or never will be: the next run takes none of it up. */
void delegate_forget(struct job *j);
/* What they had been asked in the task's folder when it was called `from` is so in the one that it has now. */
void delegate_follow(struct job *j, struct str from);
/* The task of the graph behind any. */
const struct task *delegate_task_for(const struct task *t);

#define STOPPED_BY_FAILURE STR("stopped after a failure (-k goes on)")

/* What follows from an end. */
void follow_ended(struct sched *s, struct task *ended);      /* those that wait for it wait for one less */
void follow_held(struct sched *s, struct task *t);           /* it will not end: those that need it are not run */
void follow_left(struct sched *s, struct task *t);           /* it is stale, but new work has stopped: nor are those that need it */
void follow_not_run(struct sched *s, struct task *t, struct str because, bool stopped); /* stopped: with -k it would have had its turn */
void follow_spared(struct sched *s, struct task *t, struct str why); /* a watch does not try it again: what needs it is not run, but what bears its failure */
void follow_stop(struct sched *s); /* once, after a failure without -k. Where tasks are left that run after failures, judging goes on for their sake, and what is stale is left */
/* After tasks that should have made some of the workflow: of what is wanted now and was not before, only tasks that run after failures have their turn. Are there any? */
bool follow_stuck(struct sched *s);
void follow_end(struct sched *s);  /* of a run: what never came to its turn */

/* What a server has of what tasks make. Asking is done by axmake-http, and nobody waits for it but the tasks themselves. */
void sharing_begin(struct sched *s);
bool sharing_ask(struct sched *s, struct task *t, const struct verdict *v); /* true: it goes on when sharing_next names it */
struct task *sharing_next(struct sched *s);             /* one that has been answered for; NULL: none */
bool sharing_answered(const struct sched *s);           /* is there one? */
bool sharing_waiting(const struct sched *s);            /* is one waited for? */
bool sharing_gave(const struct sched *s, struct hash128 signature);
void sharing_push(struct sched *s, struct hash128 signature, bool replace); /* it was stored in the cache */
void sharing_end(struct sched *s);                      /* waits a bounded time for what was pushed */

/* Back to the scheduler. */
bool sched_is_over(const struct sched *s);               /* nothing more starts, whatever it is */
bool sched_goes_on(const struct sched *s);               /* may any task still start? */
bool sched_may_start(const struct sched *s, const struct task *t); /* or be tried again: is it not too late for that? */
struct job *sched_ask(struct sched *s, struct task *t);  /* a delegate's job, to be started when there is a slot; sets the task's id */
void sched_send(struct sched *s, const struct event *e);
bool sched_asked_to_end(void);                           /* within the loop: by a signal that is not read yet */
bool sched_turn(struct sched *s);                        /* within what takes long, never within the loop: attends what runs. false: the run is to end */
void sched_warn(struct sched *s, const struct task *t, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sched_release(struct job *j);                       /* its places and the provider's */
void sched_offer(struct sched *s, struct task *t);       /* to be started when its turn comes */
void sched_not_run(struct job *j, struct str because);   /* ends it so; frees it */
void sched_retry_at(struct job *j, int64_t at_ns);       /* offers it then; 0: in the next turn */
void sched_completed(struct sched *s, struct task *t);   /* state is UPTODATE, DONE, SKIPPED or FAILED */
void sched_job_gone(struct job *j);                      /* frees it */
void sched_state_lost(struct sched *s, int err);         /* the log cannot be written */

#endif

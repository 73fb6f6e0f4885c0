#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "run/aim.h"
#include "run/process.h"
#include "run/procfs.h"

enum {
	TERM_PASSES = 8,   /* looks for processes that came up while the others were told; the next call finds the rest */
	KILL_PASSES = 64,  /* the same for SIGKILL, where a fork bomb is a race */
	AGAIN_PASSES = 16, /* reads of the list of children because one of them died meanwhile */
};

/* One look at what is left of a task. */
struct look {
	struct ending *e;
	bool first_alive;
	bool reused;    /* the first process's number has gone to a stranger: then group and session are empty for good */
	bool unsettled; /* a child turned out to be dead or dying: its children may have come to us since the list was read */
	bool in_group;  /* a living member of the group was found */
	struct pid_list zombies;
	struct process_ids living; /* parents before their children */
};

static void list_orphans(const struct ending *e, struct pid_list *out)
{
	out->pids.n = 0;
	if (e->list)
		e->list(e->self, out);
	else
		process_children(out);
}

static struct look look_new(struct ending *e, bool first_alive)
{
	/* While a session or a group has members the kernel gives its number to nobody; so a process of that number is a
	 * stranger. */
	return (struct look){
	    .e = e, .first_alive = first_alive, .reused = !first_alive && (kill(e->group, 0) == 0 || errno == EPERM)};
}

static void look_free(struct look *k)
{
	vec_free(&k->zombies.pids);
	vec_free(&k->living.of);
}

static bool group_has_members(const struct look *k)
{
	return !k->reused && (kill(-k->e->group, 0) == 0 || errno == EPERM);
}

/* Is this child of ours one of the task's orphans? */
static bool belongs(const struct look *k, const struct proc_stat *st)
{
	if (st->pid == k->e->group)
		return false;
	if (process_ids_have(&k->e->own, st) || process_ids_have(&k->e->told, st))
		return true;
	return (!k->reused && st->session == k->e->group) || process_has_mark(st->pid, k->e->mark);
}

/* After SIGKILL a process that we may not signal (another user's) can only be left. */
static bool beyond_reach(const struct ending *e, pid_t pid)
{
	return e->killed && kill(pid, 0) < 0 && errno == EPERM;
}

static void look_add(struct look *k, pid_t pid)
{
	struct proc_stat st;
	if (beyond_reach(k->e, pid))
		return;
	if (!proc_stat_read(pid, &st) || !st.living) {
		k->unsettled = true;
		return;
	}
	if (process_ids_have(&k->living, &st))
		return;
	vec_push(NULL, &k->living.of, ((struct process_id){pid, st.start}));
	k->in_group = k->in_group || st.group == k->e->group;
}

static void look_tree(struct look *k, pid_t root)
{
	struct pid_list below = {0};
	look_add(k, root);
	process_descendants(root, &below);
	for (size_t i = 0; i < below.pids.n; i++)
		look_add(k, below.pids.p[i]);
	vec_free(&below.pids);
}

static bool is_living_child(pid_t pid, struct proc_stat *st)
{
	return proc_stat_read(pid, st) && st->parent == getpid() && st->living;
}

/* Looks at children of ours: the task's own are remembered; with `deep` all below them is looked at too. */
static void look_orphans(struct look *k, const struct pid_list *list, bool deep)
{
	struct pid_list candidates = {0};
	struct process_ids own = {0};
	for (size_t i = 0; i < k->e->own.of.n; i++)
		vec_push(NULL, &candidates.pids, k->e->own.of.p[i].pid);
	for (size_t i = 0; i < list->pids.n; i++)
		if (!pid_list_has(&candidates, list->pids.p[i]))
			vec_push(NULL, &candidates.pids, list->pids.p[i]);
	for (size_t i = 0; i < candidates.pids.n; i++) {
		pid_t pid = candidates.pids.p[i];
		struct proc_stat st;
		if (pid_list_has(&k->zombies, pid))
			continue;
		bool ours = is_living_child(pid, &st) && belongs(k, &st);
		if (ours) {
			vec_push(NULL, &own.of, ((struct process_id){pid, st.start}));
			if (deep)
				look_tree(k, pid);
			else
				look_add(k, pid);
		} else if (!is_living_child(pid, &st)) { /* asked again: a dead one shows no mark */
			vec_push(NULL, &k->zombies.pids, pid);
			k->unsettled = true;
		} else if (st.dying) {
			k->unsettled = true;
		}
	}
	vec_free(&candidates.pids);
	vec_free(&k->e->own.of);
	k->e->own = own;
}

/* The group has members and none was found by descent: a zombie that its parent does not reap, or one below a process that left
 * the session. */
static void look_everywhere(struct look *k)
{
	struct proc_table t = {0};
	proc_table_read(&t);
	for (size_t i = 0; i < t.rows.n; i++) {
		const struct proc_stat *st = &t.rows.p[i];
		if (st->living && (st->group == k->e->group || st->session == k->e->group))
			look_add(k, st->pid);
	}
	vec_free(&t.rows);
}

static void look_all(struct look *k, const struct pid_list *orphans, bool deep)
{
	struct pid_list fresh = {0};
	struct proc_stat first;
	bool first_lives = k->first_alive && proc_stat_read(k->e->group, &first) && first.living;
	if (deep && first_lives)
		look_tree(k, k->e->group);
	look_orphans(k, orphans, deep);
	for (int i = 0; i < AGAIN_PASSES && k->unsettled && (deep || !k->living.of.n); i++) {
		k->unsettled = false;
		list_orphans(k->e, &fresh);
		look_orphans(k, &fresh, deep);
	}
	/* A first process that is dead but not reaped keeps its group: who else is in it is asked when it has been. */
	if (!k->in_group && first_lives == k->first_alive && (deep || !k->living.of.n) && group_has_members(k))
		look_everywhere(k);
	vec_free(&fresh.pids);
}

bool ending_anything_left(struct ending *e, const struct pid_list *orphans, bool first_alive)
{
	if (!orphans->pids.n && !e->own.of.n) {
		/* The common end: one system call. */
		if (first_alive)
			return true;
		if (kill(-e->group, 0) < 0 && errno == ESRCH)
			return false;
	}
	struct look k = look_new(e, first_alive);
	look_all(&k, orphans, false);
	bool left = first_alive || k.living.of.n || k.unsettled; /* not settled in all these passes: something is at work */
	look_free(&k);
	return left;
}

/* Is it the one that was looked at? What it descends from may have died since, by our own signal. */
static bool still_same(void *id, pid_t pid)
{
	const struct process_id *seen = id;
	struct proc_stat st;
	return proc_stat_read(pid, &st) && st.start == seen->start;
}

/* The first process of a sandbox, and its children: who builds it, and who watches. Those in it are below. */
static bool is_of_box(const struct ending *e, pid_t pid)
{
	struct proc_stat st;
	return e->boxed && (pid == e->group || (proc_stat_read(pid, &st) && st.parent == e->group));
}

/* Signals what is in the look and not in `done`, and counts it. Returns how many these were. */
static size_t signal_new(struct look *k, int sig, struct process_ids *done)
{
	struct ending *e = k->e;
	size_t fresh = 0;
	size_t n = k->living.of.n;
	for (size_t i = 0; i < n; i++) {
		struct process_id id = k->living.of.p[e->spared ? n - 1 - i : i]; /* the first process last: whose children others are is known as long as it lives */
		const struct proc_stat st = {.pid = id.pid, .start = id.start};
		if (process_ids_have(done, &st) || (sig == SIGTERM && is_of_box(e, id.pid)))
			continue;
		if (e->spared && id.pid != e->group && is_of_box(e, id.pid)) {
			vec_push(NULL, &done->of, id);
			continue;
		}
		int err = aim_signal(id.pid, sig, still_same, &id);
		fresh++;
		if (err == ESRCH)
			continue; /* it is gone */
		bool counted = process_ids_have(&e->told, &st);
		if (!err && id.pid != e->group && !counted && !e->boxed)
			e->ended++;
		if (!counted)
			vec_push(NULL, &e->told.of, id);
		if (done != &e->told)
			vec_push(NULL, &done->of, id);
	}
	return fresh;
}

/* Looks and signals until a look finds nobody new: what was started meanwhile does not escape. */
static void signal_all(struct ending *e, const struct pid_list *orphans, bool first_alive, int sig, int passes,
                       struct process_ids *done)
{
	struct pid_list fresh = {0};
	size_t news = 1;
	for (int i = 0; i < passes && news; i++) {
		if (i)
			list_orphans(e, &fresh);
		struct look k = look_new(e, first_alive);
		look_all(&k, i ? &fresh : orphans, true);
		news = signal_new(&k, sig, done);
		/* The whole group at a stroke: no fork in it can slip through. Its number is nobody else's while it has members. */
		if (sig == SIGKILL && !e->spared && group_has_members(&k))
			kill(-e->group, SIGKILL);
		look_free(&k);
	}
	vec_free(&fresh.pids);
}

void ending_term(struct ending *e, const struct pid_list *orphans, bool first_alive, int64_t now_ns)
{
	if (!e->kill_at_ns)
		e->kill_at_ns = now_ns + ENDING_GRACE_NS;
	signal_all(e, orphans, first_alive, SIGTERM, TERM_PASSES, &e->told);
}

void ending_kill(struct ending *e, const struct pid_list *orphans, bool first_alive)
{
	struct process_ids done = {0};
	e->spared = e->watched && !e->killed; /* who watches sees all others die, and who builds dies with the first; what is left by the next look is killed as well */
	e->killed = true;
	signal_all(e, orphans, first_alive, SIGKILL, KILL_PASSES, &done);
	vec_free(&done.of);
}

void ending_free(struct ending *e)
{
	vec_free(&e->told.of);
	vec_free(&e->own.of);
}

#include "run/admission.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/taskheap.h"

enum {
	PATIENCE = 16,     /* tasks of lower priority that may take what a waiting one lacks */
	MEDIUM_AT_ONCE = 2,
	HIGH_AT_ONCE = 1,
};

#define MEMORY_KNOWN_NS (20 * NS_PER_MS) /* so long a look at the machine's memory is good */
#define LOAD_KNOWN_NS (50 * NS_PER_MS) /* so long a look at the load is good, unless something starts */
#define LOAD_LOOK_NS (1000 * NS_PER_MS)
#define FIRST_LOOK_NS (20 * NS_PER_MS)
#define LAST_LOOK_NS (1000 * NS_PER_MS)

/* What a task may lack, as bits. */
enum lack { LACK_AGENT = 1, LACK_POOL = 2, LACK_COMPLEXITY = 4, LACK_MEMORY = 8, LACK_SLOTS = 16, LACK_LOAD = 32, LACK_TURN = 64 /* one that was overtaken comes first */, LACK_EXECUTOR = 128, LACK_ROOM = 256 };

struct needs {
	uint32_t pool, slots, executor;
	uint16_t memory_class;
	uint8_t agent, complexity;
};

/* Tasks that need the same. */
struct queue {
	struct needs needs;
	struct taskheap waiting;
	size_t place;       /* in admission.active, from 1; 0: nobody waits */
	unsigned lacked;    /* since its last start */
	unsigned now, told; /* what it lacked when it was looked at last, and when that was told last */
	uint32_t overtaken; /* by tasks of lower priority that took of that */
	uint64_t put_off;   /* in this round */
};

struct admission {
	struct admission_config c;
	struct arena arena;
	struct map queues;           /* needs -> struct queue */
	VEC(struct queue *) active;  /* those in which somebody waits */
	struct queue *candidate;     /* whose first task admission_next told */
	struct queue *due;           /* see the header */
	uint64_t round;
	uint32_t short_of;           /* the fewest slots that were refused in this round */
	bool one_lacks, several_lack;
	bool load_lacks;             /* in this round */
	bool crowded;                /* see admission_crowd */
	bool loaded;                 /* was the load too high when it was looked at? */
	int64_t load_seen_ns;        /* 0: not since the last start */
	size_t running, slotted, agents, at_once[COMPLEXITY_HIGH + 1];
	size_t *pools, *executors;   /* places taken, by number */
	uint64_t announced;          /* memory of those that run, bytes */
	uint64_t memory_left;
	int64_t memory_seen_ns;      /* 0: never */
	int64_t look_again_ns, not_before_ns;
};

struct admission *admission_new(const struct admission_config *c)
{
	struct admission *ad = xcalloc(1, sizeof *ad);

	ad->c = *c;
	ad->pools = xcalloc(c->graph->workflow->pools.n + 1, sizeof *ad->pools);
	ad->executors = xcalloc(c->graph->executors.n + 1, sizeof *ad->executors);
	ad->look_again_ns = FIRST_LOOK_NS;
	return ad;
}

void admission_free(struct admission *ad)
{
	if (!ad)
		return;
	for (size_t i = 0; i < ad->active.n; i++)
		vec_free(&ad->active.p[i]->waiting.tasks);
	vec_free(&ad->active);
	map_free(&ad->queues);
	arena_free(&ad->arena);
	free(ad->pools);
	free(ad->executors);
	free(ad);
}

/* Sizes that differ by less than a sixteenth wait in one queue: however many sizes there are, queues are few. */
static uint16_t memory_class(uint64_t bytes)
{
	unsigned top = bytes ? 63 - (unsigned)__builtin_clzll(bytes) : 0;

	if (top < 4)
		return (uint16_t)bytes;
	return (uint16_t)(top << 4 | ((bytes >> (top - 4)) & 15));
}

/* Slots that it takes: none, or as many as it says, as far as there can be so many. What runs elsewhere takes none. */
static uint32_t slots_needed(const struct admission *ad, const struct task *t)
{
	size_t all = jobserver_slots(ad->c.jobserver), n = t->def->slots;

	if (t->executor)
		return 0;
	if (jobserver_role(ad->c.jobserver) == JOBSERVER_NONE && !all)
		return n > 0;
	return all && n > all ? (uint32_t)all : (uint32_t)n;
}

/* Of this machine's memory. */
static uint64_t memory_needed(const struct task *t)
{
	return t->executor ? 0 : t->def->memory;
}

static bool counts_as_agent(const struct admission *ad, const struct task *t)
{
	return t->kind == TASK_AGENT && !(t->executor && ad->c.agents_of_j);
}

static struct queue *queue_of(struct admission *ad, const struct task *t)
{
	struct needs n;
	memset(&n, 0, sizeof n); /* it is a key */
	n.pool = t->def->pool_number;
	n.slots = slots_needed(ad, t);
	n.memory_class = memory_class(memory_needed(t));
	n.agent = counts_as_agent(ad, t);
	n.executor = t->executor_number;
	n.complexity = (uint8_t)t->def->complexity;
	struct queue *q = map_get(&ad->queues, (struct str){(const char *)&n, sizeof n});
	if (q)
		return q;
	q = arena_new(&ad->arena, struct queue);
	q->needs = n;
	*map_slot(&ad->queues, (struct str){(const char *)&q->needs, sizeof q->needs}) = q;
	return q;
}

void admission_add(struct admission *ad, struct task *t)
{
	struct queue *q = queue_of(ad, t);

	taskheap_push(&q->waiting, t);
	if (q->place)
		return;
	vec_push(NULL, &ad->active, q);
	q->place = ad->active.n;
}

/* Nobody waits in q any more. */
static void retire(struct admission *ad, struct queue *q)
{
	struct queue *last = ad->active.p[--ad->active.n];
	ad->active.p[q->place - 1] = last;
	last->place = q->place;
	q->place = 0;
	vec_free(&q->waiting.tasks);
	if (ad->due == q)
		ad->due = NULL;
	q->lacked = q->now = q->told = 0;
	q->overtaken = 0;
}

static void take_out(struct admission *ad, struct queue *q)
{
	taskheap_pop(&q->waiting);
	if (!taskheap_top(&q->waiting))
		retire(ad, q);
}

void admission_keep(struct admission *ad, bool (*keep)(const void *self, const struct task *t), const void *self)
{
	for (size_t i = ad->active.n; i-- > 0;) {
		struct queue *q = ad->active.p[i];

		taskheap_keep(&q->waiting, keep, self);
		if (!taskheap_top(&q->waiting))
			retire(ad, q);
	}
}

bool admission_waiting(const struct admission *ad)
{
	return ad->active.n > 0;
}

void admission_begin(struct admission *ad, bool ask)
{
	ad->round++;
	ad->short_of = ask ? UINT32_MAX : 1;
	ad->one_lacks = !ask;
	ad->several_lack = false;
	ad->load_lacks = false;
}

/* MemAvailable of /proc/meminfo; where there is none, no task is held back for it. */
static uint64_t kernel_memory_left(void)
{
	struct arena a = {0};
	struct str text = STR_NONE;
	uint64_t kib;
	const char *line = NULL;
	bool known = !os_read_file(&a, AT_FDCWD, "/proc/meminfo", 1 << 20, &text) && (line = strstr(text.p, "MemAvailable:")) &&
	             sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1;

	arena_free(&a);
	return known ? kib * 1024 : UINT64_MAX;
}

/* Room for so many bytes beside what runs? A task alone always has it. */
static bool has_room(struct admission *ad, uint64_t bytes)
{
	if (!ad->running)
		return true;
	int64_t now = clock_ns();
	if (!ad->memory_seen_ns || now - ad->memory_seen_ns > MEMORY_KNOWN_NS) {
		ad->memory_left = ad->c.memory_left ? ad->c.memory_left(ad->c.self) : kernel_memory_left();
		ad->memory_seen_ns = now;
	}
	return ad->memory_left >= ad->announced && ad->memory_left - ad->announced >= bytes;
}

/* How many programs run or could run now, but for this one. It tells at once what a load average tells a minute later. Where there
 * is no such number, that average must do. */
static double kernel_load(void)
{
	struct arena a = {0};
	struct str text = STR_NONE;
	double average = 0;
	unsigned long n;
	bool known = !os_read_file(&a, AT_FDCWD, "/proc/loadavg", 1 << 10, &text) && sscanf(text.p, "%*s %*s %*s %lu/", &n) == 1 && n;

	arena_free(&a);
	if (known)
		return (double)(n - 1);
	return getloadavg(&average, 1) == 1 ? average : 0;
}

/* -l: is so much going on that no more tasks are to take slots? One alone always may. */
static bool too_loaded(struct admission *ad)
{
	if (!ad->c.load_limited || !ad->slotted)
		return false;
	int64_t now = clock_ns();
	if (!ad->load_seen_ns || now - ad->load_seen_ns > LOAD_KNOWN_NS) {
		ad->loaded = (ad->c.load ? ad->c.load(ad->c.self) : kernel_load()) >= ad->c.max_load;
		ad->load_seen_ns = now;
	}
	ad->load_lacks = ad->load_lacks || ad->loaded;
	return ad->loaded;
}

static unsigned what_lacks(struct admission *ad, const struct queue *q)
{
	static const size_t at_once[] = {[COMPLEXITY_LOW] = SIZE_MAX, [COMPLEXITY_MEDIUM] = MEDIUM_AT_ONCE, [COMPLEXITY_HIGH] = HIGH_AT_ONCE};
	const struct needs *n = &q->needs;
	uint64_t memory = memory_needed(taskheap_top(&q->waiting));
	unsigned lack = 0;

	if (n->agent && ad->c.max_agents && ad->agents >= ad->c.max_agents)
		lack |= LACK_AGENT;
	if (n->pool && ad->pools[n->pool] >= ad->c.graph->workflow->pools.p[n->pool - 1].places)
		lack |= LACK_POOL;
	if (n->executor && ad->executors[n->executor] >= executor_places(ad->c.graph->executors.p[n->executor - 1]))
		lack |= LACK_EXECUTOR;
	if (ad->at_once[n->complexity] >= at_once[n->complexity])
		lack |= LACK_COMPLEXITY;
	if (n->slots >= ad->short_of)
		lack |= LACK_SLOTS;
	if (ad->crowded && ad->running)
		lack |= LACK_ROOM;
	if (!lack && n->slots && too_loaded(ad))
		lack |= LACK_LOAD;
	if (!lack && memory && !has_room(ad, memory))
		lack |= LACK_MEMORY;
	return lack;
}

/* Would a task with these needs take of what q's lacks? Every task takes memory. */
static bool takes_from(const struct needs *n, const struct queue *q)
{
	return ((q->lacked & LACK_AGENT) && n->agent) || ((q->lacked & LACK_POOL) && n->pool == q->needs.pool) ||
	       ((q->lacked & LACK_COMPLEXITY) && n->complexity == q->needs.complexity) || ((q->lacked & LACK_SLOTS) && n->slots) ||
	       ((q->lacked & LACK_EXECUTOR) && n->executor == q->needs.executor) || ((q->lacked & LACK_MEMORY) && !n->executor);
}

/* Must it let the one go first that was overtaken too often? */
static bool held_back(const struct admission *ad, const struct queue *q)
{
	return ad->due && ad->due != q && takes_from(&q->needs, ad->due) &&
	       task_before(taskheap_top(&ad->due->waiting), taskheap_top(&q->waiting));
}

struct task *admission_next(struct admission *ad)
{
	struct task *best = NULL;

	ad->candidate = NULL;
	for (size_t i = 0; i < ad->active.n; i++) {
		struct queue *q = ad->active.p[i];
		struct task *top = taskheap_top(&q->waiting);

		if ((best && !task_before(top, best)) || q->put_off == ad->round)
			continue;
		unsigned lack = held_back(ad, q) ? LACK_TURN : what_lacks(ad, q);
		q->now = lack;
		if (lack == LACK_TURN)
			continue;
		q->lacked |= lack;
		if (lack)
			continue;
		best = top;
		ad->candidate = q;
	}
	return best;
}

void admission_put_off(struct admission *ad)
{
	ad->candidate->put_off = ad->round;
}

void admission_drop(struct admission *ad)
{
	take_out(ad, ad->candidate);
}

void admission_tell(struct admission *ad, void (*fn)(void *self, const struct task *t, size_t n, const char *lacks), void *self)
{
	static const struct {
		enum lack lack;
		const char *words;
	} phrases[] = {
	    {LACK_SLOTS, "a free slot"}, {LACK_AGENT, "another agent to end"}, {LACK_POOL, "a place in its pool"}, {LACK_EXECUTOR, "a place of its executor"}, {LACK_COMPLEXITY, "another of its complexity to end"},
	    {LACK_ROOM, "what runs to give descriptors back"}, {LACK_MEMORY, "memory"},     {LACK_LOAD, "less load"},             {LACK_TURN, "a task that was passed over too often"},
	};

	for (size_t i = 0; i < ad->active.n; i++) {
		struct queue *q = ad->active.p[i];
		const char *words = NULL;

		if (q->now == q->told)
			continue;
		q->told = q->now;
		for (size_t k = 0; k < sizeof phrases / sizeof *phrases && !words; k++)
			words = q->now & phrases[k].lack ? phrases[k].words : NULL;
		if (words)
			fn(self, taskheap_top(&q->waiting), q->waiting.tasks.n, words);
	}
}

/* Several at once, or none. Where they are the parent's, others may reach into the pool at the same time: what is too little goes
 * back, and the next look comes after a time of chance, so that two who do this do not keep each other from it for ever. */
static size_t take_several(struct admission *ad, struct slot *slots, size_t n)
{
	struct jobserver *j = ad->c.jobserver;
	size_t got = 0, enough = jobserver_held(j) ? n : 1; /* with nothing running what there is must do */

	if (enough > 1 && (clock_ns() < ad->not_before_ns || jobserver_free(j) < n))
		return 0;
	while (got < n && jobserver_take(j, &slots[got]))
		got++;
	if (got >= enough)
		return got;
	while (got)
		jobserver_give(j, &slots[--got]);
	ad->not_before_ns = clock_ns() + FIRST_LOOK_NS + (int64_t)(os_random64() % (uint64_t)(4 * FIRST_LOOK_NS));
	return 0;
}

static bool take_slots(struct admission *ad, struct places *p, size_t n, struct arena *a)
{
	if (!n)
		return true;
	p->slots = arena_array(a, struct slot, n);
	if (n == 1)
		p->n_slots = jobserver_take(ad->c.jobserver, p->slots);
	else
		p->n_slots = take_several(ad, p->slots, n);
	if (n > 1 && p->n_slots)
		ad->look_again_ns = FIRST_LOOK_NS;
	return p->n_slots > 0;
}

/* q's first task starts: those before which it does were overtaken. */
static void note_overtaken(struct admission *ad, const struct queue *q, const struct task *t)
{
	for (size_t i = 0; i < ad->active.n; i++) {
		struct queue *other = ad->active.p[i];

		if (other == q || !other->lacked || !takes_from(&q->needs, other) || !task_before(taskheap_top(&other->waiting), t))
			continue;
		if (++other->overtaken >= PATIENCE && !ad->due)
			ad->due = other;
	}
}

void admission_crowd(struct admission *ad, bool crowded)
{
	ad->crowded = crowded;
}

bool admission_crowded(const struct admission *ad)
{
	return ad->crowded;
}

bool admission_take(struct admission *ad, struct places *p, struct arena *a)
{
	struct queue *q = ad->candidate;
	const struct needs *n = &q->needs;
	struct task *t = taskheap_top(&q->waiting);

	if (!take_slots(ad, p, n->slots, a)) {
		q->lacked |= LACK_SLOTS;
		q->now = LACK_SLOTS;
		ad->short_of = n->slots;
		ad->one_lacks = ad->one_lacks || n->slots == 1;
		ad->several_lack = ad->several_lack || n->slots > 1;
		return false;
	}
	p->task = t;
	ad->running++;
	ad->slotted += p->n_slots > 0;
	ad->load_seen_ns = 0;
	ad->agents += n->agent;
	ad->pools[n->pool]++;
	ad->executors[n->executor]++;
	ad->at_once[n->complexity]++;
	ad->announced += memory_needed(t);
	note_overtaken(ad, q, t);
	if (ad->due == q)
		ad->due = NULL;
	q->lacked = q->told = 0;
	q->overtaken = 0;
	take_out(ad, q);
	return true;
}

void admission_give(struct admission *ad, struct places *p)
{
	const struct task *t = p->task;

	if (!t)
		return;
	p->task = NULL;
	ad->slotted -= p->n_slots > 0;
	while (p->n_slots)
		jobserver_give(ad->c.jobserver, &p->slots[--p->n_slots]);
	ad->running--;
	ad->agents -= counts_as_agent(ad, t);
	ad->pools[t->def->pool_number]--;
	ad->executors[t->executor_number]--;
	ad->at_once[t->def->complexity]--;
	ad->announced -= memory_needed(t);
	ad->memory_seen_ns = ad->load_seen_ns = 0;
}

bool admission_starved(const struct admission *ad)
{
	return ad->one_lacks;
}

static int64_t look_for_tokens(struct admission *ad)
{
	int64_t ns = ad->look_again_ns;

	if (!ad->several_lack || jobserver_role(ad->c.jobserver) == JOBSERVER_NONE)
		return 0;
	ad->look_again_ns = ns * 2 < LAST_LOOK_NS ? ns * 2 : LAST_LOOK_NS;
	return ns + (int64_t)(os_random64() % (uint64_t)(ns / 2));
}

int64_t admission_look_again(struct admission *ad)
{
	int64_t ns = look_for_tokens(ad);

	return ad->load_lacks && (!ns || ns > LOAD_LOOK_NS) ? LOAD_LOOK_NS : ns;
}

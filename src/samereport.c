#include "samereport.h"

#include "base/seen.h"
#include "show/actions.h"

/* Would such a run leave a seal, as far as is known by now? */
static bool nothing_to_tell(const struct program *g)
{
	const struct project *p = &g->project;
	return p->may_seal && p->log && p->seen && !p->seen->spoiled && !p->told && !g->round && !actions_here();
}

static void add_number(struct hasher *h, uint64_t n)
{
	hasher_add(h, &n, sizeof n);
}

/* All that was looked at, files that are hashed apart: those count by their contents, which stand on record. */
static bool add_sights(struct hasher *h, const struct seen *s)
{
	bool sure = true;
	for (size_t i = 0; i < s->all.n && sure; i++) {
		const struct sight *x = s->all.p[i];
		sure = !x->there || !file_stat_racy(&x->stat, s->since_ns);
		add_number(h, x->kind);
		hasher_add_framed(h, x->name.p, x->name.n);
		add_number(h, x->there ? file_stat_hash(&x->stat) : 0);
		hasher_add_framed(h, x->text.p, x->text.n);
		add_number(h, x->text.p != NULL);
	}
	return sure;
}

static void add_task(struct hasher *h, const struct task *t)
{
	const struct task_record *r = t->record;
	const uint64_t facts[] = {t->id, r ? r->seq : 0, r ? r->signature.lo : 0, r ? (uint64_t)r->ended_at_ms : 0, r ? (uint64_t)r->duration_ns : 0};
	hasher_add(h, facts, sizeof facts);
}

bool samereport_key(const struct program *g, const struct ledger *l, struct hash128 *key)
{
	size_t n;
	const struct task *const *all = ledger_all_fresh(l, &n);
	if (!all || !nothing_to_tell(g))
		return false;
	struct hasher h = hasher_new();
	hasher_add(&h, &g->project.seal_key, sizeof g->project.seal_key);
	bool sure = add_sights(&h, g->project.seen);
	add_number(&h, log_task_seq(g->project.log));
	for (size_t i = 0; i < n; i++)
		add_task(&h, all[i]);
	*key = hasher_end(&h);
	hasher_free(&h);
	return sure;
}

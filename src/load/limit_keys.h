/* Keys that say when a task may start beside others: pools, slots, complexity, memory; and what may be spent. Private to workflow. */
#ifndef AXMAKE_LOAD_LIMIT_KEYS_H
#define AXMAKE_LOAD_LIMIT_KEYS_H

#include "load/reader.h"

/* Readers for tables. Into a struct task_def: */
key_read_fn read_slots;      /* slots: N */
key_read_fn read_pool;       /* pool: NAME */
key_read_fn read_complexity; /* complexity: low|medium|high */
key_read_fn read_memory;     /* memory: 2G */
key_read_fn read_budget;    /* budget: {cost_usd: 5, tokens: 2M} */
/* Into the reader's workflow: */
key_read_fn read_policy_budget;
key_read_fn read_pools; /* pools: {NAME: N}; those that are there already stand */

/* Once all files are read: each task's pool becomes a number; one that nobody defines is reported. */
void limits_link(struct reader *r);

#endif

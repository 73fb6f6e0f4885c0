/* Settings in JSON: automatosx.config.json or ax.config.json of the current folder. Other sections belong to other programs. */
#ifndef AXMAKE_LOAD_CONFIG_H
#define AXMAKE_LOAD_CONFIG_H

#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/seen.h"
#include "base/str.h"
#include "load/config_providers.h"

struct config {
	struct str file;              /* the one that was read; empty: none */
	int max_concurrent_agents;    /* 1..10; 0: not configured */
	bool parallel_delegation;     /* delegates of one answer at once */
	int64_t default_timeout_ns;   /* -1: not configured; for agents */
	struct provider_settings providers; /* to be laid over the rules: provider_settings_apply */
};

/* Reads the first of the two that exists. Mistakes go to d: syntax with line and column, values by file and JSON pointer. */
struct config config_load(struct arena *a, struct diag *d, struct seen *seen);

#endif

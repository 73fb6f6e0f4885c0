/* The key `sandbox`: what a task's programs may see, write and use. Private to workflow. */
#ifndef AXMAKE_LOAD_SANDBOX_KEYS_H
#define AXMAKE_LOAD_SANDBOX_KEYS_H

#include "load/reader.h"

/* sandbox: true|false|{network: false, read: [..], write: [..], disk: 10G, processes: 500, watch: false}, into a struct task_def. */
key_read_fn read_sandbox;

#endif

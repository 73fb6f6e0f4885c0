/* What /proc tells of processes. The lists of process.h are made in procfs.c too. */
#ifndef AXMAKE_RUN_PROCFS_H
#define AXMAKE_RUN_PROCFS_H

#include <stdbool.h>
#include <sys/types.h>

#include "run/process.h"

struct proc_stat {
	pid_t pid, parent, group, session;
	uint64_t start; /* clock ticks since boot */
	char state;  /* as ps shows it: R S D Z T … */
	bool living; /* neither dead nor a zombie; a process whose first thread alone has ended is living */
	bool young;  /* in the middle of execve: its environment is not there yet */
	bool dying;  /* living, but on its way out: its environment is gone, its children not yet handed over */
};

/* false: there is no such process. */
bool proc_stat_read(pid_t pid, struct proc_stat *out);

struct proc_table {
	VEC(struct proc_stat) rows;
};
/* Adds every process that can be seen. */
void proc_table_read(struct proc_table *t);

bool pid_list_has(const struct pid_list *l, pid_t pid);
bool process_ids_have(const struct process_ids *l, const struct proc_stat *st);

/* process_descendants without the kernel's lists of children. */
void procfs_descendants_by_scan(pid_t pid, struct pid_list *out);

#endif

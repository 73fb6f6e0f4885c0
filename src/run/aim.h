/* Signals that hit only whom they are meant for. A number that was read from /proc a moment ago may belong to another process by now. */
#ifndef AXMAKE_RUN_AIM_H
#define AXMAKE_RUN_AIM_H

#include <stdbool.h>
#include <sys/types.h>

#include "run/procfs.h"

/* Sends sig to process pid if `still` says that it is one of those that are meant: it is asked while the number is held (pidfd), so that what it reads in /proc is of the
 * process that gets the signal. Where the kernel has no pidfd the signal follows at once. A stopped process that gets SIGTERM is woken. 0, ESRCH (gone, or not meant), or errno. */
int aim_signal(pid_t pid, int sig, bool (*still)(void *self, pid_t pid), void *self);

/* Does `holds` say yes of pid or of one of its ancestors up to this process's child? */
bool aim_below(pid_t pid, bool (*holds)(void *self, const struct proc_stat *st), void *self);

#endif

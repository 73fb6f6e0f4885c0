/* Says in `.automatosx/status/` how agents end, and marks those that run. Values with secrets' names are masked. */
#ifndef AXMAKE_SHOW_AGENTSTATUS_H
#define AXMAKE_SHOW_AGENTSTATUS_H

#include "run/observer.h"

struct agentstatus_config {
	int root_fd;
	const char *const *environ; /* whose secrets are masked */
	struct str task;            /* what was asked, where it is not a workflow's task; empty: the task's name */
};

struct agentstatus;
struct agentstatus *agentstatus_new(const struct agentstatus_config *c);
struct observer agentstatus_observer(struct agentstatus *s);
/* 0, or the errno of what could not be written first. Marks that are left are taken away. */
int agentstatus_free(struct agentstatus *s);

#endif

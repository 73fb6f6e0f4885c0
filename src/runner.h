/* What GitHub's runner is told of a run: annotations, and the step's summary. */
#ifndef AXMAKE_RUNNER_H
#define AXMAKE_RUNNER_H

#include "program.h"
#include "show/report.h"

/* After a run: each failure as an annotation on standard error, the table to GITHUB_STEP_SUMMARY. */
void runner_tell(const struct program *g, const struct report *r);

#endif

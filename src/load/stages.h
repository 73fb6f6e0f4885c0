/* The sections `actors` and `stages`. Private to workflow. */
#ifndef AXMAKE_LOAD_STAGES_H
#define AXMAKE_LOAD_STAGES_H

#include "load/reader.h"

/* Reads them as tasks; with both, actors are what stages name. Each may be NULL: the file has none; `tasks` too, which is reported
 * where it stands beside one of them. defaults: the file's. */
void stages_read(struct reader *r, const struct pair *tasks, const struct pair *actors, const struct pair *stages,
                 const struct defaults *defaults);

#endif

/* Keys by which other programs' files (make's kin, CI, containers, schedulers) say what axmake calls otherwise. Private to workflow. */
#ifndef AXMAKE_LOAD_FOREIGN_WORDS_H
#define AXMAKE_LOAD_FOREIGN_WORDS_H

#include "base/str.h"

/* A hint for an unknown key of a task, of the file, of `retry` or of `budget`, or NULL. Case, '-' and '_' make no difference. Static. */
const char *foreign_word_of_task(struct str key);
const char *foreign_word_of_file(struct str key);
const char *foreign_word_of_retry(struct str key);
const char *foreign_word_of_budget(struct str key);

#endif

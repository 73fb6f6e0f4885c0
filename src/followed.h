/* What is written of a run that finds nothing to do, for those who follow runs by --events, --report and --trace-file; and the same once more where a seal answers the next one.
 * `.axmake/followed`; the format stands in doc/seal-format.md. */
#ifndef AXMAKE_FOLLOWED_H
#define AXMAKE_FOLLOWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "program.h"
#include "show/eventline.h"
#include "show/report.h"
#include "show/sealedlines.h"

/* A file was written by rename; `written` is its open descriptor's, `time` where it says when the run began. */
void followed_file(struct program *g, const char *path, const struct stat *written, const struct report_time *time);
/* Somebody follows by events; `run` is what its first line says. */
void followed_events(struct program *g, const char *path, const struct eventline_run *run);
/* What the files say but for their times hangs on this. */
void followed_says(struct program *g, struct hash128 key);
/* Do the files of an earlier run stand as they were left, say what hangs on that key, and are they these? Then they say by now that this run began then, and are as followed_file would have them. */
bool followed_again(struct program *g, struct hash128 key, const char *const *paths, size_t n, int64_t began_wall_ns);
/* Something went to somewhere else than a file, or not at all: the next run is to try anew. */
void followed_unfit(struct program *g);

/* The run found nothing to do. Puts into `word` what its seal is to keep beside `said`, and writes the rest down. false: there should be no seal. */
bool followed_seal(struct program *g, size_t fresh, size_t skipped, struct str said, struct sbuf *word);
/* A seal holds, and this is its word. Takes *said out of it. Are all files as they were left, and do they say by now that this run began now? */
bool followed_hold(struct program *g, struct str word, struct str *said);
/* Where events of the run that followed_hold has taken up are to go, and what they tell; NULL: nowhere. */
const struct sealedlines *followed_lines(const struct program *g, const char **path);

#endif

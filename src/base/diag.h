/* Wrong input: collected while loading goes on, then printed all at once as FILE:LINE:COL with the line, a caret and a hint. */
#ifndef AXMAKE_BASE_DIAG_H
#define AXMAKE_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"

/* A place in a source. Lines and columns count from 1, columns in characters; line 0: the file as a whole; source 0: no place. */
struct pos {
	uint32_t source, line, col;
};
#define POS_NONE ((struct pos){0, 0, 0})

struct diag; /* one for a program's run; owns its own memory */

struct diag *diag_new(void);
void diag_free(struct diag *d);
/* How the program is called, in messages without a place: "axmake" unless said. Kept, not copied. */
void diag_called(struct diag *d, const char *program);
const char *diag_program(const struct diag *d);

/* Registers a source and returns its number, from 1; again the same one for the same bytes under the name. name is copied; text must outlive the diag (NULL: no excerpt can be shown). */
uint32_t diag_source(struct diag *d, struct str name, struct str text);
uint32_t diag_sources(const struct diag *d); /* how many there are */
struct str diag_source_name(const struct diag *d, uint32_t source);

/* hint may be NULL; it is a whole phrase: "did you mean 'timeout'?", "quote it". A message has no final dot. Both are copied.
 * The same words for the same place are kept once until they are printed, since what aliases and a matrix's tasks share is read
 * for each of them: false for a repetition. */
bool diag_error(struct diag *d, struct pos at, const char *hint, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool diag_warn(struct diag *d, struct pos at, const char *hint, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* To the error or warning before, unless that was a repetition: its hint, where it costs time to find one (NULL: none); and
 * "FILE:LINE:COL: note: …". */
void diag_add_hint(struct diag *d, const char *hint);
void diag_note(struct diag *d, struct pos at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

size_t diag_errors(const struct diag *d);
/* Are there so few errors that somebody may see the hint of another one? Where finding one takes longer the more there is in a workflow, it is not looked for otherwise. */
bool diag_hint_counts(const struct diag *d);
size_t diag_warnings(const struct diag *d);
size_t diag_errors_in(const struct diag *d, struct str text); /* in the source of these bytes; `text` as given to diag_source */
/* How much was said so far, and back to that: what was said since is forgotten. For what is read again in another way; nothing of it may have been printed. */
size_t diag_mark(const struct diag *d);
void diag_rewind(struct diag *d, size_t mark);
/* Forgets warnings since the mark that were there before it: what is read again is warned of once. */
void diag_forget_repeated(struct diag *d, size_t mark);
/* Prints what was not printed yet, in the order of places (source, line, column; without place last), at most 50 errors and how many more;
 * tabs in an excerpt keep the caret in its column; control characters are escaped; long lines are cut around the caret. */
void diag_print(struct diag *d, FILE *to, bool color);
/* How many messages were printed, and each error printed since. */
size_t diag_printed(const struct diag *d);
void diag_each_error(const struct diag *d, size_t since, void (*fn)(void *self, struct pos at, struct str text), void *self);
/* "FILE:LINE" into b (just FILE for line 0). */
void diag_where(const struct diag *d, struct pos at, struct sbuf *b);

/* Hint text in d's memory. */
const char *diag_hint(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "did you mean 'x'?", or NULL where nothing is near. */
const char *diag_did_you_mean(struct diag *d, const struct suggestion *s);

#endif

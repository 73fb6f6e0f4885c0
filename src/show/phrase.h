/* Wordings that several views share. Everything is added to a buffer, fit for one line of a terminal. */
#ifndef AXMAKE_SHOW_PHRASE_H
#define AXMAKE_SHOW_PHRASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "graph/graph.h"
#include "run/observer.h"

/* "1 task", "12 tasks" */
void phrase_count(struct sbuf *b, size_t n, const char *noun);
/* A span as people set it: "500ms", "30s", "10m", "1h"; others as clock_duration does. */
void phrase_span(struct sbuf *b, int64_t ns);
/* "$0.01", "$12.40", "$0.0004" */
void phrase_usd(struct sbuf *b, double usd);
/* "812+96 tokens"; what is not known (-1) is a "?". Adds nothing and returns false when neither is known. */
bool phrase_tokens(struct sbuf *b, int64_t input, int64_t output);
/* One line of foreign text: as utf8_escape, but tabs stay. */
void phrase_line(struct sbuf *b, struct str s);
/* Every line of a text, escaped, behind `indent`; empty lines at its end are left out. */
void phrase_lines(struct sbuf *b, struct str text, const char *indent);
/* s as one word of a shell, quoted only where it must be. */
void phrase_word(struct sbuf *b, struct str s);
/* s escaped in `width` columns: cut with "…" where it is longer, filled with spaces where it is shorter. */
void phrase_cell(struct sbuf *b, struct str s, size_t width);
/* The same for a text that is fit to be shown already. */
void phrase_fit(struct sbuf *b, struct str shown, size_t width);
/* The columns that s takes once it is escaped. */
size_t phrase_width(struct str s);
/* Spaces. */
void phrase_fill(struct sbuf *b, size_t n);
/* text between the codes of a colour ("31", "1;32") when `on`. */
void phrase_color(struct sbuf *b, bool on, const char *code, const char *text);
/* How the program is called for this workflow: "axmake", with `-f FILE` where it would not find the file by itself. */
void phrase_command(struct sbuf *b, const struct graph *g);
/* "agent backend", "run" or "group" */
void phrase_kind(struct sbuf *b, const struct task *t);

/* " (4 tasks up to date, 1 skipped)": why nothing is to be done; nothing where there is nothing. */
void phrase_nothing(struct sbuf *b, size_t fresh, size_t skipped);
/* "12 calls, 812 tokens, at least $1.12 (2 unpriced)" */
void phrase_spent(struct sbuf *b, const struct spent *s);
/* "at least $1.12 (2 unpriced) of $5.00, 12k of 2M tokens": of the limits that there are. */
void phrase_spending(struct sbuf *b, const struct spending *s);
/* "Deploy to production? (axmake --approve deploy lets it run)", of a task that is held. */
void phrase_held(struct sbuf *b, const struct graph *g, const struct task *t);

/* "$ cc -c a.c …": the first line of a script that does something, neither empty nor a comment, in at most so many columns. */
void phrase_script(struct sbuf *b, struct str script, size_t most);
/* "saved 2m10s, 812+96 tokens, $0.01": what was made before, and is not made again. */
void phrase_saved(struct sbuf *b, int64_t duration_ns, int64_t input_tokens, int64_t output_tokens, double usd);
/* "512 bytes", "1.5 KiB", "5 GiB" */
void phrase_bytes(struct sbuf *b, uint64_t n);

/* One agent's end: tokens -1 and cost NaN are not reported, which is not 0. */
void usage_add(struct usage *u, int64_t input, int64_t output, double usd);
/* A task that is not run again, as it succeeded. */
void saving_add(struct saving *s, const struct task *t, const struct task_record *r);
/* It may be run after all: takes away what saving_add has added. */
void saving_take(struct saving *s, const struct task *t, const struct task_record *r);
/* " (812+96 tokens, $0.01)", " (812+96 tokens, cost not reported)"; nothing where no agent ran. */
void usage_phrase(struct sbuf *b, const struct usage *u);

#endif

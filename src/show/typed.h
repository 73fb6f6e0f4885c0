/* What is typed on a terminal while a program draws there: the lines by which its echo has moved the cursor down. Nothing is read: what is typed stays for whoever comes next. */
#ifndef AXMAKE_SHOW_TYPED_H
#define AXMAKE_SHOW_TYPED_H

#include "run/loop.h"

struct typed;
/* Of the terminal at that path (as /proc names an open file). fn is called when a line has been typed. NULL: it is not to be told. */
struct typed *typed_open(const char *path, struct loop *l, void (*fn)(void *self), void *self);
void typed_close(struct typed *t); /* NULL is fine */
/* So many lines, as far as is certain, since it was asked last. */
unsigned typed_lines(struct typed *t);

#endif

/* Tells when the terminal has got another size. */
#ifndef AXMAKE_SHOW_RESIZED_H
#define AXMAKE_SHOW_RESIZED_H

#include "run/loop.h"

struct resized;
/* Calls fn in a turn of the loop after each SIGWINCH, once for all that came meanwhile. NULL with errno: nobody is told. At most one at a time. */
struct resized *resized_open(struct loop *l, void (*fn)(void *self), void *self);
void resized_close(struct resized *r); /* NULL is nothing */

#endif

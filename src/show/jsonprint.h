/* JSON that is too long to be made in memory. */
#ifndef AXMAKE_SHOW_JSONPRINT_H
#define AXMAKE_SHOW_JSONPRINT_H

#include <stdio.h>

/* Prints the content of a file, from where its descriptor stands, as a JSON string with its quotes: what jsonout_text makes of it. 0 or the errno of reading; writing's errors
 * stay with `to`. */
int jsonprint_file(int fd, FILE *to);

#endif

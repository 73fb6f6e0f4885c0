/* Words of a text: runs of ASCII letters, in lower case. */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stdio.h>

enum { WORD_SIZE = 64 }; /* longer words are cut */

/* The next word of `from`; false at its end. */
bool word_next(FILE *from, char word[WORD_SIZE]);

#endif

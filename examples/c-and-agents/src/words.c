#include "words.h"

#include <ctype.h>

bool word_next(FILE *from, char word[WORD_SIZE])
{
	int c, n = 0;

	do
		c = getc(from);
	while (c != EOF && !isalpha(c));
	for (; c != EOF && isalpha(c); c = getc(from))
		if (n < WORD_SIZE - 1)
			word[n++] = (char)tolower(c);
	word[n] = '\0';
	return n > 0;
}

/* wordfreq [ROWS] < TEXT: the most frequent words of a text. */
#include <stdlib.h>

#include "count.h"
#include "report.h"
#include "words.h"

int main(int argc, char **argv)
{
	size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	struct counts counts = {0};
	char word[WORD_SIZE];

	while (word_next(stdin, word))
		if (counts_add(&counts, word)) {
			fputs("wordfreq: out of memory\n", stderr);
			return 1;
		}
	counts_sort(&counts);
	report(stdout, &counts, rows);
	counts_free(&counts);
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}

/* The system calls that a sandbox may refuse, and the filter that tells of them. */
#ifndef AXMAKE_RUN_REFUSAL_CALLS_H
#define AXMAKE_RUN_REFUSAL_CALLS_H

#include <stdint.h>

enum call_kind {
	CALL_OPEN,     /* flags: argument `also` */
	CALL_OPEN_HOW, /* flags: in the struct open_how that argument `also` points to */
	CALL_CREAT,
	CALL_MAKE,     /* a new name */
	CALL_REMOVE,   /* a name */
	CALL_RENAME,   /* a name to a second one, of the folder in argument `also`; at `also` + 1 */
	CALL_CHANGE,   /* a file or folder that stays */
	CALL_ADDRESS,  /* its length: argument `also` */
	CALL_SIGNAL,   /* to the process in argument `at`; argument `also` is the signal */
};

enum { CALL_HERE = -1 }; /* a path from the current folder */

struct refusal_call {
	int number;
	enum call_kind kind;
	int8_t folder; /* which argument is the descriptor of the folder that the path starts from, or CALL_HERE */
	int8_t at;     /* which argument is the path, address or process */
	int8_t also;   /* which of a further one, see above; -1: none */
};

/* The call of that number; NULL: it is none of these. */
const struct refusal_call *refusal_call(int number);

/* Installs the filter for this process and all that it starts, for good, with the right to gain rights given up. The listener's descriptor, close-on-exec; -1 with errno:
 * there is none. It changes no call: who reads of one is to have it continued. */
int refusal_filter(void);

#endif

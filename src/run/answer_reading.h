/* Private to answer*.c, after answer.h: a call's end while it is read (answer.c), and what is said where there is no answer (answer_failure.c). */
#ifndef AXMAKE_RUN_ANSWER_READING_H
#define AXMAKE_RUN_ANSWER_READING_H

#include "base/jsonfile.h"
#include "run/answer_key.h"

/* Of standard error (and of standard output where it is searched for an error) the two ends are enough. */
#define CLIP_EACH ((size_t)1 << 20)

/* The counts stand behind the others in their own order. */
enum { KEY_RESULT, KEY_FAILED, KEY_ERROR, KEY_COUNTS, N_KEYS = KEY_COUNTS + N_COUNTS };

struct reading {
	struct arena *a;    /* the caller's */
	struct arena local; /* what only the reading needs */
	const struct answer_input *in;
	struct key keys[N_KEYS];
	enum where_kind kind; /* of the text that is being looked through; JSONL also for JSONL_SUM */
	struct str err_text;  /* standard error, or its two ends */
	bool out_json;        /* standard output had JSON */
	bool out_deep;        /* and such as is nested too deep to be read */
	bool out_big;         /* and such as has too many values, where a later answer may stand than the one that was found */
	int out_error;        /* it could not be read */
	int out_fd;
	struct jsonfilter filter; /* which long strings of it have passed */
};

/* Sets class and error of a try that failed. */
void answer_set_failed(struct reading *r, struct answer *out);
/* Why there is no answer: where it was expected, and what stands there instead. `empty`: one without text; err: of its file. */
void answer_set_none(struct reading *r, struct answer *out, bool empty, int err);

#endif

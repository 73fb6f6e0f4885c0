/* The end of an agent's call: the answer's text, what failed, tokens and cost, read from its standard output, error and result
 * file. */
#ifndef AXMAKE_RUN_ANSWER_H
#define AXMAKE_RUN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "load/rules.h"
#include "load/workflow.h"
#include "run/longtext.h"

struct answer_input {
	const struct provider *provider;
	int at;                  /* folder of the three files */
	const char *out, *err;   /* names in it; missing counts as empty */
	const char *result_file; /* of `result = file` */
	bool exited;             /* false: ended by a signal */
	int status;              /* exit status, or signal */
	bool unfinished;         /* the rule names a final line, and none has come */
	bool says_failed;        /* its final line holds an error (see live.h): failed, whatever the status */
};

struct answer {
	enum try_class class; /* TRY_OK, TRY_FAILED, TRY_TRANSIENT (retry_on), TRY_AUTH (fatal_on), TRY_QUOTA (quota_on); these three also where status 0 came
	                         without an answer; TRY_ANSWER (none, and nothing of that said),
	                         TRY_CRASH */
	struct str error;     /* one short line for people, when not TRY_OK */
	int64_t wait_ns;      /* TRY_TRANSIENT: what the error asks for before the next call; -1: nothing */
	struct str quota_reset; /* when the quota is back, as the program says; empty: it does not */
	bool has_text;
	struct str text; /* the result, in the arena: only set when class is TRY_OK; for WHERE_TEXT it is the file itself:
	                    text_is_stdout */
	struct longtext *long_text; /* instead of text, where it is long */
	bool text_is_stdout;
	bool unread; /* TRY_ANSWER: there is one in standard output, but its JSON is nested too deep to be read, or has too many values */
	int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens; /* -1: not reported */
	double cost_usd;                                                            /* NaN: not reported */
};

/* Never fails: what cannot be read is said in class and error. JSON with lone surrogates, NULs, bad bytes or big integers is
 * mended in a copy before it is given up. To be closed by answer_close. */
struct answer answer_read(struct arena *a, const struct answer_input *in);
/* What it holds open. */
void answer_close(struct answer *answer);

/* A pointer's value in JSON text: for tests and for fields of results. false when absent or no JSON. Strings as they are,
 * anything else as compact JSON. */
bool answer_pointer(struct arena *a, struct str json, struct str pointer, struct str *out);

#endif

/* An entry as a server gives it. What is read is written again byte by byte, and lies within what came. */
#include <string.h>

#include "fuzz.h"
#include "state/envelope.h"

static bool lies_in(struct str body, const void *p, size_t n)
{
	const char *at = p;

	return !n || (at >= body.p && at + n <= body.p + body.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = fuzz_copy(data, size);
	struct envelope e;
	struct sbuf again = {0};

	if (envelope_read(body, &e)) {
		always(lies_in(body, e.entry.p, e.entry.n) && lies_in(body, e.objects, e.n_objects * ENVELOPE_NAME) && lies_in(body, e.proof, e.proof ? ENVELOPE_NAME : 0));
		always(e.covered.p == body.p && e.covered.n == body.n - (e.proof ? ENVELOPE_NAME : 0));
		envelope_put(&again, e.entry, e.objects, e.n_objects, e.proof);
		always(str_eq(sbuf_view(&again), e.covered));
	}
	sbuf_free(&again);
	free((char *)body.p);
	return 0;
}

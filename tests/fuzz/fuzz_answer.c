/* What an agent's program leaves: standard output, error and result file, read by the built-in rule whose number the first byte is, or by one of our own. */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/jsonfield.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "run/answer.h"
#include "run/answer_line.h"
#include "run/delegation.h"

#define OWN                                                                                                                    \
	STR("[provider sums]\ncommand = x\nresult = jsonl:/r/{a,b}\nfailed = json:/failed\nerror = stderr-json:/error/message\n"          \
	    "input_tokens = jsonl-sum:/usage/*/{in,cached}\noutput_tokens = jsonl-sum:/usage/0/out\ncost_usd = jsonl-sum:/cost\n"             \
	    "retry_on = busy|timed? out\nfatal_on = key\nquota_on = quota\nquota_reset = resets? (at|in) (.*)\n"                             \
	    "[provider file]\ncommand = x ${result_file}\nresult = file\nfailed = stderr-json:/failed\n")

static struct arena kept;
static struct rules *rules;
static int here;

static void begin(void)
{
	struct diag *d = diag_new();

	fuzz_enter();
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	always(here >= 0);
	rules = rules_load(&kept, d, NULL, RULES_NO_USER);
	rules_complete(rules);
	rules_add(rules, &kept, d, diag_source(d, STR("own.ini"), OWN), OWN, true);
	fuzz_told(d);
}

static void check_delegates(struct arena *a, struct str text)
{
	struct delegation_list l = delegation_parse(a, text);

	always(l.of.n <= DELEGATION_READ_MOST);
	for (size_t i = 0; i < l.of.n; i++) {
		struct str of[2] = {l.of.p[i].agent, l.of.p[i].task};

		for (size_t k = 0; k < 2; k++) {
			always(of[k].n && of[k].p >= text.p && of[k].p + of[k].n <= text.p + text.n);
			always(str_find(of[k], STR("\n"), 0) == of[k].n);
		}
	}
}

/* Fit to be shown: one line, valid, and nothing that a terminal would obey. */
static void check_line(struct str s)
{
	always(utf8_invalid(s) == s.n && s.n <= LINE_BYTES + 200);
	for (size_t i = 0; i < s.n; i++)
		always((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f);
}

static void check_answer(struct arena *a, const struct answer *got)
{
	struct str fault = STR_NONE;

	always(got->input_tokens >= -1 && got->output_tokens >= -1 && got->cache_read_tokens >= -1 && got->cache_write_tokens >= -1);
	always(isnan(got->cost_usd) || got->cost_usd >= 0);
	always(got->class == TRY_OK ? got->has_text && !got->error.n : got->error.n > 0);
	check_line(got->error);
	if (got->class != TRY_OK || got->long_text || got->text_is_stdout)
		return;
	check_delegates(a, got->text);
	json_decref(jsonfield_load(a, got->text, &fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"out", "err", "result"};
	struct str rest = {(const char *)data + (size > 0), size - (size > 0)};
	struct arena a = {0};
	struct answer_input in = {.out = "out", .err = "err", .result_file = "result", .exited = true};
	struct answer got;

	if (!rules)
		begin();
	in.at = here;
	in.provider = rules->provider_list.p[size ? (data[0] & 0x1f) % rules->provider_list.n : 0];
	in.status = size && data[0] & 0x20;
	in.exited = !size || data[0] & 0x40;
	in.says_failed = size && data[0] & 0x80;
	check_delegates(&a, rest);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		fuzz_put(names[i], fuzz_part(&rest));
	got = answer_read(&a, &in);
	check_answer(&a, &got);
	answer_close(&got);
	arena_free(&a);
	return 0;
}

/* Answers that were paid for when a run was killed. While an agent is at work `tasks/NAME/call` tells what it was asked, so that the
 * next run can take up an answer that is complete in its output, but on no record. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "run/job.h"

#define CALL_MAX 65536
#define FIRST_LINE "axmake call 1\n"

static const char *call_path(struct job *j)
{
	return arena_printf(&j->arena, "%.*s/call", STR_ARG(j->dir)).p;
}

static void write_call(struct job *j, const char *word)
{
	char hex[HASH_HEX];
	struct str text = arena_printf(&j->arena, FIRST_LINE "%s %" PRIu64 " %u %s\n%.*s\n", hash_hex(j->signing.hash, hex), j->start_id,
				       j->tries, word, STR_ARG(j->provider->name));
	int err = os_replace_file(j->sched->c->store->fd, call_path(j), 0600, text);
	if (err)
		sched_warn(j->sched, j->task, "cannot write .axmake/%s: %s; a killed run would ask it again", call_path(j), os_error(err));
}

/* A run apart is taken up by nobody. */
static bool is_kept(const struct job *j)
{
	return j->task->kind == TASK_AGENT && !j->sched->c->store->apart;
}

void salvage_begin(struct job *j)
{
	if (is_kept(j))
		write_call(j, "begun");
}

void salvage_complete(struct job *j)
{
	if (is_kept(j))
		write_call(j, "complete");
}

void salvage_unfit(struct job *j)
{
	if (is_kept(j))
		write_call(j, "unfit");
}

void salvage_forget(struct job *j)
{
	if (is_kept(j))
		unlinkat(j->sched->c->store->fd, call_path(j), 0);
}

/* What a killed run has left of a call. */
struct call_left {
	char signature[HASH_HEX];
	uint64_t start_id;
	unsigned tries;
	bool complete; /* known to be; else its output may tell */
	bool unfit;    /* complete, but it lacked a field that was used then, and that failure is on record */
	const struct provider *provider;
};

static const struct provider *provider_named(const struct task *t, struct str name)
{
	for (size_t i = 0; i < t->n_providers; i++)
		if (str_eq(t->providers[i]->name, name))
			return t->providers[i];
	return NULL;
}

static bool read_call(struct job *j, struct call_left *left)
{
	struct str text;
	char word[16];
	int at = 0;
	if (os_read_file(&j->arena, j->sched->c->store->fd, call_path(j), CALL_MAX, &text) || !str_starts(text, STR(FIRST_LINE)))
		return false;
	struct str rest = str_sub(text, sizeof FIRST_LINE - 1, text.n);
	_Static_assert(HASH_HEX == 33, "the width below");
	if (sscanf(rest.p, "%32[0-9a-f] %" SCNu64 " %9u %15[a-z]%n", left->signature, &left->start_id, &left->tries, word, &at) != 4 || rest.p[at] != '\n')
		return false;
	left->unfit = str_eq(str_of(word), STR("unfit"));
	left->complete = left->unfit || str_eq(str_of(word), STR("complete"));
	left->provider = provider_named(j->task, str_trim_end_newlines(str_sub(rest, (size_t)at + 1, rest.n)));
	return left->provider;
}

static bool same_call(struct job *j, const struct call_left *left)
{
	char hex[HASH_HEX];
	signature_compute(&j->sched->c->stale->hashing, &j->arena, j->task, left->provider, true, true, &j->signing);
	return !j->signing.problem.n && str_eq(str_of(hash_hex(j->signing.hash, hex)), str_of(left->signature));
}

/* Reads the output again as if it came now, and what it took. false: it cannot be read. */
static bool read_output(struct job *j)
{
	struct store *store = j->sched->c->store;
	const char *out = arena_printf(&j->arena, "%.*s/stdout", STR_ARG(j->dir)).p;
	int fd = openat(store->fd, out, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st, begun;
	char piece[65536];
	ssize_t n = -1;
	if (fd < 0)
		return false;
	bool good = !fstat(fd, &st) && S_ISREG(st.st_mode) && !fstatat(store->fd, call_path(j), &begun, AT_SYMLINK_NOFOLLOW);
	if (good)
		j->took_ns = (st.st_mtim.tv_sec - begun.st_mtim.tv_sec) * NS_PER_S + st.st_mtim.tv_nsec - begun.st_mtim.tv_nsec;
	if (j->took_ns < 0)
		j->took_ns = 0;
	while (good && j->live && (n = read(fd, piece, sizeof piece)) > 0)
		live_add(j->live, piece, (size_t)n);
	if (j->live)
		live_end(j->live);
	if (lseek(fd, 0, SEEK_SET) < 0 || (j->live && n < 0) || hash_fd(fd, &j->sizes.out_hash, &j->sizes.out))
		good = false;
	close(fd);
	return good;
}

static bool is_whole(struct job *j, const struct call_left *left)
{
	j->live = live_new(j->provider);
	if (!read_output(j) || !(left->complete || attend_answered(j)))
		return false;
	finish_answered(j);
	return j->has_answer && finish_outputs_made(j) && !(left->unfit && unfit_still(j));
}

bool salvage_take(struct job *j)
{
	struct call_left left = {0};
	enum why why = j->verdict.why;
	if (!is_kept(j) || why == WHY_FORCED || why == WHY_WHAT_IF || why == WHY_ALWAYS || why == WHY_FAILURE || !read_call(j, &left))
		return false;
	bool recorded = j->task->record && j->task->record->start_id == left.start_id;
	const struct provider *chosen = j->provider;
	j->tries = left.tries;
	j->provider = j->signed_for = left.provider;
	if (!recorded && same_call(j, &left) && is_whole(j, &left)) {
		j->start_id = left.start_id;
		j->paid_before = left.unfit;
		return true;
	}
	sbuf_free(&j->signing.fields);
	j->signing = (struct signing){0};
	live_free(j->live);
	j->live = NULL;
	j->has_answer = false;
	j->answer = (struct answer){0};
	j->sizes = (struct capture_sizes){0};
	j->outcome.error = STR_NONE;
	j->provider = chosen;
	j->signed_for = NULL;
	j->tries = 0;
	return false;
}

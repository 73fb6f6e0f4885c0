/* The script that judges what a task's command has made, in that task's slot; and what the next try is told of its failure. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "run/job.h"

/* So much of the end of a check's output goes into the next prompt. */
#define FEEDBACK_MAX 8192

struct str check_dir(struct job *j)
{
	return arena_printf(&j->arena, "%.*s/check", STR_ARG(tries_dir(j)));
}

static const char *check_log(struct job *j)
{
	const struct capture_sizes *z = &j->check_sizes;
	return arena_printf(&j->arena, "%.*s/%s", STR_ARG(check_dir(j)), z->both ? "output" : z->out ? "stdout" : "stderr").p;
}

/* The command's own processes and mark are put away, for what it may leave running is known by them. */
static void put_command_away(struct job *j)
{
	j->checking = true;
	j->command_ending = j->ending;
	j->command_mark = j->mark;
	j->ending = (struct ending){0};
	j->mark = arena_printf(&j->arena, "%.*sc", STR_ARG(j->mark));
	j->cause = END_OWN;
	j->status = 0;
	j->pid = 0;
}

static void take_command_back(struct job *j)
{
	ending_free(&j->ending);
	j->ending = j->command_ending;
	j->mark = j->command_mark;
	j->command_ending = (struct ending){0};
	j->checking = false;
	j->checked = true;
}

bool check_begin(struct job *j)
{
	struct str why = STR_NONE;
	put_command_away(j);
	tries_keep_answer(j);
	salvage_complete(j);
	j->made = salvage_made(j);
	if (job_start_script(j, j->task->def->check.s, &why)) {
		attend_check(j);
		return true;
	}
	if (j->capture) {
		capture_finish(j->capture);
		capture_free(j->capture);
		j->capture = NULL;
	}
	take_command_back(j);
	j->outcome.error = why;
	return false;
}

/* The last bytes of the check's log. */
static struct str end_of_log(struct job *j)
{
	struct stat st;
	int fd = openat(j->sched->c->store->fd, check_log(j), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *p = arena_text(&j->arena, FEEDBACK_MAX + 1);
	ssize_t n = 0;
	if (fd < 0)
		return STR_NONE;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		n = pread(fd, p, FEEDBACK_MAX, st.st_size > FEEDBACK_MAX ? st.st_size - FEEDBACK_MAX : 0);
	close(fd);
	struct str text = {p, n > 0 ? (size_t)n : 0};
	while (st.st_size > FEEDBACK_MAX && text.n && ((unsigned char)*text.p & 0xc0) == 0x80)
		text = str_sub(text, 1, text.n);
	if (st.st_size > FEEDBACK_MAX)
		text = mask_behind_cut(&j->sched->mask, text);
	/* A NUL fits no argument, and says nothing. */
	for (size_t i = 0; i < text.n; i++)
		if (!text.p[i])
			p[text.p - p + (ptrdiff_t)i] = ' ';
	return mask_copy(&j->sched->mask, &j->arena, text);
}

/* The marks hold a hash of what stands between them, so that nothing in there can pass for the second one. */
static struct str feedback(struct job *j, struct str how)
{
	struct str text = str_trim_end_newlines(end_of_log(j));
	char hex[HASH_HEX];
	hash_hex(hash_bytes(text.p, text.n), hex);
	return arena_printf(&j->arena,
			    "Your last answer to this task did not pass its check (%.*s). The end of what the check printed:\n"
			    "<check-output-%.8s>\n%.*s\n</check-output-%.8s>\n"
			    "Put right what it shows, then give the complete answer again.\n",
			    STR_ARG(how), hex, STR_ARG(text), hex);
}

static struct str how_it_failed(struct job *j)
{
	if (j->cause == END_TIMEOUT)
		return STR("it did not end in time");
	if (WIFSIGNALED(j->status))
		return arena_printf(&j->arena, "ended by signal %d", WTERMSIG(j->status));
	return arena_printf(&j->arena, "exit status %d", WEXITSTATUS(j->status));
}

static void set_failure(struct job *j)
{
	struct outcome *o = &j->outcome;
	o->signaled = WIFSIGNALED(j->status);
	o->status = o->signaled ? WTERMSIG(j->status) : WEXITSTATUS(j->status);
	if (j->cause == END_TIMEOUT) {
		struct sbuf b = {0};
		clock_duration(&b, job_timeout(j));
		o->signaled = false;
		o->status = 0;
		o->error = arena_printf(&j->arena, "it did not end within %.*s", (int)b.n, b.p);
		sbuf_free(&b);
	}
	if (j->cause == END_DISK)
		o->error = sandbox_disk_full(j);
	j->feedback = feedback(j, how_it_failed(j));
	j->session = j->live ? arena_copy(&j->arena, live_seen(j->live).session) : STR_NONE;
	j->session_of = j->provider;
}

enum try_class check_ended(struct job *j)
{
	capture_finish(j->capture); /* an error was told; a verdict is one without a log, too */
	j->check_sizes = capture_result(j->capture);
	j->check_sizes.tail = arena_copy(&j->arena, j->check_sizes.tail);
	capture_free(j->capture);
	j->capture = NULL;
	j->outcome.ended += j->cause == END_OWN && !j->task->executor ? j->ending.ended : 0;
	take_command_back(j);
	if (j->cause == END_INTERRUPT) {
		j->outcome.error = STR("interrupted");
		j->outcome.interrupted = true;
		return TRY_CRASH;
	}
	bool passed = j->cause == END_OWN && WIFEXITED(j->status) && !WEXITSTATUS(j->status);
	if (!passed)
		set_failure(j);
	j->cause = END_OWN;
	return passed ? TRY_OK : TRY_CHECK;
}

/* A failed check is shown by what it printed, not by what the command did. */
void check_show(struct job *j)
{
	struct outcome *o = &j->outcome;
	o->tail = mask_copy(&j->sched->mask, &j->arena, j->check_sizes.tail);
	o->log_size = j->check_sizes.out + j->check_sizes.err;
	o->log_path = o->log_size ? arena_printf(&j->arena, ".axmake/%s", check_log(j)) : STR_NONE;
}

/* What an executor's far side is told: one of its hosts, words that a shell there splits again, and variables. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "run/executor.h"

#define AWAY_NS (30 * NS_PER_S) /* a host that was lost is passed over so long, each time in a row as long again */
#define AWAY_AT_MOST 10

static struct executor_host *host_of(struct sched *s, const struct executor *e, size_t i)
{
	for (size_t k = 0; k < s->hosts.n; k++)
		if (s->hosts.p[k].executor == e && s->hosts.p[k].number == i)
			return &s->hosts.p[k];
	vec_push(s->arena, &s->hosts, ((struct executor_host){.executor = e, .number = i}));
	return &s->hosts.p[s->hosts.n - 1];
}

static bool better(const struct executor_host *a, const struct executor_host *b, int64_t now)
{
	int64_t a_away = a->away_until_ns > now ? a->away_until_ns : 0, b_away = b->away_until_ns > now ? b->away_until_ns : 0;
	return a_away != b_away ? a_away < b_away : a->running < b->running;
}

struct str executor_take_host(struct job *j)
{
	const struct executor *e = j->task->executor;
	int64_t now = clock_ns();
	size_t best = 0;
	if (!e->hosts.n)
		return STR_NONE;
	for (size_t i = 1; i < e->hosts.n; i++) {
		struct executor_host a = *host_of(j->sched, e, i), b = *host_of(j->sched, e, best);
		best = better(&a, &b, now) ? i : best;
	}
	host_of(j->sched, e, best)->running++;
	j->elsewhere.has_host = true;
	j->elsewhere.host_number = best;
	return e->hosts.p[best];
}

void executor_give_host(struct job *j, bool lost)
{
	if (!j->elsewhere.has_host)
		return;
	j->elsewhere.has_host = false;
	struct executor_host *h = host_of(j->sched, j->task->executor, j->elsewhere.host_number);
	h->running--;
	h->lost = !lost ? 0 : h->lost < AWAY_AT_MOST ? h->lost + 1 : AWAY_AT_MOST;
	h->away_until_ns = lost ? clock_ns() + h->lost * AWAY_NS : 0;
}

static void add_quoted(struct sbuf *b, struct str s)
{
	sbuf_char(b, '\'');
	for (size_t at = 0; at < s.n;) {
		size_t end = str_find(s, STR("'"), at);
		sbuf_str(b, str_sub(s, at, end));
		if (end < s.n)
			sbuf_lit(b, "'\\''");
		at = end + 1;
	}
	sbuf_char(b, '\'');
}

struct str executor_quoted(struct arena *a, char *const *words)
{
	struct sbuf b = {0};
	for (; *words; words++) {
		if (b.n)
			sbuf_char(&b, ' ');
		add_quoted(&b, str_of(*words));
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static bool words_have(const struct words *w, struct str name)
{
	for (size_t i = 0; w && i < w->n; i++)
		if (str_eq(w->p[i], name))
			return true;
	return false;
}

/* Is it inherited as it is, and none of those that are asked for by name? */
static bool stays_here(const struct job *j, char *entry, struct str name)
{
	const struct sched *s = j->sched;
	const struct text_list *counted = &j->task->def->env_inputs;
	bool inherited = false;
	for (size_t i = 0; i < s->n_base_env && !inherited; i++)
		inherited = s->base_env[i] == entry;
	for (size_t i = 0; inherited && i < counted->n; i++)
		if (str_eq(counted->p[i].s, name))
			return false;
	return inherited && !words_have(&j->task->executor->pass, name) && !words_have(j->provider ? &j->provider->key_env : NULL, name);
}

struct str executor_variables(struct job *j, char *const *env)
{
	struct sbuf b = {0};
	for (; *env; env++) {
		struct str entry = str_of(*env), name = str_sub(entry, 0, str_find(entry, STR("="), 0));
		if (!callwords_is_name(name) || str_eq(name, STR("PWD")) || stays_here(j, *env, name))
			continue;
		sbuf_printf(&b, "export %.*s=", STR_ARG(name));
		add_quoted(&b, str_sub(entry, name.n + 1, entry.n));
		sbuf_char(&b, '\n');
	}
	struct str s = arena_copy(&j->arena, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

/* In memory, since variables may be secrets. */
int executor_stdin(struct job *j, struct str prompt)
{
	int fd = memfd_create("axmake-stdin", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	int err = os_write_all(fd, j->elsewhere.sent.p, j->elsewhere.sent.n);
	if (!err)
		err = os_write_all(fd, prompt.p, prompt.n);
	if (err || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What a task's sandbox refused, as axmake-guard noted it: in memory from its first start on, told when a try has ended. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/home.h"
#include "base/os.h"
#include "base/path.h"
#include "run/isolate.h"
#include "run/mounts.h"
#include "run/refusal.h"

#define GUARD "axmake-guard"

struct notes {
	int fd;
	struct refusals *map;
	uint32_t told; /* of its refusals */
	bool lost;     /* that was told */
};

const char *sandbox_find_guard(struct sched *s)
{
	struct str file;
	if (!s->guard_sought && agent_beside(s->arena, STR(GUARD), s->path_env, &file))
		s->guard = arena_copy(s->arena, file).p;
	s->guard_sought = true;
	return s->guard;
}

static struct notes *notes_new(struct arena *a)
{
	int fd = refusals_new();
	struct refusals *map = fd < 0 ? NULL : refusals_map(fd);
	struct notes *n = map ? arena_array(a, struct notes, 1) : NULL;
	if (n)
		*n = (struct notes){.fd = fd, .map = map};
	else if (fd >= 0)
		close(fd);
	return n;
}

/* Once a run: it is so for all of them. */
static void tell_unwatched(struct job *j, int error)
{
	struct sched *s = j->sched;
	const char *why = !s->guard ? "'" GUARD "' is not installed beside axmake, or does not work here"
			: error == EBUSY ? "axmake itself runs in what is watched so"
			: error == ENOSYS || error == EINVAL ? "this kernel does not tell" : os_error(error);
	if (s->unwatched_told)
		return;
	s->unwatched_told = true;
	sched_warn(s, j->task, "what its sandbox refuses is known by what its program prints alone: %s", why);
}

void sandbox_guard(struct job *j, const char *bwrap, bool network, struct words_list *w)
{
	struct sched *s = j->sched;
	if (!j->notes && sandbox_find_guard(s))
		j->notes = notes_new(&j->arena);
	if (!j->notes) {
		tell_unwatched(j, s->guard ? ENOMEM : ENOENT);
		return;
	}
	const char *const words[] = {GUARD, arena_printf(&j->arena, "%d", j->notes->fd).p, network ? "network" : "none", bwrap};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		vec_push(&j->arena, &w->of, (char *)words[i]);
}

int sandbox_notes(const struct job *j)
{
	return j->notes ? j->notes->fd : -1;
}

/* As people know it: from the root, or from home. */
static struct str path_said(struct job *j, struct str path)
{
	struct str root = isolate_root(j);
	const char *home = home_folder(&j->arena);
	if (path_under(path, root) && path.n > root.n)
		return str_sub(path, root.n + 1, path.n);
	if (home && path_under(path, str_of(home)) && path.n > strlen(home))
		return arena_printf(&j->arena, "~%.*s", STR_ARG(str_sub(path, strlen(home), path.n)));
	return path;
}

static void put_refusal(struct job *j, const struct refusal *r, struct sbuf *b)
{
	static const char *const whys[N_REFUSAL_WHYS] = {
		[REFUSED_HIDDEN] = "hidden", [REFUSED_READ_ONLY] = "not to be written", [REFUSED_NETWORK] = "no network", [REFUSED_PROCESS] = "outside"};
	struct str what = {r->what, strnlen(r->what, sizeof r->what)};
	if (r->why >= N_REFUSAL_WHYS)
		return;
	sbuf_lit(b, b->n ? ", " : "");
	if (r->why == REFUSED_PROCESS)
		sbuf_lit(b, "process ");
	sbuf_str(b, *what.p == '/' ? path_said(j, what) : what);
	sbuf_printf(b, " (%s", whys[r->why]);
	if (r->times > 1)
		sbuf_printf(b, ", %u times", r->times);
	sbuf_char(b, ')');
}

void sandbox_tell(struct job *j)
{
	struct notes *n = j->notes;
	struct sbuf b = {0};
	if (!n)
		return;
	uint32_t have = n->map->n < REFUSALS_MOST ? n->map->n : REFUSALS_MOST;
	for (; n->told < have; n->told++)
		put_refusal(j, &n->map->all[n->told], &b);
	if (b.n && n->map->more)
		sbuf_printf(&b, " and more");
	if (b.n)
		sched_warn(j->sched, j->task, "its sandbox refused: %.*s", (int)b.n, b.p);
	sbuf_free(&b);
	if (n->map->watch == WATCH_IMPOSSIBLE)
		tell_unwatched(j, n->map->error);
	if (n->map->watch == WATCH_LOST && !n->lost) {
		n->lost = true;
		sched_warn(j->sched, j->task, "who watched what its sandbox refuses was ended by somebody; what was refused since is known by what its program prints alone");
	}
}

void sandbox_gone(struct job *j)
{
	if (!j->notes)
		return;
	refusals_unmap(j->notes->map);
	close(j->notes->fd);
	j->notes = NULL;
}

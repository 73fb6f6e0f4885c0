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
			: error == EACCES ? "the memory of its programs may not be read"
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

static struct str what_said(struct job *j, const struct refusal *r)
{
	struct arena *a = &j->arena;
	struct str what = refusal_text(a, r);
	if (r->why == REFUSED_PROCESS)
		return arena_printf(a, "process %.*s", STR_ARG(what));
	return arena_copy(a, mask_copy(&j->sched->mask, a, str_starts(what, STR("/")) ? path_said(j, what) : what));
}

/* All that is noted by now, and last what the kernel has counted, if it has. */
static void take(struct job *j, const struct refusals *from)
{
	static const char *const whys[N_REFUSAL_WHYS] = {
		[REFUSED_HIDDEN] = "hidden", [REFUSED_READ_ONLY] = "not to be written", [REFUSED_NETWORK] = "no network", [REFUSED_PROCESS] = "outside"};
	uint32_t n = !from ? 0 : from->n < REFUSALS_MOST ? from->n : REFUSALS_MOST;
	struct refused *all = arena_array(&j->arena, struct refused, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		const struct refusal *r = &from->all[i];
		all[i] = (struct refused){what_said(j, r), whys[r->why % N_REFUSAL_WHYS], r->times};
	}
	if (j->unforked)
		all[n++] = (struct refused){arena_printf(&j->arena, "processes beyond %u", j->task->def->sandbox->processes), "too many", j->unforked};
	j->outcome.refused = all;
	j->outcome.n_refused = n;
}

/* Of what is noted, those from `first` to `end`; of what is counted, what has grown. */
static void warn_of(struct job *j, uint32_t first, uint32_t end, bool more)
{
	const struct outcome *o = &j->outcome;
	struct sbuf b = {0};
	for (size_t i = first; i < o->n_refused; i++) {
		const struct refused *r = &o->refused[i];
		if (i >= end && j->unforked == j->unforked_told)
			break;
		sbuf_printf(&b, "%s%.*s (%s", b.n ? ", " : "", STR_ARG(r->what), r->why);
		if (r->times > 1)
			sbuf_printf(&b, ", %u times", r->times);
		sbuf_char(&b, ')');
	}
	if (b.n)
		sched_warn(j->sched, j->task, "its sandbox refused: %.*s%s", (int)b.n, b.p, more ? " and more" : "");
	sbuf_free(&b);
}

void sandbox_tell(struct job *j)
{
	struct notes *n = j->notes;
	if (!n && !j->unforked)
		return;
	take(j, n ? n->map : NULL);
	uint32_t end = (uint32_t)j->outcome.n_refused - (j->unforked != 0);
	warn_of(j, n ? n->told : 0, end, n && n->map->more);
	j->unforked_told = j->unforked;
	if (!n)
		return;
	n->told = end;
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

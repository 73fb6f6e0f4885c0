/* A wall around the programs of an isolated task, by bubblewrap. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/home.h"
#include "base/os.h"
#include "base/path.h"
#include "run/isolate.h"
#include "run/mounts.h"
#include "run/probe.h"

#define BWRAP "bwrap"

static const struct sandbox *sandbox_of(const struct job *j)
{
	return j->task->def->sandbox;
}

uint64_t sandbox_file_size(const struct job *j)
{
	const struct sandbox *s = sandbox_of(j);
	struct rlimit own;
	if (!s)
		return 0;
	return getrlimit(RLIMIT_FSIZE, &own) || s->disk < own.rlim_max ? s->disk : own.rlim_max;
}

static void add_words(struct arena *a, struct words_list *w, const char *const *words)
{
	for (; *words; words++)
		vec_push(a, &w->of, (char *)*words);
}

/* Namespaces, and no capability in them. What is in them ends with its first process, and that with axmake. */
static void push_walls(struct arena *a, struct words_list *w, bool network)
{
	static const char *const walls[] = {"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-cgroup-try", "--cap-drop", "ALL", "--die-with-parent", NULL};
	add_words(a, w, walls);
	if (!network)
		vec_push(a, &w->of, (char *)"--unshare-net");
}

/* In /proc the kernel's settings and switches belong to root, whatever rights he has given up: a program named there would be run outside. Those of processes are their own. */
static void add_settings(struct mounts *m)
{
	DIR *d = geteuid() ? NULL : opendir("/proc");
	struct stat st;
	for (struct dirent *e; d && (e = readdir(d));)
		if (*e->d_name != '.' && !strchr("0123456789", *e->d_name) && !fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_mode & 0222)))
			mounts_add(m, MOUNT_READ, arena_printf(m->a, "/proc/%s", e->d_name));
	if (d)
		closedir(d);
}

/* The system, to be read, without what speaks for the user: his home, and sockets of services. */
static void add_system(struct mounts *m)
{
	static const char *const hidden[] = {"/run", "/var/run", "/tmp", "/var/tmp"};
	/* systemd's resolver, and where one distribution keeps its programs */
	static const char *const shown[] = {"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf", "/etc/resolv.conf", "/run/current-system", "/run/wrappers"};
	const char *homes[] = {home_folder(m->a), home_listed(m->a)};
	mounts_add(m, MOUNT_READ, STR("/"));
	mounts_add(m, MOUNT_DEV, STR("/dev"));
	mounts_add(m, MOUNT_PROC, STR("/proc"));
	add_settings(m);
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		mounts_hide(m, str_of(hidden[i]));
	for (size_t i = 0; i < sizeof homes / sizeof *homes; i++)
		if (homes[i] && *homes[i] == '/')
			mounts_hide(m, str_of(homes[i]));
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		mounts_show(m, MOUNT_READ, str_of(shown[i]));
}

static void add_temporary(struct mounts *m, char *const *env)
{
	for (; *env; env++)
		if (!strncmp(*env, "TMPDIR=/", 8))
			mounts_hide(m, str_of(*env + 7));
}

/* Programs that are hidden could not be started. A folder that holds more than programs is not shown for their sake. */
static void show_folder(struct mounts *m, struct str folder)
{
	if (str_starts(folder, STR("/")) && mounts_hidden(m, folder) && !mounts_hold_hidden(m, folder))
		mounts_show(m, MOUNT_READ, folder);
}

static void add_path_folders(struct mounts *m, const char *path)
{
	struct str s = str_of(path ? path : "");
	for (size_t at = 0, end; at < s.n; at = end + 1) {
		end = str_find(s, STR(":"), at);
		show_folder(m, path_normal(m->a, arena_copy(m->a, str_sub(s, at, end))));
	}
}

/* What a program is installed with: a package of npm's is all in one folder of them. */
static void add_installed(struct mounts *m, struct str path)
{
	size_t packages = str_find(path, STR("/node_modules/"), 0);
	if (!path.n || !mounts_hidden(m, path))
		return;
	mounts_show(m, MOUNT_READ, path);
	show_folder(m, packages < path.n ? str_sub(path, 0, packages + sizeof "/node_modules" - 1) : path_dir(path));
}

/* A name that is a link to a link to a program: each has to be seen. */
static void add_links(struct mounts *m, struct str file)
{
	enum { MOST = 40 };
	char to[PATH_MAX];
	for (int i = 0; i < MOST; i++) {
		ssize_t n = readlink(arena_copy(m->a, file).p, to, sizeof to);
		if (n <= 0 || (size_t)n == sizeof to)
			return;
		struct str dir = *to == '/' ? STR("/") : mounts_real(m, path_dir(file));
		file = path_join(m->a, dir, path_normal(m->a, arena_copy(m->a, (struct str){to, (size_t)n})));
		mounts_show(m, MOUNT_READ, file);
	}
}

/* The program that a script names in its first line, also by way of env; STR_NONE: it is none. */
static struct str interpreter(struct arena *a, const char *file, const char *path_env)
{
	char line[256];
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	struct str found = STR_NONE;
	char *rest = NULL;
	if (fd >= 0)
		close(fd);
	if (n < 2 || line[0] != '#' || line[1] != '!')
		return STR_NONE;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	const char *word = strtok_r(line + 2, " \t", &rest);
	if (word && str_eq(path_base(str_of(word)), STR("env")))
		while ((word = strtok_r(NULL, " \t", &rest)) && *word == '-')
			;
	return word && os_find_program(a, word, path_env, &found) ? found : STR_NONE;
}

static void add_program(struct mounts *m, const char *file, const char *path_env)
{
	struct str by = interpreter(m->a, file, path_env);
	add_links(m, str_of(file));
	add_installed(m, mounts_real(m, str_of(file)));
	if (!by.n)
		return;
	add_links(m, by);
	add_installed(m, mounts_real(m, by));
}

/* "~/x" in the user's home. */
static struct str at_home(struct arena *a, struct str path)
{
	const char *home = str_starts(path, STR("~/")) ? home_folder(a) : NULL;
	return path_normal(a, home ? arena_printf(a, "%s/%.*s", home, STR_ARG(str_sub(path, 2, path.n))) : path);
}

/* Where its program keeps its own; folders are made, or what it writes there would be gone with the sandbox. */
static void add_needs(struct mounts *m, const struct words *needs)
{
	for (size_t i = 0; i < needs->n; i++) {
		struct str path = at_home(m->a, needs->p[i]);
		if (str_ends(needs->p[i], STR("/")))
			os_mkdirs(AT_FDCWD, arena_copy(m->a, path).p, 0700);
		if (str_starts(path, STR("/")))
			mounts_show(m, MOUNT_WRITE, path);
	}
}

static bool add_own(struct mounts *m, const struct sandbox *s, struct str *why)
{
	for (size_t i = 0; i < s->read.n; i++)
		mounts_show(m, MOUNT_READ, at_home(m->a, s->read.p[i].s));
	for (size_t i = 0; i < s->write.n; i++)
		if (!mounts_show(m, MOUNT_WRITE, at_home(m->a, s->write.p[i].s))) {
			*why = arena_printf(m->a, "its sandbox cannot let it write to '%.*s': %s", STR_ARG(s->write.p[i].s), os_error(errno));
			return false;
		}
	return true;
}

/* Its view of the root; of .axmake only results and what belongs to itself. */
static void add_root(struct mounts *m, struct job *j)
{
	struct sched *s = j->sched;
	struct str root = s->c->graph->root, view = str_of(isolate_place(j)->folder);
	struct str state = path_join(m->a, root, s->c->store->folder);
	if (str_eq(view, root) && !mounts_show(m, MOUNT_WRITE, root)) {
		m->error = m->error ? m->error : EACCES;
		m->unseen = root;
	}
	char *real = realpath(state.p, NULL);
	if (real)
		state = arena_copy(m->a, str_of(real));
	free(real);
	mounts_hide(m, state);
	mounts_show(m, MOUNT_READ, path_join(m->a, state, STR("results")));
	struct str own = path_join(m->a, state, j->dir);
	mounts_show(m, MOUNT_READ, own);
	if (j->task->kind == TASK_AGENT && !j->checking)
		mounts_show(m, MOUNT_WRITE, path_join(m->a, own, STR("answer")));
	if (!str_eq(view, root))
		mounts_show(m, MOUNT_WRITE, view);
	else if (!str_eq(s->c->root, root) && mounts_hidden(m, s->c->root)) {
		mounts_add(m, MOUNT_LINK, s->c->root);
		m->all.p[m->all.n - 1].to = root;
	}
	const char *fifo = j->has_pipe ? isolate_fifo(j) : NULL;
	if (fifo)
		mounts_show(m, MOUNT_WRITE, str_of(fifo));
}

/* A digit that is no descriptor of the jobserver's. */
static int free_descriptor(const int keep[2])
{
	int fd = 3;
	while (fd == keep[0] || fd == keep[1])
		fd++;
	return fd;
}

/* Outside are bubblewrap and, where it is watched, the guard and its watcher. In there are another bubblewrap and the shell below. */
static uint64_t most_in_group(const struct job *j)
{
	uint64_t most = sandbox_of(j)->processes < 2 ? 2 : sandbox_of(j)->processes;
	return most + (j->notes ? 3 : 1);
}

/* No more than axmake itself may have: that could not be set. */
static uint64_t process_limit(const struct sandbox *s, bool grouped)
{
	uint64_t most = (uint64_t)s->processes + (grouped ? 2 : 0);
	struct rlimit own;
	return getrlimit(RLIMIT_NPROC, &own) || most < own.rlim_max ? most : own.rlim_max;
}

/* A limit on processes counts those of the namespace only from within it; where a group counts them, that is to be the one that refuses, since it tells. And what is left when the sandbox's first program ends is killed: that is a shell, which waits for
 * the task's own, and once it has been told to end for all others too. What it has to say itself of their ends nobody wants to read. */
static void push_program(struct arena *a, struct words_list *w, const struct sandbox *s, const struct call *call, const int keep[2], bool grouped)
{
	static const char text[] = "exec %1$d>&2 2>/dev/null\n"
				   "ulimit -p %2$llu || ulimit -u %2$llu || exit\n"
				   "trap 'while set -- /proc/[0-9]*; [ $# -gt 2 ]; do sleep 0.05; done' TERM\n"
				   "(exec \"$@\" 2>&%1$d %1$d>&-)\n"
				   "status=$?\n"
				   "exit $status";
	const char *const first[] = {"--", "/bin/sh", "-c", arena_printf(a, text, free_descriptor(keep), (unsigned long long)process_limit(s, grouped)).p, "sh", call->file, NULL};
	add_words(a, w, first);
	for (char **word = call->argv + 1; *word; word++)
		vec_push(a, &w->of, *word);
	vec_push(a, &w->of, NULL);
}

bool sandbox_wrap(struct job *j, struct call *call, const int keep[2], char *const *env, struct str *why)
{
	const struct sandbox *s = sandbox_of(j);
	struct mounts m = {.a = &j->arena};
	struct words_list w = {0};
	struct str bwrap;
	if (!s)
		return true;
	if (!os_find_program(m.a, BWRAP, j->sched->path_env, &bwrap)) {
		*why = STR("'" BWRAP "' for its sandbox is not installed any more");
		return false;
	}
	if (s->watch)
		sandbox_guard(j, bwrap.p, s->network, &w);
	vec_push(m.a, &w.of, (char *)BWRAP);
	push_walls(m.a, &w, s->network);
	add_system(&m);
	add_temporary(&m, env);
	add_path_folders(&m, j->sched->path_env);
	add_program(&m, call->file, j->sched->path_env);
	if (j->provider)
		add_needs(&m, &j->provider->needs);
	if (!add_own(&m, s, why))
		return false;
	add_root(&m, j);
	if (m.error) {
		*why = arena_printf(m.a, "cannot look at '%.*s' for its sandbox: %s", STR_ARG(m.unseen), os_error(m.error));
		return false;
	}
	mounts_words(&m, s->disk, &w);
	vec_push(m.a, &w.of, (char *)"--chdir");
	vec_push(m.a, &w.of, (char *)isolate_root(j).p);
	bool grouped = pidgroup_make(&j->sched->groups, m.a, j->mark, most_in_group(j), &j->group);
	push_program(m.a, &w, s, call, keep, grouped);
	call->file = j->notes ? j->sched->guard : bwrap.p;
	call->argv = w.of.p;
	return true;
}

void sandbox_ended(struct job *j)
{
	uint64_t sum = j->unforked + pidgroup_end(&j->sched->groups, &j->group);
	j->unforked = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

void sandbox_end_run(struct sched *s)
{
	if (s->groups.noted)
		pidgroup_sweep(s->c->store->fd);
}

static struct task *wants_sandbox(const struct graph *g)
{
	struct task_span open = graph_open(g);
	for (size_t i = 0; i < open.n; i++) {
		struct task *t = open.p[i];
		if (t->wanted && t->def->sandbox && t->state != STATE_UPTODATE && t->state != STATE_DONE)
			return t;
	}
	return NULL;
}

/* An empty sandbox. false with what was said, or why. */
static bool can_be_built(struct mounts *m, const char *guard, const char *bwrap, struct str *said, struct str *why)
{
	static const char *const before[] = {"/bin/sh", "-c", "exec \"$@\" 2>&1", "sh", NULL};
	static const char *const after[] = {"--", "/bin/sh", "-c", ":", NULL};
	const char *const guarded[] = {guard, "-", "none", bwrap, BWRAP, NULL}, *const bare[] = {bwrap, NULL};
	enum { LIMIT_S = 30, MOST = 4096 };
	struct words_list w = {0};
	add_words(m->a, &w, before);
	add_words(m->a, &w, guard ? guarded : bare);
	push_walls(m->a, &w, false);
	mounts_words(m, 1 << 20, &w);
	add_words(m->a, &w, after);
	vec_push(m->a, &w.of, NULL);
	return probe_output(m->a, w.of.p, LIMIT_S * NS_PER_S, MOST, said, why);
}

/* One with its guard, once, and without where that does not do. STR_NONE: it can be had. */
static struct str why_not(struct sched *s, struct arena *a)
{
	struct mounts m = {.a = a};
	struct str bwrap, said = STR_NONE, why = STR_NONE;
	const char *guard = sandbox_find_guard(s);
	if (!os_find_program(a, BWRAP, s->path_env, &bwrap))
		return STR("'" BWRAP "' is not installed (not found in PATH); install bubblewrap (on Debian: apt install bubblewrap)");
	add_system(&m);
	for (size_t i = 0; i < m.all.n; i++)
		if (m.all.p[i].kind == MOUNT_EMPTY && str_eq(m.all.p[i].at, s->c->graph->root))
			return arena_printf(a, "it is to hide '%.*s', which is the root: work in a folder below", STR_ARG(s->c->graph->root));
	if (guard && can_be_built(&m, guard, bwrap.p, &said, &why))
		return STR_NONE;
	s->guard = NULL;
	if (can_be_built(&m, NULL, bwrap.p, &said, &why))
		return STR_NONE;
	said = str_trim(said);
	said = str_sub(said, 0, str_find(said, STR("\n"), 0));
	return arena_printf(a, "%.*s%s", STR_ARG(said.n ? said : why), isolate_setting());
}

bool sandbox_possible(struct sched *s)
{
	struct task *t = wants_sandbox(s->c->graph);
	struct arena a = {0};
	struct str why = t ? why_not(s, &a) : STR_NONE;
	if (why.n)
		demands_refuse(s, t, arena_printf(&a, "'sandbox' is not possible here: %.*s", STR_ARG(why)));
	arena_free(&a);
	return !why.n;
}

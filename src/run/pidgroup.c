#include "run/pidgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/os.h"
#include "base/path.h"
#include "base/vec.h"

#define NOTES "pidgroups" /* lines of "PREFIX PATH": where a run has made groups, and how their names begin */
#define PREFIX "axmake-"
#define CONTROLLER STR("pids")

enum { NOTES_MAX = 1 << 20 };

/* Is the word among those with commas, or blanks, between? */
static bool has_word(struct str s, struct str word)
{
	for (size_t at = 0, end; at < s.n; at = end + 1) {
		for (end = at; end < s.n && !strchr(", \n", s.p[end]); end++)
			;
		if (str_eq(str_sub(s, at, end), word))
			return true;
	}
	return false;
}

/* This process's own group, as "ID:CONTROLLERS:PATH" says it. STR_NONE: there is none. */
static struct str own_group(struct arena *a, bool unified)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char *line = NULL;
	size_t room = 0;
	struct str found = STR_NONE;
	for (ssize_t n; f && !found.n && (n = getline(&line, &room, f)) > 0;) {
		struct str s = str_trim_end_newlines((struct str){line, (size_t)n});
		size_t first = str_find(s, STR(":"), 0), second = str_find(s, STR(":"), first + 1);
		struct str of = str_sub(s, first + 1, second);
		if (second < s.n && (unified ? !of.n : has_word(of, CONTROLLER)))
			found = arena_copy(a, str_sub(s, second + 1, s.n));
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* "\040" is a blank there. */
static struct str unescaped(struct arena *a, const char *s)
{
	char *p = arena_text(a, strlen(s) + 1);
	size_t n = 0;
	for (; *s; s++) {
		bool octal = *s == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3];
		p[n++] = octal ? (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0')) : *s;
		s += octal ? 3 : 0;
	}
	p[n] = '\0';
	return (struct str){p, n};
}

/* A line of mountinfo: the folder in which the group is seen. STR_NONE: not there. */
static struct str seen_at(struct arena *a, char *line, struct str group, bool unified)
{
	char *rest = NULL, *words[6], *end = strstr(line, " - ");
	if (!end)
		return STR_NONE;
	*end = '\0';
	for (size_t i = 0; i < 6; i++)
		if (!(words[i] = strtok_r(i ? NULL : line, " ", &rest)))
			return STR_NONE;
	const char *type = strtok_r(end + 3, " ", &rest), *options = type && strtok_r(NULL, " ", &rest) ? strtok_r(NULL, " \n", &rest) : NULL;
	if (!options || strcmp(type, unified ? "cgroup2" : "cgroup") != 0 || (!unified && !has_word(str_of(options), CONTROLLER)))
		return STR_NONE;
	struct str root = unescaped(a, words[3]), at = unescaped(a, words[4]);
	if (!path_under(group, root))
		return STR_NONE;
	return path_normal(a, arena_printf(a, "%.*s/%.*s", STR_ARG(at), STR_ARG(str_sub(group, root.n > 1 ? root.n : 0, group.n))));
}

static struct str own_folder(struct arena *a, bool unified)
{
	struct str group = own_group(a, unified), found = STR_NONE;
	FILE *f = group.n && !str_starts(group, STR("/..")) ? fopen("/proc/self/mountinfo", "re") : NULL;
	char *line = NULL;
	size_t room = 0;
	while (f && !found.n && getline(&line, &room, f) > 0)
		found = seen_at(a, line, group, unified);
	free(line);
	if (f)
		fclose(f);
	return found;
}

static int write_to(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
		return ENAMETOOLONG;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno;
	int err = os_write_all(fd, text, strlen(text));
	close(fd);
	return err;
}

static struct str read_from(struct arena *a, struct str folder, const char *name)
{
	struct str text;
	struct stat st;
	return os_read_any(a, AT_FDCWD, path_join(a, folder, str_of(name)).p, NOTES_MAX, &text, &st) ? STR_NONE : text;
}

static void look(struct pidgroups *all)
{
	all->looked = true;
	all->folder = own_folder(all->a, false);
	all->unified = !all->folder.n;
	if (all->unified)
		all->folder = own_folder(all->a, true);
	bool counts = all->folder.n && (!all->unified || has_word(read_from(all->a, all->folder, "cgroup.controllers"), CONTROLLER));
	if (!counts || access(all->folder.p, W_OK))
		all->folder = STR_NONE;
}

static bool note(struct pidgroups *all)
{
	if (all->noted)
		return true;
	struct str line = arena_printf(all->a, PREFIX "%llx- %.*s\n", (unsigned long long)all->run_id, STR_ARG(all->folder));
	int fd = openat(all->notes, NOTES, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	all->noted = fd >= 0 && !os_write_all(fd, line.p, line.n);
	if (fd >= 0)
		close(fd);
	return all->noted;
}

/* While one axmake makes a group, or gives up what that needed, no other does. */
static int lock_folder(struct str folder)
{
	int fd = open(folder.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
	return fd;
}

/* Of version 2, where not all groups count. */
static bool count_below(struct pidgroups *all)
{
	if (has_word(read_from(all->a, all->folder, "cgroup.subtree_control"), CONTROLLER))
		return true;
	all->enabled = !write_to(all->folder.p, "cgroup.subtree_control", "+pids");
	return all->enabled;
}

/* One that has processes, as ours, may only have such below it as are limited by it in all else: "threaded". */
static bool fit_below(struct arena *a, struct str folder)
{
	return str_eq(str_trim(read_from(a, folder, "cgroup.type")), STR("domain")) || !write_to(folder.p, "cgroup.type", "threaded");
}

static bool any_below(struct str folder)
{
	DIR *d = opendir(folder.p);
	bool any = !d;
	for (struct dirent *e; d && !any && (e = readdir(d));)
		any = e->d_type == DT_DIR && *e->d_name != '.';
	if (d)
		closedir(d);
	return any;
}

static void remove_group(struct pidgroups *all, struct str folder)
{
	rmdir(folder.p);
	if (all->enabled && !any_below(all->folder)) /* then all is as it was */
		all->enabled = write_to(all->folder.p, "cgroup.subtree_control", "-pids") != 0;
}

static bool make_locked(struct pidgroups *all, const char *most, struct pidgroup *g)
{
	if (mkdir(g->folder.p, 0755))
		return false;
	if ((!all->unified || (count_below(all) && fit_below(all->a, g->folder))) && !write_to(g->folder.p, "pids.max", most))
		g->fd = open(path_join(all->a, g->folder, STR("cgroup.procs")).p, O_WRONLY | O_CLOEXEC);
	if (g->fd < 0)
		remove_group(all, g->folder);
	return g->fd >= 0;
}

bool pidgroup_make(struct pidgroups *all, struct arena *a, struct str mark, uint64_t most, struct pidgroup *g)
{
	char number[24];
	*g = (struct pidgroup){STR_NONE, -1};
	if (!all->looked)
		look(all);
	if (!all->folder.n || !note(all))
		return false;
	snprintf(number, sizeof number, "%" PRIu64, most);
	g->folder = arena_printf(a, "%.*s/" PREFIX "%.*s", STR_ARG(all->folder), STR_ARG(mark));
	int lock = lock_folder(all->folder);
	bool made = lock >= 0 && make_locked(all, number, g);
	if (lock >= 0)
		close(lock);
	if (!made)
		g->folder = STR_NONE;
	return made;
}

int pidgroup_join(int fd)
{
	return write(fd, "0", 1) == 1 ? 0 : errno;
}

/* "max 3": three times. */
static uint64_t refused_in(struct str folder)
{
	struct arena a = {0};
	struct str text = read_from(&a, folder, "pids.events");
	uint64_t n = 0;
	if (!text.n || sscanf(text.p, "max %" SCNu64, &n) != 1)
		n = 0;
	arena_free(&a);
	return n;
}

uint64_t pidgroup_end(struct pidgroups *all, struct pidgroup *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	if (!g->folder.n)
		return 0;
	uint64_t refused = refused_in(g->folder);
	int lock = lock_folder(all->folder);
	remove_group(all, g->folder);
	if (lock >= 0)
		close(lock);
	g->folder = STR_NONE;
	return refused;
}

/* All that stands in the notes may be anybody's word: what is removed is empty groups of that kind of name, and nothing else. */
static bool is_of_groups(int fd)
{
	struct statfs fs;
	return !fstatfs(fd, &fs) && (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

/* false: some are left. */
static bool sweep_folder(const char *folder, const char *prefix)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 && !strncmp(prefix, PREFIX, sizeof PREFIX - 1) && is_of_groups(fd) ? fdopendir(fd) : NULL;
	bool all = true;
	if (!d && fd >= 0)
		close(fd);
	for (struct dirent *e; d && (e = readdir(d));)
		if (!strncmp(e->d_name, prefix, strlen(prefix)) && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) && errno == EBUSY)
			all = false;
	if (d)
		closedir(d);
	return all;
}

void pidgroup_sweep(int notes)
{
	struct arena a = {0};
	struct sbuf left = {0};
	struct str text;
	if (!os_read_file(&a, notes, NOTES, NOTES_MAX, &text)) {
		for (size_t at = 0, end; at < text.n; at = end + 1) {
			end = str_find(text, STR("\n"), at);
			struct str line = str_sub(text, at, end);
			size_t blank = str_find(line, STR(" "), 0);
			if (blank < line.n && !sweep_folder(arena_copy(&a, str_sub(line, blank + 1, line.n)).p, arena_copy(&a, str_sub(line, 0, blank)).p))
				sbuf_printf(&left, "%.*s\n", STR_ARG(line));
		}
		if (left.n)
			os_replace_file(notes, NOTES, 0600, sbuf_view(&left));
		else
			unlinkat(notes, NOTES, 0);
	}
	sbuf_free(&left);
	arena_free(&a);
}

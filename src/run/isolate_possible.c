/* Before anything runs: can what isolated tasks want be had here? */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/path.h"
#include "run/isolate.h"

#define TRY "views/.try" /* no task's: names that begin with a dot are escaped */

static struct task *wants_overlay(const struct graph *g)
{
	struct task_span open = graph_open(g);
	for (size_t i = 0; i < open.n; i++) {
		struct task *t = open.p[i];
		if (t->wanted && t->def->isolate == ISOLATE_OVERLAY && t->state != STATE_UPTODATE && t->state != STATE_DONE)
			return t;
	}
	return NULL;
}

/* A file system mounted inside the root would not be seen through an overlay. STR_NONE: there is none. */
static struct str mounted_inside(struct arena *a, struct str root)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct str found = STR_NONE;
	struct mntent *m;
	while (f && !found.n && (m = getmntent(f))) {
		struct str dir = str_of(m->mnt_dir);
		if (path_under(dir, root) && dir.n > root.n)
			found = arena_copy(a, dir);
	}
	if (f)
		endmntent(f);
	return found;
}

static bool number_in(const char *path, long *out)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%ld", out) == 1;
	if (f)
		fclose(f);
	return ok;
}

const char *isolate_setting(void)
{
	long is;
	static const struct {
		const char *path;
		long refuses;
		const char *text;
	} settings[] = {
		{"/proc/sys/user/max_user_namespaces", 0, " (/proc/sys/user/max_user_namespaces is 0)"},
		{"/proc/sys/kernel/unprivileged_userns_clone", 0, " (/proc/sys/kernel/unprivileged_userns_clone is 0)"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, " (AppArmor restricts user namespaces: /proc/sys/kernel/apparmor_restrict_unprivileged_userns is 1)"},
	};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (number_in(settings[i].path, &is) && is == settings[i].refuses)
			return settings[i].text;
	return "";
}

/* What may be behind a refusal. */
static const char *reason(int store_fd)
{
	static const struct {
		unsigned long magic;
		const char *text;
	} systems[] = {
		{OVERLAYFS_SUPER_MAGIC, " (the root lies on an overlay itself)"}, {NFS_SUPER_MAGIC, " (the root lies on NFS)"},
		{0x65735546, " (the root lies on a FUSE file system)"},		 {V9FS_MAGIC, " (the root lies on 9p)"},
		{0xff534d42, " (the root lies on CIFS)"},			    {0xfe534d42, " (the root lies on CIFS)"},
		{MSDOS_SUPER_MAGIC, " (the root lies on FAT)"},
	};
	struct statfs fs;
	for (size_t i = 0; !fstatfs(store_fd, &fs) && i < sizeof systems / sizeof *systems; i++)
		if ((unsigned long)fs.f_type == systems[i].magic)
			return systems[i].text;
	/* An overlay marks by them what was removed. */
	if (fgetxattr(store_fd, "user.axmake", NULL, 0) < 0 && errno == EOPNOTSUPP)
		return " (the root's file system keeps no extended attributes)";
	return isolate_setting();
}

static int make_lower(const struct store *s)
{
	static const char *const files[] = {OVERLAY_TEST_FILE, OVERLAY_TEST_INNER};
	struct arena a = {0};
	int err = views_make(s, STR(TRY), VIEW_OVERLAY);
	if (!err)
		err = os_mkdirs(s->fd, TRY "/lower/" OVERLAY_TEST_FOLDER, 0700);
	for (int i = 0; !err && i < 2; i++)
		err = os_replace_file(s->fd, arena_printf(&a, TRY "/lower/%s", files[i]).p, 0600, STR_NONE);
	arena_free(&a);
	return err;
}

/* Did the layer keep what was done in it? 0 or errno. */
static int layer_error(struct arena *a, const struct store *s)
{
	struct changes c = {0};
	struct str bad;
	int fd = views_open(s, STR(TRY), VIEW_OVERLAY), err = fd < 0 ? errno : changes_of_layer(a, fd, &c, &bad);
	const struct change *file = err ? NULL : changes_get(&c, STR(OVERLAY_TEST_FILE)), *folder = err ? NULL : changes_get(&c, STR(OVERLAY_TEST_FOLDER));
	if (!err && !(file && file->kind == CHANGE_GONE && folder && folder->opaque))
		err = EOPNOTSUPP;
	changes_free(&c);
	if (fd >= 0)
		close(fd);
	return err;
}

/* In a folder of its own, where things may be removed; then over the root, with a fresh upper layer. */
static bool try_overlay(struct sched *s, struct arena *a, struct overlay_fault *f)
{
	struct str folder = s->c->store->folder;
	struct place place;
	struct overlay_plan plan = {
		.root = s->c->graph->root.p,
		.lower = arena_printf(a, "%.*s/" TRY "/lower", STR_ARG(folder)).p,
		.upper = arena_printf(a, "%.*s/" TRY "/upper", STR_ARG(folder)).p,
		.work = arena_printf(a, "%.*s/" TRY "/work", STR_ARG(folder)).p,
		.test = true,
	};
	if (!overlay_make(&plan, &place, f))
		return false;
	overlay_close(&place);
	int err = layer_error(a, s->c->store);
	if (err) {
		*f = (struct overlay_fault){"keep in the upper layer what was removed", NULL, err};
		return false;
	}
	err = make_lower(s->c->store);
	if (err) {
		*f = (struct overlay_fault){"make a folder in .axmake/views", NULL, err};
		return false;
	}
	plan.test = false;
	plan.lower = ".";
	plan.real[0] = arena_copy(a, folder).p;
	if (!overlay_make(&plan, &place, f))
		return false;
	overlay_close(&place);
	return true;
}

/* STR_NONE: it can be had. */
static struct str why_not(struct sched *s, struct arena *a)
{
	struct str root = s->c->graph->root, inside;
	struct overlay_fault f = {0};
	if (str_eq(root, STR("/")))
		return STR("the root is '/'");
	if ((inside = mounted_inside(a, root)).n)
		return arena_printf(a, "another file system is mounted inside the root, at '%.*s'", STR_ARG(inside));
	int err = make_lower(s->c->store);
	bool ok = !err && try_overlay(s, a, &f);
	if (err)
		f = (struct overlay_fault){"make a folder in .axmake/views", NULL, err};
	views_remove(s->c->store, STR(TRY));
	if (ok)
		return STR_NONE;
	return arena_printf(a, "cannot %s%s%s: %s%s", f.step, f.path ? " " : "", f.path ? f.path : "", os_error(f.err), reason(s->c->store->fd));
}

bool isolate_possible(struct sched *s)
{
	struct task *t = wants_overlay(s->c->graph);
	struct arena a = {0};
	struct str why = t ? why_not(s, &a) : STR_NONE;
	if (why.n) {
		struct str text = arena_printf(&a, "'isolate: overlay' is not possible here: %.*s; 'isolate: copy' needs no mount", STR_ARG(why));
		demands_refuse(s, t, text);
	}
	arena_free(&a);
	return !why.n;
}

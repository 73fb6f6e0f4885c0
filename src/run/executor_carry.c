/* Executors that do not see the root: the task's files go there and come back with axmake-carry, and what came back waits in a view. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/os.h"
#include "graph/content.h"
#include "run/executor.h"
#include "run/isolate.h"
#include "state/elsewhere.h"

#define PROGRAM "axmake-carry"

/* What runs there: a folder of its own gets the files, checked by their hash; what is declared goes back. See carry.c. */
static const char far_script[] = "read -r key env size sum || exit 126\n"
				 "t=$(mktemp -d \"${TMPDIR:-/tmp}/axmake-elsewhere.XXXXXX\") || exit 126\n"
				 "trap 'trap \"\" TERM INT HUP; unset AX_RUN; cd /; rm -rf \"$t\"' EXIT\n" /* whoever ends the command does not end this */
				 "trap '' PIPE\n"
				 "trap : TERM INT HUP\n"
				 "[ \"$env\" = 0 ] || eval \"$(dd bs=1 count=\"$env\" 2>/dev/null)\"\n"
				 "{ dd bs=65536 count=$((size / 65536)) iflag=fullblock; dd bs=1 count=$((size % 65536)); } 2>/dev/null >\"$t/in\"\n"
				 "[ \"$(sha256sum <\"$t/in\")\" = \"$sum  -\" ] || { echo 'axmake: what was sent came damaged' >&2; exit 75; }\n"
				 "mkdir \"$t/root\" && cd \"$t/root\" && tar -xf \"$t/in\" && rm \"$t/in\" || exit 126\n"
				 "[ -z \"${AX_ROOT+x}\" ] || AX_ROOT=$PWD\n"
				 "n=$1 i=$1\n"
				 "shift\n"
				 "for p; do [ $i -gt 0 ] || break; i=$((i - 1)); case $p in f:*/*) p=${p#f:}; mkdir -p \"${p%/*}\"; esac; done\n"
				 "printf '%s began\\n' \"$key\"\n"
				 "exec 9>&2 2>\"$t/said\"\n"
				 "(trap - PIPE; shift $n; exec \"$@\" 2>&9 9>&-)\n"
				 "s=$? e=$?\n"
				 "[ $s -le 128 ] || [ ! -s \"$t/said\" ] || e=$((s + 128))\n" /* a signal, as in executor.c */
				 "[ $s = 0 ] && for p; do\n"
				 "	[ $n -gt 0 ] || break\n"
				 "	n=$((n - 1))\n"
				 "	case $p in\n"
				 "	f:*) p=${p#f:}; if [ -e \"$p\" ] || [ -L \"$p\" ]; then printf '%s\\n' \"$p\"; fi;;\n"
				 "	g:*) p=${p#g:}; d=${p%%//*} p=${p#*//}; [ ! -d \"$d\" ] || find \"$d\" | while IFS= read -r f; do case ${f#./} in $p) printf '%s\\n' \"${f#./}\"; esac; done;;\n"
				 "	esac\n"
				 "done >\"$t/list\"\n"
				 "size=0 sum=0\n"
				 "if [ -s \"$t/list\" ]; then\n"
				 "	tar -cf \"$t/out\" -T \"$t/list\" 2>&9 || exit 126\n"
				 "	sum=$(sha256sum <\"$t/out\") size=$(($(wc -c <\"$t/out\")))\n"
				 "	sum=${sum%% *}\n"
				 "fi\n"
				 "printf '%s ended %d %d %s\\n' \"$key\" $e $size \"$sum\"\n"
				 "[ $size = 0 ] || cat \"$t/out\"\n"
				 "printf '%s end\\n' \"$key\"\n"
				 "exit $s";

bool executor_carries(const struct task *t)
{
	return t->executor && t->executor->root_apart;
}

/* Names of what goes there. */
struct cargo {
	struct job *j;
	struct sbuf send, follow; /* as they are; links followed. Each name ended by a NUL */
};

static void add(struct cargo *c, struct sbuf *to, struct str path)
{
	if (faccessat(c->j->sched->c->store->root_fd, arena_copy(&c->j->arena, path).p, F_OK, AT_SYMLINK_NOFOLLOW))
		return;
	sbuf_lit(to, "./"); /* it may begin with '-' */
	sbuf_str(to, path);
	sbuf_char(to, '\0');
}

static void add_pattern(struct cargo *c, const struct pattern *p)
{
	struct glob_list found = {0};
	struct str bad;
	if (p->kind != PATTERN_GLOB) {
		add(c, &c->send, p->path);
		return;
	}
	glob_walk(&c->j->arena, c->j->sched->c->store->root_fd, p->path, &found, &bad); /* a folder that cannot be read has nothing for it */
	for (size_t i = 0; i < found.paths.n; i++)
		add(c, &c->send, found.paths.p[i]);
}

static void add_dependency(struct cargo *c, const struct dep *d)
{
	const struct task *t = d->task;
	for (size_t i = 0; (d->how & DEP_NAMED) && i < t->outputs.n; i++)
		add_pattern(c, &t->outputs.p[i]);
	if (t->has_result && (d->how & (DEP_RESULT | DEP_PATH | DEP_CONTEXT)))
		add(c, &c->follow, store_result_path(&c->j->arena, t->result));
}

/* Of the task's own folder in .axmake. */
static void add_own(struct cargo *c, struct str dir, const char *name)
{
	add(c, &c->follow, arena_printf(&c->j->arena, ".axmake/%.*s/%s", STR_ARG(dir), name));
}

static int write_names(struct job *j, const char *name, const struct sbuf *names)
{
	return os_replace_file(j->sched->c->store->fd, arena_printf(&j->arena, "%.*s/%s", STR_ARG(j->view->dir), name).p, 0600, sbuf_view(names));
}

static bool list_cargo(struct job *j, struct str *why)
{
	struct cargo c = {.j = j};
	const struct task *t = j->task;
	for (size_t i = 0; i < t->edits.n; i++)
		add_pattern(&c, &t->edits.p[i]);
	for (size_t i = 0; i < j->signing.inputs.items.n; i++)
		add(&c, &c.follow, j->signing.inputs.items.p[i]);
	for (size_t i = 0; i < t->deps.n; i++)
		add_dependency(&c, &t->deps.p[i]);
	add_own(&c, j->dir, "prompt");
	add_own(&c, j->dir, "results");
	add_own(&c, j->dir, j->checking ? "check" : "script");
	if (j->checking)
		add_own(&c, tries_dir(j), "answer");
	int err = write_names(j, "send", &c.send);
	if (!err)
		err = write_names(j, "follow", &c.follow);
	sbuf_free(&c.send);
	sbuf_free(&c.follow);
	if (err)
		*why = arena_printf(&j->arena, "cannot write .axmake/%.*s: %s", STR_ARG(j->view->dir), os_error(err));
	return !err;
}

/* A pattern for the far side's shell, whose `*` goes over folders too: what it finds in addition is not declared, and goes no further. */
static struct str shell_pattern(struct arena *a, struct str glob)
{
	struct sbuf b = {0};
	for (size_t i = 0; i < glob.n; i++) {
		bool twice = str_starts(str_sub(glob, i, glob.n), STR("**"));
		sbuf_char(&b, glob.p[i]);
		if (twice)
			i += str_starts(str_sub(glob, i, glob.n), STR("**/")) ? 2 : 1;
	}
	struct str s = arena_copy(a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static void add_back(struct job *j, const struct pattern *p, struct executor_words *w)
{
	struct arena *a = &j->arena;
	struct str path = p->path;
	if (p->kind == PATTERN_GLOB)
		vec_push(a, &w->of, (char *)arena_printf(a, "g:%.*s//%.*s", STR_ARG(glob_prefix(path)), STR_ARG(shell_pattern(a, path))).p);
	else
		vec_push(a, &w->of, (char *)arena_printf(a, "f:%.*s", STR_ARG(path)).p);
}

void executor_carry_words(struct job *j, struct executor_words *w)
{
	struct arena *a = &j->arena;
	struct executor_words back = {0};
	for (size_t i = 0; i < j->task->outputs.n; i++)
		add_back(j, &j->task->outputs.p[i], &back);
	for (size_t i = 0; i < j->task->edits.n; i++)
		add_back(j, &j->task->edits.p[i], &back);
	vec_push(a, &back.of, (char *)arena_printf(a, "f:.axmake/%.*s/answer", STR_ARG(j->dir)).p);
	const char *first[] = {"/bin/sh", "-c", far_script, "sh", arena_printf(a, "%zu", back.of.n).p};
	for (size_t i = 0; i < sizeof first / sizeof *first; i++)
		vec_push(a, &w->of, (char *)first[i]);
	for (size_t i = 0; i < back.of.n; i++)
		vec_push(a, &w->of, back.of.p[i]);
}

bool executor_carry(struct job *j, struct call *call, struct str *why)
{
	struct arena *a = &j->arena;
	struct executor_words w = {0};
	struct str file;
	if (!j->view) {
		*why = STR("what a delegate is asked for does not go to where no files are");
		return false;
	}
	if (!agent_beside(a, STR(PROGRAM), j->sched->path_env, &file)) {
		*why = STR("'" PROGRAM "' is not installed beside axmake");
		return false;
	}
	if (!list_cargo(j, why))
		return false;
	const char *first[] = {file.p, arena_printf(a, ".axmake/%.*s", STR_ARG(j->view->dir)).p, arena_printf(a, ".axmake/" ELSEWHERE "/%.*s", STR_ARG(j->mark)).p,
			       arena_printf(a, "%zu", j->elsewhere.sent.n).p, arena_printf(a, ".axmake/%.*s/answer", STR_ARG(j->dir)).p};
	for (size_t i = 0; i < sizeof first / sizeof *first; i++)
		vec_push(a, &w.of, (char *)first[i]);
	for (char **word = call->argv; *word; word++)
		vec_push(a, &w.of, *word);
	vec_push(a, &w.of, NULL);
	call->file = file.p;
	call->argv = w.of.p;
	return true;
}

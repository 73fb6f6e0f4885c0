#include "axmake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asbefore.h"
#include "base/os.h"
#include "complete.h"
#include "cacheinfo.h"
#include "doctor.h"
#include "engine.h"
#include "graph/vacant.h"
#include "init.h"
#include "listeners.h"
#include "look.h"
#include "reports.h"
#include "sealed.h"
#include "show/phrase.h"
#include "standby.h"
#include "state/seal.h"
#include "version.h"
#include "watch.h"
#include "words.h"

static bool only_looks(const struct options *o)
{
	return o->dry_run || o->question || (o->touch_inherited && !o->touch);
}

static int clean(struct program *g)
{
	struct project *p = &g->project;
	struct str bad;
	if (p->store.fd < 0 && faccessat(AT_FDCWD, ".axmake", F_OK, AT_SYMLINK_NOFOLLOW))
		return 0; /* nothing is known here */
	if (g->options.dry_run)
		puts(g->options.clean_all ? "would remove all that is in .axmake: what is up to date, logs, results and the cache" : "would forget what is up to date, and remove logs; results and the cache in .axmake stay");
	if (only_looks(&g->options))
		return 0;
	if (!project_open(p, true, os_random64()))
		return EXIT_TROUBLE;
	engine_end_previous(g);
	log_close(p->log);
	p->log = NULL;
	int err = store_clean(&p->store, g->options.clean_all, &g->arena, &bad);
	if (err)
		fprintf(stderr, "%s: *** cannot remove '%.*s': %s\n", g->name, STR_ARG(bad), os_error(err));
	project_close(p);
	return err ? EXIT_TROUBLE : 0;
}

/* --approve and --reject */
static int say_words(struct program *g)
{
	struct project *p = &g->project;
	if (!words_check(p)) {
		program_report(g);
		return EXIT_TROUBLE;
	}
	bool nothing_made = g->options.mode == MODE_REJECT && p->store.fd < 0; /* of which a word could be kept */
	bool only_look = g->options.dry_run || nothing_made;
	if (only_looks(&g->options) && !g->options.dry_run)
		return 0;
	if (!project_open(p, !only_look, only_look ? 0 : os_random64()))
		return EXIT_TROUBLE;
	if (!only_look)
		engine_end_previous(g);
	int status = g->options.mode == MODE_APPROVE ? words_approve(p) : words_reject(p);
	int err = project_close(p);
	if (err)
		fprintf(stderr, "%s: *** cannot write .axmake/log: %s\n", g->name, os_error(err));
	return err ? EXIT_TROUBLE : status;
}

static bool enter_dirs(struct program *g)
{
	for (size_t i = 0; i < g->options.dirs.n; i++) {
		struct str dir = arena_copy(&g->arena, g->options.dirs.p[i]);
		if (chdir(dir.p)) {
			fprintf(stderr, "%s: *** %s: %s\n", g->name, dir.p, os_error(errno));
			return false;
		}
	}
	return true;
}

static void no_mistakes(const struct project *p)
{
	struct sbuf b = {0};
	sbuf_lit(&b, "axmake: ");
	phrase_line(&b, p->workflow->file);
	sbuf_lit(&b, ": ");
	phrase_count(&b, p->graph->tasks.n, "task");
	sbuf_lit(&b, ", no mistakes\n");
	fwrite(b.p, 1, b.n, stdout);
	sbuf_free(&b);
}

static int dispatch(struct program *g)
{
	struct project *p = &g->project;
	const struct options *o = &g->options;
	bool ok = program_report(g);
	look_files(g);
	if (!ok)
		return EXIT_TROUBLE;
	if (o->print_database)
		look_database(g);
	if (o->mode == MODE_VALIDATE) {
		look_unmade(g);
		vacant_report(p->graph, p->diag, p->store.root_fd);
		program_report(g);
		no_mistakes(p);
		return 0;
	}
	if (o->mode == MODE_CLEAN)
		return clean(g);
	if (o->mode == MODE_CACHE_STATS || (o->mode == MODE_CACHE_GC && only_looks(o)))
		return cacheinfo_stats(g);
	if (o->mode == MODE_CACHE_GC)
		return cacheinfo_gc(g);
	if (o->mode == MODE_APPROVE || o->mode == MODE_REJECT)
		return say_words(g);
	if (o->mode == MODE_BUILD && o->touch_inherited && !o->touch && !o->dry_run && !o->question)
		return 0;
	return o->mode == MODE_BUILD && !only_looks(o) ? engine_build(g) : look(g);
}

/* "Entering directory" now, "Leaving" at the end, of the folder that -C led to. */
static void directory_line(const struct program *g, const char *what, struct str folder)
{
	bool wanted = g->options.print_directory > 0 || (g->options.print_directory < 0 && g->options.dirs.n && !g->options.silent);
	if (!wanted || (g->options.mode != MODE_BUILD && g->options.mode != MODE_WATCH))
		return;
	printf("%s: %s directory '%.*s'\n", g->name, what, STR_ARG(folder));
	fflush(stdout); /* what tasks print goes out another way */
}

/* The C library's own room for it would be two more pages. */
static struct str current_folder(struct program *g)
{
	char room[PATH_MAX], *cwd = getcwd(room, sizeof room), *longer = cwd ? NULL : getcwd(NULL, 0);
	struct str s = arena_copy(&g->arena, cwd ? str_of(cwd) : longer ? str_of(longer) : STR("?"));
	free(longer);
	return s;
}

/* May this run, or a round of this watch, come to leave a seal? */
static bool may_seal(struct program *g, int argc, char **argv, struct str folder)
{
	struct project *p = &g->project;
	struct sealed_by by = {&g->options, &g->inherited, argc, argv, folder, program_colored(g, STDOUT_FILENO)};
	p->may_seal = sealed_key(&by, &g->arena, &p->seal_key);
	return p->may_seal;
}

/* Could a run of some tasks alone be told from one of all? */
static bool may_slice(const struct program *g)
{
	const struct options *o = &g->options;
	return o->mode == MODE_BUILD && !o->targets.n && !g->round;
}

/* Is nothing to be done, by the seal of an earlier run? Then that is said. */
static bool sealed(struct program *g)
{
	struct project *p = &g->project;
	struct store_error err;
	struct str word, said;
	struct slice *slice = may_slice(g) ? arena_new(&g->arena, struct slice) : NULL;
	bool holds = store_open(&p->store, &g->arena, false, &err) && seal_holds(&p->store, &g->arena, p->seal_key, &word, slice) && listeners_sealed(g, word, &said);
	store_close(&p->store);
	if (holds)
		fwrite(said.p, 1, said.n, stdout);
	else
		p->seen = seen_new(&g->arena);
	if (!holds && slice && slice->n_kept)
		p->slice = slice;
	return holds;
}

/* Only what a change of inputs has reached. false: all has to be looked at. */
static bool build_slice(struct program *g, int *status)
{
	struct project *p = &g->project;
	struct options as_given = g->options;
	size_t mark = diag_mark(p->diag);
	project_load(p, &g->options);
	bool fits = project_slice_fits(p, mark) && listeners_begin_twice(g);
	if (fits && reports_wanted(&g->options))
		*status = asbefore(g);
	else if (fits)
		*status = engine_build(g);
	if (fits && !p->lost)
		return true;
	project_forget(p, mark);
	g->options = as_given; /* what settings have added is read again */
	return false;
}

/* A round that was prepared. false: all has to be looked at after all. */
static bool build_ready(struct program *g, int *status)
{
	*status = dispatch(g);
	if (!g->project.lost)
		return true;
	standby_forget(g);
	return false;
}

static int build(struct program *g)
{
	int status;
	if (g->project.slice && build_slice(g, &status))
		return status;
	if (g->project.ready && build_ready(g, &status))
		return status;
	project_load(&g->project, &g->options);
	return dispatch(g);
}

static int run(struct program *g, int argc, char **argv)
{
	struct project *p = &g->project;
	p->arena = &g->arena;
	const char *level = getenv("MAKELEVEL");
	g->name = level && atoi(level) > 0 ? arena_printf(&g->arena, "axmake[%d]", atoi(level)).p : "axmake";
	p->diag = diag_new();
	diag_called(p->diag, g->name);
	if (argc > 1 && str_eq(str_of(argv[1]), STR("--complete"))) {
		complete(g, argc - 2, argv + 2);
		return 0;
	}
	options_parse(&g->options, &g->arena, p->diag, argc, argv, getenv("AXMAKEFLAGS"), getenv("MAKEFLAGS"));
	g->said_more = g->options.targets.n || g->options.vars.n || g->options.provider.n;
	g->inherited = g->options.has_auth ? jobserver_inspect(g->options.auth) : (struct jobserver_inherited){0};
	os_cloexec_all();
	if (!program_report(g))
		return EXIT_TROUBLE;
	if (g->options.mode == MODE_HELP) {
		options_help(stdout, g->options.help_all);
		return 0;
	}
	if (g->options.mode == MODE_VERSION) {
		printf("axmake %s\n", AXMAKE_VERSION);
		return 0;
	}
	if (!enter_dirs(g))
		return EXIT_TROUBLE;
	struct str folder = current_folder(g);
	directory_line(g, "Entering", folder);
	int status = 0;
	if (g->options.mode == MODE_INIT) {
		status = init(g);
	} else if (g->options.mode == MODE_DOCTOR) {
		status = doctor(g);
	} else if (g->options.mode == MODE_WATCH) {
		may_seal(g, argc, argv, folder);
		status = watch(g, build);
	} else if (!may_seal(g, argc, argv, folder) || !sealed(g)) {
		status = build(g);
	}
	if (!g->round) /* else it is for the one that watches */
		directory_line(g, "Leaving", folder);
	return status;
}

int axmake_main(struct program *g, int argc, char **argv)
{
	int status = run(g, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: *** cannot write standard output: %s\n", g->name, os_error(errno));
		status = status ? status : EXIT_TROUBLE;
	}
	return status;
}

/* The command line, AXMAKEFLAGS and MAKEFLAGS as one struct. One table (options.c) makes parsing (option_words.c), --help and the man page's list. */
#ifndef AXMAKE_OPTIONS_H
#define AXMAKE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"
#include "flag_origin.h"
#include "load/rules.h"
#include "show/views.h"

enum mode {
	MODE_BUILD,
	MODE_EXPLAIN,  /* --explain */
	MODE_GRAPH,    /* --graph[=FORM] */
	MODE_LIST,     /* --list[=json] */
	MODE_STATUS,   /* --status[=json] */
	MODE_LOG,      /* --log TASK */
	MODE_RESULT,   /* --result TASK */
	MODE_VALIDATE, /* --validate */
	MODE_APPROVE,  /* --approve TASK */
	MODE_REJECT,   /* --reject TASK[=WHY] */
	MODE_DOCTOR,   /* --doctor */
	MODE_INIT,     /* --init */
	MODE_WATCH,    /* --watch */
	MODE_CLEAN,    /* --clean[=all] */
	MODE_CACHE_STATS, /* --cache-stats */
	MODE_CACHE_GC,    /* --cache-gc */
	MODE_HELP,
	MODE_VERSION,
};

enum output_sync { SYNC_TARGET, SYNC_LINE, SYNC_NONE };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* A file to be written. */
struct file_option {
	struct str path; /* n == 0: none */
	bool of_root;    /* relative to the root, else to the folder in which axmake was started (after -C) */
};

#define JOBS_UNSET 0
#define CACHE_SIZE_UNSET UINT64_MAX
#define JOBS_UNLIMITED (-1)

struct row;

/* A shared cache over HTTP. */
struct server_setting {
	struct str url;            /* without user, password and a slash at its end; n == 0: none */
	struct str user, password; /* as they stood in the URL */
	struct str program;        /* the path of axmake-http */
	struct str ca, key;        /* files, `~` expanded; n == 0: none */
	int64_t timeout_ns;        /* 0: not set */
	bool no_push;
};
#define SERVER_TIMEOUT_DEFAULT_NS (10 * INT64_C(1000000000))

struct options {
	enum mode mode;
	struct str file; /* -f */
	VEC(struct str) dirs; /* -C, in order */
	int jobs; /* -j: N, JOBS_UNLIMITED or JOBS_UNSET */
	enum flag_origin jobs_from; /* FROM_MAKEFLAGS never sets jobs: see makeflags_jobs */
	bool keep_going, stop; /* -k, -S: the last one wins, stop false when keep_going */
	bool ignore_errors; /* -i */
	bool dry_run;  /* -n */
	bool question; /* -q */
	bool silent;   /* -s */
	bool always_make, always_make_inherited; /* -B here; from MAKEFLAGS (agents are left alone) */
	bool touch, touch_inherited; /* -t here; from MAKEFLAGS (starts nothing) */
	VEC(struct str) old_files;  /* -o */
	VEC(struct str) new_files;  /* -W */
	enum output_sync sync; /* -O */
	double max_load; /* -l; negative: no limit */
	int print_directory; /* -w 1, --no-print-directory 0, unset -1 */
	bool trace;
	bool print_database; /* -p */
	unsigned debug; /* -d: bits of enum debug_kind */
	enum color color;
	struct str progress; /* auto, tty, plain or none */
	double budget_usd; /* --budget; 0: not given */
	struct str provider; /* --provider */
	struct file_option events, trace_file; /* --events, --trace-file */
	struct str notify; /* words, at least one; n == 0: none */
	VEC(struct file_option) reports;       /* --report: its ending is one of those that there are */
	struct str subject;  /* task of --log, --result */
	VEC(struct str) subjects; /* of --approve, --reject: TASK, TASK=WHY */
	bool as_json; /* --list=json, --status=json */
	bool clean_all;
	bool no_cache, no_cache_push;
	struct str cache_dir; /* as set, `~` expanded; p NULL: not set */
	uint64_t cache_size;  /* bytes; CACHE_SIZE_UNSET */
	struct server_setting server; /* cache_url and what goes with it */
	bool help_all; /* --help=all */
	enum graph_form graph_form;
	struct str jobserver_style; /* "pipe" or "fifo" when given */
	VEC(struct var_def) vars; /* VAR=value of the command line, then AXMAKEFLAGS */
	VEC(struct var_def) inherited_vars; /* of MAKEFLAGS: override vars of that name, others are ignored */
	VEC(struct str) targets;

	/* MAKEFLAGS as a client of a jobserver needs it. */
	bool has_auth;             /* --jobserver-auth or --jobserver-fds was there; the last one */
	struct str auth;           /* its value: "3,4", "fifo:PATH" */
	int makeflags_jobs;        /* its -jN; JOBS_UNLIMITED: -j alone; JOBS_UNSET: none. Without a jobserver: how many at once */
	struct str makeflags;      /* the whole variable as it was inherited */
	bool makeflags_dry_run;    /* included in dry_run */
	bool no_builtin;           /* -r: no built-in rules */
	const struct row *open;    /* the last word of the command line is this option, and the value that it wants lacks; NULL: none */
	uint64_t given;            /* by row of the option table: said by more than a setting. Private to the options */
};

/* Reads AXMAKEFLAGS, MAKEFLAGS, then argv (argv[0] is the program). Mistakes go to d. Strings live in a or in argv. Later sources win.
 * `-C` is only noted. [axmake] settings are added later by options_settings. */
void options_parse(struct options *o, struct arena *a, struct diag *d, int argc, char **argv, const char *axmakeflags, const char *makeflags);
/* Adds `[axmake]` settings where neither the command line nor a variable said otherwise. */
void options_settings(struct options *o, struct arena *a, struct diag *d, const struct rules *r);
/* Takes `cache_dir`, `cache_size`, `cache_url` and its like; false: it is another setting. */
bool options_cache_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s);
/* Was the option said by more than a setting, in AXMAKEFLAGS say? name: its long one, without dashes. */
bool options_given(const struct options *o, const char *name);
/* Do two long names mean one option, or an option and its opposite? */
bool options_same(struct str a, const char *b);
/* What --help prints, in lines of 80 columns: the usual options on at most 24 of them, or all options. */
void options_help(FILE *to, bool all);

#endif

#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/os.h"
#include "base/path.h"
#include "show/phrase.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FILE_NAME "workflow.ax.yaml"
#define MOST_READ (4u << 20)

/* The folder as it is found. */
struct survey {
	struct program *g;
	struct glob_list files;  /* but those with a leading dot */
	struct sbuf sources;     /* entries of a YAML list in one line */
	const char *check;       /* a script that tests what is here; NULL: none is known */
	const char *missing;     /* the program that it starts and that is not installed; NULL: it is */
};

/* A kind of project, known by a file. */
struct kind {
	const char *file;
	const char *program;                                                 /* that its check starts */
	const char *made;                                                    /* a folder that its tools fill with what is no source */
	const char *(*check)(const struct survey *s, struct str text); /* of that file; NULL: none that would succeed */
};

static bool any_ends_with(const struct survey *s, const char *ending)
{
	for (size_t i = 0; i < s->files.paths.n; i++)
		if (str_ends(s->files.paths.p[i], str_of(ending)))
			return true;
	return false;
}

/* Does a line of a makefile, "check test: all", make this target? */
static bool line_makes(struct str line, struct str target)
{
	size_t colon = str_find(line, STR(":"), 0);
	struct str names = str_sub(line, 0, colon);
	if (colon == line.n || !line.n || line.p[0] == '\t' || line.p[0] == '#' || (colon + 1 < line.n && line.p[colon + 1] == '='))
		return false;
	for (size_t at = 0, end; at < names.n; at = end + 1) {
		end = str_find(names, STR(" "), at);
		if (str_eq(str_sub(names, at, end), target))
			return true;
	}
	return false;
}

static bool makes(struct str text, struct str target)
{
	for (size_t at = 0, end; at < text.n; at = end + 1) {
		end = str_find(text, STR("\n"), at);
		if (line_makes(str_sub(text, at, end), target))
			return true;
	}
	return false;
}

static const char *check_make(const struct survey *s, struct str text)
{
	(void)s;
	return makes(text, STR("test")) ? "make test" : makes(text, STR("check")) ? "make check" : "make";
}

/* Not the one that npm itself writes, which fails and says that there is none. */
static const char *check_npm(const struct survey *s, struct str text)
{
	json_t *root = json_loadb(text.p, text.n, 0, NULL);
	const char *script = json_string_value(json_object_get(json_object_get(root, "scripts"), "test"));
	bool there = script && !strstr(script, "no test specified");
	(void)s;
	json_decref(root);
	return there ? "npm test" : NULL;
}

static const char *check_go(const struct survey *s, struct str text)
{
	(void)text;
	return any_ends_with(s, ".go") ? "go test ./..." : NULL;
}

static const char *check_cargo(const struct survey *s, struct str text)
{
	(void)text;
	return any_ends_with(s, ".rs") ? "cargo test" : NULL;
}

/* pytest and its kin fail where there are no tests. */
static const char *check_python(const struct survey *s, struct str text)
{
	(void)text;
	return any_ends_with(s, ".py") ? "python3 -m compileall -q ." : NULL;
}

/* In the order in which a check is looked for. */
static const struct kind kinds[] = {
	{"GNUmakefile", "make", "build", check_make}, {"makefile", "make", "build", check_make},  {"Makefile", "make", "build", check_make},
	{"package.json", "npm", "node_modules", check_npm}, {"go.mod", "go", "vendor", check_go}, {"Cargo.toml", "cargo", "target", check_cargo},
	{"pyproject.toml", "python3", "venv", check_python},
};

static void add_source(struct survey *s, const char *before, const char *name, const char *after)
{
	sbuf_printf(&s->sources, "%s\"%s%s%s\"", s->sources.n ? ", " : "", before, name, after);
}

/* Patterns for the kinds of source that are there, without what other folders hold of them. */
static void add_patterns(struct survey *s, const bool *is_kind)
{
	static const char *const endings[] = {".c",  ".h",  ".cc", ".cpp", ".cxx", ".hpp",  ".go", ".rs",    ".py",    ".js", ".mjs",
					      ".ts", ".jsx", ".tsx", ".java", ".kt", ".cs", ".rb", ".php", ".swift", ".sh", ".sql"};
	bool any = false;
	for (size_t i = 0; i < COUNT(endings); i++)
		if (any_ends_with(s, endings[i])) {
			add_source(s, "**/*", endings[i], "");
			any = true;
		}
	for (size_t i = 0; any && i < COUNT(kinds); i++)
		if (is_kind[i])
			add_source(s, "!", kinds[i].made, "/**");
}

static void look_for_check(struct survey *s, const struct kind *k)
{
	struct str text, path;
	if (s->check || os_read_file(&s->g->arena, AT_FDCWD, k->file, MOST_READ, &text))
		return;
	s->check = k->check(s, text);
	if (s->check && !os_find_program(&s->g->arena, k->program, NULL, &path))
		s->missing = k->program;
}

/* false after reporting what cannot be read: a workflow with patterns could not either. */
static bool look_around(struct survey *s)
{
	bool is_kind[COUNT(kinds)] = {false};
	struct str bad = STR(".");
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 ? errno : glob_walk(&s->g->arena, fd, STR("**"), &s->files, &bad);
	if (fd >= 0)
		close(fd);
	if (err) {
		diag_error(s->g->project.diag, POS_NONE, NULL, "cannot look into '%.*s': %s", STR_ARG(bad), os_error(err));
		return false;
	}
	glob_sort(&s->files);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		is_kind[i] = !access(kinds[i].file, R_OK);
		if (!is_kind[i])
			continue;
		look_for_check(s, &kinds[i]);
		add_source(s, "", kinds[i].file, "");
	}
	add_patterns(s, is_kind);
	return true;
}

static void add_inputs(const struct survey *s, struct sbuf *b, const char *indent)
{
	if (s->sources.n)
		sbuf_printf(b, "%sinputs: *sources\n", indent);
	else
		sbuf_printf(b, "%s# Files that it is about, once there are some: other content of them makes it be asked again.\n%s# inputs: [\"**/*.md\", \"src/\"]\n", indent, indent);
}

static void add_head(const struct survey *s, struct sbuf *b)
{
	sbuf_lit(b, "# A starter workflow, to be changed at will.\n"
		    "#\n"
		    "#   axmake --provider offline   tries it: `offline` needs no account, and makes its answers up at once\n"
		    "#   axmake --doctor             tells which agents' programs are installed here and usable\n"
		    "#   axmake                      asks those; what is up to date is not run again\n"
		    "#\n"
		    "# A task's `provider:` and `model:` say who answers it. For an agent, axmake.ini does: [agent quality] with provider = NAME.\n\n");
	if (s->sources.n)
		sbuf_printf(b, "# What the tasks below go by: other content of these files makes them run again. Keep out what is made of it.\nx-sources: &sources [%s]\n\n",
			    s->sources.p);
}

static void add_agents(const struct survey *s, struct sbuf *b)
{
	sbuf_lit(b, "tasks:\n"
		    "  # An agent's task is one question. It is asked again when its text, its inputs or who answers it is another.\n"
		    "  - name: review\n"
		    "    agent: quality\n"
		    "    task: |\n"
		    "      Review what is in this folder. Name the three most important problems, each with file and line, and how to solve it.\n"
		    "      Change nothing.\n");
	add_inputs(s, b, "    ");
	sbuf_lit(b, "\n"
		    "  # ${review} is what that task answered, and makes this one wait for it. `axmake --result plan` prints this one's answer.\n"
		    "  - name: plan\n"
		    "    agent: architecture\n"
		    "    task: |\n"
		    "      Plan how to solve these problems in small steps, and name for each step the test that proves it:\n"
		    "      ${review}\n"
		    "    # An agent that is to write a file is told so in its text, and the file is declared here:\n"
		    "    # outputs: [docs/plan.md]\n");
}

static void add_check(const struct survey *s, struct sbuf *b)
{
	const char *hide = s->missing ? "# " : "";
	if (!s->check)
		return;
	sbuf_lit(b, "\n  # `run` is a shell script. `after` is order alone: another review is no reason to test again.\n");
	if (s->missing)
		sbuf_printf(b, "  # There is no `%s` in PATH, so this task is left for later.\n", s->missing);
	sbuf_printf(b, "  %s- name: test\n  %s  run: %s\n  %s  after: [review]\n", hide, hide, s->check, hide);
	add_inputs(s, b, s->missing ? "  #   " : "    ");
}

/* The workflow that is here already; STR_NONE: none. */
static struct str workflow_there(const struct survey *s)
{
	static const char *const first[] = {FILE_NAME, "axmake.yaml"};
	struct stat st;
	for (size_t i = 0; i < COUNT(first); i++)
		if (!lstat(first[i], &st))
			return str_of(first[i]);
	for (size_t i = 0; i < s->files.paths.n; i++)
		if (str_ends(s->files.paths.p[i], STR(".ax.yaml")) && str_find(s->files.paths.p[i], STR("/"), 0) == s->files.paths.p[i].n)
			return s->files.paths.p[i];
	return STR_NONE;
}

/* A new file, or none: what is written by half is taken away. 0 or errno. */
static int write_new(const char *path, struct str text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int err = fd < 0 ? errno : os_write_all(fd, text.p, text.n);
	if (fd < 0)
		return err;
	if (close(fd) && !err)
		err = errno;
	if (err)
		unlink(path);
	return err;
}

static void say_written(const struct survey *s, struct str path)
{
	struct sbuf call = {0}, shown = {0};
	if (s->g->options.silent)
		return;
	sbuf_lit(&call, "axmake");
	if (s->g->options.file.n) {
		sbuf_lit(&call, " -f ");
		phrase_word(&call, path);
	}
	phrase_line(&shown, path);
	printf("axmake: wrote %s: tasks review, plan%s\n", shown.p, s->check && !s->missing ? ", test" : "");
	printf("  %s --provider offline   tries it, without any account\n", call.p);
	printf("  %s --doctor             tells which agents are usable here\n", call.p);
	printf("  %s                      lets them answer\n", call.p);
	sbuf_free(&call);
	sbuf_free(&shown);
}

static int write_or_show(struct survey *s)
{
	struct diag *d = s->g->project.diag;
	struct str path = s->g->options.file.n ? arena_copy(&s->g->arena, s->g->options.file) : STR(FILE_NAME);
	struct sbuf text = {0};
	add_head(s, &text);
	add_agents(s, &text);
	add_check(s, &text);
	bool look = s->g->options.dry_run || s->g->options.question;
	int err = look ? 0 : write_new(path.p, sbuf_view(&text));
	if (err == EEXIST)
		diag_error(d, POS_NONE, "axmake --init -f FILE writes another file", "'%.*s' is there already, and stays as it is", STR_ARG(path));
	else if (err)
		diag_error(d, POS_NONE, NULL, "cannot write '%.*s': %s", STR_ARG(path), os_error(err));
	else if (!look)
		say_written(s, path);
	else if (!s->g->options.question)
		fwrite(text.p, 1, text.n, stdout);
	sbuf_free(&text);
	return program_report(s->g) ? 0 : EXIT_TROUBLE;
}

int init(struct program *g)
{
	struct survey s = {.g = g};
	struct diag *d = g->project.diag;
	struct str there = STR_NONE;
	if (look_around(&s) && !g->options.file.n)
		there = workflow_there(&s);
	if (there.n)
		diag_error(d, POS_NONE, "axmake --init -f FILE writes another file", "'%.*s' is there already, and stays as it is", STR_ARG(there));
	if (g->options.targets.n)
		diag_error(d, POS_NONE, NULL, "'--init' takes no target: '%.*s'", STR_ARG(g->options.targets.p[0]));
	int status = program_report(g) ? write_or_show(&s) : EXIT_TROUBLE;
	sbuf_free(&s.sources);
	return status;
}

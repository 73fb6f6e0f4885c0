/* A page for people: what `report_json` tells, the tasks' dependencies, and in an element for each task the texts, which its program reads when they are asked for. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/map.h"
#include "show/critical.h"
#include "show/excerpt.h"
#include "show/page.h"
#include "show/report_parts.h"

#define TEXT_MOST ((size_t)64 << 10) /* of one text */
#define ROOM ((size_t)16 << 20)      /* for all of them */
#define FIELDS_MOST 200
#define EDGES_MOST 200000
#define TASKS "tasks"
#define TRIES_MOST 5 /* of the tries before the last one: the last of them are shown */

struct page_making {
	const struct report *r;
	struct arena arena; /* of a task */
	struct arena lasting;
	VEC(struct ledger_entry) tasks;
	struct map places; /* name -> place in tasks, from 1, as a pointer */
	size_t room, edges;
	bool listed;        /* the tasks' folders that there are, by their names: */
	struct map folders;
	struct str dir; /* of the task whose texts are read, in the state's folder */
	int dir_fd;     /* -1: it has none */
};

/* What tasks make of the workflow as they run may take tasks out of the graph: these were heard of all the same. Groups were not. */
static void gather(struct page_making *p)
{
	const struct graph *g = ledger_graph(p->r->ledger);
	size_t n;
	struct ledger_entry *const *all = ledger_entries(p->r->ledger, &n);
	for (size_t i = 0; i < n; i++)
		vec_push(&p->lasting, &p->tasks, *all[i]);
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted && !ledger_find(p->r->ledger, g->tasks.p[i])) {
			struct ledger_entry e = ledger_blank(g->tasks.p[i]);
			e.state = LEDGER_NOT_RUN;
			vec_push(&p->lasting, &p->tasks, e);
		}
	for (size_t i = 0; i < p->tasks.n; i++)
		*map_slot(&p->places, p->tasks.p[i].task->name) = (void *)(uintptr_t)(i + 1);
}

static void add_edges(struct page_making *p, struct jsonout *o, const char *key, const struct task *t, bool counting)
{
	jsonout_array(o, key);
	for (size_t i = 0; i < t->deps.n && p->edges < EDGES_MOST; i++) {
		uintptr_t place = dep_counts(&t->deps.p[i]) == counting ? (uintptr_t)map_get(&p->places, t->deps.p[i].task->name) : 0;
		if (!place)
			continue;
		p->edges++;
		jsonout_number(o, NULL, (int64_t)place - 1);
	}
	jsonout_end(o);
}

static void add_brief(struct page_making *p, struct jsonout *o, const struct ledger_entry *e)
{
	static const char *const kinds[] = {[TASK_GROUP] = "group", [TASK_RUN] = "run", [TASK_AGENT] = "agent"};
	jsonout_object(o, NULL);
	report_add_task(o, p->r, e, true);
	jsonout_word(o, "kind", kinds[e->task->kind]);
	report_text(o, p->r, "description", e->task->def->description.s);
	add_edges(p, o, "needs", e->task, true);
	add_edges(p, o, "after", e->task, false);
	jsonout_end(o);
}

static void add_critical(struct page_making *p, struct jsonout *o)
{
	size_t n;
	const struct ledger_entry *const *critical = critical_path(p->r->ledger, &p->lasting, &n);
	jsonout_array(o, "critical");
	for (size_t i = 0; i < n; i++)
		jsonout_number(o, NULL, (int64_t)(uintptr_t)map_get(&p->places, critical[i]->task->name) - 1);
	jsonout_end(o);
}

static void add_run(struct page_making *p, struct sbuf *b)
{
	struct jsonout o = {.b = b, .element = true};
	jsonout_object(&o, NULL);
	report_add_run(&o, p->r);
	jsonout_array(&o, "tasks");
	for (size_t i = 0; i < p->tasks.n; i++) {
		add_brief(p, &o, &p->tasks.p[i]);
		report_drain(p->r, b);
	}
	jsonout_end(&o);
	report_add_warnings(&o, p->r);
	report_text(&o, p->r, "name", ledger_graph(p->r->ledger)->workflow->name.s);
	jsonout_number(&o, "lanes", ledger_sums(p->r->ledger)->lanes);
	add_critical(p, &o);
	jsonout_bool(&o, "edges_left_out", p->edges >= EDGES_MOST);
	jsonout_end(&o);
	sbuf_char(b, '\n');
}

/* Where there is no more room a text is named alone. */
static size_t most(const struct page_making *p)
{
	return p->room < TEXT_MOST ? 0 : TEXT_MOST;
}

static void add_excerpt(struct jsonout *o, const struct excerpt *x)
{
	jsonout_text(o, "text", x->head.n ? x->head : STR(""));
	if (x->cut) {
		jsonout_text(o, "rest", x->tail.n ? x->tail : STR(""));
		jsonout_number(o, "cut", (int64_t)x->cut);
	}
	jsonout_number(o, "size", (int64_t)x->size);
}

static void add_text(struct page_making *p, struct jsonout *o, const char *key, struct str s)
{
	struct excerpt x;
	if (!s.n) {
		jsonout_null(o, key);
		return;
	}
	excerpt_text(&p->arena, ledger_mask(p->r->ledger), s, most(p), &x);
	jsonout_object(o, key);
	add_excerpt(o, &x);
	jsonout_end(o);
}

/* A file with anything in it. */
static bool read_file(struct page_making *p, int at, struct str path, struct excerpt *x)
{
	*x = (struct excerpt){0};
	return at >= 0 && !excerpt_file(&p->arena, ledger_mask(p->r->ledger), at, path.p, most(p), x) && x->size;
}

/* One of the task's folder. */
static bool read_own(struct page_making *p, struct str name, struct excerpt *x)
{
	return read_file(p, p->dir_fd, name, x);
}

static void add_path(struct page_making *p, struct jsonout *o, struct str folder, struct str path)
{
	jsonout_text(o, "path", arena_printf(&p->arena, "%.*s/%.*s/%.*s", STR_ARG(p->r->store->folder), STR_ARG(folder), STR_ARG(path)));
}

static bool same_text(const struct excerpt *a, const struct excerpt *b)
{
	return a->size && a->size == b->size && !a->cut && !b->cut && str_eq(a->head, b->head);
}

/* Something that was printed. */
struct print {
	const char *name;
	size_t try; /* 0: of the only one */
	bool check; /* by the task's check */
};

/* What is the answer (NULL: none) is not there twice. */
static void add_print(struct page_making *p, struct jsonout *o, const struct print *of, struct str path, const struct excerpt *x, const struct excerpt *answer)
{
	jsonout_object(o, NULL);
	if (answer && same_text(x, answer)) {
		jsonout_number(o, "size", (int64_t)x->size);
		jsonout_bool(o, "is_answer", true);
	} else {
		add_excerpt(o, x);
	}
	add_path(p, o, p->dir, path);
	jsonout_word(o, "name", of->name);
	if (of->try)
		jsonout_number(o, "try", (int64_t)of->try);
	if (of->check)
		jsonout_bool(o, "check", true);
	jsonout_end(o);
}

/* What was printed into a folder, "" or "tries/1/": both streams in their order, where that is known. */
static void add_streams(struct page_making *p, struct jsonout *o, struct str folder, struct print of, const struct excerpt *answer)
{
	static const char *const names[] = {"output", "stdout", "stderr"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct excerpt x;
		struct str path = arena_printf(&p->arena, "%.*s%s", STR_ARG(folder), names[i]);
		if (!read_own(p, path, &x))
			continue;
		of.name = names[i];
		add_print(p, o, &of, path, &x, answer);
		if (i == 0)
			return;
	}
}

/* What of each try has a folder of its own; the last one's streams are the task's. */
static void add_tries(struct page_making *p, struct jsonout *o, const struct ledger_entry *e)
{
	size_t n = e->tries.n, from = n > TRIES_MOST + 1 ? n - TRIES_MOST : 1;
	for (size_t i = from; i <= n; i++) {
		struct str folder = arena_printf(&p->arena, "tries/%zu/", i), answer = arena_printf(&p->arena, "%.*sanswer", STR_ARG(folder));
		struct excerpt x;
		if (i < n)
			add_streams(p, o, folder, (struct print){.try = i}, NULL);
		if (read_own(p, answer, &x))
			add_print(p, o, &(struct print){"answer", i, false}, answer, &x, NULL);
		add_streams(p, o, arena_printf(&p->arena, "%.*scheck/", STR_ARG(folder)), (struct print){.try = i, .check = true}, NULL);
	}
}

static void add_patterns(struct page_making *p, struct jsonout *o, const char *key, const struct pattern *of, size_t n)
{
	jsonout_array(o, key);
	for (size_t i = 0; i < n && i < FIELDS_MOST; i++)
		report_text(o, p->r, NULL, arena_printf(&p->arena, "%s%.*s%s", of[i].exclude ? "!" : "", STR_ARG(of[i].path), of[i].kind == PATTERN_TREE ? "/" : ""));
	jsonout_end(o);
}

/* The prompt as its agent got it, where one was asked in this run or, of what is up to date, in an earlier one; else as the workflow has it. */
static void add_prompt(struct page_making *p, struct jsonout *o, const struct ledger_entry *e)
{
	struct excerpt x;
	bool sent = (e->tries.n || e->state == LEDGER_FRESH) && read_own(p, STR("prompt"), &x);
	if (sent) {
		jsonout_object(o, "prompt");
		add_excerpt(o, &x);
		add_path(p, o, p->dir, STR("prompt"));
		jsonout_end(o);
	} else {
		add_text(p, o, "prompt", e->task->prompt_source.s);
	}
	jsonout_word(o, "prompt_from", !sent ? "workflow" : e->tries.n ? "run" : "earlier");
}

static void add_answer(struct page_making *p, struct jsonout *o, const struct ledger_entry *e, struct excerpt *x)
{
	const struct task_record *rec = report_record(e);
	const struct store *s = p->r->store;
	char hex[HASH_HEX];
	bool kept = rec && rec->has_result;
	*x = (struct excerpt){0};
	if (kept && rec->result_size && s && read_file(p, s->fd, arena_printf(&p->arena, "results/%s", hash_hex(rec->result, hex)), x)) {
		jsonout_object(o, "answer");
		add_excerpt(o, x);
		add_path(p, o, STR("results"), str_of(hex));
		jsonout_end(o);
	} else {
		jsonout_null(o, "answer");
	}
	jsonout_bool(o, "answer_lost", kept && rec->result_size != x->size);
}

static void add_details(struct page_making *p, struct jsonout *o, const struct ledger_entry *e)
{
	const struct task *t = e->task;
	struct excerpt answer;
	jsonout_object(o, NULL);
	if (t->kind == TASK_AGENT)
		add_prompt(p, o, e);
	add_text(p, o, "script", t->def->run.s);
	add_text(p, o, "check", t->def->check.s);
	add_answer(p, o, e, &answer);
	jsonout_array(o, "logs");
	if (p->dir_fd >= 0) {
		add_tries(p, o, e);
		add_streams(p, o, STR(""), (struct print){.try = e->tries.n > 1 ? e->tries.n : 0}, &answer);
	}
	jsonout_end(o);
	jsonout_word(o, "logs_from", e->tries.n ? "run" : "earlier");
	add_patterns(p, o, "inputs", t->inputs.p, t->inputs.n);
	add_patterns(p, o, "makes", t->outputs.p, t->outputs.n);
	add_patterns(p, o, "changes", t->edits.p, t->edits.n);
	report_add_record(o, p->r, e, p->room < TEXT_MOST ? 0 : FIELDS_MOST);
	jsonout_end(o);
}

/* Most scripts have no folder: all that there are are listed once, and none is looked for. */
static void list_folders(struct page_making *p)
{
	const struct store *s = p->r->store;
	int fd = s && s->fd >= 0 ? openat(s->fd, TASKS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	p->listed = d || errno == ENOENT;
	while (d) {
		errno = 0;
		const struct dirent *e = readdir(d);
		if (!e) {
			p->listed = !errno;
			break;
		}
		*map_slot(&p->folders, arena_copy(&p->lasting, str_of(e->d_name))) = p;
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

static void open_folder(struct page_making *p, const struct task *t)
{
	const struct store *s = p->r->store;
	p->dir = store_task_dir(&p->arena, t->name);
	bool none = p->listed && !map_get(&p->folders, str_sub(p->dir, sizeof TASKS, p->dir.n));
	p->dir_fd = !none && s && s->fd >= 0 ? openat(s->fd, p->dir.p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

static void add_texts(struct page_making *p, struct sbuf *b, size_t place)
{
	const struct ledger_entry *e = &p->tasks.p[place];
	struct jsonout o = {.b = b, .element = true};
	if (e->task->kind == TASK_GROUP)
		return;
	size_t before = b->n;
	open_folder(p, e->task);
	sbuf_printf(b, "<script type=\"application/json\" id=\"task-%zu\">", place);
	add_details(p, &o, e);
	sbuf_lit(b, "\n</script>\n");
	p->room -= b->n - before < p->room ? b->n - before : p->room;
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	arena_free(&p->arena);
	p->arena = (struct arena){0};
	report_drain(p->r, b);
}

void report_html(struct sbuf *b, const struct report *r)
{
	struct page_making p = {.r = r, .room = ROOM};
	gather(&p);
	list_folders(&p);
	sbuf_str(b, report_page.before_run);
	add_run(&p, b);
	sbuf_str(b, report_page.before_texts);
	/* What went wrong has the room first. */
	for (int well = 0; well < 2; well++)
		for (size_t i = 0; i < p.tasks.n; i++)
			if ((p.tasks.p[i].state > LEDGER_IGNORED) == well)
				add_texts(&p, b, i);
	sbuf_str(b, report_page.end);
	map_free(&p.places);
	map_free(&p.folders);
	arena_free(&p.lasting);
}

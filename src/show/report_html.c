/* A page for people: what `report_json` tells, the tasks' dependencies, and in an element for each task the texts, which its program reads when they are asked for. */
#include "base/map.h"
#include "show/critical.h"
#include "show/excerpt.h"
#include "show/page.h"
#include "show/report_parts.h"

#define TEXT_MOST ((size_t)64 << 10) /* of one text */
#define ROOM ((size_t)16 << 20)      /* for all of them */
#define FIELDS_MOST 200
#define EDGES_MOST 200000
#define TRIES_MOST 5 /* of the tries before the last one: the last of them are shown */

struct page_making {
	const struct report *r;
	struct arena arena; /* of a task */
	struct arena lasting;
	VEC(struct ledger_entry) tasks;
	struct map places; /* name -> place in tasks, from 1, as a pointer */
	size_t room, edges;
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
		if (g->tasks.p[i]->wanted && !ledger_find(p->r->ledger, g->tasks.p[i]->name)) {
			struct ledger_entry e = ledger_blank(g->tasks.p[i]);
			e.state = LEDGER_NOT_RUN;
			vec_push(&p->lasting, &p->tasks, e);
		}
	for (size_t i = 0; i < p->tasks.n; i++)
		*map_slot(&p->places, p->tasks.p[i].task->name) = (void *)(uintptr_t)(i + 1);
}

static json_t *number(int64_t n)
{
	return phrase_json_must(json_integer(n));
}

static void set_edges(struct page_making *p, json_t *o, const struct task *t)
{
	json_t *needs = phrase_json_must(json_array()), *after = phrase_json_must(json_array());
	for (size_t i = 0; i < t->deps.n && p->edges < EDGES_MOST; i++) {
		uintptr_t place = (uintptr_t)map_get(&p->places, t->deps.p[i].task->name);
		if (!place)
			continue;
		p->edges++;
		phrase_json_add(dep_counts(&t->deps.p[i]) ? needs : after, number((int64_t)place - 1));
	}
	phrase_json_set(o, "needs", needs);
	phrase_json_set(o, "after", after);
}

static void set_lanes(json_t *o, const struct ledger_entry *e)
{
	json_t *tries = json_object_get(o, "tries");
	for (size_t i = 0; i < e->tries.n; i++)
		phrase_json_set(json_array_get(tries, i), "lane", number(e->tries.p[i].lane));
}

static json_t *masked(const struct page_making *p, struct str s)
{
	return s.n ? phrase_json(ledger_masked(p->r->ledger, s)) : json_null();
}

static json_t *brief(struct page_making *p, const struct ledger_entry *e)
{
	static const char *const kinds[] = {[TASK_GROUP] = "group", [TASK_RUN] = "run", [TASK_AGENT] = "agent"};
	json_t *o = report_task(p->r, e);
	phrase_json_set(o, "kind", phrase_json(str_of(kinds[e->task->kind])));
	if (e->task->kind == TASK_GROUP)
		phrase_json_set(o, "state", phrase_json(STR("group")));
	phrase_json_set(o, "description", masked(p, e->task->def->description.s));
	set_lanes(o, e);
	set_edges(p, o, e->task);
	return o;
}

/* `<`, `>` and `&` stand in strings alone, where JSON has another spelling for them; so have what JavaScript once took for line ends. */
static void add_element_safe(struct sbuf *b, struct str json)
{
	size_t plain = 0;
	for (size_t i = 0; i < json.n; i++) {
		unsigned char c = (unsigned char)json.p[i];
		bool separator = c == 0xe2 && i + 2 < json.n && json.p[i + 1] == '\x80' && ((unsigned char)json.p[i + 2] | 1) == 0xa9;
		if (c != '<' && c != '>' && c != '&' && !separator)
			continue;
		sbuf_str(b, str_sub(json, plain, i));
		sbuf_printf(b, "\\u%04x", separator ? 0x2000u + ((unsigned char)json.p[i + 2] & 0x3f) : c);
		i += separator ? 2 : 0;
		plain = i + 1;
	}
	sbuf_str(b, str_sub(json, plain, json.n));
}

static void add_json(struct sbuf *b, json_t *root)
{
	struct sbuf json = {0};
	phrase_json_line(&json, root);
	add_element_safe(b, sbuf_view(&json));
	sbuf_free(&json);
}

static void add_run(struct page_making *p, struct sbuf *b)
{
	json_t *tasks = phrase_json_must(json_array()), *path = phrase_json_must(json_array()), *run;
	const struct workflow *w = ledger_graph(p->r->ledger)->workflow;
	size_t n;
	const struct ledger_entry *const *critical = critical_path(p->r->ledger, &p->lasting, &n);
	for (size_t i = 0; i < p->tasks.n; i++)
		phrase_json_add(tasks, brief(p, &p->tasks.p[i]));
	for (size_t i = 0; i < n; i++)
		phrase_json_add(path, number((int64_t)(uintptr_t)map_get(&p->places, critical[i]->task->name) - 1));
	run = report_run(p->r, tasks);
	phrase_json_set(run, "name", masked(p, w->name.s));
	phrase_json_set(run, "lanes", number(ledger_sums(p->r->ledger)->lanes));
	phrase_json_set(run, "critical", path);
	phrase_json_set(run, "edges_left_out", p->edges < EDGES_MOST ? json_false() : json_true());
	add_json(b, run);
}

/* Where there is no more room a text is named alone. */
static size_t most(const struct page_making *p)
{
	return p->room < TEXT_MOST ? 0 : TEXT_MOST;
}

static json_t *excerpt_json(const struct excerpt *x)
{
	json_t *o = phrase_json_must(json_object());
	phrase_json_set(o, "text", phrase_json(x->head.n ? x->head : STR("")));
	if (x->cut) {
		phrase_json_set(o, "rest", phrase_json(x->tail.n ? x->tail : STR("")));
		phrase_json_set(o, "cut", number((int64_t)x->cut));
	}
	phrase_json_set(o, "size", number((int64_t)x->size));
	return o;
}

static json_t *text(struct page_making *p, struct str s)
{
	struct excerpt x;
	if (!s.n)
		return json_null();
	excerpt_text(&p->arena, ledger_mask(p->r->ledger), s, most(p), &x);
	return excerpt_json(&x);
}

/* A file of the state folder with anything in it; *x tells which. */
static json_t *file(struct page_making *p, struct str path, struct excerpt *x)
{
	const struct store *s = p->r->store;
	*x = (struct excerpt){0};
	if (!s || s->fd < 0 || excerpt_file(&p->arena, ledger_mask(p->r->ledger), s->fd, path.p, most(p), x) || !x->size)
		return json_null();
	json_t *o = excerpt_json(x);
	phrase_json_set(o, "path", phrase_json(arena_printf(&p->arena, "%.*s/%.*s", STR_ARG(s->folder), STR_ARG(path))));
	return o;
}

static void add_named(json_t *all, const char *name, size_t try, json_t *of)
{
	if (json_is_null(of))
		return;
	phrase_json_set(of, "name", phrase_json(str_of(name)));
	if (try)
		phrase_json_set(of, "try", number((int64_t)try));
	phrase_json_add(all, of);
}

static bool same_text(const struct excerpt *a, const struct excerpt *b)
{
	return a->size && a->size == b->size && !a->cut && !b->cut && str_eq(a->head, b->head);
}

/* What was printed into a folder: both streams in their order, where that is known. What is the answer (NULL: none) is not there twice. */
static void add_streams(struct page_making *p, json_t *all, struct str dir, size_t try, const struct excerpt *answer)
{
	static const char *const names[] = {"output", "stdout", "stderr"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct excerpt x;
		json_t *of = file(p, arena_printf(&p->arena, "%.*s/%s", STR_ARG(dir), names[i]), &x);
		if (json_is_null(of))
			continue;
		if (answer && same_text(&x, answer)) {
			json_object_del(of, "text");
			phrase_json_set(of, "is_answer", json_true());
		}
		add_named(all, names[i], try, of);
		if (i == 0)
			return;
	}
}

/* What of each try has a folder of its own; the last one's streams are the task's. */
static void add_tries(struct page_making *p, json_t *all, const struct ledger_entry *e, struct str dir)
{
	size_t n = e->tries.n, from = n > TRIES_MOST + 1 ? n - TRIES_MOST : 1;
	for (size_t i = from; i <= n; i++) {
		struct str folder = arena_printf(&p->arena, "%.*s/tries/%zu", STR_ARG(dir), i), check = arena_printf(&p->arena, "%.*s/check", STR_ARG(folder));
		struct excerpt x;
		json_t *checked = phrase_json_must(json_array());
		if (i < n)
			add_streams(p, all, folder, i, NULL);
		add_named(all, "answer", i, file(p, arena_printf(&p->arena, "%.*s/answer", STR_ARG(folder)), &x));
		add_streams(p, checked, check, i, NULL);
		for (size_t k = 0; k < json_array_size(checked); k++) {
			phrase_json_set(json_array_get(checked, k), "check", json_true());
			phrase_json_add(all, json_incref(json_array_get(checked, k)));
		}
		json_decref(checked);
	}
}

static json_t *patterns(struct page_making *p, const struct pattern *of, size_t n)
{
	json_t *all = phrase_json_must(json_array());
	for (size_t i = 0; i < n && i < FIELDS_MOST; i++) {
		struct str s = arena_printf(&p->arena, "%s%.*s%s", of[i].exclude ? "!" : "", STR_ARG(of[i].path), of[i].kind == PATTERN_TREE ? "/" : "");
		phrase_json_add(all, masked(p, s));
	}
	return all;
}

/* The prompt as its agent got it, where one was asked in this run or, of what is up to date, in an earlier one; else as the workflow has it. */
static void set_prompt(struct page_making *p, json_t *o, const struct ledger_entry *e, struct str dir)
{
	struct excerpt x;
	bool asked = e->tries.n || e->state == LEDGER_FRESH;
	json_t *prompt = asked ? file(p, arena_printf(&p->arena, "%.*s/prompt", STR_ARG(dir)), &x) : json_null();
	bool from_workflow = json_is_null(prompt);
	if (from_workflow)
		prompt = text(p, e->task->prompt_source.s);
	phrase_json_set(o, "prompt", prompt);
	phrase_json_set(o, "prompt_from", phrase_json(str_of(from_workflow ? "workflow" : e->tries.n ? "run" : "earlier")));
}

static void set_answer(struct page_making *p, json_t *o, const struct ledger_entry *e, struct excerpt *x)
{
	const struct task_record *rec = report_record(e);
	char hex[HASH_HEX];
	*x = (struct excerpt){0};
	json_t *answer = rec && rec->has_result ? file(p, arena_printf(&p->arena, "results/%s", hash_hex(rec->result, hex)), x) : json_null();
	phrase_json_set(o, "answer", answer);
	phrase_json_set(o, "answer_lost", rec && rec->has_result && rec->result_size != x->size ? json_true() : json_false());
}

static json_t *details(struct page_making *p, const struct ledger_entry *e)
{
	const struct task *t = e->task;
	json_t *o = phrase_json_must(json_object()), *logs = phrase_json_must(json_array());
	struct str dir = store_task_dir(&p->arena, t->name);
	struct excerpt answer;
	if (t->kind == TASK_AGENT)
		set_prompt(p, o, e, dir);
	phrase_json_set(o, "script", text(p, t->def->run.s));
	phrase_json_set(o, "check", text(p, t->def->check.s));
	set_answer(p, o, e, &answer);
	add_tries(p, logs, e, dir);
	add_streams(p, logs, dir, e->tries.n > 1 ? e->tries.n : 0, &answer);
	phrase_json_set(o, "logs", logs);
	phrase_json_set(o, "logs_from", phrase_json(str_of(e->tries.n ? "run" : "earlier")));
	phrase_json_set(o, "inputs", patterns(p, t->inputs.p, t->inputs.n));
	phrase_json_set(o, "makes", patterns(p, t->outputs.p, t->outputs.n));
	phrase_json_set(o, "changes", patterns(p, t->edits.p, t->edits.n));
	report_set_record(o, p->r, e, p->room < TEXT_MOST ? 0 : FIELDS_MOST);
	return o;
}

static void add_texts(struct page_making *p, struct sbuf *b, size_t place)
{
	const struct ledger_entry *e = &p->tasks.p[place];
	if (e->task->kind == TASK_GROUP)
		return;
	size_t before = b->n;
	sbuf_printf(b, "<script type=\"application/json\" id=\"task-%zu\">", place);
	add_json(b, details(p, e));
	sbuf_lit(b, "</script>\n");
	p->room -= b->n - before < p->room ? b->n - before : p->room;
	arena_free(&p->arena);
	p->arena = (struct arena){0};
}

void report_html(struct sbuf *b, const struct report *r)
{
	struct page_making p = {.r = r, .room = ROOM};
	gather(&p);
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
	arena_free(&p.lasting);
}

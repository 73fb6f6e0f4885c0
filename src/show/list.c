#include "base/jsonout.h"
#include "base/utf8.h"
#include "show/phrase.h"
#include "show/views.h"

#define NAME_COLUMNS 40

static size_t cell_width(size_t widest, size_t most)
{
	return widest < most ? widest : most;
}

static void list_json(const struct view *v, FILE *to)
{
	struct sbuf b = {0};
	struct jsonout o = {.b = &b};

	jsonout_object(&o, NULL);
	jsonout_array(&o, "tasks");
	for (size_t i = 0; i < v->graph->tasks.n; i++) {
		const struct task *t = v->graph->tasks.p[i];

		jsonout_object(&o, NULL);
		jsonout_text(&o, "name", t->name);
		jsonout_text(&o, "file", diag_source_name(v->diag, t->def->at.source));
		jsonout_number(&o, "line", t->def->at.line);
		jsonout_text(&o, "agent", t->def->agent.s);
		jsonout_text(&o, "description", t->def->description.s);
		jsonout_array(&o, "dependencies");
		for (size_t k = 0; k < t->deps.n; k++)
			jsonout_text(&o, NULL, t->deps.p[k].task->name);
		jsonout_end(&o);
		jsonout_end(&o);
	}
	jsonout_end(&o);
	jsonout_end(&o);
	fprintf(to, "%s\n", b.p);
	sbuf_free(&b);
}

/* "backend   agent backend   Writes the service": columns as wide as the widest, within reason. */
static void list_text(const struct view *v, FILE *to)
{
	size_t name_width = 0, kind_width = 0;
	struct sbuf b = {0}, kind = {0};

	for (size_t i = 0; i < v->graph->tasks.n; i++) {
		const struct task *t = v->graph->tasks.p[i];
		size_t width = phrase_width(t->name);

		name_width = width > name_width ? width : name_width;
		sbuf_clear(&kind);
		phrase_kind(&kind, t);
		width = utf8_width(sbuf_view(&kind));
		kind_width = width > kind_width ? width : kind_width;
	}
	for (size_t i = 0; i < v->graph->tasks.n; i++) {
		const struct task *t = v->graph->tasks.p[i];
		size_t own = phrase_width(t->name), column = cell_width(name_width, NAME_COLUMNS);

		sbuf_clear(&b);
		/* A name is what is typed next: one that is too long pushes its line, but is never cut. */
		phrase_cell(&b, t->name, own > column ? own : column);
		sbuf_lit(&b, "  ");
		sbuf_clear(&kind);
		phrase_kind(&kind, t);
		if (t->def->description.s.n) {
			phrase_fit(&b, sbuf_view(&kind), cell_width(kind_width, NAME_COLUMNS));
			sbuf_lit(&b, "  ");
			phrase_line(&b, str_trim(t->def->description.s));
		} else {
			sbuf_str(&b, sbuf_view(&kind));
		}
		sbuf_char(&b, '\n');
		fwrite(b.p, 1, b.n, to);
	}
	sbuf_free(&b);
	sbuf_free(&kind);
}

void view_list(const struct view *v, FILE *to, bool json)
{
	if (json)
		list_json(v, to);
	else
		list_text(v, to);
}

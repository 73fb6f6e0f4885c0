#include "show/table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "graph/stale.h"
#include "show/console.h"

enum column { COL_NAME, COL_STATE, COL_TIME, COL_TRIES, COL_TOKENS, COL_COST, COL_WHY, N_COLUMNS };

#define MOST_HELD_HINTS 5
#define FEW 3 /* rows of a state, where not all of them fit */
#define NAME_MAX_COLUMNS 40
#define WHY_MAX_COLUMNS 100
#define WHY_MIN_COLUMNS 10

static const struct {
	const char *name, *color;
} state_looks[N_ROW_STATES] = {
    [ROW_FAILED] = {"failed", "31"},
    [ROW_HELD] = {"held", "33"},
    [ROW_IGNORED] = {"ignored", "33"},
    [ROW_NOT_RUN] = {"not run", "33"},
    [ROW_SKIPPED] = {"skipped", "32"},
    [ROW_DONE] = {"done", "32"},
    [ROW_RESTORED] = {"restored", "32"},
};

/* The texts of one line, in a buffer of their own each. */
struct line {
	struct sbuf cells[N_COLUMNS];
	enum row_state state;
};

struct layout {
	struct line lines[TABLE_LINES];
	size_t n;
	size_t widths[N_COLUMNS]; /* 0: nobody has anything there */
	size_t columns;           /* of the terminal; 0: lines may be as long as they are */
};

void table_add(struct table *t, struct arena *a, enum row_state state, const struct row *row)
{
	struct row kept = *row;

	if (t->states[state].n++ >= TABLE_LINES)
		return;
	kept.why = arena_copy(a, row->why);
	vec_push(a, &t->states[state].rows, kept);
}

static void fill_why(struct sbuf *b, const struct row *r, enum row_state state)
{
	switch (state) {
	case ROW_NOT_RUN:
		utf8_escape(b, r->why);
		break;
	case ROW_DONE:
		if (stale_unchecked(r->task))
			sbuf_lit(b, "declares no outputs: unchecked");
		break;
	default:
		utf8_escape(b, r->why);
	}
}

static void fill_line(struct line *l, const struct row *r, enum row_state state)
{
	l->state = state;
	utf8_escape(&l->cells[COL_NAME], r->task->name);
	sbuf_lit(&l->cells[COL_STATE], state_looks[state].name);
	if (r->duration_ns >= 0)
		clock_duration(&l->cells[COL_TIME], r->duration_ns);
	if (r->tries > 1)
		sbuf_printf(&l->cells[COL_TRIES], "%" PRIu32 " tries", r->tries);
	phrase_tokens(&l->cells[COL_TOKENS], r->input_tokens, r->output_tokens);
	if (!isnan(r->cost_usd))
		phrase_usd(&l->cells[COL_COST], r->cost_usd);
	fill_why(&l->cells[COL_WHY], r, state);
}

/* What rows take with so many columns for the reasons, and one more: the last one would move the cursor on. */
static size_t columns_of(const struct layout *lay, size_t why)
{
	size_t used = 1 + (why ? why + 2 : 0);

	for (size_t c = 0; c < COL_WHY; c++)
		used += lay->widths[c] ? lay->widths[c] + 2 : 0;
	return used;
}

/* A row is a line: in a narrow terminal some columns are left to --status and the reports, so that the reason has its place. */
static void fit(struct layout *lay)
{
	static const enum column dropped[] = {COL_TOKENS, COL_COST, COL_TRIES, COL_TIME};
	size_t name = lay->columns / 3 < NAME_MAX_COLUMNS ? lay->columns / 3 : NAME_MAX_COLUMNS;
	size_t why = lay->widths[COL_WHY] < WHY_MIN_COLUMNS ? lay->widths[COL_WHY] : WHY_MIN_COLUMNS;

	if (lay->widths[COL_NAME] > name)
		lay->widths[COL_NAME] = name;
	for (size_t i = 0; i < sizeof dropped / sizeof *dropped && columns_of(lay, why) > lay->columns; i++)
		lay->widths[dropped[i]] = 0;
	while (lay->widths[COL_WHY] && columns_of(lay, lay->widths[COL_WHY]) > lay->columns)
		lay->widths[COL_WHY]--;
}

static void measure(struct layout *lay)
{
	for (size_t i = 0; i < lay->n; i++)
		for (size_t c = 0; c < N_COLUMNS; c++) {
			size_t w = utf8_width(sbuf_view(&lay->lines[i].cells[c]));

			if (w > lay->widths[c])
				lay->widths[c] = w;
		}
	if (lay->widths[COL_NAME] > NAME_MAX_COLUMNS)
		lay->widths[COL_NAME] = NAME_MAX_COLUMNS;
	if (lay->widths[COL_WHY] > WHY_MAX_COLUMNS)
		lay->widths[COL_WHY] = WHY_MAX_COLUMNS;
	if (lay->columns)
		fit(lay);
}

static bool is_number(enum column c)
{
	return c == COL_TIME || c == COL_TRIES || c == COL_TOKENS || c == COL_COST;
}

static void print_cell(struct sbuf *b, const struct layout *lay, const struct line *l, enum column c, bool color)
{
	struct str text = sbuf_view(&l->cells[c]);
	size_t width = lay->widths[c], own = utf8_width(text);

	if (is_number(c)) {
		phrase_fill(b, width - own);
		sbuf_str(b, text);
	} else if (c == COL_STATE) {
		phrase_color(b, color, state_looks[l->state].color, text.p);
		phrase_fill(b, width - own);
	} else if (c == COL_WHY) {
		/* Last on its line: nothing follows that would have to stand in a column. */
		phrase_fit(b, text, own < width ? own : width);
	} else {
		phrase_fit(b, text, width);
	}
}

static void print_line(struct sbuf *b, const struct layout *lay, const struct line *l, bool color)
{
	sbuf_lit(b, "  ");
	for (size_t c = 0; c < N_COLUMNS; c++) {
		if (!lay->widths[c])
			continue;
		if (c != COL_NAME)
			sbuf_lit(b, "  ");
		print_cell(b, lay, l, (enum column)c, color);
	}
	while (b->n && b->p[b->n - 1] == ' ')
		b->p[--b->n] = '\0';
	sbuf_char(b, '\n');
}

void table_counts(struct sbuf *b, const struct table *t, size_t fresh)
{
	static const char *const names[] = {"failed", "held", "failed and ignored", "not run", "skipped", "done", "restored"};
	const char *gap = "";

	for (size_t s = 0; s < N_ROW_STATES; s++)
		if (t->states[s].n) {
			sbuf_printf(b, "%s%zu %s", gap, t->states[s].n, names[s]);
			gap = ", ";
		}
	if (fresh)
		sbuf_printf(b, "%s%zu up to date", gap, fresh);
}

/* "… and 53 not run, 17 done: see axmake --status or --report" */
static void print_rest(struct sbuf *b, const struct table *t, const struct graph *g, const size_t *shown)
{
	const char *gap = "  … and ";

	for (size_t s = 0; s < N_ROW_STATES; s++)
		if (t->states[s].n > shown[s]) {
			sbuf_printf(b, "%s%zu %s", gap, t->states[s].n - shown[s], state_looks[s].name);
			gap = ", ";
		}
	if (*gap == ' ')
		return;
	sbuf_lit(b, ": see ");
	phrase_command(b, g);
	sbuf_lit(b, " --status or --report\n");
}

/* Of each state that there is a few rows, and what room is left then to the first states. */
static void share(const struct table *t, size_t room, size_t *shown)
{
	static const size_t most[] = {FEW, TABLE_LINES};

	memset(shown, 0, N_ROW_STATES * sizeof *shown);
	for (size_t i = 0; i < sizeof most / sizeof *most; i++)
		for (size_t s = 0; s < N_ROW_STATES; s++)
			for (; room && shown[s] < t->states[s].rows.n && shown[s] < most[i]; room--)
				shown[s]++;
}

void table_rows(struct sbuf *b, const struct table *t, const struct graph *g, bool color, size_t columns, size_t room)
{
	struct layout lay = {.columns = columns};
	size_t shown[N_ROW_STATES], lines = 0;
	struct sbuf rest = {0};

	/* What tells of the rest takes a line as well, or two. */
	do {
		share(t, room > lines ? room - lines : 1, shown);
		sbuf_clear(&rest);
		print_rest(&rest, t, g, shown);
	} while (console_lines(sbuf_view(&rest), columns) > lines++);
	for (size_t s = 0; s < N_ROW_STATES; s++)
		for (size_t i = 0; i < shown[s] && lay.n < TABLE_LINES; i++)
			fill_line(&lay.lines[lay.n++], &t->states[s].rows.p[i], (enum row_state)s);
	measure(&lay);
	for (size_t i = 0; i < lay.n; i++) {
		print_line(b, &lay, &lay.lines[i], color);
		for (size_t c = 0; c < N_COLUMNS; c++)
			sbuf_free(&lay.lines[i].cells[c]);
	}
	sbuf_str(b, sbuf_view(&rest));
	sbuf_free(&rest);
}

/* Was a task left out that needs nothing that failed? Then -k would have run it. */
static bool keep_going_helps(const struct table *t)
{
	for (size_t i = 0; i < t->states[ROW_NOT_RUN].rows.n; i++)
		if (t->states[ROW_NOT_RUN].rows.p[i].stopped)
			return true;
	return false;
}

/* What would not be run for itself: " -W deploy". */
static void add_anew(struct sbuf *b, const struct table *t, enum row_state state)
{
	for (size_t i = 0; i < t->states[state].rows.n && i < MOST_HELD_HINTS; i++) {
		const struct row *r = &t->states[state].rows.p[i];

		if (!r->anew)
			continue;
		sbuf_lit(b, " -W ");
		phrase_word(b, r->task->name);
	}
}

static void hint(struct sbuf *b, const struct graph *g, const char *options, struct str name, const char *meaning)
{
	sbuf_lit(b, "  ");
	phrase_command(b, g);
	sbuf_lit(b, options);
	if (name.n)
		phrase_word(b, name);
	sbuf_printf(b, "   %s\n", meaning);
}

/* What another run does. With mistakes in the workflow nothing, before they are mended. */
static const char *again(const struct table *t, bool mistaken)
{
	if (mistaken)
		return "goes on once the mistakes above are mended; what is done stays done";
	return t->states[ROW_HELD].n && !t->states[ROW_FAILED].n ? "then goes on with it" : "tries again; what is done stays done";
}

/* The same again. What was said may be a secret: it is not repeated. */
static void hint_again(struct sbuf *b, const struct graph *g, bool said_more, const char *options, const char *meaning)
{
	if (said_more)
		sbuf_printf(b, "  the same command%s%s   %s\n", *options ? " with" : "", options, meaning);
	else
		hint(b, g, options, STR_NONE, meaning);
}

void table_hints(struct sbuf *b, const struct table *t, const struct graph *g, bool mistaken, bool said_more)
{
	for (size_t i = 0; i < t->states[ROW_HELD].rows.n && i < MOST_HELD_HINTS; i++)
		hint(b, g, " --approve ", t->states[ROW_HELD].rows.p[i].task->name, "lets it run");
	for (size_t i = 0; i < t->states[ROW_FAILED].rows.n; i++) {
		const struct row *r = &t->states[ROW_FAILED].rows.p[i];

		if (!r->has_log)
			continue;
		hint(b, g, " --log ", r->task->name, "shows what it printed");
		break;
	}
	if (keep_going_helps(t))
		hint_again(b, g, said_more, " -k", "goes on with all that needs nothing that failed");
	struct sbuf options = {0};
	add_anew(&options, t, ROW_FAILED);
	add_anew(&options, t, ROW_HELD);
	hint_again(b, g, said_more, options.n ? options.p : "", again(t, mistaken));
	sbuf_free(&options);
}

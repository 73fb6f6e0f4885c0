#include "graph/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "base/utf8.h"
#include "graph/ended.h"
#include "graph/ref.h"
#include "graph/signature.h"

#define SHOWN_BYTES 40 /* of a value, in what says why a task is skipped */

/* `when` of one task, being judged. */
struct asking {
	struct hashing *h;
	struct arena *a;
	struct task *t;
	bool planning;
	struct str *values; /* of operands, by number; p == NULL: nobody asked for it yet */
	struct str problem;
};

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN, TRUTH_PROBLEM };

/* Planning: the first dependency that runs first, or has something before it that does. */
static const struct task *unsettled_dependency(const struct task *t)
{
	for (size_t i = 0; i < t->deps.n; i++)
		if (t->deps.p[i].task->state == STATE_STALE || t->deps.p[i].task->unsettled)
			return t->deps.p[i].task;
	return NULL;
}

/* Planning: may what is put in there be another one when the task's turn comes? */
static bool may_change(const struct asking *q, const struct operand *o)
{
	if (!q->planning || !q->t->unsettled)
		return false;
	for (size_t i = 0; i < o->value.n; i++) {
		struct ref r = o->value.pieces[i].is_ref ? ref_resolve(q->h->g, q->t, o->value.pieces[i].text) : (struct ref){0};
		if ((r.task && ((r.task->state == STATE_STALE && !r.task->foreseen) || r.task->unsettled)) || r.kind == REF_INPUTS)
			return true;
	}
	return o->is_path; /* whatever runs may make it or take it away */
}

static enum truth value_of(struct asking *q, size_t operand, struct str *out)
{
	const struct operand *o = &q->t->when->operands[operand];
	struct sbuf b = {0};
	if (may_change(q, o))
		return TRUTH_UNKNOWN;
	if (!q->values[operand].p) {
		bool known = content_expand(q->h, q->a, q->t, &o->value, &b, &q->problem);
		if (known)
			q->values[operand] = arena_copy(q->a, sbuf_view(&b));
		sbuf_free(&b);
		if (!known)
			return TRUTH_PROBLEM;
	}
	*out = q->values[operand];
	return TRUTH_YES;
}

/* Names that nothing can have are names of nothing. */
static bool no_name(int err)
{
	return err == ENOENT || err == ENOTDIR || err == ENAMETOOLONG;
}

/* Through links. A final slash wants a folder. */
static enum truth path_exists(struct asking *q, struct str path)
{
	struct stat st;
	bool folder = str_ends(path, STR("/"));
	if (!path.n || memchr(path.p, '\0', path.n))
		return TRUTH_NO;
	path = graph_path(q->h->g, q->a, path);
	const char *name = arena_copy(q->a, path).p;
	if (!fstatat(q->h->store->root_fd, name, &st, 0)) {
		seen_path(q->h->seen, path, &st, true);
		return folder && !S_ISDIR(st.st_mode) ? TRUTH_NO : TRUTH_YES;
	}
	int err = errno;
	if (!no_name(err)) {
		struct str shown = signature_shows_secret(q->h, path) ? STR("***") : path;
		q->problem = arena_printf(q->a, "cannot look whether '%.*s' exists, which 'when' asks: %s", STR_ARG(shown), os_error(err));
		return TRUTH_PROBLEM;
	}
	if (err == ENAMETOOLONG)
		seen_spoil(q->h->seen);
	else
		seen_missing(q->h->seen, path, true);
	return TRUTH_NO;
}

static enum truth judge_term(struct asking *q, const struct term *t);

/* A term decides where it is as `decides` says; the other ones need not be asked then. */
static enum truth judge_terms(struct asking *q, const struct term *t, enum truth decides)
{
	enum truth all = decides == TRUTH_NO ? TRUTH_YES : TRUTH_NO;
	for (const struct term *part = t->first; part; part = part->next) {
		enum truth one = judge_term(q, part);
		if (one == decides || one == TRUTH_PROBLEM)
			return one;
		if (one == TRUTH_UNKNOWN)
			all = TRUTH_UNKNOWN;
	}
	return all;
}

static enum truth judge_values(struct asking *q, const struct term *t)
{
	struct str left, right;
	enum truth known = value_of(q, t->operand, &left);
	if (known == TRUTH_YES && t->kind == TERM_EXISTS)
		return path_exists(q, left);
	if (known == TRUTH_YES)
		known = value_of(q, t->operand + 1, &right);
	return known != TRUTH_YES ? known : str_eq(left, right) == (t->kind == TERM_EQUAL) ? TRUTH_YES : TRUTH_NO;
}

static enum truth judge_plain(struct asking *q, const struct term *t)
{
	switch (t->kind) {
	case TERM_CONST:
		return t->truth ? TRUTH_YES : TRUTH_NO;
	case TERM_ALL:
		return judge_terms(q, t, TRUTH_NO);
	case TERM_ANY:
		return judge_terms(q, t, TRUTH_YES);
	default:
		return judge_values(q, t);
	}
}

static enum truth judge_term(struct asking *q, const struct term *t)
{
	enum truth is = judge_plain(q, t);
	if (t->negated && is <= TRUTH_YES)
		return is == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
	return is;
}

/* Spaces and line ends as one space each. */
static void add_source(struct sbuf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool space = strchr(" \t\r\n", s.p[i]);
		if (!space)
			sbuf_char(b, s.p[i]);
		else if (b->n && b->p[b->n - 1] != ' ')
			sbuf_char(b, ' ');
	}
}

static void add_value(const struct asking *q, struct sbuf *b, struct str value)
{
	size_t n = value.n < SHOWN_BYTES ? value.n : SHOWN_BYTES;
	while (n < value.n && n && ((unsigned char)value.p[n] & 0xc0) == 0x80) /* within a character */
		n--;
	if (signature_shows_secret(q->h, value))
		sbuf_lit(b, "\"***\"");
	else
		sbuf_printf(b, "\"%.*s%s\"", (int)n, value.p, n < value.n ? "…" : "");
}

/* The condition as it came out: values in the place of what stands for them. */
static struct str with_values(const struct asking *q)
{
	const struct condition *c = q->t->when;
	struct sbuf b = {0};
	size_t at = 0;
	for (size_t i = 0; i < c->n_operands; i++) {
		const struct operand *o = &c->operands[i];
		bool put_in = q->values[i].p && o->value.has_refs;
		add_source(&b, str_sub(c->source.s, at, put_in ? o->from : o->to));
		if (put_in)
			add_value(q, &b, q->values[i]);
		at = o->to;
	}
	add_source(&b, str_sub(c->source.s, at, c->source.s.n));
	struct str s = arena_copy(q->a, str_trim(sbuf_view(&b)));
	sbuf_free(&b);
	return s;
}

static struct gate_word judge_when(struct hashing *h, struct arena *a, struct task *t, bool planning)
{
	struct asking q = {h, a, t, planning, arena_array(a, struct str, t->when->n_operands + 1), STR_NONE};
	switch (judge_term(&q, t->when->root)) {
	case TRUTH_YES:
		return (struct gate_word){GATE_OPEN, STR_NONE};
	case TRUTH_NO:
		return (struct gate_word){GATE_WHEN, with_values(&q)};
	case TRUTH_UNKNOWN:
		return (struct gate_word){GATE_UNKNOWN, unsettled_dependency(t)->name};
	default:
		return (struct gate_word){GATE_PROBLEM, q.problem};
	}
}

void gate_look_ahead(struct task *t)
{
	t->unsettled = unsettled_dependency(t);
}

struct gate_word gate_judge(struct hashing *h, struct arena *a, struct task *t, bool planning)
{
	if (t->def->run_if == RUN_IF_FAILURE && !ended_in_failure(t))
		return (struct gate_word){planning && t->unsettled ? GATE_IF_FAILURE : GATE_NO_FAILURE, STR_NONE};
	return t->when ? judge_when(h, a, t, planning) : (struct gate_word){GATE_OPEN, STR_NONE};
}

void gate_skip(struct hashing *h, struct arena *a, struct task *t)
{
	t->has_result = true;
	t->result = hash_bytes("", 0);
	t->result_size = 0;
	content_as_it_stands(h, a, t);
}

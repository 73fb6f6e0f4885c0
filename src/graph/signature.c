#include "graph/signature.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/content.h"
#include "graph/context.h"
#include "graph/ended.h"
#include "graph/ref.h"

/* One signature in the making. */
struct writer {
	struct hashing *h;
	struct arena *a;
	struct task *t;
	const struct provider *p;
	bool fresh, want_fields;
	struct signing *out;
};

#define SECRET_BYTES 8 /* what is shorter is no secret: it would be found everywhere */

/* Values of the environment that have a secret's name; found once. */
static const struct str_list *secrets_of(struct hashing *h)
{
	if (h->secrets)
		return h->secrets;
	h->secrets = arena_new(h->g->arena, struct str_list);
	for (char *const *e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		struct str secret = eq ? str_trim(str_of(eq + 1)) : STR_NONE;
		if (secret.n >= SECRET_BYTES && signature_secret_name((struct str){*e, (size_t)(eq - *e)}))
			vec_push(h->g->arena, &h->secrets->items, arena_copy(h->g->arena, secret));
	}
	return h->secrets;
}

bool signature_shows_secret(struct hashing *h, struct str value)
{
	const struct str_list *secrets = secrets_of(h);
	for (size_t i = 0; i < secrets->items.n; i++)
		if (str_find(value, secrets->items.p[i], 0) < (value.n < FIELD_SHOWN ? value.n : FIELD_SHOWN))
			return true;
	return false;
}

static void put_shown(struct writer *w, enum field_kind kind, struct str label, struct str value, struct str shown)
{
	unsigned char k = (unsigned char)kind;
	hasher_add(&w->h->hasher, &k, 1);
	hasher_add_framed(&w->h->hasher, label.p, kind == FIELD_USED ? 0 : label.n);
	hasher_add_framed(&w->h->hasher, value.p, value.n);
	if (w->want_fields)
		field_add(&w->out->fields, k, label, hash_bytes(value.p, value.n), signature_shows_secret(w->h, shown) ? STR_NONE : shown);
}

static void put(struct writer *w, enum field_kind kind, struct str label, struct str value, bool show)
{
	put_shown(w, kind, label, value, show ? value : STR_NONE);
}

/* A content: `label` counts only where it is a path. */
static void put_content(struct writer *w, enum field_kind kind, struct str label, struct hash128 hash)
{
	unsigned char k = (unsigned char)kind, value[16];
	bool counts = kind == FIELD_INPUT;
	memcpy(value, &hash.lo, 8);
	memcpy(value + 8, &hash.hi, 8);
	hasher_add(&w->h->hasher, &k, 1);
	hasher_add_framed(&w->h->hasher, label.p, counts ? label.n : 0);
	hasher_add_framed(&w->h->hasher, value, sizeof value);
	if (w->want_fields)
		field_add(&w->out->fields, k, label, hash, STR_NONE);
}

bool signature_secret_name(struct str name)
{
	switch (name.n ? name.p[name.n - 1] : '\0') {
	case 'Y':
		return str_ends(name, STR("_KEY"));
	case 'N':
		return str_ends(name, STR("_TOKEN"));
	case 'T':
		return str_ends(name, STR("_SECRET"));
	case 'D':
		return str_ends(name, STR("_PASSWORD"));
	default:
		return false;
	}
}

static bool words_name_task(const struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_find(w->p[i], STR("${name}"), 0) < w->p[i].n)
			return true;
	return false;
}

static void put_kind(struct writer *w)
{
	put(w, FIELD_KIND, STR_NONE, w->t->kind == TASK_AGENT ? STR("agent") : STR("run"), true);
}

static void put_script(struct writer *w)
{
	if (w->t->kind == TASK_RUN)
		put(w, FIELD_SCRIPT, STR_NONE, w->t->def->run.s, true);
}

static void put_check(struct writer *w)
{
	if (w->t->def->check.s.n)
		put(w, FIELD_CHECK, STR_NONE, w->t->def->check.s, true);
}

static void put_shell(struct writer *w)
{
	if (w->t->def->shell.s.n)
		put(w, FIELD_SHELL, STR_NONE, w->t->def->shell.s, true);
}

struct counted {
	struct hash128 hash;
	struct str label;
};

struct counted_list {
	VEC(struct counted) of;
};

static int by_hash(const void *x, const void *y)
{
	const struct counted *a = x, *b = y;
	return hash_cmp(a->hash, b->hash);
}

/* In the order of their hashes: neither names nor the order in the file count. */
static void put_sorted(struct writer *w, enum field_kind kind, struct counted_list *l)
{
	if (l->of.n > 1)
		qsort(l->of.p, l->of.n, sizeof *l->of.p, by_hash);
	for (size_t i = 0; i < l->of.n; i++)
		put_content(w, kind, l->of.p[i].label, l->of.p[i].hash);
}

static void put_results(struct writer *w)
{
	struct counted_list all = {0};
	for (size_t i = 0; i < w->t->deps.n; i++) {
		const struct dep *d = &w->t->deps.p[i];
		/* No result reads like an empty one where only its text is put in, as into a prompt; a script can tell the two apart. */
		struct hash128 none = w->t->kind == TASK_AGENT && !(d->how & DEP_PATH) ? hash_bytes("", 0) : (struct hash128){0, 0};
		struct counted c = {d->task->has_result ? d->task->result : none, d->task->name};
		if (!(d->how & (DEP_RESULT | DEP_PATH)) && !context_takes(w->t, d))
			continue;
		if (content_is_old(w->h->old_files, d->task))
			content_recorded(w->t, FIELD_RESULT, d->task->name, &c.hash);
		vec_push(w->a, &all.of, c);
	}
	put_sorted(w, FIELD_RESULT, &all);
}

static void put_used_in(struct writer *w, const struct template *tpl)
{
	struct sbuf b = {0};
	for (size_t i = 0; i < tpl->n; i++) {
		const struct piece *p = &tpl->pieces[i];
		if (!p->is_ref || ref_resolve(w->h->g, w->t, p->text).kind != REF_FIELD)
			continue;
		sbuf_clear(&b);
		if (!content_ref(w->h, w->a, w->t, p, &b, &w->out->problem))
			break;
		put(w, FIELD_USED, p->text, sbuf_view(&b), true);
	}
	sbuf_free(&b);
}

/* They count by the texts that they are put into; here they stand so that it can be said which one has changed. */
static void put_used(struct writer *w)
{
	if (!w->t->uses_fields)
		return;
	put_used_in(w, &w->t->prompt);
	for (size_t i = 0; i < w->t->n_env && !w->out->problem.n; i++)
		put_used_in(w, &w->t->env[i].value);
}

static void put_context(struct writer *w)
{
	if (context_follows(w->t))
		put(w, FIELD_CONTEXT, STR_NONE, w->t->def->context == CONTEXT_PATHS ? STR("paths") : STR("results"), true);
}

static void put_prompt(struct writer *w)
{
	if (w->t->kind != TASK_AGENT)
		return;
	struct sbuf b = {0};
	if (content_expand(w->h, w->a, w->t, &w->t->prompt, &b, &w->out->problem) && context_add(w->h, w->a, w->t, &b, &w->out->problem)) {
		w->out->prompt = arena_copy(w->a, sbuf_view(&b));
		put(w, FIELD_PROMPT, STR_NONE, w->out->prompt, true);
	}
	sbuf_free(&b);
}

static void put_role(struct writer *w)
{
	if (w->t->role.n)
		put(w, FIELD_ROLE, STR_NONE, w->t->role, true);
}

static void put_model(struct writer *w)
{
	if (w->t->model.n)
		put(w, FIELD_MODEL, STR_NONE, w->t->model, true);
}

static void put_provider(struct writer *w)
{
	if (!w->p)
		return;
	struct sbuf b = {0};
	sbuf_str(&b, w->p->name);
	if (w->p->revision.n || w->p->user_shape.n) {
		sbuf_char(&b, '\n');
		sbuf_str(&b, w->p->revision);
		sbuf_char(&b, '\n');
		sbuf_str(&b, w->p->user_shape);
	}
	put(w, FIELD_PROVIDER, STR_NONE, sbuf_view(&b), true);
	sbuf_free(&b);
}

static void put_name(struct writer *w)
{
	const struct provider *p = w->p;
	if (w->t->names_task || (p && (words_name_task(&p->command) || words_name_task(&p->model_args) ||
	                               words_name_task(&p->role_args) || words_name_task(&p->env))))
		put(w, FIELD_NAME, STR_NONE, w->t->name, true);
}

static void put_vars(struct writer *w)
{
	for (size_t i = 0; i < w->t->vars.n; i++)
		put(w, FIELD_VAR, w->t->vars.p[i]->name.s, w->t->vars.p[i]->value.s, true);
}

static void put_env(struct writer *w)
{
	struct sbuf b = {0};
	for (size_t i = 0; i < w->t->n_env; i++) {
		sbuf_clear(&b);
		if (!content_expand(w->h, w->a, w->t, &w->t->env[i].value, &b, &w->out->problem))
			break;
		put(w, FIELD_ENV, w->t->env[i].name, sbuf_view(&b), !signature_secret_name(w->t->env[i].name));
	}
	sbuf_free(&b);
}

static int by_name(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static void put_env_inputs(struct writer *w)
{
	const struct text_list *l = &w->t->def->env_inputs;
	struct str *names = arena_array(w->a, struct str, l->n);
	struct sbuf b = {0};
	for (size_t i = 0; i < l->n; i++)
		names[i] = l->p[i].s;
	if (l->n > 1)
		qsort(names, l->n, sizeof *names, by_name);
	for (size_t i = 0; i < l->n; i++) {
		const char *v = seen_getenv(w->h->seen, arena_copy(w->a, names[i]).p);
		if (i && str_eq(names[i], names[i - 1]))
			continue;
		sbuf_clear(&b);
		if (v) {
			sbuf_char(&b, '=');
			sbuf_lit(&b, v);
		}
		put_shown(w, FIELD_ENV_INPUT, names[i], sbuf_view(&b), signature_secret_name(names[i]) ? STR_NONE : str_sub(sbuf_view(&b), 1, b.n));
	}
	sbuf_free(&b);
}

static void put_inputs(struct writer *w)
{
	struct str_list *files = &w->out->inputs;
	content_inputs(w->h, w->a, w->t, w->fresh, files, &w->out->problem);
	if (!w->out->problem.n)
		content_look_ahead(w->h, w->a, w->t, files, w->fresh);
	struct str *left = NULL; /* where some have gone; the list itself may be shared */
	size_t kept = 0;
	for (size_t i = 0; i < files->items.n && !w->out->problem.n; i++) {
		struct str path = files->items.p[i];
		struct hash128 h;
		if (content_of_input(w->h, w->a, w->t, path, w->fresh, &h, &w->out->problem)) {
			put_content(w, FIELD_INPUT, path, h);
			if (left)
				left[kept] = path;
			kept++;
		} else if (content_vanished(w->h, w->t, path)) {
			w->out->problem = STR_NONE;
			if (!left) {
				left = arena_array(w->a, struct str, files->items.n);
				memcpy(left, files->items.p, kept * sizeof *left);
			}
		}
	}
	if (left) {
		files->items.p = left;
		files->items.n = files->items.cap = kept;
	}
	filehash_ahead_end(w->h->fh);
}

static void put_declared(struct writer *w)
{
	for (size_t i = 0; i < w->t->outputs.n; i++)
		put(w, FIELD_OUTPUT, content_label(w->a, &w->t->outputs.p[i]), STR_NONE, false);
	for (size_t i = 0; i < w->t->edits.n; i++)
		put(w, FIELD_EDIT, content_label(w->a, &w->t->edits.p[i]), STR_NONE, false);
}

static void put_dependencies(struct writer *w)
{
	struct counted_list all = {0};
	for (size_t i = 0; i < w->t->deps.n; i++) {
		const struct dep *d = &w->t->deps.p[i];
		if (!(d->how & DEP_NAMED))
			continue;
		struct counted c = {content_contribution(w->h, d->task, w->t), d->task->name};
		if (content_is_old(w->h->old_files, d->task))
			content_recorded(w->t, FIELD_DEPENDENCY, d->task->name, &c.hash);
		vec_push(w->a, &all.of, c);
	}
	put_sorted(w, FIELD_DEPENDENCY, &all);
}

/* What was made of a failure is never taken for what is made of a success, even where the failed task left the same outputs. */
static void put_failed(struct writer *w)
{
	if (ended_without_success(w->t))
		put(w, FIELD_FAILED, STR_NONE, STR("yes"), true);
}

/* Everything that counts, in the order in which it is hashed. Whatever is not here makes nobody stale. */
static void (*const counted_fields[])(struct writer *w) = {
	put_kind, put_script, put_check, put_shell,	put_context, put_results, put_used, put_prompt,   put_role,	     put_model,	 put_provider,
	put_name, put_vars,   put_env,	put_env_inputs, put_inputs, put_declared, put_dependencies, put_failed,
};

void signature_compute(struct hashing *h, struct arena *a, struct task *t, const struct provider *p, bool fresh, bool want_fields, struct signing *out)
{
	struct writer w = {h, a, t, p, fresh, want_fields, out};
	*out = (struct signing){0};
	hasher_reset(&h->hasher);
	for (size_t i = 0; i < sizeof counted_fields / sizeof *counted_fields && !out->problem.n; i++)
		counted_fields[i](&w);
	out->hash = hasher_end(&h->hasher);
}

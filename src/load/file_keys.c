#include "load/file_keys.h"

#include <string.h>

#include "base/utf8.h"
#include "load/foreign_words.h"
#include "load/limit_keys.h"
#include "load/stages.h"
#include "load/value.h"

enum {
	SLOT_FILE_NAME,
	SLOT_METADATA,
	SLOT_ROOT,
	SLOT_POLICY,
	SLOT_POOLS,
	SLOT_VARS,
	SLOT_DEFAULTS,
	SLOT_INCLUDE,
	SLOT_DEFAULT,
	SLOT_TASKS,
	SLOT_ACTORS,
	SLOT_STAGES,
	SLOT_ABOUT
};

/* Sections that AutomatosX's own files have and axmake does not act on. */
static const char *const foreign_sections[] = {
    "version", "id",     "author",      "tags",          "goal",     "recovery", "quality",     "observability", "execution",
    "outputs", "memory", "permissions", "notifications", "security", "triggers", "environment", "integrations",
    "providers", "validation",
};

static bool in_list(const char *const *list, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(s, str_of(list[i])))
			return true;
	}
	return false;
}

static void read_file_name(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                           void *into)
{
	const struct file_part *part = into;
	struct text name;

	(void)row;
	if (reader_one_text(r, key->text, value, false, &name) && part->is_main)
		r->wf->name = name;
}

static void note_classified(struct reader *r, const struct node *key, struct str within)
{
	if (!r->classified.s.p)
		r->classified = (struct text){.s = arena_printf(r->a, "%.*s.%.*s", STR_ARG(within), STR_ARG(key->text)), .at = key->at};
}

/* What other programs restrict providers by, and axmake does not: to be silent of it could cost somebody a secret. */
static void look_for_classified(struct reader *r, const struct node *map, struct str name)
{
	static const char *const keys[] = {"privacy", "dataClassification", "data_classification", "classification", "confidentiality", "sensitivity"};

	for (size_t i = 0; i < map->n; i++) {
		const struct pair *p = &map->pairs[i];
		bool is_public = p->value->kind == NODE_SCALAR && str_eq(p->value->text, STR("public"));

		if (in_list(keys, sizeof keys / sizeof *keys, p->key->text) && !is_public && !node_is_null(p->value))
			note_classified(r, p->key, name);
	}
}

static void read_metadata(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                          void *into)
{
	const struct node *name;

	if (value->kind != NODE_MAP) {
		if (!node_is_null(value))
			reader_wants(r, key->text, value, "a map");
		return;
	}
	look_for_classified(r, value, key->text);
	name = node_get(value, STR("name"));
	if (name && !r->wf->name.s.p)
		read_file_name(r, row, &(struct node){.text = STR("metadata.name")}, name, into);
}

static void read_privacy(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into)
{
	static const char wants[] = "private or public";
	struct policy *policy = into;
	bool is_private;
	struct str s;

	(void)row;
	if (value->kind == NODE_MAP) { /* of clouds and regions, which axmake knows nothing of */
		reader_ignore(r, key->at, STR("policy.constraints.privacy"));
		note_classified(r, key, STR("policy.constraints"));
		return;
	}
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	is_private = str_eq(s, STR("private"));
	if (!is_private && !str_eq(s, STR("public")))
		reader_wants(r, key->text, value, wants);
	else if (!policy->privacy.s.p || is_private) /* the stricter of two files wins */
		policy->privacy = reader_keep(r, value);
}

static void read_latency(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                         void *into)
{
	static const char wants[] = "a number of milliseconds, from 1";
	struct policy *policy = into;
	struct str s;
	int64_t ms;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (!value_int(s, 1, INT64_C(1) << 40, &ms)) {
		reader_wants(r, key->text, value, wants);
	} else if (policy->max_latency_ms < 0) {
		policy->max_latency_ms = ms;
		policy->latency_at = value->at;
	}
}

static const char *const foreign_constraints[] = {"latency", "reliability", "cost", "quality"};

static bool other_constraint(struct reader *r, const struct node *key, const struct node *value, void *into)
{
	(void)value, (void)into;
	if (!in_list(foreign_constraints, sizeof foreign_constraints / sizeof *foreign_constraints, key->text))
		return false;
	reader_ignore(r, key->at, arena_printf(r->a, "policy.constraints.%.*s", STR_ARG(key->text)));
	return true;
}

static const char *constraint_hint(struct diag *d, struct str key, struct suggestion *near)
{
	(void)d, (void)key;
	for (size_t i = 0; i < sizeof foreign_constraints / sizeof *foreign_constraints; i++)
		suggestion_offer(near, str_of(foreign_constraints[i]));
	return NULL;
}

static void read_constraints(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                             void *into)
{
	static const struct key_row rows[] = {
	    {"maxLatency", 0, read_latency, 0, false},
	    {"privacy", 1, read_privacy, 0, false},
	};
	static const struct key_table table = {"'constraints'", rows, sizeof rows / sizeof *rows, other_constraint, constraint_hint};
	struct slots slots;

	(void)row;
	if (value->kind == NODE_MAP)
		reader_map(r, &table, value, &slots, into);
	else if (!node_is_null(value))
		reader_wants(r, key->text, value, "a map");
}

static bool other_policy(struct reader *r, const struct node *key, const struct node *value, void *into)
{
	(void)value, (void)into;
	if (!str_eq(key->text, STR("goal")) && !str_eq(key->text, STR("optimization")))
		return false;
	reader_ignore(r, key->at, arena_printf(r->a, "policy.%.*s", STR_ARG(key->text)));
	return true;
}

static const char *policy_hint(struct diag *d, struct str key, struct suggestion *near)
{
	(void)d, (void)key;
	suggestion_offer(near, STR("goal"));
	suggestion_offer(near, STR("optimization"));
	return NULL;
}

static void read_policy(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const struct key_row rows[] = {
	    {"constraints", 0, read_constraints, 0, false},
	    {"budget", 1, read_policy_budget, 0, false},
	};
	static const struct key_table table = {"'policy'", rows, sizeof rows / sizeof *rows, other_policy, policy_hint};
	struct slots slots;

	(void)row, (void)into;
	if (value->kind == NODE_MAP)
		reader_map(r, &table, value, &slots, &r->wf->policy);
	else if (!node_is_null(value))
		reader_wants(r, key->text, value, "a map");
}

static void read_vars(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	(void)row, (void)into;
	if (node_is_null(value))
		return;
	if (value->kind != NODE_MAP) {
		reader_wants(r, key->text, value, "a map of name: value");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct pair *p = &value->pairs[i];
		const char *fault = var_name_fault(p->key->text);
		struct var_def v = {0};

		if (fault) {
			reader_error(r, p->key->at, NULL, "the variable's name '%.*s' %s", STR_ARG(p->key->text), fault);
			continue;
		}
		v.name = reader_keep(r, p->key);
		v.name.s = utf8_nfc(r->a, v.name.s);
		if (node_is_null(p->value)) {
			v.value = (struct text){.s = STR(""), .at = p->value->at};
		} else if (!reader_one_text(r, p->key->text, p->value, true, &v.value)) {
			continue;
		}
		if (map_get(&r->vars, v.name.s))
			continue; /* the including file's */
		vec_push(r->a, &r->wf->vars, v);
		*map_slot(&r->vars, v.name.s) = (void *)(uintptr_t)r->wf->vars.n;
	}
}

static void read_defaults(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                          void *into)
{
	(void)row, (void)key;
	defaults_read(r, value, &((struct file_part *)into)->defaults);
}

static void read_default_targets(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value,
                                 void *into)
{
	struct text_list list;

	(void)row;
	read_list(r, &(struct key_row){.offset = 0}, key, value, &list);
	if (((struct file_part *)into)->is_main)
		r->wf->defaults_targets = list;
}

static void read_root(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct file_part *part = into;

	if (part->is_main)
		read_text(r, row, key, value, into);
	else
		reader_error(r, key->at, "take it out", "'root' counts in the main file only");
}

static void read_tasks(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	const struct file_part *part = into;

	(void)row;
	if (node_is_null(value))
		return;
	if (value->kind != NODE_LIST) {
		reader_error(r, value->at, "begin each task with '- name: NAME'", "'%.*s' wants a list of tasks",
		             STR_ARG(key->text));
		return;
	}
	map_reserve(&r->tasks, r->tasks.n + value->n);
	for (size_t i = 0; i < value->n; i++)
		task_read(r, NULL, value->items[i], &part->defaults);
}

static bool other_section(struct reader *r, const struct node *key, const struct node *value, void *into)
{
	(void)into;
	if (str_starts(key->text, STR("x-")))
		return true;
	if (!in_list(foreign_sections, sizeof foreign_sections / sizeof *foreign_sections, key->text))
		return false;
	/* `outputs` and `memory` are a task's keys too: as anything but a section they are a task's that lost its indentation. */
	if (task_key_known(key->text) && value->kind != NODE_MAP && !str_eq(key->text, STR("id")))
		return false;
	reader_ignore(r, key->at, key->text);
	if (value->kind == NODE_MAP)
		look_for_classified(r, value, key->text);
	return true;
}

static const char *section_hint(struct diag *d, struct str key, struct suggestion *near)
{
	const char *known = foreign_word_of_file(key);

	if (known)
		return known;
	if (task_key_in_defaults(key))
		return diag_hint(d, "'%.*s' is a key of a task: indent it below its '- name', or below 'defaults' for all", STR_ARG(key));
	if (task_key_known(key))
		return diag_hint(d, "'%.*s' is a key of a task: indent it below its '- name'", STR_ARG(key));
	for (size_t i = 0; i < sizeof foreign_sections / sizeof *foreign_sections; i++)
		suggestion_offer(near, str_of(foreign_sections[i]));
	return NULL;
}

/* For people: only its form is looked at. */
static void read_about(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct text ignored;
	(void)into;
	read_any_text(r, row, key, value, &ignored);
}

/* What sections mean together is known when all of them are. */
static void read_later(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	(void)r, (void)row, (void)key, (void)value, (void)into;
}

void file_read(struct reader *r, const struct node *top, struct file_part *part)
{
	static const struct key_row rows[] = {
	    {"name", SLOT_FILE_NAME, read_file_name, 0, false},
	    {"metadata", SLOT_METADATA, read_metadata, 0, false},
	    {"root", SLOT_ROOT, read_root, offsetof(struct file_part, root), false},
	    {"policy", SLOT_POLICY, read_policy, 0, false},
	    {"pools", SLOT_POOLS, read_pools, 0, false},
    {"vars", SLOT_VARS, read_vars, 0, false},
	    {"defaults", SLOT_DEFAULTS, read_defaults, 0, false},
	    {"include", SLOT_INCLUDE, read_list, offsetof(struct file_part, include), false},
	    {"default", SLOT_DEFAULT, read_default_targets, 0, false},
	    {"tasks", SLOT_TASKS, read_tasks, 0, false},
	    {"description", SLOT_ABOUT, read_about, 0, false},
	    {"actors", SLOT_ACTORS, read_later, 0, false},
	    {"stages", SLOT_STAGES, read_later, 0, false},
	};
	static const struct key_table table = {"a workflow", rows, sizeof rows / sizeof *rows, other_section, section_hint};
	struct slots slots;

	if (top->kind != NODE_MAP) {
		reader_error(r, top->at, "begin with 'tasks:' and a list of them", "a workflow file must be a map of keys");
		return;
	}
	reader_map(r, &table, top, &slots, part);
	stages_read(r, slots.pair[SLOT_TASKS], slots.pair[SLOT_ACTORS], slots.pair[SLOT_STAGES], &part->defaults);
}

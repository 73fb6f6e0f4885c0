#include "load/dialect.h"

#include <string.h>

#include "base/utf8.h"
#include "load/foreign_words.h"
#include "load/value.h"

static bool has_unit(struct str s)
{
	return s.n && strchr("smh", s.p[s.n - 1]);
}

void read_timeout(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a time such as 30000 (milliseconds), 30s, 10m or 1h (from 1ms to ten years; 0 is none)";
	struct str s;

	if (!r->dialect || value->kind != NODE_SCALAR || node_is_null(value) || has_unit(value->text)) {
		read_duration(r, row, key, value, into);
		return;
	}
	s = arena_printf(r->a, "%.*sms", STR_ARG(value->text));
	if (!value_duration(s, (int64_t *)((char *)into + row->offset)))
		reader_wants(r, key->text, value, wants);
}

static const char *const foreign[] = {"permissions", "resources", "delegation", "saveToMemory"};

const char *dialect_hint(struct diag *d, struct str key, struct suggestion *near)
{
	(void)d;
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		suggestion_offer(near, str_of(foreign[i]));
	return foreign_word_of_task(key);
}

bool dialect_other_key(struct reader *r, const struct node *key, const struct node *value, void *into)
{
	(void)value, (void)into;
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		if (!str_eq(key->text, str_of(foreign[i])))
			continue;
		reader_ignore(r, key->at, arena_printf(r->a, "%s.%s", r->dialect->section, foreign[i]));
		return true;
	}
	return false;
}

static void report_actor(struct reader *r, const struct text *name)
{
	struct suggestion near = {.wanted = name->s};
	struct map_entry *e;

	for (size_t i = 0; (e = map_next(r->dialect->actors, &i));)
		suggestion_offer(&near, e->key);
	reader_error(r, name->at, near.best.n ? diag_did_you_mean(r->d, &near) : "define it under 'actors'", "there is no actor '%.*s'",
	             STR_ARG(name->s));
}

/* The actor that a stage names. */
static const struct defaults *find_actor(struct reader *r, struct task_def *t)
{
	const struct defaults *actor = map_get(r->dialect->actors, utf8_nfc(r->a, t->agent.s));

	if (!actor)
		report_actor(r, &t->agent);
	else
		t->agent = actor->task.agent;
	return actor;
}

const struct defaults *dialect_agent(struct reader *r, struct task_def *t, const struct pair *said)
{
	bool is_actor = said && str_eq(said->key->text, STR("actor"));

	if (!r->dialect) {
		if (is_actor)
			reader_error(r, said->key->at, "did you mean 'agent'?", "'actor' is a key of 'stages', not of 'tasks'");
		return NULL;
	}
	if (!said && !t->run.s.p && str_eq(str_of(r->dialect->section), STR("actors")))
		t->agent = t->name;
	return is_actor && r->dialect->actors && t->agent.s.p ? find_actor(r, t) : NULL;
}

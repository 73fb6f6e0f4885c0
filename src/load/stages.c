#include "load/stages.h"

#include "base/utf8.h"
#include "load/task_keys.h"

typedef void entry_fn(struct reader *r, const struct node *name, const struct node *value, void *self);

/* Each entry of a list, or of a map by its key. */
static void each_entry(struct reader *r, const struct pair *section, entry_fn *each, void *self)
{
	const struct node *v = section->value;

	if (node_is_null(v))
		return;
	if (v->kind == NODE_SCALAR)
		reader_wants(r, section->key->text, v, "a list of maps, or a map of them by name");
	for (size_t i = 0; v->kind == NODE_LIST && i < v->n; i++)
		each(r, NULL, v->items[i], self);
	for (size_t i = 0; v->kind == NODE_MAP && i < v->n; i++)
		each(r, v->pairs[i].key, v->pairs[i].value, self);
}

static void add_task(struct reader *r, const struct node *name, const struct node *value, void *self)
{
	task_read(r, name, value, self);
}

/* An agent for stages. */
static void add_actor(struct reader *r, const struct node *key, const struct node *value, void *self)
{
	struct defaults *actor = arena_new(r->a, struct defaults), **slot;
	struct text *name = &actor->task.name;

	actor_read(r, value, actor);
	if (value->kind != NODE_MAP)
		return;
	if (key)
		*name = reader_keep(r, key);
	if (!name->s.n) {
		reader_error(r, value->at, "add 'id: NAME'", "an actor without a name");
		return;
	}
	if (!actor->task.agent.s.p)
		actor->task.agent = *name;
	slot = (struct defaults **)map_slot(self, utf8_nfc(r->a, name->s));
	if (!*slot)
		*slot = actor;
	else if (reader_error(r, name->at, NULL, "a second actor is called '%.*s'", STR_ARG(name->s)))
		diag_note(r->d, (*slot)->task.name.at, "the first one is here");
}

static void report_both(struct reader *r, const struct pair *tasks, const struct pair *other)
{
	if (reader_error(r, other->key->at, "give one of them", "'%.*s' and 'tasks' both list the tasks", STR_ARG(other->key->text)))
		diag_note(r->d, tasks->key->at, "'tasks' is here");
}

void stages_read(struct reader *r, const struct pair *tasks, const struct pair *actors, const struct pair *stages,
                 const struct defaults *defaults)
{
	const struct pair *list = stages ? stages : actors;
	struct map by_name = {0};
	struct dialect dialect = {.section = "actors"};

	if (!list)
		return;
	if (tasks)
		report_both(r, tasks, list);
	r->dialect = &dialect;
	if (stages && actors) {
		each_entry(r, actors, add_actor, &by_name);
		dialect.actors = &by_name;
	}
	dialect.section = stages ? "stages" : "actors";
	each_entry(r, list, add_task, (void *)defaults);
	r->dialect = NULL;
	map_free(&by_name);
}

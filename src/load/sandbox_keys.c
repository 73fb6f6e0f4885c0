#include "load/sandbox_keys.h"

#include "load/value.h"

enum { PROCESSES_UNLESS_SAID = 4096, MOST_PROCESSES = 4194304 };
#define DISK_UNLESS_SAID (UINT64_C(16) << 30)

/* In the root it is outputs and edits that say what comes out of the sandbox. */
static void read_paths(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	struct text_list *list = (struct text_list *)((char *)into + row->offset);

	read_list(r, row, key, value, into);
	for (size_t i = 0; i < list->n; i++) {
		struct str s = list->p[i].s;

		if (!str_starts(s, STR("/")) && !str_starts(s, STR("~/")))
			reader_error(r, list->p[i].at, "in the root it may read and write everything; what is to be moved there are 'outputs' and 'edits'",
			             "'%.*s' of a sandbox is a path outside the root: it begins with '/' or '~/'", STR_ARG(key->text));
	}
}

static void read_disk(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a size such as 500M or 2G";
	uint64_t bytes;
	struct str s;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (value_size(s, true, &bytes) && bytes && bytes <= INT64_MAX)
		((struct sandbox *)into)->disk = bytes;
	else
		reader_wants(r, key->text, value, wants);
}

static void read_processes(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "a number of processes, from 1 to 4194304";
	struct str s;
	int64_t n;

	(void)row;
	if (!reader_scalar(r, key->text, value, wants, &s))
		return;
	if (value_int(s, 1, MOST_PROCESSES, &n))
		((struct sandbox *)into)->processes = (uint32_t)n;
	else
		reader_wants(r, key->text, value, wants);
}

static void read_parts(struct reader *r, const struct node *value, struct sandbox *into)
{
	static const struct key_row rows[] = {
	    {"network", 0, read_bool, offsetof(struct sandbox, network), false},
	    {"read", 1, read_paths, offsetof(struct sandbox, read), false},
	    {"write", 2, read_paths, offsetof(struct sandbox, write), false},
	    {"disk", 3, read_disk, 0, false},
	    {"processes", 4, read_processes, 0, false},
	    {"watch", 5, read_bool, offsetof(struct sandbox, watch), false},
	};
	static const struct key_table table = {"'sandbox'", rows, sizeof rows / sizeof *rows, NULL, NULL};
	struct slots slots;

	reader_map(r, &table, value, &slots, into);
}

void read_sandbox(struct reader *r, const struct key_row *row, const struct node *key, const struct node *value, void *into)
{
	static const char wants[] = "true, false, or a map such as {network: false, read: [~/docs]}";
	struct task_def *t = into;
	struct sandbox *s = arena_new(r->a, struct sandbox);
	bool yes = true;
	struct str text;

	(void)row;
	*s = (struct sandbox){.network = true, .disk = DISK_UNLESS_SAID, .processes = PROCESSES_UNLESS_SAID, .watch = true};
	if (value->kind == NODE_MAP)
		read_parts(r, value, s);
	else if (reader_scalar(r, key->text, value, wants, &text) && !value_bool(text, &yes))
		reader_wants(r, key->text, value, wants);
	t->sandbox = yes ? s : NULL;
}

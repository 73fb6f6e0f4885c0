#include "ax/verb.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Each entry is a table of its own module. */
static const struct ax_verb *const tables[] = {ax_run_verbs, ax_monitor_verbs, ax_spec_verbs, ax_list_verbs, ax_runs_verbs};

const struct ax_verb *ax_verb_at(size_t i)
{
	for (size_t k = 0; k < COUNT(tables); k++)
		for (const struct ax_verb *v = tables[k]; v->name; v++)
			if (!i--)
				return v;
	return NULL;
}

int ax_verb_words(const struct ax_verb *v, int argc, char **argv)
{
	struct str name = str_of(v->name);
	size_t blank = str_find(name, STR(" "), 0);
	if (argc < 2 || !str_eq(str_sub(name, 0, blank), str_of(argv[1])))
		return 0;
	if (blank == name.n)
		return 1;
	return argc > 2 && str_eq(str_sub(name, blank + 1, name.n), str_of(argv[2])) ? 2 : 0;
}

/* Options and settings of what a run tells: files, and a command at its end. */
#include "base/path.h"
#include "load/value.h"
#include "option_rows.h"
#include "options.h"

static struct file_option file_of(const struct parse *p, struct str value)
{
	return (struct file_option){.path = value, .of_root = p->from == FROM_SETTINGS};
}

/* A folder's name, or make's word for standard output, would be taken for a file of that name. */
static bool is_file(struct parse *p, struct str value)
{
	if (str_eq(value, STR("-"))) {
		diag_error(p->diag, p->at, "/dev/stdout and /dev/stderr are files too", "'%.*s' wants a file, not '-'", STR_ARG(p->spelled));
		return false;
	}
	if (str_ends(value, STR("/"))) {
		diag_error(p->diag, p->at, NULL, "'%.*s' wants a file, not the folder '%.*s'", STR_ARG(p->spelled), STR_ARG(value));
		return false;
	}
	return true;
}

void option_set_file(struct parse *p, const struct row *row, struct str value)
{
	if (is_file(p, value))
		*(struct file_option *)((char *)p->o + row->field) = file_of(p, value);
}

static bool has_ending(struct str path, const char *ending)
{
	struct str name = path_base(path);
	return str_ends(name, str_of(ending)) && name.n > str_of(ending).n;
}

/* Its ending says what a report is. */
void option_add_report(struct parse *p, const struct row *row, struct str value)
{
	(void)row;
	if (!is_file(p, value))
		return;
	if (has_ending(value, ".html") || has_ending(value, ".json") || has_ending(value, ".xml") || has_ending(value, ".md"))
		vec_push(p->arena, &p->o->reports, file_of(p, value));
	else
		diag_error(p->diag, p->at, ".html: a page for people, .json: all that is known, .xml: JUnit, .md: a table",
			   "'%.*s' wants a file that ends in .html, .json, .xml or .md, not '%.*s'", STR_ARG(p->spelled), STR_ARG(value));
}

bool option_notify_setting(struct options *o, struct arena *a, struct diag *d, const struct setting *s)
{
	size_t n = 0;
	if (!str_eq(s->name.s, STR("notify")))
		return false;
	if (s->value.s.n && !value_words(a, s->value.s, &n))
		diag_error(d, s->value.at, "words are split as a shell splits them; a ';' behind a space begins a comment in axmake.ini, in quotes too", "unterminated quote");
	o->notify = n ? s->value.s : STR_NONE;
	return true;
}

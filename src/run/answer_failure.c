#include "run/answer.h"

#include <errno.h>
#include <string.h>

#include "base/os.h"
#include "run/answer_file.h"
#include "run/answer_line.h"
#include "run/answer_reading.h"

static bool has_content(const struct reading *r)
{
	struct str some = STR_NONE;
	struct arena local = {0};
	bool has = answer_file_ends(&local, r->in->at, r->in->out, 4096, &some) == 0 && str_trim(some).n > 0;

	arena_free(&local);
	return has;
}

/* A key's value as text; of a very long one the two ends. */
static struct str text_of_key(struct reading *r, const struct key *k)
{
	struct str text = STR_NONE;
	int err;
	struct longtext *t = k->value ? longtext_of_json(&r->local, r->out_fd, &r->filter, k->value, &err) : NULL;

	if (!t)
		return key_text(&r->local, k);
	if (longtext_ends(t, &r->local, CLIP_EACH, &text) != 0)
		text = STR_NONE;
	longtext_close(t);
	return text;
}

/* What the rule's `error` key names; empty when it names nothing or nothing is there. */
static struct str error_field(struct reading *r)
{
	const struct where *w = &r->in->provider->error;
	struct str text = STR_NONE;
	int err = 0;

	if (where_is_json(w))
		return text_of_key(r, &r->keys[KEY_ERROR]);
	if (w->kind == WHERE_TEXT)
		err = answer_file_ends(&r->local, r->in->at, r->in->out, CLIP_EACH, &text);
	else if (w->kind == WHERE_FILE && r->in->result_file)
		err = answer_file_ends(&r->local, r->in->at, r->in->result_file, CLIP_EACH, &text);
	return err ? STR_NONE : text;
}

/* Some programs pass the API's own JSON on as the message: people want the words in it. */
static struct str inner_message(struct arena *a, struct str field)
{
	static const char *const pointers[] = {"/error/message", "/0/error/message", "/message", "/error", "/0"};
	struct str out;

	if (str_trim(field).n == 0 || !strchr("{[", str_trim(field).p[0]))
		return field;
	for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
		if (answer_pointer(a, field, str_of(pointers[i]), &out) && str_trim(out).n > 0)
			return out;
	return field;
}

/* One line that says why the try failed. */
static struct str error_line(struct reading *r, struct str field)
{
	const struct provider *p = r->in->provider;
	struct str text = p->error.kind == WHERE_TEXT ? line_last(field) : inner_message(&r->local, field);
	struct str line = line_of(r->a, text);

	if (line.n == 0)
		line = line_of(r->a, line_last(r->err_text));
	if (line.n == 0 && p->error.kind == WHERE_NONE && !where_is_json(&p->result) &&
	    answer_file_ends(&r->local, r->in->at, r->in->out, CLIP_EACH, &text) == 0)
		line = line_of(r->a, line_last(text));
	if (line.n > 0)
		return line;
	if (r->in->status != 0)
		return arena_printf(r->a, "exit status %d", r->in->status);
	struct str failed = where_text(&r->local, &p->failed.where);
	return line_of(r->a, arena_printf(&r->local, "the program says that it failed (%.*s%s%.*s), and not why", STR_ARG(failed), p->failed.has_value ? "=" : "", STR_ARG(p->failed.value)));
}

static void set_transient(struct reading *r, struct answer *out, struct str field)
{
	out->class = TRY_TRANSIENT;
	out->wait_ns = line_wait_ns(field);
	if (out->wait_ns < 0)
		out->wait_ns = line_wait_ns(r->err_text);
}

/* Does what a failed try says of itself tell its class? */
static bool set_class_said(struct reading *r, struct answer *out, struct str field)
{
	const struct provider *p = r->in->provider;

	/* Before the others: what says that the quota is spent often holds a 429 or a word of refusal too. */
	if (line_matches(&r->local, p->quota_on, field, r->err_text)) {
		out->class = TRY_QUOTA;
		out->quota_reset = line_group(r->a, p->quota_reset, field, r->err_text);
	} else if (line_matches(&r->local, p->fatal_on, field, r->err_text)) {
		out->class = TRY_AUTH;
	} else if (line_matches(&r->local, p->retry_on, field, r->err_text)) {
		set_transient(r, out, field);
	} else {
		return false;
	}
	return true;
}

void answer_set_failed(struct reading *r, struct answer *out)
{
	struct str field = error_field(r);

	if (!set_class_said(r, out, field))
		out->class = TRY_FAILED;
	out->error = error_line(r, field);
}

void answer_set_none(struct reading *r, struct answer *out, bool empty, int err)
{
	const struct where *w = &r->in->provider->result;
	struct str place = where_text(&r->local, w);
	struct str field = where_is_json(&r->in->provider->error) ? inner_message(&r->local, error_field(r)) : STR_NONE;
	struct str line;

	/* Some programs end with 0 when their service refuses them. */
	if (set_class_said(r, out, field)) {
		out->error = error_line(r, field);
		return;
	}
	if (w->kind == WHERE_FILE)
		line = arena_printf(&r->local, "no answer: the program left its result file %s%s (result = file)",
		                    err == ENOENT ? "unwritten"
		                    : err         ? "unreadable: "
		                                  : "empty",
		                    err && err != ENOENT ? os_error(err) : "");
	else if (empty)
		line = arena_printf(&r->local, "the answer at %.*s is empty", STR_ARG(place));
	else if (w->kind == WHERE_STDERR_JSON)
		line = arena_printf(&r->local, "no answer at %.*s", STR_ARG(place));
	else if (r->out_error && r->out_error != ENOENT)
		line = arena_printf(&r->local, "cannot read standard output, where the answer was expected (%.*s): %s",
		                    STR_ARG(place), os_error(r->out_error));
	else if ((out->unread = r->out_big))
		line = arena_printf(&r->local, "the JSON where its answer was expected (%.*s) has more than %zu values or %zu MiB beside long strings, and cannot be read",
		                    STR_ARG(place), JSONFILTER_MOST_VALUES, JSONFILTER_MOST_BYTES >> 20);
	else if ((out->unread = r->out_deep))
		line = arena_printf(&r->local, "the JSON of its answer (%.*s) is nested more than 2048 deep, and cannot be read", STR_ARG(place));
	else if (r->out_json)
		line = arena_printf(&r->local, "no answer at %.*s of standard output", STR_ARG(place));
	else
		line = arena_printf(&r->local, "standard output %s; the answer was expected at %.*s",
		                    has_content(r) ? "holds no JSON" : "is empty", STR_ARG(place));
	if (str_trim(field).n > 0)
		line = arena_printf(&r->local, "%.*s; it says: %.*s", STR_ARG(line), STR_ARG(str_sub(field, 0, 4096)));
	out->class = TRY_ANSWER;
	out->error = line_of(r->a, line);
}

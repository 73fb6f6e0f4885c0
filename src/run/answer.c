#include "run/answer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/os.h"
#include "run/answer_file.h"
#include "run/answer_key.h"
#include "run/answer_line.h"

/* The largest answer that is taken into memory, and the longest line of JSON. */
#define MAX_ANSWER ((size_t)512 << 20)
/* Of standard error (and of standard output where it is searched for an error) the two ends are enough. */
#define CLIP_EACH ((size_t)1 << 20)

/* The counts stand behind the others in their own order. */
enum { KEY_RESULT, KEY_FAILED, KEY_ERROR, KEY_COUNTS, N_KEYS = KEY_COUNTS + N_COUNTS };

struct reading {
	struct arena *a;    /* the caller's */
	struct arena local; /* what only the reading needs */
	const struct answer_input *in;
	struct key keys[N_KEYS];
	enum where_kind kind; /* of the text that is being looked through; JSONL also for JSONL_SUM */
	struct str err_text;  /* standard error, or its two ends */
	bool out_json;        /* standard output had JSON */
	bool out_deep;        /* and such as is nested too deep to be read */
	int out_error;        /* it could not be read */
};

static void keys_init(struct reading *r)
{
	const struct provider *p = r->in->provider;

	r->keys[KEY_RESULT] = key_of(&r->local, &p->result, false);
	r->keys[KEY_FAILED] = key_of(&r->local, &p->failed, false);
	r->keys[KEY_ERROR] = key_of(&r->local, &p->error, false);
	counts_init(&r->local, p, &r->keys[KEY_COUNTS]);
}

static bool key_is_of(const struct key *k, enum where_kind kind)
{
	return k->where->kind == kind || (kind == WHERE_JSONL && k->where->kind == WHERE_JSONL_SUM);
}

static bool wanted(const struct reading *r, enum where_kind kind)
{
	for (int i = 0; i < N_KEYS; i++)
		if (key_is_of(&r->keys[i], kind))
			return true;
	return false;
}

static void see_root(void *self, const json_t *root)
{
	struct reading *r = self;

	if (r->kind != WHERE_STDERR_JSON)
		r->out_json = true;
	for (int i = 0; i < N_KEYS; i++)
		if (key_is_of(&r->keys[i], r->kind))
			key_see(&r->keys[i], root);
}

/* Has the line anything that a key wants? Most lines of a long stream have not, and reading them as JSON takes a hundred times as
 * long. */
static bool line_may_matter(const struct reading *r, struct str line)
{
	for (int i = 0; i < N_KEYS; i++) {
		const struct key *k = &r->keys[i];

		if (key_is_of(k, WHERE_JSONL) && key_may_be_in(k, line))
			return true;
	}
	return false;
}

static void read_lines(struct reading *r)
{
	struct answer_lines lines;
	struct str line;
	int err = answer_lines_open(&lines, r->in->at, r->in->out, MAX_ANSWER);

	r->kind = WHERE_JSONL;
	while (!err && answer_lines_next(&lines, &line)) {
		struct str text = str_trim(line);

		if (text.n == 0 || (text.p[0] != '{' && !str_starts(text, STR("\xef\xbb\xbf"))))
			continue;
		r->out_json = true;
		bool may_matter = line_may_matter(r, text);
		json_t *root = may_matter ? jsontext_load(text, false) : NULL;
		r->out_deep = r->out_deep || (may_matter && !root && jsontext_is_deep(text));
		if (root) {
			see_root(r, root);
			json_decref(root);
		}
	}
	if (err || lines.err)
		r->out_error = err ? err : lines.err;
	answer_lines_close(&lines);
}

static void read_whole(struct reading *r)
{
	struct str text = STR_NONE;

	r->kind = WHERE_JSON;
	r->out_error = answer_file_read(&r->local, r->in->at, r->in->out, MAX_ANSWER, &text);
	if (!r->out_error)
		jsontext_each(text, see_root, r);
	r->out_deep = !r->out_error && !key_has_value(&r->keys[KEY_RESULT]) && jsontext_is_deep(text);
}

static bool has_content(const struct reading *r)
{
	struct str some = STR_NONE;
	struct arena local = {0};
	bool has = answer_file_ends(&local, r->in->at, r->in->out, 4096, &some) == 0 && str_trim(some).n > 0;

	arena_free(&local);
	return has;
}

static void read_all(struct reading *r)
{
	if (wanted(r, WHERE_JSON))
		read_whole(r);
	if (wanted(r, WHERE_JSONL))
		read_lines(r);
	/* A file that is missing or cannot be read is as good as an empty one: the program's status and standard output speak for
	 * themselves. */
	if (answer_file_ends(&r->local, r->in->at, r->in->err, CLIP_EACH, &r->err_text) != 0)
		r->err_text = STR_NONE;
	if (wanted(r, WHERE_STDERR_JSON)) {
		r->kind = WHERE_STDERR_JSON;
		jsontext_each(r->err_text, see_root, r);
	}
}

static void set_numbers(const struct reading *r, struct answer *out)
{
	struct counts c = counts_get(r->in->provider, &r->keys[KEY_COUNTS]);

	out->input_tokens = c.input_tokens;
	out->output_tokens = c.output_tokens;
	out->cache_read_tokens = c.cache_read_tokens;
	out->cache_write_tokens = c.cache_write_tokens;
	out->cost_usd = c.cost_usd;
}

/* What the rule's `error` key names; empty when it names nothing or nothing is there. */
static struct str error_field(struct reading *r)
{
	const struct where *w = &r->in->provider->error;
	struct str text = STR_NONE;
	int err = 0;

	if (where_is_json(w))
		return key_text(&r->local, &r->keys[KEY_ERROR]);
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
	struct str failed = where_text(&r->local, &p->failed);
	return line_of(r->a, arena_printf(&r->local, "the program says that it failed (%.*s), and not why", STR_ARG(failed)));
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

static void set_failed(struct reading *r, struct answer *out)
{
	struct str field = error_field(r);

	if (!set_class_said(r, out, field))
		out->class = TRY_FAILED;
	out->error = error_line(r, field);
}

/* Why there is no answer: where it was expected, and what stands there instead. */
static void set_no_answer(struct reading *r, struct answer *out, bool empty, int err)
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
	else if ((out->too_deep = r->out_deep))
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

static void set_text(struct reading *r, struct answer *out)
{
	const struct where *w = &r->in->provider->result;
	const struct key *k = &r->keys[KEY_RESULT];
	struct str text = STR_NONE;
	int err = 0;

	out->class = TRY_OK;
	if (w->kind == WHERE_TEXT || w->kind == WHERE_NONE) {
		out->has_text = out->text_is_stdout = true;
		return;
	}
	if (w->kind == WHERE_FILE)
		err = r->in->result_file ? answer_file_read(r->a, r->in->at, r->in->result_file, MAX_ANSWER, &text) : ENOENT;
	else
		text = key_text(r->a, k);
	if (err || str_trim(text).n == 0) {
		set_no_answer(r, out, where_is_json(w) && key_has_value(k), err);
		return;
	}
	out->has_text = true;
	out->text = text;
}

/* Some programs say why they gave up, and end with 0 behind what they had answered before. */
static bool gave_up(const struct reading *r)
{
	return r->in->unfinished && where_error_is_apart(r->in->provider) && key_says_something(&r->keys[KEY_ERROR]);
}

struct answer answer_read(struct arena *a, const struct answer_input *in)
{
	struct answer out = {.cost_usd = NAN, .wait_ns = -1};
	struct reading r = {.a = a, .in = in};

	keys_init(&r);
	read_all(&r);
	set_numbers(&r, &out);
	if (!in->exited) {
		const char *name = sigdescr_np(in->status);

		out.class = TRY_CRASH;
		out.error = arena_printf(a, "ended by signal %d (%s)", in->status, name ? name : "unknown");
	} else if (in->status != 0 || in->says_failed || key_is_true(&r.keys[KEY_FAILED]) || gave_up(&r)) {
		set_failed(&r, &out);
	} else {
		set_text(&r, &out);
	}
	for (int i = 0; i < N_KEYS; i++)
		json_decref(r.keys[i].value);
	arena_free(&r.local);
	return out;
}

struct first {
	struct arena *a;
	struct str *out;
	bool found;
};

static bool take_text(void *self, const json_t *v)
{
	struct first *f = self;

	*f->out = jsontext_text(f->a, v);
	f->found = true;
	return false;
}

bool answer_pointer(struct arena *a, struct str json, struct str pointer, struct str *out)
{
	struct first f = {.a = a, .out = out};
	json_t *root = jsontext_load(json, true);

	if (!root)
		return false;
	struct json_path path = json_path_of(a, pointer);
	json_path_each(root, &path, take_text, &f);
	json_decref(root);
	return f.found;
}

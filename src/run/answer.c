#include "run/answer.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonfile.h"
#include "base/jsontext.h"
#include "base/os.h"
#include "run/answer_file.h"
#include "run/answer_key.h"
#include "run/answer_line.h"

/* A result file with more is not taken into memory. */
#define SHORT_FILE ((uint64_t)JSONFILTER_LONG)
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
	bool out_big;         /* and such as has too many values, where a later answer may stand than the one that was found */
	int out_error;        /* it could not be read */
	int out_fd;
	struct jsonfilter filter; /* which long strings of it have passed */
};

static void keys_init(struct reading *r)
{
	const struct provider *p = r->in->provider;

	r->keys[KEY_RESULT] = key_of(&r->local, &p->result, false);
	r->keys[KEY_FAILED] = key_of(&r->local, &p->failed.where, false);
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

/* NULL: one that has too many values to be read. */
static void see_root(void *self, const json_t *root)
{
	struct reading *r = self;
	const json_t *before = r->keys[KEY_RESULT].value;

	if (r->kind != WHERE_STDERR_JSON)
		r->out_json = true;
	for (int i = 0; root && i < N_KEYS; i++)
		if (key_is_of(&r->keys[i], r->kind))
			key_see(&r->keys[i], root);
	if (key_is_of(&r->keys[KEY_RESULT], r->kind))
		r->out_big = !root || (r->out_big && r->keys[KEY_RESULT].value == before);
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

/* A line of JSON. false: it had nothing that is wanted. */
static bool read_line(struct reading *r, struct str text)
{
	r->out_json = true;
	if (!line_may_matter(r, text))
		return false;
	json_t *root = jsontext_load(text, false);
	r->out_deep = r->out_deep || (!root && jsontext_is_deep(text));
	if (root)
		see_root(r, root);
	json_decref(root);
	return root;
}

static void read_lines(struct reading *r)
{
	struct answer_lines lines;
	struct str line;

	r->kind = WHERE_JSONL;
	answer_lines_begin(&lines, r->out_fd, &r->filter);
	for (size_t before = r->filter.longs.n; answer_lines_next(&lines, &line); before = r->filter.longs.n) {
		struct str text = str_trim(line);

		if (lines.too_big)
			see_root(r, NULL);
		if (text.n == 0 || (text.p[0] != '{' && !str_starts(text, STR("\xef\xbb\xbf"))) || !read_line(r, text))
			r->filter.longs.n = before;
	}
	r->out_error = lines.err;
	answer_lines_end(&lines);
}

static void read_whole(struct reading *r)
{
	r->kind = WHERE_JSON;
	struct jsonfile_said said = jsonfile_each(r->out_fd, &r->filter, see_root, r);
	r->out_error = said.err;
	r->out_deep = said.deep && !key_has_value(&r->keys[KEY_RESULT]);
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
	bool whole = wanted(r, WHERE_JSON), lines = wanted(r, WHERE_JSONL);
	uint64_t size;

	if (whole || lines)
		r->out_error = answer_file_open(r->in->at, r->in->out, &r->out_fd, &size);
	if (whole && !r->out_error)
		read_whole(r);
	if (lines && !r->out_error)
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

static bool says_failed(struct reading *r)
{
	const struct where_value *failed = &r->in->provider->failed;
	const struct key *k = &r->keys[KEY_FAILED];
	return failed->has_value ? key_has_value(k) && str_eq(key_text(&r->local, k), failed->value) : key_is_true(k);
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

/* The content of the program's own file. */
static int take_file(struct reading *r, struct answer *out)
{
	uint64_t size;
	int fd = -1, err = r->in->result_file ? answer_file_open(r->in->at, r->in->result_file, &fd, &size) : ENOENT;

	if (err)
		return err;
	if (size > SHORT_FILE)
		out->long_text = longtext_of_file(r->a, fd, &err);
	else
		err = answer_file_ends(r->a, r->in->at, r->in->result_file, SHORT_FILE, &out->text);
	close(fd);
	return err;
}

static int take_value(struct reading *r, struct answer *out)
{
	const struct key *k = &r->keys[KEY_RESULT];
	int err = 0;

	if (r->out_big)
		return 0;
	if (k->value && k->where->kind != WHERE_STDERR_JSON)
		out->long_text = longtext_of_json(r->a, r->out_fd, &r->filter, k->value, &err);
	if (!out->long_text && !err)
		out->text = key_text(r->a, k);
	r->out_error = r->out_error ? r->out_error : err;
	return err;
}

static void set_text(struct reading *r, struct answer *out)
{
	const struct where *w = &r->in->provider->result;

	out->class = TRY_OK;
	if (w->kind == WHERE_TEXT || w->kind == WHERE_NONE) {
		out->has_text = out->text_is_stdout = true;
		return;
	}
	int err = w->kind == WHERE_FILE ? take_file(r, out) : take_value(r, out);
	out->has_text = !err && (out->long_text ? out->long_text->has_text : str_trim(out->text).n > 0);
	if (out->has_text)
		return;
	answer_close(out);
	out->text = STR_NONE;
	set_no_answer(r, out, where_is_json(w) && !err && !r->out_big && key_has_value(&r->keys[KEY_RESULT]), err);
}

/* Some programs say why they gave up, and end with 0 behind what they had answered before. */
static bool gave_up(const struct reading *r)
{
	return r->in->unfinished && where_error_is_apart(r->in->provider) && key_says_something(&r->keys[KEY_ERROR]);
}

struct answer answer_read(struct arena *a, const struct answer_input *in)
{
	struct answer out = {.cost_usd = NAN, .wait_ns = -1};
	struct reading r = {.a = a, .in = in, .out_fd = -1};

	keys_init(&r);
	jsonfilter_init(&r.filter, JSONFILTER_MOST_BYTES);
	read_all(&r);
	set_numbers(&r, &out);
	if (!in->exited) {
		const char *name = sigdescr_np(in->status);

		out.class = TRY_CRASH;
		out.error = arena_printf(a, "ended by signal %d (%s)", in->status, name ? name : "unknown");
	} else if (in->status != 0 || in->says_failed || says_failed(&r) || gave_up(&r)) {
		set_failed(&r, &out);
	} else {
		set_text(&r, &out);
	}
	for (int i = 0; i < N_KEYS; i++)
		json_decref(r.keys[i].value);
	if (r.out_fd >= 0)
		close(r.out_fd);
	jsonfilter_free(&r.filter);
	arena_free(&r.local);
	return out;
}

void answer_close(struct answer *answer)
{
	longtext_close(answer->long_text);
	answer->long_text = NULL;
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

#include "run/answer.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "run/answer_file.h"
#include "run/answer_reading.h"

/* A result file with more is not taken into memory. */
#define SHORT_FILE ((uint64_t)JSONFILTER_LONG)

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

static bool says_failed(struct reading *r)
{
	const struct where_value *failed = &r->in->provider->failed;
	const struct key *k = &r->keys[KEY_FAILED];
	return failed->has_value ? key_has_value(k) && str_eq(key_text(&r->local, k), failed->value) : key_is_true(k);
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
	answer_set_none(r, out, where_is_json(w) && !err && !r->out_big && key_has_value(&r->keys[KEY_RESULT]), err);
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
		answer_set_failed(&r, &out);
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

#include "graph/field.h"

#include <string.h>

void field_add(struct sbuf *fields, uint8_t kind, struct str label, struct hash128 hash, struct str shown)
{
	unsigned char head[3] = {kind, (unsigned char)(label.n & 0xff), (unsigned char)(label.n >> 8)};
	shown = str_sub(shown, 0, FIELD_SHOWN);
	unsigned char n = (unsigned char)shown.n;
	sbuf_reserve(fields, sizeof head + label.n + 17 + shown.n);
	sbuf_add(fields, head, sizeof head);
	sbuf_str(fields, label);
	sbuf_add(fields, &hash.lo, 8);
	sbuf_add(fields, &hash.hi, 8);
	sbuf_add(fields, &n, 1);
	sbuf_str(fields, shown);
}

bool field_next(struct str fields, size_t *at, struct field *out)
{
	const unsigned char *p = (const unsigned char *)fields.p + *at;
	size_t left = fields.n - *at;
	if (left < 3)
		return false;
	out->kind = p[0];
	size_t label = p[1] | (size_t)p[2] << 8;
	if (left < 3 + label + 17 || left < 3 + label + 17 + p[3 + label + 16])
		return false;
	size_t shown = p[3 + label + 16];
	out->label = (struct str){(const char *)p + 3, label};
	memcpy(&out->hash.lo, p + 3 + label, 8);
	memcpy(&out->hash.hi, p + 3 + label + 8, 8);
	out->shown = (struct str){(const char *)p + 3 + label + 17, shown};
	*at += 3 + label + 17 + shown;
	return true;
}

const char *field_kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[FIELD_KIND] = "kind of task",
		[FIELD_SCRIPT] = "script",
		[FIELD_SHELL] = "shell",
		[FIELD_PROMPT] = "prompt",
		[FIELD_ROLE] = "role of the agent",
		[FIELD_MODEL] = "model",
		[FIELD_PROVIDER] = "provider",
		[FIELD_NAME] = "name of the task",
		[FIELD_VAR] = "var",
		[FIELD_ENV] = "env",
		[FIELD_ENV_INPUT] = "environment variable",
		[FIELD_INPUT] = "input",
		[FIELD_OUTPUT] = "declared output",
		[FIELD_EDIT] = "declared edit",
		[FIELD_DEPENDENCY] = "dependency",
		[FIELD_RESULT] = "result of",
		[FIELD_CHECK] = "check",
		[FIELD_CONTEXT] = "context",
		[FIELD_USED] = "field",
		[FIELD_FAILED] = "failure of a dependency",
	};
	return kind && kind < sizeof names / sizeof *names ? names[kind] : "field";
}

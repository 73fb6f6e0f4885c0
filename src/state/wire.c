#include "state/wire.h"

#include "state/bytes.h"

#define LONGEST (1u << 20)

static size_t begin(struct sbuf *b, enum wire_kind kind)
{
	size_t at = b->n;

	bytes_put_u32(b, 0);
	bytes_put_u8(b, (uint8_t)kind);
	return at;
}

/* The length before it is that of what follows it. */
static void end(struct sbuf *b, size_t at)
{
	uint32_t n = htole32((uint32_t)(b->n - at - 4));

	memcpy(b->p + at, &n, sizeof n);
}

void wire_put_config(struct sbuf *b, const struct wire_config *c)
{
	size_t at = begin(b, WIRE_CONFIG);

	bytes_put_str(b, c->url);
	bytes_put_str(b, c->user);
	bytes_put_str(b, c->password);
	bytes_put_str(b, c->ca);
	bytes_put_str(b, c->key);
	bytes_put_u8(b, c->dir.p != NULL);
	bytes_put_str(b, c->dir);
	bytes_put_u64(b, c->limit);
	bytes_put_i64(b, c->timeout_ns);
	bytes_put_u8(b, c->owner_only);
	bytes_put_u8(b, c->push);
	bytes_put_i64(b, c->root_fd);
	bytes_put_i64(b, c->store_fd);
	end(b, at);
}

void wire_put(struct sbuf *b, enum wire_kind kind)
{
	end(b, begin(b, kind));
}

void wire_put_signature(struct sbuf *b, enum wire_kind kind, struct hash128 signature, bool yes)
{
	size_t at = begin(b, kind);

	bytes_put_hash(b, signature);
	bytes_put_u8(b, yes);
	end(b, at);
}

void wire_put_text(struct sbuf *b, enum wire_kind kind, struct str text, bool yes)
{
	size_t at = begin(b, kind);

	bytes_put_str(b, text);
	bytes_put_u8(b, yes);
	end(b, at);
}

static void read_config(struct reader *r, struct wire_config *c)
{
	bool has_dir;

	c->url = reader_str(r);
	c->user = reader_str(r);
	c->password = reader_str(r);
	c->ca = reader_str(r);
	c->key = reader_str(r);
	has_dir = reader_u8(r);
	c->dir = reader_str(r);
	if (!has_dir)
		c->dir = STR_NONE;
	c->limit = reader_u64(r);
	c->timeout_ns = reader_i64(r);
	c->owner_only = reader_u8(r);
	c->push = reader_u8(r);
	c->root_fd = (int)reader_i64(r);
	c->store_fd = (int)reader_i64(r);
}

enum wire_result wire_take(struct str *rest, struct wire_message *out)
{
	struct reader r;
	uint32_t n;

	*out = (struct wire_message){0};
	if (rest->n < 4)
		return WIRE_INCOMPLETE;
	n = bytes_u32(rest->p);
	if (n < 1 || n > LONGEST)
		return WIRE_BAD;
	if (rest->n - 4 < n)
		return WIRE_INCOMPLETE;
	r = reader_of(str_sub(*rest, 4, 4 + (size_t)n));
	*rest = str_sub(*rest, 4 + (size_t)n, rest->n);
	out->kind = (enum wire_kind)reader_u8(&r);
	switch (out->kind) {
	case WIRE_CONFIG:
		read_config(&r, &out->config);
		break;
	case WIRE_FETCH:
	case WIRE_PUSH:
	case WIRE_FETCHED:
	case WIRE_PUSHED:
		out->signature = reader_hash(&r);
		out->yes = reader_u8(&r);
		break;
	case WIRE_WARNING:
	case WIRE_CHECKED:
		out->text = reader_str(&r);
		out->yes = reader_u8(&r);
		break;
	case WIRE_CHECK:
	case WIRE_FINISH:
	case WIRE_ALIVE:
	case WIRE_DONE:
		break;
	default:
		return WIRE_BAD;
	}
	return reader_at_end(&r) ? WIRE_WHOLE : WIRE_BAD;
}

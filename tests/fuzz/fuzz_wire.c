/* Frames between axmake and axmake-http. */
#include "fuzz.h"
#include "state/wire.h"

static void put_again(struct sbuf *b, const struct wire_message *m)
{
	switch (m->kind) {
	case WIRE_CONFIG:
		wire_put_config(b, &m->config);
		break;
	case WIRE_FETCH:
	case WIRE_PUSH:
	case WIRE_FETCHED:
	case WIRE_PUSHED:
		wire_put_signature(b, m->kind, m->signature, m->yes);
		break;
	case WIRE_WARNING:
	case WIRE_CHECKED:
		wire_put_text(b, m->kind, m->text, m->yes);
		break;
	default:
		wire_put(b, m->kind);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = fuzz_copy(data, size), rest = all;
	struct wire_message m, same;

	while (wire_take(&rest, &m) == WIRE_WHOLE) {
		struct sbuf b = {0};

		always(rest.n < all.n);
		put_again(&b, &m);
		/* A frame that was cut is not there yet; nothing of it is taken. */
		for (size_t n = 0; n < b.n && n < 64; n++) {
			struct str cut = {b.p, n};

			always(wire_take(&cut, &same) == WIRE_INCOMPLETE && cut.n == n);
		}
		struct str whole = sbuf_view(&b);
		always(wire_take(&whole, &same) == WIRE_WHOLE && !whole.n);
		always(same.kind == m.kind && hash_eq(same.signature, m.signature) && same.yes == m.yes && str_eq(same.text, m.text));
		always(str_eq(same.config.url, m.config.url) && str_eq(same.config.password, m.config.password) && same.config.limit == m.config.limit);
		sbuf_free(&b);
	}
	free((char *)all.p);
	return 0;
}

/* From the server to the cache on this machine. Nothing is believed: an entry and its objects are checked before they are given their names, the entry last. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/helper.h"

#define ENTRY_MOST (UINT64_C(64) << 20)
#define BAD_MOST 8 /* entries; more, and nothing is asked any more */

struct object {
	struct pull *pull;
	struct request request;
	struct cache_arrival arrival;
	struct cache_content content;
	struct sha sha;
};

struct pull {
	struct helper *h;
	struct arena arena;
	struct hash128 signature;
	struct request request; /* for the entry */
	struct envelope envelope;
	struct object *objects;
	size_t pending; /* objects that have not ended */
	bool storing;   /* within cache_store_begin and _end */
	bool failed;
};

static void end(struct pull *p, bool there)
{
	struct helper *h = p->h;
	if (p->storing && !--h->storing)
		cache_store_end(h->cache);
	wire_put_signature(&h->out, WIRE_FETCHED, p->signature, there);
	h->pulls--;
	digest_free(&p->request.digest);
	sbuf_free(&p->request.body);
	arena_free(&p->arena);
	free(p);
}

/* Of an entry, or of an object of one. What its task makes now will replace it. */
static void tell_bad(struct pull *p, const char *what)
{
	struct helper *h = p->h;
	h->bad++;
	helper_note(h, &p->signature, sizeof p->signature, KNOWN_BAD);
	if (!h->told_bad)
		helper_warn(h, "gave an entry that is not taken: %s; others like it are passed over without a word", what);
	h->told_bad = true;
	if (h->bad >= BAD_MOST)
		server_give_up(&h->server, "%u of its entries were damaged or forged", h->bad);
}

/* Is it here already, as the server's name for it says? */
static bool is_here(struct helper *h, const struct object *o)
{
	struct sha sha;
	struct hash128 xxh;
	uint64_t size;
	int fd = cache_object_fd(h->cache, o->content.hash, o->content.size);
	if (fd < 0)
		return false;
	int err = digest_fd(fd, helper_meanwhile, h, &sha, &xxh, &size);
	close(fd);
	return !err && size == o->content.size && sha_eq(&sha, &o->sha) && hash_eq(xxh, o->content.hash);
}

static enum turn object_turn(struct request *q)
{
	struct object *o = q->self;
	struct helper *h = o->pull->h;
	if (helper_known(h, &o->sha, sizeof o->sha) == KNOWN_MOVES)
		return TURN_LATER;
	if (is_here(h, o))
		return TURN_NEVER;
	int err = cache_arrival_begin(h->cache, &o->arrival);
	q->fd = o->arrival.fd;
	if (err) {
		helper_fault(h, err);
		o->pull->failed = true; /* the request is not made; the entry is given up */
		return TURN_NEVER;
	}
	helper_note(h, &o->sha, sizeof o->sha, KNOWN_MOVES);
	return TURN_NOW;
}

/* All that is wanted has come. */
static bool store(struct pull *p)
{
	struct helper *h = p->h;
	if (p->failed)
		return false;
	if (!cache_store_bytes(h->cache, p->signature, p->envelope.entry)) {
		helper_fault(h, 0);
		return false;
	}
	h->traffic.entries_got++;
	h->traffic.bytes_got += p->request.body.n;
	return true;
}

static bool take_object(struct object *o)
{
	struct request *q = &o->request;
	struct sha sha;
	struct hash128 xxh;
	uint64_t size = q->digest.size;
	digest_end(&q->digest, &sha, &xxh);
	if (size != o->content.size || !sha_eq(&sha, &o->sha) || !hash_eq(xxh, o->content.hash)) {
		helper_note(o->pull->h, &o->sha, sizeof o->sha, KNOWN_BAD);
		tell_bad(o->pull, "an object of it has another content than its name says");
		return false;
	}
	int err = cache_arrival_keep(o->pull->h->cache, &o->arrival, xxh, size);
	helper_fault(o->pull->h, err);
	if (err)
		return false;
	o->pull->h->traffic.bytes_got += size;
	return true;
}

static void object_ended(struct request *q)
{
	struct object *o = q->self;
	struct pull *p = o->pull;
	bool asked = o->arrival.fd >= 0, came = asked && q->ending == ENDED_WELL;
	if (asked)
		helper_note(p->h, &o->sha, sizeof o->sha, came ? KNOWN_THERE : KNOWN_NOT);
	if (q->ending == ENDED_ABSENT) {
		helper_note(p->h, &o->sha, sizeof o->sha, KNOWN_ABSENT);
		tell_bad(p, "an object of it is not there");
	} else if (q->ending == ENDED_BAD) {
		helper_note(p->h, &o->sha, sizeof o->sha, KNOWN_BAD);
		tell_bad(p, "an object of it is longer than it says");
	} else if (q->ending == ENDED_LOCALLY) {
		helper_fault(p->h, q->local_err);
	}
	if (q->ending != ENDED_WELL || (came && !take_object(o)))
		p->failed = true;
	cache_arrival_drop(p->h->cache, &o->arrival);
	digest_free(&q->digest);
	if (--p->pending)
		return;
	end(p, store(p));
}

static void ask_objects(struct pull *p, const struct contents *c)
{
	p->objects = arena_array(&p->arena, struct object, c->of.n);
	p->pending = c->of.n;
	for (size_t i = 0; i < c->of.n; i++) {
		struct object *o = &p->objects[i];
		char hex[SHA_HEX];
		*o = (struct object){.pull = p, .content = c->of.p[i], .arrival.fd = -1};
		memcpy(o->sha.of, p->envelope.objects + i * ENVELOPE_NAME, ENVELOPE_NAME);
		o->request = (struct request){.verb = VERB_GET, .turn = object_turn, .ended = object_ended, .self = o, .size = o->content.size};
		sha_hex(&o->sha, hex);
		snprintf(o->request.name, sizeof o->request.name, "cas/%s", hex);
		server_ask(&p->h->server, &o->request);
	}
}

/* What is wrong with the entry; NULL: nothing, and it is read. The key is asked before anything else of it is. */
static const char *fault_of(struct pull *p, struct cache_entry *e, struct contents *c)
{
	static const char damaged[] = "it is damaged";
	const struct key *k = &p->h->key;
	if (!envelope_read(sbuf_view(&p->request.body), &p->envelope))
		return damaged;
	if (k->n && !p->envelope.proof)
		return "it is not signed with the key";
	if (k->n && !key_proves(k, p->signature, &p->envelope))
		return "it is signed with another key, or was changed";
	if (!cache_entry_read(&p->arena, p->envelope.entry, e) || !hash_eq(e->signature, p->signature))
		return damaged;
	helper_contents(&p->arena, e, c);
	return c->of.n == p->envelope.n_objects ? NULL : damaged;
}

/* false: it is no good, or cannot be kept here. */
static bool take_entry(struct pull *p)
{
	struct helper *h = p->h;
	struct cache_entry e;
	struct contents c;
	const char *fault = fault_of(p, &e, &c);
	if (fault) {
		tell_bad(p, fault);
		return false;
	}
	/* What is larger than the cache may be could be sent without end. */
	if (c.bytes > h->config.limit || !cache_store_begin(h->cache, c.bytes + p->request.body.n)) {
		helper_fault(h, 0);
		return false;
	}
	p->storing = true;
	h->storing++;
	if (c.of.n) {
		ask_objects(p, &c);
		return true;
	}
	return store(p);
}

static void entry_ended(struct request *q)
{
	struct pull *p = q->self;
	bool ok = false;
	switch (q->ending) {
	case ENDED_WELL:
		ok = take_entry(p);
		break;
	case ENDED_ABSENT:
		helper_note(p->h, &p->signature, sizeof p->signature, KNOWN_ABSENT);
		break;
	case ENDED_BAD:
		tell_bad(p, "it is longer than any entry may be");
		break;
	default:
		break;
	}
	if (!p->pending)
		end(p, ok);
}

void pull_begin(struct helper *h, struct hash128 signature)
{
	struct pull *p = xcalloc(1, sizeof *p);
	struct cache_entry e;
	char hex[SHA_HEX];
	*p = (struct pull){.h = h, .signature = signature};
	h->pulls++;
	bool here = h->cache && cache_find(h->cache, &p->arena, signature, &e);
	if (here || h->server.down || !h->cache) {
		end(p, here);
		return;
	}
	p->request = (struct request){.verb = VERB_GET, .ended = entry_ended, .self = p, .size = ENTRY_MOST, .to_memory = true};
	key_entry_name(signature, hex);
	snprintf(p->request.name, sizeof p->request.name, "ac/%s", hex);
	server_ask(&h->server, &p->request);
}

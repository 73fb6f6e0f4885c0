/* From the cache on this machine to the server: an entry's objects first, then it. Names stand for contents, so what is there is not sent again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/helper.h"

enum {
	AT_ONCE = 8,
	ASK_FROM = 16 << 10, /* bytes: less is sent unasked */
};

struct object {
	struct push *push;
	struct request request;
	struct cache_content content;
	struct sha sha;
	bool there; /* it was put by another */
};

struct push {
	struct helper *h;
	struct arena arena;
	struct hash128 signature;
	struct request request; /* for the entry */
	struct str file;        /* its bytes */
	struct sbuf envelope;
	struct contents contents;
	struct object *objects;
	size_t pending;
	bool failed;
};

static void end(struct push *p, bool there)
{
	struct helper *h = p->h;
	if (there)
		helper_note(h, &p->signature, sizeof p->signature, KNOWN_THERE);
	wire_put_signature(&h->out, WIRE_PUSHED, p->signature, there);
	h->pushes--;
	sbuf_free(&p->envelope);
	arena_free(&p->arena);
	free(p);
}

/* The server takes nothing: that is said once. */
static void tell_refused(struct helper *h, long status)
{
	h->push_ended = true;
	if (!h->told_refused)
		helper_warn(h, "takes nothing (%ld); nothing more is put there in this run ('cache_push = no' does not even try)", status);
	h->told_refused = true;
}

/* One more use of a request's place. */
static void ask(struct request *q, enum verb verb, uint64_t size, void (*ended)(struct request *q))
{
	digest_free(&q->digest);
	sbuf_free(&q->body);
	q->verb = verb;
	q->size = size;
	q->ended = ended;
	q->tries = 0;
	q->too_long = false;
	server_ask(q->server, q);
}

static void entry_ended(struct request *q)
{
	struct push *p = q->self;
	if (q->ending == ENDED_REFUSED)
		tell_refused(p->h, q->status);
	if (q->ending == ENDED_WELL) {
		p->h->traffic.entries_put++;
		p->h->traffic.bytes_put += q->size;
	}
	digest_free(&q->digest);
	end(p, q->ending == ENDED_WELL);
}

/* All objects are there. */
static void put_entry(struct push *p)
{
	struct request *q = &p->request;
	const struct key *k = &p->h->key;
	size_t n = p->contents.of.n;
	unsigned char *names = arena_alloc(&p->arena, (n + 1) * ENVELOPE_NAME), proof[ENVELOPE_NAME];
	for (size_t i = 0; i < n; i++)
		memcpy(names + i * ENVELOPE_NAME, p->objects[i].sha.of, ENVELOPE_NAME);
	envelope_put(&p->envelope, p->file, names, n, k->n > 0);
	if (k->n) {
		key_prove(k, p->signature, sbuf_view(&p->envelope), proof);
		sbuf_add(&p->envelope, proof, sizeof proof);
	}
	q->bytes = sbuf_view(&p->envelope);
	ask(q, VERB_PUT, p->envelope.n, entry_ended);
}

static void object_over(struct object *o, bool there)
{
	struct push *p = o->push;
	digest_free(&o->request.digest);
	if (o->request.fd >= 0)
		close(o->request.fd);
	o->request.fd = -1;
	if (there)
		helper_note(p->h, &o->sha, sizeof o->sha, KNOWN_THERE);
	p->failed = p->failed || !there;
	if (--p->pending)
		return;
	if (p->failed)
		end(p, false);
	else
		put_entry(p);
}

/* Another entry's push may be at the same content. */
static enum turn object_turn(struct request *q)
{
	struct object *o = q->self;
	enum known known = helper_known(o->push->h, &o->sha, sizeof o->sha);
	if (known == KNOWN_MOVES)
		return TURN_LATER;
	o->there = known == KNOWN_THERE;
	q->fd = o->there ? -1 : cache_object_fd(o->push->h->cache, o->content.hash, o->content.size);
	if (q->fd < 0) {
		helper_fault(o->push->h, o->there ? 0 : errno);
		return TURN_NEVER; /* it is there, or gone here since */
	}
	helper_note(o->push->h, &o->sha, sizeof o->sha, KNOWN_MOVES);
	return TURN_NOW;
}

static void object_put(struct request *q)
{
	struct object *o = q->self;
	if (q->ending == ENDED_REFUSED)
		tell_refused(o->push->h, q->status);
	if (q->ending == ENDED_LOCALLY)
		helper_fault(o->push->h, q->local_err);
	bool put = q->fd >= 0 && q->ending == ENDED_WELL;
	if (put)
		o->push->h->traffic.bytes_put += q->size;
	else if (q->fd >= 0)
		helper_note(o->push->h, &o->sha, sizeof o->sha, q->overwrite ? KNOWN_BAD : KNOWN_NOT);
	object_over(o, put || o->there);
}

static void put_object(struct object *o)
{
	o->request.turn = object_turn;
	ask(&o->request, VERB_PUT, o->content.size, object_put);
}

static void object_asked(struct request *q)
{
	struct object *o = q->self;
	if (q->ending == ENDED_ABSENT && !o->push->h->push_ended)
		put_object(o);
	else
		object_over(o, q->ending == ENDED_WELL);
}

/* What is it called there? false: it is not what this machine calls it, or gone. */
static bool name_object(struct object *o)
{
	struct hash128 xxh = {0, 0};
	uint64_t size = 0;
	char hex[SHA_HEX];
	int fd = cache_object_fd(o->push->h->cache, o->content.hash, o->content.size);
	int err = fd < 0 ? errno : digest_fd(fd, helper_meanwhile, o->push->h, &o->sha, &xxh, &size);
	if (fd >= 0)
		close(fd);
	helper_fault(o->push->h, err);
	if (err || size != o->content.size || !hash_eq(xxh, o->content.hash))
		return false;
	sha_hex(&o->sha, hex);
	snprintf(o->request.name, sizeof o->request.name, "cas/%s", hex);
	return true;
}

static void begin_object(struct object *o)
{
	enum known known = helper_known(o->push->h, &o->sha, sizeof o->sha);
	o->request.overwrite = known == KNOWN_BAD;
	if (known == KNOWN_THERE)
		object_over(o, true);
	else if (known == KNOWN_ABSENT || known == KNOWN_BAD || o->content.size < ASK_FROM)
		put_object(o);
	else
		ask(&o->request, VERB_HEAD, o->content.size, object_asked);
}

static void put_objects(struct push *p)
{
	size_t n = p->contents.of.n;
	p->objects = arena_array(&p->arena, struct object, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct object *o = &p->objects[i];
		*o = (struct object){.push = p, .content = p->contents.of.p[i]};
		o->request = (struct request){.self = o, .fd = -1, .server = &p->h->server};
		if (!name_object(o)) {
			end(p, false);
			return;
		}
	}
	p->pending = n + 1; /* one for this loop, which some of them end in */
	for (size_t i = 0; i < n; i++)
		begin_object(&p->objects[i]);
	if (--p->pending)
		return;
	if (p->failed)
		end(p, false);
	else
		put_entry(p);
}

static void entry_asked(struct request *q)
{
	struct push *p = q->self;
	if (q->ending == ENDED_ABSENT && !p->h->push_ended)
		put_objects(p);
	else
		end(p, q->ending == ENDED_WELL); /* somebody was there before */
}

static void begin(struct helper *h, struct push_due due)
{
	struct hash128 signature = due.signature;
	struct push *p = xcalloc(1, sizeof *p);
	struct cache_entry e;
	char hex[SHA_HEX];
	enum known known = helper_known(h, &signature, sizeof signature);
	*p = (struct push){.h = h, .signature = signature};
	h->pushes++;
	if (!h->cache || !h->config.push || h->push_ended || h->server.down || !cache_find_bytes(h->cache, &p->arena, signature, &e, &p->file)) {
		helper_fault(h, 0);
		end(p, false);
		return;
	}
	helper_contents(&p->arena, &e, &p->contents);
	p->request = (struct request){.self = p, .fd = -1, .server = &h->server, .overwrite = known == KNOWN_BAD || due.replace};
	key_entry_name(signature, hex);
	snprintf(p->request.name, sizeof p->request.name, "ac/%s", hex);
	if (known == KNOWN_NOT && !due.replace)
		ask(&p->request, VERB_HEAD, UINT64_MAX, entry_asked);
	else
		put_objects(p);
}

void push_begin(struct helper *h, struct hash128 signature, bool replace)
{
	struct push_due due = {signature, replace};
	vec_push(&h->arena, &h->waiting, due);
	push_turn(h);
}

void push_turn(struct helper *h)
{
	while (h->pushes < AT_ONCE && h->waiting_at < h->waiting.n)
		begin(h, h->waiting.p[h->waiting_at++]);
}

#include "state/seal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/vec.h"
#include "state/filehash_entry.h"
#include "state/seal_parts.h"
#include "state/slicefile.h"

/* A path of the filehash. */
struct entry_place {
	uint32_t number; /* there */
	struct slicefile_path path;
};

struct making {
	struct sealing m;
	int root_fd;
	int64_t since_ns;
	VEC(struct entry_place) entries; /* of paths that are not for all, in the order of the seal; heap */
};

static void put_texts(struct sbuf *b, const struct seen *seen, enum sight_kind kind)
{
	size_t count = b->n;
	uint32_t n = 0;

	bytes_put_u32(b, 0);
	for (size_t i = 0; i < seen->all.n; i++) {
		const struct sight *x = seen->all.p[i];

		if (x->kind != kind)
			continue;
		bytes_put_str(b, x->name);
		bytes_put_u8(b, 0);
		bytes_put_u8(b, x->text.p != NULL);
		bytes_put_hash(b, hash_bytes(x->text.n ? x->text.p : "", x->text.n)); /* values may be secret */
		n++;
	}
	n = htole32(n);
	memcpy(b->p + count, &n, sizeof n);
}

bool seal_path_of(const struct filehash_told *t, int64_t since_ns, struct seal_path *p)
{
	bool young = t->young || (t->stat && file_stat_racy(t->stat, since_ns));

	*p = (struct seal_path){.fact = t->stat ? file_stat_hash(t->stat) : 0, .flags = t->through ? 0 : SEAL_LINK, .path = t->path};
	if (!young)
		return true;
	if (!t->hash || t->stat->size >= SEAL_YOUNG_SIZE)
		return false;
	p->flags |= SEAL_YOUNG;
	p->content = *t->hash;
	return true;
}

/* Nobody but axmake writes into its folder, and so that what stands there now is what was found: only there a young file may be read that was not when it was looked at. */
static bool read_own(int root_fd, const struct sight *x, struct hash128 *content)
{
	int flags = x->kind == SIGHT_PATH ? 0 : O_NOFOLLOW;
	struct file_found found;

	if (!x->there || !str_starts(x->name, STR(".axmake/")))
		return false;
	file_find_content(root_fd, x->name.p, flags, SEAL_YOUNG_SIZE - 1, &found);
	*content = found.hash;
	return found.opened && found.stated && !found.err && !found.left && S_ISREG(found.mode) && file_stat_same(&found.stat, &x->stat);
}

bool seal_path_of_sight(int root_fd, const struct sight *x, int64_t since_ns, struct seal_path *p)
{
	struct hash128 content = {0, 0};
	bool young = x->there && file_stat_racy(&x->stat, since_ns) && read_own(root_fd, x, &content);
	struct filehash_told t = {.path = x->name, .stat = x->there ? &x->stat : NULL, .through = x->kind == SIGHT_PATH, .hash = young ? &content : NULL};

	return seal_path_of(&t, since_ns, p);
}

static void put_path(struct making *k, const struct seal_path *p, bool fit)
{
	k->m.unfit = k->m.unfit || !fit;
	if (!k->m.unfit)
		sealing_path(&k->m, p);
}

static void put_told(void *self, const struct filehash_told *t)
{
	struct making *k = self;
	struct seal_path p;

	put_path(k, &p, seal_path_of(t, k->since_ns, &p));
	vec_push(NULL, &k->entries, (struct entry_place){t->number, {k->m.n, t->hash}});
}

/* What changes most often comes first, and is then found soonest: files that load/ read, then sources, then what tasks made. */
static bool put_paths(struct making *k, const struct seal_looks *looks, struct seal_head *h)
{
	struct seal_path p;
	bool told;

	for (size_t i = 0; i < looks->seen->all.n; i++) {
		const struct sight *x = looks->seen->all.p[i];

		if (x->kind == SIGHT_PATH || x->kind == SIGHT_LINK)
			put_path(k, &p, seal_path_of_sight(k->root_fd, x, k->since_ns, &p));
	}
	h->n_sights = k->m.paths;
	told = filehash_each(looks->fh, false, put_told, k);
	h->n_inputs = k->m.paths;
	told = told && filehash_each(looks->fh, true, put_told, k);
	sealing_end_paths(&k->m);
	return told;
}

/* Where each path of the filehash stands, and one; 0: nowhere. One that stands there twice counts where it stands first. */
static uint32_t *places_of(const struct making *k, size_t n_paths)
{
	uint32_t *place = xcalloc(n_paths + 1, sizeof *place);

	for (size_t i = k->entries.n; i-- > 0;)
		place[k->entries.p[i].number] = (uint32_t)i + 1;
	return place;
}

static void put_slices(struct making *k, const struct seal_looks *looks)
{
	size_t n, n_paths, used = 0;
	const struct filehash_asked *asked = filehash_asked(looks->fh, &n, &n_paths);
	uint32_t *place = places_of(k, n_paths);
	struct slicefile_look *pairs = xmalloc((n + 1) * sizeof *pairs);
	struct slicefile_path *paths = xmalloc((k->entries.n + 1) * sizeof *paths);

	for (size_t i = 0; i < k->entries.n; i++)
		paths[i] = k->entries.p[i].path;
	for (size_t i = 0; i < n; i++)
		if (place[asked[i].path])
			pairs[used++] = (struct slicefile_look){place[asked[i].path] - 1, asked[i].who};
	slicefile_put(&k->m.b, k->m.number, looks->whole, paths, k->entries.n, pairs, used);
	if (k->m.b.n > SEAL_MAX)
		k->m.b.n = k->m.block; /* it does without */
	free(paths);
	free(pairs);
	free(place);
}

void seal_make(const struct store *s, struct hash128 key, const struct seal_looks *looks, struct str word)
{
	struct seal_head h = {.key = key, .log = seal_log_fact(s), .number = os_random64() | 1, .word = word};
	struct making k = {.root_fd = s->root_fd, .since_ns = looks->seen->since_ns};
	struct sbuf texts = {0};

	if (looks->seen->spoiled || !h.log)
		return;
	put_texts(&texts, looks->seen, SIGHT_ENV);
	put_texts(&texts, looks->seen, SIGHT_REAL);
	sealing_begin(&k.m, &h, sbuf_view(&texts));
	k.m.unfit = !put_paths(&k, looks, &h) || k.m.unfit;
	if (looks->whole && !k.m.unfit)
		put_slices(&k, looks);
	sealing_end(&k.m, s, &h);
	vec_free(&k.entries);
	sbuf_free(&texts);
}

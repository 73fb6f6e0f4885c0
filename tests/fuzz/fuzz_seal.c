/* The seal. The first byte says how the rest is taken: 'm': checksums, numbers, the log's stamp, and facts of paths but of inputs that have changed, are put right before; anything else: as it is. */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/filestat.h"
#include "base/os.h"
#include "fuzz.h"
#include "state/log.h"
#include "state/seal.h"
#include "state/seal_parts.h"
#include "state/slicefile_parts.h"

enum { SUM_AT = 8, KEY_AT = 20, LOG_AT = 36, HEAD_LEAST = LOG_AT + 4 * 8 + 3 * 4, USED_AT = 20, LAST_AT = 28 };

static struct arena kept;
static struct store store;

static void begin(void)
{
	static const char *const files[] = {"workflow", "nobody's", "in-a", "in-b", "in-d", "in-x", "in-y", "out-a", "out-b", "out-c"};
	struct store_error err = {0};

	fuzz_enter();
	always(store_open(&store, &kept, true, &err));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		fuzz_put(files[i], str_of(files[i]));
	fuzz_put(".axmake/lock", STR_NONE);
	nanosleep(&(struct timespec){0, 50 * 1000000}, NULL); /* so that no stamp is young */
}

static uint64_t fact_of(const char *path)
{
	struct file_stat facts;
	struct stat st;

	if (stat(path, &st))
		return 0;
	facts = file_stat_of(&st);
	return file_stat_hash(&facts);
}

static void put_u32(char *to, uint32_t v)
{
	v = htole32(v);
	memcpy(to, &v, sizeof v);
}

static void put_u64(char *to, uint64_t v)
{
	v = htole64(v);
	memcpy(to, &v, sizeof v);
}

/* A file in the mending. */
struct mending {
	char *p;
	size_t n;
	struct seal_head h;
	uint32_t path; /* number of the next one */
};

/* An input stays another one where its fact is odd. */
static void mend_facts(struct mending *m, char *block, uint32_t used, bool extra)
{
	struct reader r = reader_of((struct str){block + SEAL_BLOCK_START, used - SEAL_BLOCK_START});
	struct seal_path p;

	for (const unsigned char *at = r.at; seal_take_path(&r, &p); at = r.at, m->path++)
		if (extra || m->path < m->h.n_sights || m->path >= m->h.n_inputs || !(p.fact & 1))
			put_u64((char *)at, fact_of(p.path.p));
}

static void mend_block(struct mending *m, uint64_t at, size_t n, uint32_t number, bool last, bool extra)
{
	char *block = m->p + at;
	uint32_t used;

	if (n < SEAL_BLOCK_START)
		return;
	put_u64(block + 8, m->h.number);
	put_u32(block + 16, number);
	block[LAST_AT] = last;
	used = bytes_u32(block + USED_AT);
	if (used >= SEAL_BLOCK_START && used <= n)
		mend_facts(m, block, used, extra);
	put_u64(block, hash64_bytes(block + 8, n - 8));
}

static void mend_record(struct mending *m, uint64_t at, uint64_t end, enum slicefile_kind kind, uint32_t number)
{
	uint64_t n = m->h.slices - m->h.end;

	if (at <= end && end <= n && end - at >= 8)
		put_u64(m->p + m->h.end + at, slicefile_check(m->h.number, kind, number, m->p + m->h.end + at + 8, (size_t)(end - at) - 8));
}

static void mend_slices(struct mending *m)
{
	uint64_t n = m->h.slices - m->h.end, index;
	const char *p = m->p + m->h.end;
	uint32_t tasks, paths;

	if (n < SLICEFILE_HEAD_N)
		return;
	tasks = bytes_u32(p + 8);
	paths = bytes_u32(p + 12);
	index = SLICEFILE_HEAD_N + 8 + (uint64_t)bytes_u32(p + 16) * SLICEFILE_PLACE;
	mend_record(m, 0, SLICEFILE_HEAD_N, SLICEFILE_HEAD, 0);
	mend_record(m, SLICEFILE_HEAD_N, index, SLICEFILE_STRANGERS, 0);
	for (uint64_t i = 0; i < (uint64_t)tasks + paths && index + 4 * (i + 2) <= n; i++)
		mend_record(m, bytes_u32(p + index + 4 * i), bytes_u32(p + index + 4 * i + 4), i < tasks ? SLICEFILE_TASK : SLICEFILE_PATH, (uint32_t)(i < tasks ? i : i - tasks));
}

static void mend(struct str file)
{
	struct mending m = {.p = (char *)file.p, .n = file.n};
	size_t head_n = file.n < HEAD_LEAST ? 0 : bytes_u32(file.p + SEAL_START - 4);
	struct reader r;
	uint64_t at;

	if (head_n < HEAD_LEAST || head_n > file.n)
		return;
	memcpy(m.p, SEAL_MAGIC, sizeof SEAL_MAGIC - 1);
	put_u64(m.p + LOG_AT, fact_of(".axmake/log"));
	put_u64(m.p + SUM_AT, hash64_bytes(m.p + SEAL_START - 4, head_n - (SEAL_START - 4)));
	r = reader_of(str_sub(file, LOG_AT + 8, file.n));
	m.h.number = reader_u64(&r);
	m.h.end = reader_u64(&r);
	m.h.slices = reader_u64(&r);
	m.h.extra = reader_u32(&r);
	m.h.n_sights = reader_u32(&r);
	m.h.n_inputs = reader_u32(&r);
	if (m.h.end < head_n || m.h.slices < m.h.end || m.h.slices > file.n || m.h.extra > file.n - m.h.slices)
		return;
	mend_slices(&m);
	at = head_n;
	for (uint32_t i = 0; at < m.h.end; i++, at += SEAL_BLOCK)
		mend_block(&m, at, m.h.end - at < SEAL_BLOCK ? (size_t)(m.h.end - at) : SEAL_BLOCK, i, m.h.end - at <= SEAL_BLOCK, false);
	mend_block(&m, m.h.slices, m.h.extra, (uint32_t)((m.h.end - head_n + SEAL_BLOCK - 1) / SEAL_BLOCK), true, true);
}

/* As a run of the slice would. */
static void use(struct arena *a, struct slice *s)
{
	struct slice_whole w = {.n = s->n_kept, .tasks = arena_array(a, struct slice_task, s->n_kept), .log_seq = s->log_seq + 1, .saving = s->saving};
	struct filehash *fh = filehash_new(a, store.root_fd, NULL);
	struct seen *seen = seen_new(a);
	struct log *l = log_open_sparse(a, store.fd, s->places, s->n_places, s->log_seq);

	if (l)
		log_close(l);
	always(seal_is_current(&store, s));
	seal_knows(&store, s, seen);
	filehash_see(fh, seen);
	for (size_t i = 0; i < s->n_kept; i++) {
		always(map_get(&s->by_name, s->kept[i].name));
		w.tasks[i] = (struct slice_task){.name = s->kept[i].name, .log.done = {i, 20}};
	}
	for (size_t i = 0; i < s->n_files; i++) {
		always(s->files[i].path.p && !memchr(s->files[i].path.p, '\0', s->files[i].path.n));
		filehash_believe(fh, s->files[i].path, s->files[i].fact, &s->files[i].content);
		filehash_look(fh, filehash_file(fh, s->files[i].path), false);
	}
	seal_renew(&store, s, &(struct seal_looks){.seen = seen, .fh = fh, .whole = &w});
	filehash_free(fh);
	seen_free(seen);
}

static void look(struct hash128 key, size_t n)
{
	struct arena a = {0};
	struct slice s = {0};
	struct str said;
	bool holds = seal_holds(&store, &a, key, &said, &s);

	always(!holds || (said.n <= n && !s.n_kept));
	if (s.n_kept)
		use(&a, &s);
	map_free(&s.by_name);
	s = (struct slice){0};
	seal_holds(&store, &a, key, &said, &s);
	map_free(&s.by_name);
	key.hi++;
	always(!seal_holds(&store, &a, key, &said, NULL)); /* nor for another key */
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str file = fuzz_copy(data + (size > 0), size - (size > 0));
	struct hash128 key = {0};

	if (!store.writable)
		begin();
	fuzz_put(".axmake/log", STR("a log")); /* a run of a slice may have made it a log */
	if (size && data[0] == 'm')
		mend(file);
	if (file.n >= LOG_AT) {
		struct reader r = reader_of(str_sub(file, KEY_AT, LOG_AT));

		key = reader_hash(&r);
	}
	fuzz_put(".axmake/seal", file);
	look(key, file.n);
	free((char *)file.p);
	return 0;
}

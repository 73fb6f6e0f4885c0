/* The seal. The first byte says how the rest is taken: 'm': checksum and the log's stamp are put right before; anything else: as it is. */
#include <string.h>
#include <sys/stat.h>

#include "base/filestat.h"
#include "base/os.h"
#include "fuzz.h"
#include "state/bytes.h"
#include "state/seal.h"

enum { SUM_AT = 8, KEY_AT = 16, LOG_AT = 32, TEXT_AT = 40 };

static struct arena kept;
static struct store store;

static void begin(void)
{
	struct store_error err = {0};

	fuzz_enter();
	always(store_open(&store, &kept, true, &err));
	fuzz_put(".axmake/log", STR("a log"));
	fuzz_put(".axmake/lock", STR_NONE);
}

static void put(struct str file, size_t at, uint64_t v)
{
	v = htole64(v);
	memcpy((char *)file.p + at, &v, sizeof v);
}

static void mend(struct str file)
{
	struct file_stat facts;
	struct stat st;

	if (file.n < TEXT_AT)
		return;
	always(!stat(".axmake/log", &st));
	facts = file_stat_of(&st);
	put(file, LOG_AT, file_stat_hash(&facts));
	put(file, SUM_AT, hash64_bytes(file.p + KEY_AT, file.n - KEY_AT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str file = fuzz_copy(data + (size > 0), size - (size > 0)), said;
	struct hash128 key = {0};
	struct arena a = {0};

	if (!store.writable)
		begin();
	if (size && data[0] == 'm')
		mend(file);
	if (file.n >= LOG_AT) {
		struct reader r = reader_of(str_sub(file, KEY_AT, LOG_AT));

		key = reader_hash(&r);
	}
	fuzz_put(".axmake/seal", file);
	if (seal_holds(&store, &a, key, &said, NULL))
		always(said.n <= file.n);
	key.hi++;
	always(!seal_holds(&store, &a, key, &said, NULL)); /* nor for another key */
	arena_free(&a);
	free((char *)file.p);
	return 0;
}

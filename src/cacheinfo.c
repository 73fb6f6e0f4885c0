#include "cacheinfo.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/utf8.h"
#include "show/phrase.h"

static void add_name(struct sbuf *b, const struct project *p)
{
	utf8_escape(b, cache_where(p->cache));
}

static void add_size(struct sbuf *b, const struct cache_stats *s)
{
	phrase_bytes(b, s->bytes);
	sbuf_lit(b, " of ");
	phrase_bytes(b, s->limit);
}

/* What the cache could not do, or the errno. */
static int refuse(const struct project *p, int err)
{
	struct str note = cache_note(p->cache);
	struct sbuf b = {0};

	if (note.n)
		sbuf_str(&b, note);
	else
		sbuf_printf(&b, "cannot read the cache '%.*s': %s", STR_ARG(cache_where(p->cache)), os_error(err));
	fprintf(stderr, "%s: *** %s\n", diag_program(p->diag), b.p);
	sbuf_free(&b);
	return EXIT_TROUBLE;
}

static void add_count(struct sbuf *b, size_t n, const char *one, const char *many)
{
	sbuf_printf(b, "%zu %s", n, n == 1 ? one : many);
}

/* "12 entries, made in 2h10m with 812k tokens and $12.40" */
static void add_worth(struct sbuf *b, const struct cache_stats *s)
{
	add_count(b, s->entries, "entry", "entries");
	if (!s->entries)
		return;
	sbuf_lit(b, ", made in ");
	clock_duration(b, s->duration_ns);
	if (s->tokens)
		sbuf_printf(b, ", %lld tokens", (long long)s->tokens);
	if (s->cost_usd > 0) {
		sbuf_lit(b, ", ");
		phrase_usd(b, s->cost_usd);
	}
}

/* What it gave to the cache here, and what it got from it, over all runs. */
static void add_server(struct sbuf *b, const struct project *p, struct str url)
{
	struct cache_traffic t;

	cache_traffic_read(p->cache, url, &t);
	sbuf_lit(b, "\nserver   ");
	utf8_escape(b, url);
	sbuf_lit(b, "\ngave     ");
	add_count(b, t.entries_got, "entry", "entries");
	sbuf_lit(b, ", ");
	phrase_bytes(b, t.bytes_got);
	sbuf_lit(b, "\ngot      ");
	add_count(b, t.entries_put, "entry", "entries");
	sbuf_lit(b, ", ");
	phrase_bytes(b, t.bytes_put);
}

int cacheinfo_stats(struct program *g)
{
	struct project *p = &g->project;
	struct cache_stats s;
	struct sbuf b = {0};

	project_cache(p, false, true);
	int err = cache_survey(p->cache, &s);

	if (err)
		return refuse(p, err);
	sbuf_lit(&b, "cache    ");
	add_name(&b, p);
	sbuf_lit(&b, "\nholds    ");
	add_worth(&b, &s);
	sbuf_lit(&b, "\nobjects  ");
	sbuf_printf(&b, "%zu\nsize     ", s.objects);
	add_size(&b, &s);
	if (s.newest_ns) {
		sbuf_lit(&b, "\nused     from ");
		clock_iso(&b, s.oldest_ns);
		sbuf_lit(&b, " to ");
		clock_iso(&b, s.newest_ns);
	}
	if (g->options.server.url.n)
		add_server(&b, p, g->options.server.url);
	printf("%s\n", b.p);
	sbuf_free(&b);
	return 0;
}

int cacheinfo_gc(struct program *g)
{
	struct project *p = &g->project;
	struct cache_stats before, after;
	struct sbuf b = {0};

	project_cache(p, true, true);
	int err = cache_sweep(p->cache, true, &before, &after);

	if (err)
		return refuse(p, err);
	sbuf_lit(&b, "axmake: cache ");
	add_name(&b, p);
	sbuf_lit(&b, ": removed ");
	add_count(&b, before.entries - after.entries, "entry", "entries");
	sbuf_lit(&b, ", ");
	phrase_bytes(&b, before.bytes - after.bytes);
	sbuf_lit(&b, "; ");
	add_count(&b, after.entries, "entry", "entries");
	sbuf_lit(&b, ", ");
	add_size(&b, &after);
	sbuf_lit(&b, " left");
	printf("%s\n", b.p);
	sbuf_free(&b);
	return 0;
}

/* Strings: (pointer, length) inside, C strings only at system calls. A struct str does not own its bytes. */
#ifndef AXMAKE_BASE_STR_H
#define AXMAKE_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct str {
	const char *p; /* may be NULL when n is 0 */
	size_t n;      /* bytes */
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

struct str str_of(const char *s); /* NULL gives STR_NONE */
bool str_eq(struct str a, struct str b);
int str_cmp(struct str a, struct str b); /* byte order, as memcmp; a prefix comes first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_ieq(struct str a, struct str b); /* ASCII letters without regard to case */
size_t str_find(struct str s, struct str needle, size_t from); /* offset, or s.n when absent */
struct str str_sub(struct str s, size_t from, size_t to);      /* bytes [from, to), clipped to s */
struct str str_trim(struct str s);                             /* without outer spaces, tabs and line ends */
struct str str_trim_end_newlines(struct str s);                /* as $(...) does */

/* A growing buffer on the heap. Zeroed is empty; `p` is NUL-terminated as soon as anything was added. */
struct sbuf {
	char *p;
	size_t n, cap;
};

void sbuf_reserve(struct sbuf *b, size_t more);
void sbuf_add(struct sbuf *b, const void *p, size_t n);
void sbuf_str(struct sbuf *b, struct str s);
void sbuf_lit(struct sbuf *b, const char *s);
void sbuf_char(struct sbuf *b, char c);
void sbuf_printf(struct sbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sbuf_vprintf(struct sbuf *b, const char *fmt, va_list ap);
void sbuf_clear(struct sbuf *b); /* keeps the memory */
void sbuf_free(struct sbuf *b);
struct str sbuf_view(const struct sbuf *b); /* valid until the next change */

/* Edit distance (Damerau-Levenshtein, restricted), at most `limit`; more gives limit + 1. */
size_t str_distance(struct str a, struct str b, size_t limit);

/* Collects the nearest of several candidates to `wanted`, for "did you mean". Zero it but for `wanted`. */
struct suggestion {
	struct str wanted;
	struct str best; /* n == 0: nothing near enough (a third of the length, at least 1) */
	size_t distance;
};
void suggestion_offer(struct suggestion *s, struct str candidate);

#endif

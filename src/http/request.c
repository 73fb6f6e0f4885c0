/* One request: what is sent, what comes, and what its end means. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/utf8.h"
#include "http/server.h"
#include "version.h"

enum {
	TRIES = 3,
	JUNK_MOST = 64 << 10, /* bytes of headers, and of what comes with an error, that are heard out */
};
#define PAUSE_NS (100 * NS_PER_MS) /* before the second try; then twice that */

static bool is_good(long status)
{
	return status >= 200 && status < 300;
}

static size_t on_header(char *p, size_t one, size_t n, void *request)
{
	static const struct str location = {"location:", 9};
	struct request *q = request;
	struct str line = {p, n * one};
	struct sbuf b = {0};

	q->junk += line.n;
	q->server->moved += line.n;
	if (q->junk > JUNK_MOST)
		return 0;
	if (str_ieq(str_sub(line, 0, location.n), location)) {
		utf8_escape(&b, str_trim(str_sub(line, location.n, line.n)));
		snprintf(q->redirected, sizeof q->redirected, "%s", b.p ? b.p : "");
		sbuf_free(&b);
	}
	return line.n;
}

static size_t on_body(char *p, size_t one, size_t n, void *request)
{
	struct request *q = request;
	long status = 0;

	n *= one;
	q->server->moved += n;
	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!is_good(status) || q->verb != VERB_GET) {
		q->junk += n;
		return q->junk > JUNK_MOST ? 0 : n;
	}
	if (q->digest.size + n > q->size) {
		q->too_long = true;
		return 0;
	}
	if (q->to_memory)
		sbuf_add(&q->body, p, n);
	else
		q->local_err = os_write_all(q->fd, p, n);
	if (q->local_err)
		return 0;
	digest_add(&q->digest, p, n);
	return n;
}

static size_t on_send(char *p, size_t one, size_t n, void *request)
{
	struct request *q = request;
	ssize_t got;

	n *= one;
	n = n < q->size - q->sent ? n : (size_t)(q->size - q->sent);
	if (q->bytes.p) {
		memcpy(p, q->bytes.p + q->sent, n);
		got = (ssize_t)n;
	} else {
		got = TEMP_FAILURE_RETRY(pread(q->fd, p, n, (off_t)q->sent));
	}
	if (got < 0 || (!got && n)) {
		q->local_err = got < 0 ? errno : EBADMSG;
		return CURL_READFUNC_ABORT;
	}
	q->sent += (uint64_t)got;
	q->server->moved += (uint64_t)got;
	return (size_t)got;
}

static int on_seek(void *request, curl_off_t to, int from)
{
	struct request *q = request;

	if (from != SEEK_SET || to < 0 || (uint64_t)to > q->size)
		return CURL_SEEKFUNC_FAIL;
	q->sent = (uint64_t)to;
	return CURL_SEEKFUNC_OK;
}

static void set_verb(struct request *q)
{
	CURL *e = q->easy;

	if (q->verb == VERB_HEAD) {
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
		return;
	}
	if (q->verb == VERB_GET) {
		curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
		/* A try that was cut goes on where it stood: what has its name never changes. */
		if (q->digest.size)
			curl_easy_setopt(e, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)q->digest.size);
		return;
	}
	curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->size);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(e, CURLOPT_READDATA, q);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, q);
	q->headers = curl_slist_append(q->headers, "Content-Type: application/octet-stream");
	if (!q->overwrite)
		q->headers = curl_slist_append(q->headers, "If-None-Match: *");
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, q->headers);
}

static void set_server(const struct server *s, CURL *e)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L); /* the password is for this server, and so is the trust */
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->config->timeout_ns / NS_PER_MS));
	curl_easy_setopt(e, CURLOPT_USERAGENT, "axmake/" AXMAKE_VERSION);
	curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	if (s->ca)
		curl_easy_setopt(e, CURLOPT_CAINFO, s->ca);
	if (s->user.n) {
		curl_easy_setopt(e, CURLOPT_USERNAME, s->user.p);
		curl_easy_setopt(e, CURLOPT_PASSWORD, s->password.n ? s->password.p : "");
	} else {
		curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	}
}

bool request_begin(struct server *s, struct request *q)
{
	struct sbuf url = {0};

	q->easy = curl_easy_init();
	if (!q->easy)
		return false;
	if (!q->digest.sha)
		q->digest = digest_new();
	q->sent = q->junk = 0;
	q->status = 0;
	q->began_ns = clock_ns();
	q->tries++;
	set_server(s, q->easy);
	set_verb(q);
	sbuf_printf(&url, "%.*s/%s", STR_ARG(s->config->url), q->name);
	curl_easy_setopt(q->easy, CURLOPT_URL, url.p);
	sbuf_free(&url);
	curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q);
	curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q);
	curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
	return true;
}

/* It begins anew. */
static bool start_over(struct request *q)
{
	if (!q->to_memory && (ftruncate(q->fd, 0) || lseek(q->fd, 0, SEEK_SET)))
		return false;
	sbuf_clear(&q->body);
	digest_reset(&q->digest);
	return true;
}

/* Worth another try? Most of what goes wrong on a line does not the next time. */
static bool is_passing(CURLcode code, long status)
{
	switch (code) {
	case CURLE_OK:
		return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
	case CURLE_COULDNT_CONNECT:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RANGE_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	default:
		return false;
	}
}

/* Of an answer that came whole. */
static enum ending judge(struct server *s, struct request *q)
{
	curl_off_t length = -1;
	long status = q->status;

	if (q->verb == VERB_HEAD && is_good(status)) {
		curl_easy_getinfo(q->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
		return length >= 0 && q->size != UINT64_MAX && (uint64_t)length != q->size ? ENDED_ABSENT : ENDED_WELL;
	}
	if (is_good(status))
		return ENDED_WELL;
	if (status == 404 || status == 410)
		return q->verb == VERB_PUT ? ENDED_REFUSED : ENDED_ABSENT;
	if (status == 412 && q->verb == VERB_PUT && !q->overwrite)
		return ENDED_WELL; /* it has it */
	if (status == 401) {
		server_give_up(s, "it asks for a user and a password (401): ~/.netrc, or AXMAKE_CACHE_USER and AXMAKE_CACHE_PASSWORD, may hold those that it knows");
	} else if (status >= 300 && status < 400) {
		server_give_up(s, "it points elsewhere (%ld to '%s'), which is not followed: let cache_url say that", status, q->redirected);
	} else if (q->verb == VERB_PUT) {
		return ENDED_REFUSED;
	} else {
		server_give_up(s, "it answers with status %ld", status);
	}
	return ENDED_DOWN;
}

static enum ending judge_fault(struct server *s, struct request *q, CURLcode code)
{
	if (q->too_long)
		return ENDED_BAD;
	if (q->local_err || code == CURLE_OUT_OF_MEMORY)
		return ENDED_LOCALLY;
	if (code == CURLE_WRITE_ERROR && q->junk > JUNK_MOST)
		server_give_up(s, "its answer has no end");
	else
		server_give_up(s, "%s", curl_easy_strerror(code));
	return ENDED_DOWN;
}

bool request_over(struct server *s, struct request *q, CURLcode code)
{
	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &q->status);
	bool clean = !q->too_long && !q->local_err;
	if (clean && is_passing(code, q->status) && q->tries < TRIES && !s->down) {
		/* A server that cannot go on in the middle is asked for all of it. */
		if (code != CURLE_RANGE_ERROR || start_over(q)) {
			q->not_before_ns = clock_ns() + (PAUSE_NS << (q->tries - 1));
			return false;
		}
		q->local_err = errno;
	}
	q->ending = code == CURLE_OK ? judge(s, q) : judge_fault(s, q, code);
	return true;
}

void request_end(struct request *q)
{
	if (q->easy)
		curl_easy_cleanup(q->easy);
	curl_slist_free_all(q->headers);
	q->easy = NULL;
	q->headers = NULL;
}

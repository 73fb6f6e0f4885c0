#include "show/terminal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/vec.h"
#include "show/screen.h"
#include "show/typed.h"

/* Between two times that it is written to: what scrolls meanwhile comes together, and the block is drawn once for all of it. */
#define FRAME_NS (100 * NS_PER_MS)
#define PIECE ((size_t)32 << 10)
/* The cursor rests at the block's first column: whatever a terminal does to lines when its size changes, all below the cursor is the block. */
#define ERASE "\r\033[J"
/* While the block is drawn: what the terminal takes for wider than we do is cut, and never makes a second row of a line. */
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

/* Something that scrolls: a text, or a file that is read when its turn has come. */
struct queued {
	struct sbuf text;
	char *path; /* NULL: a text */
	int dir;
	bool agent;
};

struct terminal {
	int fd;
	struct loop *loop;
	bool watched; /* it takes no more for now */
	struct typed *typed;
	struct loop_timer timer;
	int64_t pumped_ns, drew_ns;
	struct sbuf out; /* on its way; from `sent` on */
	size_t sent;
	VEC(struct queued) queue; /* from `next` on */
	size_t next;
	int file; /* that is being read; -1 */
	struct screen screen;
	bool line_open; /* its last byte was no line's end */
	struct sbuf block;
	bool drawn, changed; /* it stands there; it is not what stands there */
	int error;
};

/* For the handler of Ctrl-Z. */
static volatile sig_atomic_t stop_fd = -1, stopped;

/* Nothing but what a handler may do: the block goes, the process stops, and when it goes on the block has to be drawn again. */
static void on_stop(int signal_number)
{
	int saved = errno;
	(void)signal_number;
	if (stop_fd >= 0 && write((int)stop_fd, WRAP ERASE, sizeof WRAP ERASE - 1) < 0)
		errno = saved;
	stopped = 1;
	raise(SIGSTOP);
	errno = saved;
}

static void frame_due(void *terminal);
static void line_typed(void *terminal);
static void write_now(struct terminal *t);

struct terminal *terminal_open(int fd, struct loop *l)
{
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return NULL;
	struct terminal *t = xcalloc(1, sizeof *t);
	t->fd = own;
	t->loop = l;
	t->file = -1;
	t->timer = (struct loop_timer){.fn = frame_due, .self = t};
	t->typed = typed_open(path, l, line_typed, t);
	stop_fd = own;
	stopped = 0;
	struct sigaction old;
	if (!sigaction(SIGTSTP, NULL, &old) && old.sa_handler == SIG_DFL)
		sigaction(SIGTSTP, &(struct sigaction){.sa_handler = on_stop, .sa_flags = SA_RESTART}, NULL);
	return t;
}

static void stop_watching(struct terminal *t)
{
	if (t->watched)
		loop_unwatch(t->loop, t->fd);
	t->watched = false;
}

void terminal_close(struct terminal *t)
{
	struct sigaction now;
	if (!t)
		return;
	if (t->drawn)
		(void)!write(t->fd, WRAP ERASE, sizeof WRAP ERASE - 1);
	if (!sigaction(SIGTSTP, NULL, &now) && now.sa_handler == on_stop)
		signal(SIGTSTP, SIG_DFL);
	stop_fd = -1;
	loop_timer_clear(t->loop, &t->timer);
	typed_close(t->typed);
	stop_watching(t);
	close(t->fd);
	if (t->file >= 0)
		close(t->file);
	for (size_t i = t->next; i < t->queue.n; i++) {
		sbuf_free(&t->queue.p[i].text);
		free(t->queue.p[i].path);
	}
	vec_free(&t->queue);
	sbuf_free(&t->out);
	sbuf_free(&t->block);
	free(t);
}

void terminal_size(const struct terminal *t, unsigned *rows, unsigned *columns)
{
	struct winsize w = {0};
	(void)ioctl(t->fd, TIOCGWINSZ, &w);
	*rows = w.ws_row ? w.ws_row : 24;
	*columns = w.ws_col ? w.ws_col : 80;
}

static bool is_behind(const struct terminal *t)
{
	return t->sent < t->out.n || t->next < t->queue.n;
}

bool terminal_ready(const struct terminal *t)
{
	pid_t front = tcgetpgrp(t->fd);
	/* That of another session is not told: somebody gave us this terminal to write on. */
	return !t->error && !t->watched && (front < 0 || front == getpgrp());
}

void terminal_add(struct terminal *t, struct str text)
{
	struct queued *last = t->next < t->queue.n ? &t->queue.p[t->queue.n - 1] : NULL;
	if (!text.n || t->error)
		return;
	if (!last || last->path) {
		assert(t->queue.p || !t->queue.n);
		vec_push(NULL, &t->queue, (struct queued){0});
		last = &t->queue.p[t->queue.n - 1];
	}
	sbuf_str(&last->text, text);
}

void terminal_add_file(struct terminal *t, int dir, struct str path, bool agent)
{
	struct sbuf name = {0};
	if (t->error)
		return;
	sbuf_str(&name, path);
	vec_push(NULL, &t->queue, ((struct queued){.path = name.p, .dir = dir, .agent = agent}));
}

void terminal_block(struct terminal *t, struct str lines)
{
	if (str_eq(lines, sbuf_view(&t->block)))
		return;
	sbuf_clear(&t->block);
	sbuf_str(&t->block, lines);
	t->changed = true;
}

void terminal_again(struct terminal *t)
{
	t->changed = true;
}

/* Lines, each cleared behind its text; then back to the first column of the first. */
static void draw(struct terminal *t)
{
	struct str b = sbuf_view(&t->block);
	unsigned ends = 0;
	sbuf_lit(&t->out, !b.n ? (t->drawn ? ERASE : "\r") : NO_WRAP "\r"); /* behind what was typed */
	for (size_t at = 0; at < b.n;) {
		size_t end = str_find(b, STR("\n"), at);
		sbuf_str(&t->out, str_sub(b, at, end));
		sbuf_lit(&t->out, end < b.n ? "\033[K\r\n" : "\033[J\r");
		ends += end < b.n;
		at = end + 1;
	}
	if (ends)
		sbuf_printf(&t->out, "\033[%uA", ends);
	if (b.n)
		sbuf_lit(&t->out, WRAP);
	t->drawn = b.n > 0;
	t->changed = false;
	t->drew_ns = t->pumped_ns;
}

/* A terminal that is behind takes more at any time, and what scrolls goes on then; the block is drawn when its time has come. */
static void draw_in_time(struct terminal *t)
{
	int64_t at = t->drew_ns + FRAME_NS;
	if (!t->block.n || t->pumped_ns >= at)
		draw(t);
	else if (!t->timer.place)
		loop_timer_set(t->loop, &t->timer, at);
}

static void file_over(struct terminal *t, struct queued *q)
{
	screen_end(&t->screen, &t->out);
	if (t->line_open)
		sbuf_lit(&t->out, "\n");
	t->line_open = false;
	if (t->file >= 0)
		close(t->file);
	t->file = -1;
	free(q->path);
	t->next++;
}

/* The next piece of a file; that of one that cannot be read any more is nothing. */
static void take_piece(struct terminal *t, struct queued *q)
{
	char piece[PIECE];
	if (t->file < 0) {
		t->file = openat(q->dir, q->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		t->screen = (struct screen){.mode = screen_mode(q->agent, true)};
	}
	ssize_t n = t->file < 0 ? 0 : read(t->file, piece, sizeof piece);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		file_over(t, q);
		return;
	}
	screen_add(&t->screen, &t->out, piece, (size_t)n);
	t->line_open = piece[n - 1] != '\n';
}

/* Back to where the block begins, from where lines that were typed have moved the cursor. */
static void go_up(struct terminal *t)
{
	unsigned lines = typed_lines(t->typed);
	if (!lines || !t->drawn)
		return;
	sbuf_printf(&t->out, "\033[%uA", lines);
	t->changed = true;
}

/* More to write: of the queue first; when that is empty, the block. */
static void fill(struct terminal *t)
{
	sbuf_clear(&t->out);
	t->sent = 0;
	if (stopped) {
		stopped = 0;
		t->drawn = false;
		t->changed = true;
	}
	go_up(t);
	if (t->next < t->queue.n && t->drawn) {
		sbuf_lit(&t->out, ERASE);
		t->drawn = false;
	}
	while (t->next < t->queue.n && t->out.n < PIECE) {
		struct queued *q = &t->queue.p[t->next];
		if (q->path) {
			take_piece(t, q);
			continue;
		}
		sbuf_str(&t->out, sbuf_view(&q->text));
		sbuf_free(&q->text);
		t->next++;
	}
	if (t->next == t->queue.n) {
		t->next = t->queue.n = 0;
		if (t->changed || (!t->drawn && t->block.n))
			draw_in_time(t);
	}
}

static void writable(void *terminal, uint32_t events)
{
	(void)events;
	write_now(terminal);
}

static void wait_for_room(struct terminal *t)
{
	if (!t->watched)
		t->watched = !loop_watch(t->loop, t->fd, EPOLLOUT, writable, t);
}

static void write_now(struct terminal *t)
{
	t->pumped_ns = clock_ns();
	while (!t->error) {
		if (t->sent == t->out.n)
			fill(t);
		if (t->sent == t->out.n)
			break;
		ssize_t n = write(t->fd, t->out.p + t->sent, t->out.n - t->sent);
		if (n < 0 && errno == EAGAIN) {
			wait_for_room(t);
			return;
		}
		if (n < 0 && errno != EINTR)
			t->error = errno;
		t->sent += n > 0 ? (size_t)n : 0;
	}
	stop_watching(t);
}

static void frame_due(void *terminal)
{
	write_now(terminal);
}

/* The block is put right at the next frame. */
static void line_typed(void *terminal)
{
	struct terminal *t = terminal;
	if (t->drawn)
		terminal_pump(t);
}

void terminal_pump(struct terminal *t)
{
	int64_t at = t->pumped_ns + FRAME_NS;
	if (clock_ns() >= at)
		write_now(t);
	else if (!t->timer.place)
		loop_timer_set(t->loop, &t->timer, at);
}

int terminal_drain(struct terminal *t)
{
	loop_timer_clear(t->loop, &t->timer);
	terminal_block(t, STR_NONE);
	stop_watching(t);
	while (!t->error && (is_behind(t) || t->drawn)) {
		if (t->sent == t->out.n)
			fill(t);
		t->error = os_write_all(t->fd, t->out.p + t->sent, t->out.n - t->sent);
		t->sent = t->out.n;
	}
	return t->error;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A body is a row of pieces: the prefix, then for each file its opening, its content, its closing, then the suffix. Fixed texts
 * are copied out as far as there is room; content is escaped straight into the caller's buffer, and at the buffer's end by
 * way of a small one. */
#include "runtime/relace/files_body_private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/fs/fs.h"
#include "runtime/relace/content.h"

enum { ROOM_TO_ESCAPE = 32 * 6 + 16 };

enum { PREFIX, OPENING, CONTENT, CLOSING, SUFFIX, END }; /* steps */

const ep_err *ep_files_body_error(const ep_files_body *body) { return &body->err; }

int64_t ep_files_body_length(const ep_files_body *body) { return body->length; }

static void close_file(ep_files_body *b)
{
	if (b->fd >= 0) close(b->fd);
	b->fd = -1;
}

void ep_files_body_free(ep_files_body *b)
{
	if (!b) return;
	close_file(b);
	if (b->tree) ep_op_unref(&b->tree->op);
	ep_buf_fini(&b->opening);
	ep_err_fini(&b->err);
	ep_free(b->chunk);
	ep_free(b->list);
	ep_free(b->list_lengths);
	ep_free(b->chosen);
	ep_free(b->prefix);
	ep_free(b->suffix);
	ep_free(b);
}

/* --- reading a file again --- */

static int changed(ep_files_body *b)
{
	size_t len;
	const char *name = ep_files_name(b, b->file, &len);
	return ep_err_set(&b->err, EP_ECONFLICT,
		"%s/%s changed while it was being sent; nothing was applied: send it again", b->tree->path, name);
}

/* The name is gone, or stands for something that is no file. */
static bool another_kind(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EISDIR || error == ELOOP || error == ENXIO ||
		error == ENODEV;
}

static int cannot_read(ep_files_body *b, int error)
{
	ep_buf text = {0};
	size_t len;
	if (another_kind(error)) return changed(b);
	ep_buf_printf(&text, "reading %s/%s", b->tree->path, ep_files_name(b, b->file, &len));
	int code = ep_err_set_errno(&b->err, -error, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

static int open_file(ep_files_body *b)
{
	b->fd = ep_fs_open_below(b->tree->folder, ep_files_at(b, b->file)->name);
	return b->fd < 0 ? cannot_read(b, -b->fd) : 0;
}

/* Reads the next bytes into the chunk. */
static int read_text(ep_files_body *b)
{
	if (b->fd < 0) {
		int code = open_file(b);
		if (code) return code;
	}
	size_t want = b->unread < EP_FILES_CHUNK ? (size_t)b->unread : EP_FILES_CHUNK;
	ssize_t n = read(b->fd, b->chunk, want);
	if (n < 0) return errno == EINTR ? 0 : cannot_read(b, errno);
	if (n == 0) return changed(b);
	b->unread -= (size_t)n;
	b->text = b->chunk;
	b->text_len = (size_t)n;
	return 0;
}

/* The file is sent, but for its closing: what was sent must be what was measured. */
static int check_file(ep_files_body *b)
{
	if (b->unescaped) return changed(b);
	if (!b->tree) return 0;
	int code = b->fd < 0 ? open_file(b) : 0; /* an empty file was not opened */
	if (!code && !ep_content_same(ep_files_at(b, b->file), b->fd)) code = changed(b);
	close_file(b);
	return code;
}

/* --- the pieces --- */

static void set_piece(ep_files_body *b, const char *text, size_t len)
{
	b->piece = text;
	b->piece_len = len;
}

static int begin_file(ep_files_body *b)
{
	size_t len;
	const char *name = ep_files_name(b, b->file, &len);
	ep_buf_reset(&b->opening);
	if (b->file) ep_buf_putc(&b->opening, ',');
	ep_buf_puts(&b->opening, b->before_name);
	char *to = ep_buf_reserve(&b->opening, len * 6 + 16);
	if (!to) return ep_err_set(&b->err, EP_ENOMEM, "not enough memory");
	b->opening.len += (size_t)(ep_json_escape(to, name, len) - to);
	if (ep_buf_puts(&b->opening, EP_FILES_BETWEEN)) return ep_err_set(&b->err, EP_ENOMEM, "not enough memory");
	set_piece(b, b->opening.data, b->opening.len);
	b->unescaped = ep_files_json_length(b, b->file);
	b->unread = b->tree ? ep_files_at(b, b->file)->size : 0;
	b->text = b->tree ? NULL : b->list[b->file].content;
	b->text_len = b->tree ? 0 : b->list[b->file].content_len;
	return 0;
}

/* Goes to the next step, when the piece is out and no content is left. */
static int next_step(ep_files_body *b)
{
	int code = 0;
	switch (b->step) {
	case PREFIX:
		set_piece(b, b->prefix, strlen(b->prefix));
		b->step = b->count ? OPENING : SUFFIX;
		break;
	case OPENING:
		code = begin_file(b);
		b->step = CONTENT;
		break;
	case CONTENT:
		code = check_file(b);
		b->step = CLOSING;
		break;
	case CLOSING:
		set_piece(b, EP_FILES_AFTER, sizeof EP_FILES_AFTER - 1);
		b->step = ++b->file < b->count ? OPENING : SUFFIX;
		break;
	case SUFFIX: set_piece(b, b->suffix, strlen(b->suffix)); b->step = END;
	case END: break;
	}
	return code;
}

/* Escapes as much of the text as fits for sure; the number of bytes, or an error. */
static long escape_text(ep_files_body *b, char *to, size_t room)
{
	bool direct = room >= ROOM_TO_ESCAPE;
	size_t fits = direct ? (room - 16) / 6 : EP_FILES_SMALL, n = fits < b->text_len ? fits : b->text_len;
	char *begin = direct ? to : b->small;
	size_t len = (size_t)(ep_json_escape(begin, b->text, n) - begin);
	if (len > b->unescaped) return changed(b);
	b->unescaped -= len;
	b->text += n;
	b->text_len -= n;
	if (direct) return (long)len;
	set_piece(b, b->small, len);
	return 0;
}

static size_t copy_piece(ep_files_body *b, char *to, size_t room)
{
	size_t n = room < b->piece_len ? room : b->piece_len;
	memcpy(to, b->piece, n);
	b->piece += n;
	b->piece_len -= n;
	return n;
}

static long read_body(void *ctx, char *to, size_t room)
{
	ep_files_body *b = ctx;
	char *at = to, *end = to + room;
	if (b->err.code) return b->err.code;
	while (at < end) {
		long n = 0;
		if (b->piece_len)
			n = (long)copy_piece(b, at, (size_t)(end - at));
		else if (b->text_len)
			n = escape_text(b, at, (size_t)(end - at));
		else if (b->unread)
			n = read_text(b);
		else if (b->step == END)
			break;
		else
			n = next_step(b);
		if (n < 0) return n;
		at += n;
	}
	return at - to;
}

static int rewind_body(void *ctx)
{
	ep_files_body *b = ctx;
	close_file(b);
	ep_err_fini(&b->err);
	b->step = PREFIX;
	b->file = b->text_len = b->piece_len = 0;
	b->unread = b->unescaped = 0;
	return 0;
}

const ep_http_source ep_files_body_source = {read_body, rewind_body};

/* SPDX-License-Identifier: Apache-2.0 */

/* A body is a row of pieces: the prefix, then for each file its opening, its content, its closing, then the suffix. Fixed texts
 * are copied out as far as there is room; content is escaped straight into the caller's buffer, and at the buffer's end by
 * way of a small one. */
#include "runtime/relace/files_body.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/base/path.h"
#include "runtime/base/utf8.h"
#include "runtime/fs/fs.h"
#include "runtime/relace/content.h"

enum { CHUNK = 64 * 1024, SMALL = 64, ROOM_OF_SMALL = SMALL * 6 + 16, ROOM_TO_ESCAPE = 32 * 6 + 16 };

enum step { PREFIX, OPENING, CONTENT, CLOSING, SUFFIX, END };

static const char before_name[] = "{\"filename\":\"", between[] = "\",\"content\":\"", after[] = "\"}",
				  write_name[] = "{\"type\":\"write\",\"filename\":\"";

struct ep_files_body {
	ep_tree *tree; /* a count; NULL: of a list */
	ep_files_item *list;
	uint64_t *list_lengths; /* of the contents in JSON */
	size_t *chosen;         /* of the tree; NULL: all */
	const char *before_name;
	size_t count;
	char *prefix, *suffix; /* with the brackets of the array */
	int64_t length;
	ep_err err;
	/* Where it is. */
	enum step step;
	size_t file;
	const char *piece; /* what is left of a fixed text, or of small */
	size_t piece_len;
	ep_buf opening;
	char small[ROOM_OF_SMALL];
	/* Where it is in the content. */
	int fd;
	uint64_t unread, unescaped; /* bytes still to read from the file, and to come out of it */
	const char *text;           /* read but not escaped yet */
	size_t text_len;
	char *chunk;
};

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

static const ep_tree_file *file_at(const ep_files_body *b, size_t i)
{
	return &b->tree->files[b->chosen ? b->chosen[i] : i];
}

static const char *name_of(const ep_files_body *b, size_t i, size_t *len)
{
	const char *name = b->tree ? file_at(b, i)->name : b->list[i].name;
	*len = b->tree ? strlen(name) : b->list[i].name_len;
	return name;
}

static uint64_t json_length_of(const ep_files_body *b, size_t i)
{
	return b->tree ? file_at(b, i)->json_length : b->list_lengths[i];
}

/* --- reading a file again --- */

static int changed(ep_files_body *b)
{
	size_t len;
	const char *name = name_of(b, b->file, &len);
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
	ep_buf_printf(&text, "reading %s/%s", b->tree->path, name_of(b, b->file, &len));
	int code = ep_err_set_errno(&b->err, -error, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

static int open_file(ep_files_body *b)
{
	b->fd = ep_fs_open_below(b->tree->folder, file_at(b, b->file)->name);
	return b->fd < 0 ? cannot_read(b, -b->fd) : 0;
}

/* Reads the next bytes into the chunk. */
static int read_text(ep_files_body *b)
{
	if (b->fd < 0) {
		int code = open_file(b);
		if (code) return code;
	}
	size_t want = b->unread < CHUNK ? (size_t)b->unread : CHUNK;
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
	if (!code && !ep_content_same(file_at(b, b->file), b->fd)) code = changed(b);
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
	const char *name = name_of(b, b->file, &len);
	ep_buf_reset(&b->opening);
	if (b->file) ep_buf_putc(&b->opening, ',');
	ep_buf_puts(&b->opening, b->before_name);
	char *to = ep_buf_reserve(&b->opening, len * 6 + 16);
	if (!to) return ep_err_set(&b->err, EP_ENOMEM, "not enough memory");
	b->opening.len += (size_t)(ep_json_escape(to, name, len) - to);
	if (ep_buf_puts(&b->opening, between)) return ep_err_set(&b->err, EP_ENOMEM, "not enough memory");
	set_piece(b, b->opening.data, b->opening.len);
	b->unescaped = json_length_of(b, b->file);
	b->unread = b->tree ? file_at(b, b->file)->size : 0;
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
		set_piece(b, after, sizeof after - 1);
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
	size_t fits = direct ? (room - 16) / 6 : SMALL, n = fits < b->text_len ? fits : b->text_len;
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

/* --- making one --- */

static int no_memory(ep_err *err) { return ep_err_set(err, EP_ENOMEM, "not enough memory"); }

static char *joined(const char *a, const char *b, const char *c, const char *d)
{
	ep_buf text = {0};
	ep_buf_puts(&text, a);
	ep_buf_puts(&text, b);
	ep_buf_puts(&text, c);
	ep_buf_puts(&text, d);
	char *out = ep_buf_failed(&text) ? NULL : ep_buf_take(&text);
	ep_buf_fini(&text);
	return out;
}

static ep_files_body *new_body(size_t count, const char *prefix, const char *others, const char *suffix)
{
	ep_files_body *b = ep_calloc(1, sizeof *b);
	if (!b) return NULL;
	b->fd = -1;
	b->count = count;
	b->before_name = before_name;
	b->prefix = joined(prefix, "[", others, *others && count ? "," : "");
	b->suffix = joined("]", suffix, "", "");
	if (b->prefix && b->suffix) return b;
	ep_files_body_free(b);
	return NULL;
}

static void measure(ep_files_body *b)
{
	const size_t skeleton = strlen(b->before_name) + sizeof between - 1 + sizeof after - 1;
	uint64_t length = strlen(b->prefix) + strlen(b->suffix) + (b->count ? b->count - 1 : 0);
	for (size_t i = 0; i < b->count; i++) {
		size_t len;
		const char *name = name_of(b, i, &len);
		length += skeleton + ep_json_escaped_length(name, len) + json_length_of(b, i);
	}
	b->length = (int64_t)length;
}

/* Counts the tree, and measures; takes the body, also when that fails. */
static int set_tree(ep_files_body **out, ep_files_body *b, ep_tree *tree, ep_err *err)
{
	if (b) {
		b->tree = tree;
		ep_op_retain(&tree->op);
		b->chunk = ep_alloc(CHUNK);
	}
	if (!b || !b->chunk) {
		ep_files_body_free(b);
		return no_memory(err);
	}
	measure(b);
	*out = b;
	return 0;
}

int ep_files_body_of_tree(ep_files_body **out, ep_tree *tree, const char *prefix, const char *suffix, ep_err *err)
{
	return set_tree(out, new_body(tree->count, prefix, "", suffix), tree, err);
}

int ep_files_body_of_writes(ep_files_body **out, ep_tree *tree, const size_t *chosen, size_t count, const char *others,
	const char *prefix, const char *suffix, ep_err *err)
{
	ep_files_body *b = new_body(count, prefix, others, suffix);
	if (b) b->chosen = ep_alloc((count + 1) * sizeof *chosen);
	if (!b || !b->chosen) {
		ep_files_body_free(b);
		return no_memory(err);
	}
	if (count) memcpy(b->chosen, chosen, count * sizeof *chosen);
	b->before_name = write_name;
	return set_tree(out, b, tree, err);
}

static int check_item(const ep_files_item *item, ep_err *err)
{
	int code = ep_repo_path_check(item->name, item->name_len, "filename", err);
	if (code) return code;
	if (memchr(item->content, 0, item->content_len))
		return ep_err_set(err, EP_EINVAL, "the content of '%s' holds a NUL byte: only text can be sent", item->name);
	size_t good = ep_utf8_check(item->content, item->content_len);
	if (good == item->content_len) return 0;
	return ep_err_set(err, EP_EINVAL, "the content of '%s' is not UTF-8, from byte %zu on", item->name, good + 1);
}

int ep_files_body_of_list(
	ep_files_body **out, const ep_files_item *list, size_t count, const char *prefix, const char *suffix, ep_err *err)
{
	int code = 0;
	ep_files_body *b = new_body(count, prefix, "", suffix);
	if (b) {
		b->list = ep_calloc(count + 1, sizeof *b->list);
		b->list_lengths = ep_calloc(count + 1, sizeof *b->list_lengths);
	}
	if (!b || !b->list || !b->list_lengths) code = no_memory(err);
	for (size_t i = 0; i < count && !code; i++) {
		b->list[i] = list[i];
		b->list_lengths[i] = ep_json_escaped_length(list[i].content, list[i].content_len);
		code = check_item(&list[i], err);
	}
	if (code) {
		ep_files_body_free(b);
		return code;
	}
	measure(b);
	*out = b;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Single files of a repo. Face: lua/epact/relace/file.lua; engine: runtime/relace/file, download and feed. */
#include <string.h>

#include "bindings/http.h"
#include "bindings/relace.h"
#include "runtime/relace/download.h"
#include "runtime/relace/feed.h"
#include "runtime/relace/file.h"
#include "runtime/relace/source.h"

#define FEED "epact.relace.feed"

/* An upload whose content is written while it is sent. */
typedef struct feed {
	ep_feed *feed;        /* NULL: closed */
	ep_relace_call *call; /* NULL: taken by finish */
} feed;

/* --- readers --- */

typedef struct file_options {
	epl_call_fields call;
	uint64_t stall_timeout;
	epl_text to;
	bool stream;
} file_options;

static const epl_option call_spec[] = {EPL_CALL_OPTIONS(offsetof(file_options, call)), {0}};
static const epl_option download_spec[] = {EPL_CALL_OPTIONS(offsetof(file_options, call)),
	{"to", EPL_TEXT, offsetof(file_options, to), 0}, {"stream", EPL_BOOL, offsetof(file_options, stream), 0},
	{"stall_timeout", EPL_SECONDS, offsetof(file_options, stall_timeout), 0}, {0}};

/* What every call here is given: client, id, path; then what is its own, the options last. */
typedef struct file_call {
	ep_relace_client *client;
	ep_relace_text id, path;
	file_options own;
	epl_call_options options;
} file_call;

static file_call read_call(lua_State *L, int options, const epl_option *spec, const char *what)
{
	file_call c = {.own = {.call = EPL_NO_CALL_FIELDS}};
	lua_settop(L, options);
	c.client = epl_check_relace(L, 1);
	c.id = epl_check_repo_id(L, 2);
	c.path.data = luaL_checklstring(L, 3, &c.path.len);
	epl_read_options(L, options, spec, &c.own, what);
	c.options = epl_take_call_fields(L, &c.own.call, what);
	epl_check_can_wait(L);
	return c;
}

/* --- uploads --- */

static int set_source(lua_State *L, int index, ep_relace_source *source, ep_err *err)
{
	ep_relace_text text;
	if (epl_http_is_file(L, index))
		return ep_relace_source_file(source, epl_loop(L), epl_http_take_file(L, index), err);
	text.data = luaL_checklstring(L, index, &text.len); /* stays on the stack until the call has ended */
	return ep_relace_source_bytes(source, text.data, text.len, err);
}

/* client:file_upload(id, path, content, options) -> {repo_id, repo_head, changed_files}. content: a string or an open body */
static int file_upload(lua_State *L)
{
	enum { CONTENT = 4, OPTIONS };
	file_call c = read_call(L, OPTIONS, call_spec, "file:upload");
	ep_relace_source source;
	ep_relace_call *call = NULL;
	ep_err err = {0};
	int rc = set_source(L, CONTENT, &source, &err);
	if (!rc) rc = ep_relace_file_upload(&call, c.client, c.id, c.path, &source, &c.options.call, &err);
	return epl_await_call(L, rc, call, &err, &c.options, epl_push_answer);
}

/* client:file_feed(id, path, options) -> feed */
static int file_feed(lua_State *L)
{
	enum { OPTIONS = 4 };
	file_call c = read_call(L, OPTIONS, call_spec, "file:upload");
	ep_relace_source source;
	ep_err err = {0};
	if (c.options.raw) return luaL_error(L, "file:upload: option 'raw' is not for content from a function");
	feed *f = epl_new(L, sizeof *f, FEED);
	int rc = ep_feed_new(&f->feed, &source, epl_loop(L), &err);
	if (!rc) rc = ep_relace_file_upload(&f->call, c.client, c.id, c.path, &source, &c.options.call, &err);
	return rc ? epl_raise(L, &err) : 1;
}

static feed *check_feed(lua_State *L)
{
	feed *f = epl_check(L, 1, FEED);
	if (!f->feed) epl_raise_code(L, EP_ECLOSED, "the upload was closed");
	return f;
}

static int push_wanted(lua_State *L, ep_op *op)
{
	(void)op;
	lua_pushboolean(L, ep_feed_wanted(check_feed(L)->feed));
	return 1;
}

/* write(bytes) -> boolean: whether more is wanted */
static int feed_write(lua_State *L)
{
	feed *f = check_feed(L);
	size_t len;
	const char *bytes = luaL_checklstring(L, 2, &len);
	lua_settop(L, 2);
	epl_check_can_wait(L);
	if (ep_feed_put(f->feed, bytes, len)) return epl_raise_code(L, EP_EBUSY, "another task is writing this upload");
	ep_op *op = ep_feed_wait(f->feed);
	return op ? epl_await(L, op, push_wanted) : luaL_error(L, "not enough memory");
}

/* finish() -> {repo_id, repo_head, changed_files} */
static int feed_finish(lua_State *L)
{
	feed *f = check_feed(L);
	ep_relace_call *call = f->call;
	if (!call) return epl_raise_code(L, EP_ECLOSED, "the upload was finished before");
	epl_check_can_wait(L);
	ep_feed_end(f->feed);
	f->call = NULL;
	return epl_await(L, &call->op, epl_push_answer);
}

static int feed_close(lua_State *L)
{
	feed *f = epl_check(L, 1, FEED);
	ep_feed *closing = f->feed;
	if (f->call) ep_op_release(&f->call->op);
	f->call = NULL;
	f->feed = NULL;
	ep_feed_release(closing);
	return 0;
}

/* --- downloads --- */

static int push_bytes(lua_State *L, ep_op *op)
{
	const ep_relace_call *call = (const ep_relace_call *)(void *)op;
	lua_pushlstring(L, ep_buf_text(&call->body), call->body.len);
	return 1;
}

static int push_stream(lua_State *L, ep_op *op)
{
	epl_http_push_stream(L, ((ep_relace_call *)(void *)op)->http, op, 0);
	return 1;
}

static int push_saved(lua_State *L, ep_op *op)
{
	const ep_relace_download *d = (const ep_relace_download *)(void *)op;
	ep_http_field etag;
	lua_createtable(L, 0, 2);
	lua_pushinteger(L, (lua_Integer)d->bytes);
	lua_setfield(L, -2, "bytes");
	if (!ep_http_header_find(d->call->http, "etag", &etag)) return 1;
	lua_pushlstring(L, etag.value, etag.value_len);
	lua_setfield(L, -2, "etag");
	return 1;
}

static int save(lua_State *L, const file_call *c)
{
	ep_relace_download *d;
	ep_err err = {0};
	if (!c->own.to.len) return luaL_error(L, "file:download: option 'to' is empty");
	if (c->own.stream || c->options.raw)
		return luaL_error(L, "file:download: of 'to', 'stream' and 'raw' only one can be given");
	int rc = ep_relace_download_start(
		&d, c->client, c->id, c->path, c->own.to.data, c->own.stall_timeout, &c->options.call, &err);
	return rc ? epl_raise(L, &err) : epl_await(L, &d->op, push_saved);
}

/* client:file_download(id, path, options) -> string, {bytes, etag} with `to`, an epact.http.stream with `stream` */
static int file_download(lua_State *L)
{
	file_call c = read_call(L, 4, download_spec, "file:download");
	ep_relace_call *call = NULL;
	ep_err err = {0};
	if (c.own.to.data) return save(L, &c);
	if (c.own.stream && c.options.raw) return luaL_error(L, "file:download: a stream is raw already");
	int rc = ep_relace_file_download(
		&call, c.client, c.id, c.path, c.own.stream, c.own.stall_timeout, &c.options.call, &err);
	return epl_await_call(L, rc, call, &err, &c.options, c.own.stream ? push_stream : push_bytes);
}

static int push_deleted(lua_State *L, ep_op *op)
{
	return ((const ep_relace_call *)(void *)op)->status == 404 ? 0 : epl_push_answer(L, op);
}

/* client:file_delete(id, path, options) -> {repo_id, repo_head, changed_files}, nothing when it was not there */
static int file_delete(lua_State *L)
{
	file_call c = read_call(L, 4, call_spec, "file:delete");
	ep_relace_call *call = NULL;
	ep_err err = {0};
	int rc = ep_relace_file_delete(&call, c.client, c.id, c.path, &c.options.call, &err);
	return epl_await_call(L, rc, call, &err, &c.options, push_deleted);
}

/* --- tables --- */

static const luaL_Reg methods[] = {{"file_upload", file_upload}, {"file_feed", file_feed},
	{"file_download", file_download}, {"file_delete", file_delete}, {"open_body", epl_http_open_body}, {NULL, NULL}};
static const luaL_Reg feed_methods[] = {
	{"write", feed_write}, {"finish", feed_finish}, {"close", feed_close}, {NULL, NULL}};
static const luaL_Reg feed_meta[] = {{"__gc", feed_close}, {"__close", feed_close}, {NULL, NULL}};

void epl_open_relace_file(lua_State *L)
{
	epl_type(L, FEED, feed_methods, feed_meta);
	luaL_setfuncs(L, methods, 0);
}

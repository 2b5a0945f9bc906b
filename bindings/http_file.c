/* SPDX-License-Identifier: Apache-2.0 */
/* A file as the body of a request, read on the pool while it is sent: for bindings/http.c and relace_file.c. */
#include <string.h>

#include "bindings/epl.h"
#include "bindings/http.h"
#include "runtime/fs/ahead.h"

#define FILE_BODY "epact.http.file"

typedef struct file_body {
	ep_file_body *file; /* NULL: taken or closed */
	ep_ahead *ahead;    /* reads it, and has it then; NULL: not yet */
	ep_http_call *call; /* counted; that which it is sent by */
} file_body;

/* --- the source --- */

static long read_file(void *ctx, char *to, size_t room)
{
	long n = ep_ahead_read(((file_body *)ctx)->ahead, to, room);
	return n == EP_AHEAD_LATER ? EP_HTTP_LATER : n;
}

static int rewind_file(void *ctx) { return ep_ahead_rewind(((file_body *)ctx)->ahead); }

static const ep_http_source file_source = {.read = read_file, .rewind = rewind_file};
static const ep_ahead_maker maker = {ep_file_body_read, ep_file_body_rewind, ep_file_body_free};

static void on_ready(void *arg)
{
	const file_body *f = arg;
	if (f->call) ep_http_more(f->call);
}

void epl_http_file_body(lua_State *L, int index, ep_http_body *body)
{
	file_body *f = epl_check(L, index, FILE_BODY);
	int64_t size = ep_file_body_size(f->file);
	ep_file_body *file = f->file;
	f->file = NULL;
	f->ahead = ep_ahead_new(epl_loop(L), &maker, file, size, EP_AHEAD_FILE_BLOCK);
	if (!f->ahead) epl_raise_code(L, EP_ENOMEM, "no memory for a request");
	ep_ahead_notify(f->ahead, on_ready, f);
	*body = (ep_http_body){.kind = EP_HTTP_SOURCE, .source = &file_source, .ctx = f, .len = size};
}

void epl_http_file_sent(lua_State *L, int index, ep_http_call *call)
{
	file_body *f = epl_check(L, index, FILE_BODY);
	ep_op_retain(&call->op);
	f->call = call;
}

/* --- the object --- */

static int close_file(lua_State *L)
{
	file_body *f = epl_check(L, 1, FILE_BODY);
	ep_http_call *call = f->call;
	ep_ahead_free(f->ahead);
	ep_file_body_free(f->file);
	f->ahead = NULL;
	f->file = NULL;
	f->call = NULL;
	if (call) ep_op_unref(&call->op);
	return 0;
}

void epl_http_push_file(lua_State *L, const char *path, const char *what)
{
	ep_err err = {0};
	file_body *f = epl_new(L, sizeof *f, FILE_BODY);
	if (!ep_file_body_open(&f->file, path, &err)) return;
	ep_err_text(&err.operation, what, strlen(what));
	epl_raise(L, &err);
}

static int push_opened(lua_State *L, ep_op *op)
{
	file_body *f = epl_new(L, sizeof *f, FILE_BODY);
	ep_file_body_call *call = (ep_file_body_call *)(void *)op;
	f->file = call->body;
	call->body = NULL;
	return 1;
}

int epl_http_open_body(lua_State *L)
{
	const char *path = epl_check_text(L, 1, NULL);
	epl_check_can_wait(L);
	ep_file_body_call *call = ep_file_body_start(epl_loop(L), path);
	if (!call) return luaL_error(L, "not enough memory");
	return epl_await(L, &call->work.op, push_opened);
}

bool epl_http_is_file(lua_State *L, int index) { return luaL_testudata(L, index, FILE_BODY) != NULL; }

ep_file_body *epl_http_take_file(lua_State *L, int index)
{
	file_body *f = epl_check(L, index, FILE_BODY);
	ep_file_body *file = f->file;
	f->file = NULL;
	if (!file) luaL_error(L, "the file was sent already, or closed");
	return file;
}

void epl_http_open_files(lua_State *L)
{
	static const luaL_Reg meta[] = {{"__gc", close_file}, {"__close", close_file}, {NULL, NULL}};
	epl_type(L, FILE_BODY, NULL, meta);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Failures between Lua and a host. */
#include "bindings/failure.h"

#include <string.h>

#include "bindings/epl.h"

#define SAME(name, number, slug)                                                                                       \
	_Static_assert((int)EPACT_##name == (int)EP_##name, "the public codes are the runtime's");
EP_ERRORS(SAME)
#undef SAME

#define SENTENCE(c, s, m)                                                                                              \
	{                                                                                                                  \
		.size = sizeof(epact_failure), .code = (c), .slug = (s), .message = (m), .text = (m)                           \
	}

const epact_failure epl_no_failure = SENTENCE(0, "", "");
const epact_failure epl_no_memory = SENTENCE(EPACT_ENOMEM, "no_memory", "not enough memory");
const epact_failure epl_closed = SENTENCE(EPACT_ECLOSED, "closed", "the instance was closed");

epact_failure epl_failure_of(int code, const char *message)
{
	return (epact_failure)SENTENCE(code, ep_err_slug(code), message);
}

/* --- from Lua --- */

/* NULL: no memory. */
static const char *mask_copy(epl_arena *arena, const ep_secrets *secrets, const char *text)
{
	ep_buf b = {0};
	int rc = ep_mask(&b, secrets, text, strlen(text));
	const char *copy = rc ? NULL : epl_arena_text(arena, ep_buf_text(&b), b.len);
	ep_buf_fini(&b);
	return copy;
}

const char *epl_masked_copy(lua_State *L, epl_arena *arena, const char *text)
{
	const char *copy = mask_copy(arena, epl_secrets(L), text);
	if (!copy) epl_raise_code(L, EP_ENOMEM, "not enough memory");
	return copy;
}

/* The field of the error object at index, which is a text, or NULL. */
static const char *text_field(lua_State *L, int index, epl_arena *arena, const char *name)
{
	lua_pushstring(L, name);
	bool is = lua_rawget(L, index) == LUA_TSTRING;
	const char *copy = is ? epl_masked_copy(L, arena, lua_tostring(L, -1)) : NULL;
	lua_pop(L, 1);
	return copy;
}

static double number_field(lua_State *L, int index, const char *name)
{
	lua_pushstring(L, name);
	lua_rawget(L, index);
	double number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
	lua_pop(L, 1);
	return number > -1e9 && number < 1e9 ? number : 0;
}

static int flag_field(lua_State *L, int index, const char *name)
{
	lua_pushstring(L, name);
	lua_rawget(L, index);
	int flag = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return flag;
}

static void read_fields(lua_State *L, int index, epl_arena *arena, epact_failure *out)
{
	const char *slug = text_field(L, index, arena, "code"), *message = text_field(L, index, arena, "message");
	int code = slug ? ep_err_code(slug) : 0;
	if (code) out->code = code;
	if (slug) out->slug = slug;
	if (message) out->message = message;
	out->operation = text_field(L, index, arena, "operation");
	out->detail = text_field(L, index, arena, "detail");
	out->request_id = text_field(L, index, arena, "request_id");
	out->status = (int)number_field(L, index, "status");
	out->attempts = (int)number_field(L, index, "attempts");
	out->retry_after = number_field(L, index, "retry_after");
	out->retryable = flag_field(L, index, "retryable");
	out->maybe_sent = flag_field(L, index, "maybe_sent");
}

void epl_failure_read(lua_State *L, int index, epl_arena *arena, epact_failure *out)
{
	index = lua_absindex(L, index);
	luaL_checkstack(L, 6, NULL);
	const char *text = epl_masked_copy(L, arena, luaL_tolstring(L, index, NULL));
	lua_pop(L, 1);
	*out = epl_failure_of(strcmp(text, "not enough memory") != 0 ? EPACT_ESCRIPT : EPACT_ENOMEM, text);
	if (lua_istable(L, index)) read_fields(L, index, arena, out);
}

/* --- from the runtime --- */

/* False: no memory. */
static bool mask_into(epl_arena *arena, const ep_secrets *secrets, const char **out, const char *text)
{
	*out = text ? mask_copy(arena, secrets, text) : NULL;
	return *out || !text;
}

static const char *line_of(epl_arena *arena, const epact_failure *f)
{
	ep_buf b = {0};
	ep_buf_puts(&b, f->message);
	if (f->operation) ep_buf_printf(&b, " (%s", f->operation);
	if (f->operation && f->attempts > 1) ep_buf_printf(&b, ", %d attempts", f->attempts);
	if (f->operation) ep_buf_putc(&b, ')');
	const char *copy = ep_buf_failed(&b) ? NULL : epl_arena_text(arena, ep_buf_text(&b), b.len);
	ep_buf_fini(&b);
	return copy;
}

void epl_failure_of_err(epl_arena *arena, const ep_secrets *secrets, const ep_err *err, epact_failure *out)
{
	*out = epl_failure_of(err->code, NULL);
	out->status = err->status;
	out->attempts = err->attempts;
	out->retryable = err->retryable;
	out->maybe_sent = err->maybe_sent;
	out->retry_after = err->retry_after;
	bool all = mask_into(arena, secrets, &out->message, ep_err_message(err)) &&
		mask_into(arena, secrets, &out->operation, err->operation) &&
		mask_into(arena, secrets, &out->detail, err->detail) &&
		mask_into(arena, secrets, &out->request_id, err->request_id);
	if (!all || !(out->text = line_of(arena, out))) *out = epl_no_memory;
}

/* --- from a host --- */

static int copy_text(epl_arena *arena, const char **text)
{
	if (!*text) return 0;
	*text = epl_arena_text(arena, *text, strlen(*text));
	return *text ? 0 : EP_ENOMEM;
}

int epl_failure_copy(epl_arena *arena, epact_failure *out, const epact_failure *given)
{
	*out = (epact_failure){0};
	if (given) memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
	out->size = sizeof *out;
	if (!out->code) out->code = EPACT_ESCRIPT;
	if (!out->slug) out->slug = ep_err_slug(out->code);
	if (!out->message) out->message = "the host's function failed";
	if (!out->text) out->text = out->message;
	const char **texts[] = {
		&out->slug, &out->message, &out->text, &out->operation, &out->detail, &out->request_id, &out->traceback};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (copy_text(arena, texts[i])) return EP_ENOMEM;
	return 0;
}

void epl_failure_push(lua_State *L, const epact_failure *f, const char *operation)
{
	ep_err err = {.code = f->code,
		.status = f->status,
		.attempts = f->attempts,
		.retryable = f->retryable != 0,
		.maybe_sent = f->maybe_sent != 0,
		.retry_after = f->retry_after};
	const char *named = f->operation ? f->operation : operation;
	ep_err_text(&err.message, f->message, strlen(f->message));
	ep_err_text(&err.operation, named, strlen(named));
	if (f->detail) ep_err_text(&err.detail, f->detail, strlen(f->detail));
	if (f->request_id) ep_err_text(&err.request_id, f->request_id, strlen(f->request_id));
	epl_push_err(L, &err);
	lua_pushstring(L, f->slug);
	lua_setfield(L, -2, "code");
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_EPL_H
#define EPL_EPL_H

/* What every binding uses: the instance behind a lua_State, waiting, errors, options, types, secrets, log.
 *
 * Life: a function that takes a lua_State is called from Lua, inside an instance. Thread: the loop's.
 * Owner: said at each function. Errors: these functions raise Lua errors, as luaL_ functions do. */

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"
#include "runtime/loop/op.h"

/* The openers of bindings/modules.def. */
#define EPL_MODULE(name, open) int open(lua_State *L);
#include "bindings/modules.def"
#undef EPL_MODULE

/* --- the instance --- */

typedef struct epl_state epl_state;

epl_state *epl_state_of(lua_State *L);
ep_loop *epl_loop(lua_State *L);
ep_secrets *epl_secrets(lua_State *L);

/* The variables that scripts and the processes they start see: "NAME=VALUE"..., NULL at the end. Borrowed. */
const char *const *epl_environment(lua_State *L);

/* Engines: made at their first use, one per instance, closed in the reverse order when the instance closes.
 * close starts the end of the engine and frees it when its handles have closed; ops of it that are still open
 * were cancelled before. */
enum { EPL_ENGINE_HTTP, EPL_ENGINE_FS, EPL_ENGINE_PROC, EPL_ENGINE_RELACE, EPL_ENGINES };
void *epl_engine(lua_State *L, int slot);
void epl_engine_set(lua_State *L, int slot, void *engine, void (*close)(void *engine));

/* --- waiting --- */

typedef int epl_push(lua_State *L, ep_op *op);

/* Waits, in the running task, until op has ended. The last line of a C function: return epl_await(...).
 * Takes the consumer's count of op, also when it raises. A failure of op is raised as an error object; else
 * push (NULL: none) pushes the results and returns their number; it may raise. The stack below is as it was
 * left. When the task was cancelled, the op is too, and the cancel is raised. */
int epl_await(lua_State *L, ep_op *op, epl_push *push);

/* Raises the error for a place where waiting is not possible, naming it; returns when it is. Call it before
 * something is started that could not be waited for. */
void epl_check_can_wait(lua_State *L);

/* --- errors --- */

/* Pushes the error object made of err, which is emptied. Its texts are masked. */
void epl_push_err(lua_State *L, ep_err *err);

/* Pushes the message of err, which is emptied, also when this raises for want of memory. */
void epl_push_message(lua_State *L, ep_err *err);

/* Pushes the text with every secret in it hidden. */
void epl_push_masked(lua_State *L, const char *text);

/* Raises it. */
int epl_raise(lua_State *L, ep_err *err);
int epl_raise_code(lua_State *L, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- options and types --- */

typedef struct epl_text {
	const char *data; /* borrowed from the Lua value, NUL behind it */
	size_t len;
} epl_text;

enum epl_kind {
	EPL_BOOL,     /* bool */
	EPL_TRISTATE, /* int: 1 or 0; what is there stays when it is not given */
	EPL_INT,      /* lua_Integer */
	EPL_NUMBER,   /* double */
	EPL_SECONDS,  /* uint64_t nanoseconds; >= 0 */
	EPL_TEXT,     /* epl_text without a NUL */
	EPL_BYTES,    /* epl_text */
	EPL_TABLE,    /* int: the value is pushed, its stack index stored */
	EPL_FUNCTION, /* the same */
	EPL_VALUE,    /* the same, any type */
};

enum { EPL_REQUIRED = 1, EPL_NATURAL = 2 /* a number, 0 or more */, EPL_POSITIVE = 4 /* or seconds, more than 0 */ };

typedef struct epl_option {
	const char *name;
	enum epl_kind kind;
	size_t offset; /* in the struct that is filled */
	int flags;
} epl_option;

/* The option of the field's own name. */
#define EPL_OPTION_OF(kind, type, name, flags)                                                                         \
	{                                                                                                                  \
#name, kind, offsetof(type, name), flags                                                                       \
	}
#define EPL_OPTION(kind, type, name) EPL_OPTION_OF(kind, type, name, 0)

/* Reads the table at index (nil or none: nothing) into `to`, which holds the defaults. spec ends with a NULL
 * name. Raises for a wrong type, a missing required option, an unknown key (naming the nearest known one and
 * all of them); what names the function in these errors. May push values (see kinds). */
void epl_read_options(lua_State *L, int index, const epl_option *spec, void *to, const char *what);

/* The nearest of names (NULL at the end) to key, NULL when none is near. */
const char *epl_nearest(const char *key, const char *const *names, size_t stride);

/* Raises for a key that is none of names, with the nearest and all of them; what names the function. */
int epl_unknown_option(lua_State *L, const char *key, const char *const *names, size_t stride, const char *what);

/* A string argument without NUL. */
const char *epl_check_text(lua_State *L, int arg, size_t *len);

/* Makes the metatable of a type once: methods under __index, meta beside it (both may be NULL). */
void epl_type(lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta);

/* Pushes a zeroed userdata of the type, with one user value. */
void *epl_new(lua_State *L, size_t size, const char *type);

/* The argument as the type, or an error that names it. */
void *epl_check(lua_State *L, int arg, const char *type);

/* --- results --- */

/* Pushes the text that was built in b, which is empty afterwards, also when this raises for want of memory. */
void epl_push_buf(lua_State *L, ep_buf *b);

/* --- secrets --- */

/* The secret of an argument: a string, an epact.secret, or a table whose field `secret` is one of these.
 * Returns a new count, which the caller releases. */
ep_secret *epl_check_secret(lua_State *L, int arg);

/* The same of an option's value at index; what names the function in the error. */
ep_secret *epl_option_secret(lua_State *L, int index, const char *option, const char *what);

/* Pushes an epact.secret; takes the caller's count. */
void epl_push_secret(lua_State *L, ep_secret *secret);

/* --- log --- */

enum { EPL_LOG_ERROR = 1, EPL_LOG_WARN, EPL_LOG_INFO, EPL_LOG_DEBUG };

bool epl_log_wanted(lua_State *L, int level);
void epl_log(lua_State *L, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

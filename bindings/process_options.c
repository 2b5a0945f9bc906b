/* SPDX-License-Identifier: Apache-2.0 */
/* The options of process.run and process.spawn, read before anything is started. */
#include "bindings/process.h"

#include <string.h>

#include "bindings/argv.h"

typedef struct run_options {
	epl_text cwd, out, err;
	int env, in; /* stack index, 0: not given */
	bool clear_env, check;
	uint64_t timeout, grace;
	lua_Integer max_output; /* 0: what the engine keeps of a tail */
} run_options;

enum { RUN_MAX_OUTPUT = 64 * 1024 * 1024 };

static const uint64_t default_grace = 2 * EP_SECOND;

#define COMMON_OPTIONS                                                                                                 \
	{"cwd", EPL_TEXT, offsetof(run_options, cwd), 0}, {"env", EPL_TABLE, offsetof(run_options, env), 0},               \
		{"clear_env", EPL_BOOL, offsetof(run_options, clear_env), 0},                                                  \
		{"stdin", EPL_VALUE, offsetof(run_options, in), 0}, {"stdout", EPL_TEXT, offsetof(run_options, out), 0},       \
		{"stderr", EPL_TEXT, offsetof(run_options, err), 0},                                                           \
		{"timeout", EPL_SECONDS, offsetof(run_options, timeout), 0},                                                   \
		{"grace", EPL_SECONDS, offsetof(run_options, grace), 0},                                                       \
	{                                                                                                                  \
		"max_output", EPL_INT, offsetof(run_options, max_output), EPL_POSITIVE                                         \
	}

static const epl_option run_spec[] = {COMMON_OPTIONS, {"check", EPL_BOOL, offsetof(run_options, check), 0}, {0}};
static const epl_option spawn_spec[] = {COMMON_OPTIONS, {0}};

typedef struct word {
	const char *name;
	int mode;
} word;

static const word run_outputs[] = {
	{"pipe", EP_OUT_CAPTURE}, {"null", EP_OUT_NULL}, {"inherit", EP_OUT_INHERIT}, {"tail", EP_OUT_TAIL}, {0}};
static const word spawn_outputs[] = {
	{"pipe", EP_OUT_STREAM}, {"null", EP_OUT_NULL}, {"inherit", EP_OUT_INHERIT}, {"tail", EP_OUT_TAIL}, {0}};

static int read_word(lua_State *L, const epl_text *text, const word *words, const char *what, const char *option)
{
	for (const word *w = words; w->name; w++)
		if (!strcmp(w->name, text->data)) return w->mode;
	return luaL_error(
		L, "%s: option '%s' must be \"pipe\", \"null\", \"inherit\" or \"tail\", got \"%s\"", what, option, text->data);
}

/* stdin: a word, or {bytes = "..."}. */
static void read_input(lua_State *L, int index, ep_proc_options *o, bool pipe, const char *what)
{
	const char *name = index ? lua_tostring(L, index) : "null";
	if (index && lua_istable(L, index)) {
		if (lua_getfield(L, index, "bytes") != LUA_TSTRING)
			luaL_error(L, "%s: option 'stdin': 'bytes' must be a string", what);
		o->in_bytes = lua_tolstring(L, -1, &o->in_len); /* stays on the stack */
		o->in = EP_PROC_PIPE;
	} else if (name && !strcmp(name, "null")) {
		o->in = EP_PROC_NULL;
	} else if (name && !strcmp(name, "inherit")) {
		o->in = EP_PROC_INHERIT;
	} else if (name && pipe && !strcmp(name, "pipe")) {
		o->in = EP_PROC_PIPE;
	} else {
		luaL_error(L, "%s: option 'stdin' must be \"null\", \"inherit\"%s or {bytes = string}", what,
			pipe ? ", \"pipe\"" : "");
	}
}

static run_options defaults(bool run)
{
	run_options r = {.out = {"pipe", 4}, .err = {"pipe", 4}, .check = true, .grace = default_grace};
	if (run)
		r.max_output = RUN_MAX_OUTPUT;
	else
		r.err = (epl_text){"tail", 4};
	return r;
}

void epl_process_read(lua_State *L, epl_process_options *to, bool run)
{
	const char *what = run ? "process.run" : "process.spawn";
	const word *words = run ? run_outputs : spawn_outputs;
	run_options r = defaults(run);
	ep_proc_options *o = &to->proc;
	epl_read_options(L, 2, run ? run_spec : spawn_spec, &r, what);
	to->timeout = r.timeout;
	to->check = r.check;
	o->argv = epl_check_argv(L, 1);
	o->env = r.env || r.clear_env ? epl_make_env(L, r.env, !r.clear_env, what) : epl_environment(L);
	o->cwd = r.cwd.data;
	o->grace = r.grace ? r.grace : 1; /* 0 would be the engine's own */
	o->out.mode = read_word(L, &r.out, words, what, "stdout");
	o->err.mode = read_word(L, &r.err, words, what, "stderr");
	o->out.max = o->err.max = (size_t)r.max_output;
	read_input(L, r.in, o, !run, what);
}

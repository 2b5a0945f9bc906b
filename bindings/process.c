/* SPDX-License-Identifier: Apache-2.0 */
/* Processes. Face: lua/epact/process.lua; engine: runtime/proc/; options: bindings/process_options.c. What Lua holds is the
 * process: a collected one is stopped. */
#include "bindings/process.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bindings/argv.h"

#define TYPE "epact.process"

typedef struct process {
	ep_proc *proc;   /* NULL: released */
	ep_node waiters; /* ep_signal */
	bool ended;
	int result, status, signal; /* once it has ended */
} process;

/* --- the engine --- */

static void close_engine(void *engine) { ep_procs_close(engine); }

ep_procs *epl_procs(lua_State *L)
{
	ep_procs *procs = epl_engine(L, EPL_ENGINE_PROC);
	if (procs) return procs;
	procs = ep_procs_open(epl_loop(L));
	if (!procs) luaL_error(L, "not enough memory");
	epl_engine_set(L, EPL_ENGINE_PROC, procs, close_engine);
	return procs;
}

static ep_proc *start(lua_State *L, const epl_process_options *o)
{
	ep_err err = {0};
	ep_proc *proc = NULL;
	if (o->proc.out.mode == EP_OUT_INHERIT)
		fflush(stdout); /* what the script wrote stands before what the program does */
	if (ep_proc_start(&proc, epl_procs(L), &o->proc, &err)) epl_raise(L, &err);
	if (o->timeout && ep_op_deadline(&proc->op, o->timeout)) {
		ep_proc_release(proc);
		epl_raise_code(L, EP_ENOMEM, "not enough memory to start '%s'", o->proc.argv[0]);
	}
	return proc;
}

/* --- results --- */

static void push_output(lua_State *L, const ep_reader *r, const char *key)
{
	size_t len;
	if (r->what.mode != EP_OUT_CAPTURE && r->what.mode != EP_OUT_TAIL) return;
	const char *bytes = ep_reader_bytes(r, &len);
	lua_pushlstring(L, bytes, len);
	lua_setfield(L, -2, key);
}

static void push_status(lua_State *L, int status, int signal)
{
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, status);
	lua_setfield(L, -2, "status");
	if (!signal) return;
	lua_pushinteger(L, signal);
	lua_setfield(L, -2, "signal");
}

enum {
	DETAIL = 8192, /* twice what is shown of it: that is cut when it was masked */
	LINE = 200,
};

/* The last line of a program's error output, ": " in front; "" when it said nothing. Masked before it is cut. */
static void last_line(char line[LINE + 3], const ep_secrets *secrets, const char *bytes, size_t len)
{
	ep_buf b = {0};
	line[0] = '\0';
	size_t end = ep_mask(&b, secrets, bytes, len) ? 0 : b.len;
	while (end && isspace((unsigned char)b.data[end - 1])) end--;
	size_t from = end;
	while (from && b.data[from - 1] != '\n' && b.data[from - 1] != '\r') from--;
	size_t n = end - from < LINE ? end - from : LINE;
	if (n) memcpy(line, ": ", 2);
	for (size_t i = 0; i < n; i++) line[i + 2] = iscntrl((unsigned char)b.data[from + i]) ? ' ' : b.data[from + i];
	if (n) line[n + 2] = '\0';
	ep_buf_fini(&b);
}

static int raise_status(lua_State *L, const ep_proc *p)
{
	ep_err err = {.status = p->status};
	char line[LINE + 3];
	size_t len;
	const char *bytes = ep_reader_bytes(&p->err, &len);
	size_t skip = len > DETAIL ? len - DETAIL : 0;
	if (len) ep_err_text(&err.detail, bytes + skip, len - skip);
	ep_err_text(&err.operation, p->name, strlen(p->name));
	last_line(line, epl_secrets(L), bytes + skip, len - skip);
	if (p->signal)
		ep_err_set(
			&err, EP_EEXIT, "'%s' was ended by signal %d (%s)%s", p->name, p->signal, strsignal(p->signal), line);
	else
		ep_err_set(&err, EP_EEXIT, "'%s' ended with status %d%s", p->name, p->status, line);
	return epl_raise(L, &err);
}

/* Argument 3 is the option 'check'. */
static int push_run(lua_State *L, ep_op *op)
{
	const ep_proc *p = (const ep_proc *)op;
	if (p->status && lua_toboolean(L, 3)) return raise_status(L, p);
	push_status(L, p->status, p->signal);
	push_output(L, &p->out, "stdout");
	push_output(L, &p->err, "stderr");
	return 1;
}

static int push_read(lua_State *L, ep_op *op)
{
	const ep_proc_read *read = (const ep_proc_read *)op;
	if (!read->data.len) return 0;
	lua_pushlstring(L, read->data.data, read->data.len);
	return 1;
}

static int push_end(lua_State *L, ep_op *op)
{
	process *h = lua_touserdata(L, 1);
	(void)op;
	if (!h->ended) return epl_raise_code(L, EP_ECLOSED, "the process was closed");
	if (h->result) {
		const ep_err *err = h->proc ? &h->proc->error : NULL;
		return epl_raise_code(L, h->result, "%s", err && err->code ? ep_err_message(err) : "the process was closed");
	}
	push_status(L, h->status, h->signal);
	if (h->proc) push_output(L, &h->proc->err, "stderr");
	return 1;
}

/* --- module --- */

static int process_run(lua_State *L)
{
	epl_process_options o = {0};
	lua_settop(L, 2);
	lua_pushnil(L);
	epl_process_read(L, &o, true);
	lua_pushboolean(L, o.check);
	lua_replace(L, 3);
	epl_check_can_wait(L);
	return epl_await(L, &start(L, &o)->op, push_run);
}

static void on_end(ep_op *op)
{
	process *h = op->owner;
	h->ended = true;
	h->result = op->result;
	h->status = h->proc->status;
	h->signal = h->proc->signal;
	ep_signal_all(&h->waiters, 0);
}

static int process_spawn(lua_State *L)
{
	epl_process_options o = {0};
	lua_settop(L, 2);
	process *h = epl_new(L, sizeof *h, TYPE);
	ep_node_init(&h->waiters);
	epl_process_read(L, &o, false);
	h->proc = start(L, &o);
	ep_op_wait(&h->proc->op, on_end, h);
	lua_pushvalue(L, 3);
	lua_pushinteger(L, h->proc->pid);
	lua_pushboolean(L, o.proc.in == EP_PROC_PIPE && !o.proc.in_bytes);
	lua_pushboolean(L, o.proc.out.mode == EP_OUT_STREAM);
	lua_pushboolean(L, o.proc.err.mode == EP_OUT_STREAM);
	return 5;
}

/* --- methods --- */

static process *check_open(lua_State *L)
{
	process *h = epl_check(L, 1, TYPE);
	if (!h->proc) epl_raise_code(L, EP_ECLOSED, "the process was closed");
	return h;
}

static int process_wait(lua_State *L)
{
	process *h = epl_check(L, 1, TYPE);
	if (h->ended || !h->proc) return push_end(L, NULL);
	ep_signal *signal = ep_signal_start(epl_loop(L), &h->waiters);
	if (!signal) return luaL_error(L, "not enough memory");
	return epl_await(L, &signal->op, push_end);
}

static int check_signal(lua_State *L, int arg)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"TERM", SIGTERM}, {"KILL", SIGKILL}, {"INT", SIGINT}, {"HUP", SIGHUP}, {"QUIT", SIGQUIT},
		{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}, {"WINCH", SIGWINCH}};
	if (lua_isnoneornil(L, arg)) return SIGTERM;
	if (lua_type(L, arg) == LUA_TNUMBER) {
		lua_Integer number = luaL_checkinteger(L, arg);
		luaL_argcheck(L, number > 0 && number < 65, arg, "not the number of a signal");
		return (int)number;
	}
	const char *name = luaL_checkstring(L, arg);
	if (!strncmp(name, "SIG", 3)) name += 3;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i].name, name)) return names[i].number;
	return luaL_argerror(L, arg, lua_pushfstring(L, "unknown signal '%s'; give its number", name));
}

static int process_kill(lua_State *L)
{
	process *h = epl_check(L, 1, TYPE);
	int signal = check_signal(L, 2), rc = h->proc ? ep_proc_kill(h->proc, signal) : EP_ECLOSED;
	if (rc && rc != EP_ECLOSED) return epl_raise_code(L, rc, "sending signal %d to '%s'", signal, h->proc->name);
	lua_pushboolean(L, rc == 0);
	return 1;
}

static int process_read(lua_State *L)
{
	process *h = check_open(L);
	lua_Integer max = luaL_optinteger(L, 3, 0);
	luaL_argcheck(L, max >= 0, 3, "a number of bytes is 0 or more");
	ep_err err = {0};
	ep_proc_read *read;
	epl_check_can_wait(L);
	if (ep_proc_read_start(&read, lua_toboolean(L, 2) ? &h->proc->err : &h->proc->out, (size_t)max, &err))
		return epl_raise(L, &err);
	return epl_await(L, &read->op, push_read);
}

static int process_write(lua_State *L)
{
	process *h = check_open(L);
	size_t len;
	const char *bytes = luaL_checklstring(L, 2, &len);
	ep_err err = {0};
	ep_proc_write *write;
	epl_check_can_wait(L);
	if (ep_proc_write_start(&write, &h->proc->in, bytes, len, &err)) return epl_raise(L, &err);
	return epl_await(L, &write->op, NULL);
}

static int process_end_input(lua_State *L)
{
	process *h = epl_check(L, 1, TYPE);
	if (h->proc) ep_writer_end(&h->proc->in);
	return 0;
}

static int process_stop(lua_State *L)
{
	process *h = epl_check(L, 1, TYPE);
	if (h->proc) ep_op_cancel(&h->proc->op, EP_ECLOSED);
	lua_pushboolean(L, h->proc && !h->ended);
	return 1;
}

static int process_close(lua_State *L)
{
	process *h = epl_check(L, 1, TYPE);
	ep_proc *proc = h->proc;
	h->proc = NULL;
	if (proc) ep_proc_release(proc);
	ep_signal_all(&h->waiters, 0);
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"run", process_run}, {"spawn", process_spawn}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"wait", process_wait}, {"kill", process_kill}, {"read", process_read},
	{"write", process_write}, {"end_input", process_end_input}, {"stop", process_stop}, {"close", process_close},
	{NULL, NULL}};

static const luaL_Reg meta[] = {{"__gc", process_close}, {"__close", process_close}, {NULL, NULL}};

int epl_open_process(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}

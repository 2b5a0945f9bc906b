/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_HOST_H
#define EPL_HOST_H

/* The instance of epact.h, shared by host.c (its life), script.c and call.c (what it runs), reply.c (what it calls).
 *
 * Life: epact_open .. the callback of epact_close. Thread: the loop's, but for requests. Owner: the host. */

#include <stdatomic.h>

#include "bindings/failure.h"
#include "bindings/state.h"

struct epact {
	epl_state *st;
	uv_async_t requested;
	atomic_uint requests; /* CANCEL, TREE of host.c */
	ep_job close_job;     /* a close that was asked for while Lua runs */
	ep_node left;         /* once it closes: the calls that have not ended */
	epact_call *script;   /* NULL: none runs */
	epact_done *on_end;
	void *end_arg;
	void (*on_closed)(void *arg);
	void *closed_arg;
	void (*on_tree)(void *arg, const char *text);
	void *tree_arg;
	ep_buf tree;
	epl_arena last_arena;
	epact_failure last; /* what went wrong last; its texts are in last_arena */
	int result, exit_status;
	size_t pending; /* calls whose ends were not told, the script's too */
	bool idle;      /* neither script nor call is under way */
	bool own_loop, running, closing;
};

/* A script or a call that is under way. */
struct epact_call {
	epl_call base;
	epact *e;
	epact_done *on_done;
	void *arg;
	bool told;   /* its callback was called */
	char name[]; /* the function's */
};

/* Calls function(L) with `with` as light userdata, protected. 0, or the code of the failure, which is kept as the last. */
int epl_host_protected(epact *e, lua_CFunction function, void *with);

/* Keeps a copy of the failure as the last. Returns its code. */
int epl_host_failed(epact *e, const epact_failure *failure);

/* Raises when the name is that of a module. */
void epl_check_free_module(lua_State *L, const char *name);

/* Makes a reply with two counts: that of the function which waits, and the host's. NULL: no memory. name lives as long as the
 * function waits. */
epact_reply *epl_reply_new(ep_loop *loop, const char *name);

/* The last line of a C function: waits until the reply, of which it takes one count, is finished, and returns its values
 * or raises its failure. */
int epl_reply_await(lua_State *L, epact_reply *reply);

/* Makes a call whose task is to be started by epl_host_call_begin. NULL: no memory. */
epact_call *epl_host_call_new(epact *e, const char *name, epact_done *on_done, void *arg);

/* In a protected call: starts it with the function below its nargs arguments on the top. */
void epl_host_call_begin(epact_call *call, int nargs);

/* Calls the callback of a call that was not told of its end; its task may go on, and the call is there as long. */
void epl_host_call_end(epact_call *call, const epact_failure *failure);

/* The same for all of the list. */
void epl_host_calls_end(ep_node *calls, const epact_failure *failure);

/* Frees calls whose tasks are gone. */
void epl_host_calls_free(ep_node *calls);

#endif

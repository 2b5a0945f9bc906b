/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_RELACE_HOST_H
#define EPL_RELACE_HOST_H

/* The clients of epact_relace.h: relace_host.c has their life, relace_host_calls.c their calls.
 *
 * Life: epact_relace_open .. the callback of epact_relace_close. Thread: the loop's. Owner: the host. */

#include "bindings/failure.h"
#include "epact_relace.h"
#include "runtime/git/clone.h"
#include "runtime/relace/repo.h"
#include "runtime/relace/token.h"
#include "runtime/relace/upload.h"

struct epact_relace {
	ep_loop *loop;
	ep_http *http;
	ep_procs *procs;
	ep_secrets secrets;
	ep_relace_client *client;
	char *ca_file;
	ep_node calls;
	void (*on_closed)(void *arg);
	void *closed_arg;
	bool idle, allow_http, own_loop, running, closing;
};

struct epact_relace_call {
	ep_node link; /* in the client's calls */
	ep_job job;   /* tells the failure of one that was not started */
	epact_relace *r;
	ep_op *op; /* NULL: not started; holds the consumer's count */
	ep_err err;
	epact_done *on_done;
	void *arg;
	/* Makes the value of a success; sets *count to 1. An error is in err. NULL: there is none. */
	int (*read)(epact_relace_call *call, epl_arena *arena, epact_value *out, size_t *count);
	bool ended;
};

/* Makes a call that is to be started. 0, EPACT_ECLOSED or EPACT_ENOMEM. */
int epl_relace_call_new(epact_relace_call **out, epact_relace *r, epact_done *on_done, void *arg);

/* Waits for the op, or tells the failure rc with the words in call->err from the next turn. Returns 0. */
int epl_relace_call_started(epact_relace_call **out, epact_relace_call *call, int rc, ep_op *op);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_WAIT_H
#define EPL_WAIT_H

/* Waiting for what another task brings about: one wait for the first of several things.
 *
 * What can be waited for has a list of arms. A waiter has one arm in each list; the first arm that is fired ends
 * the wait, and all its arms leave their lists in that moment, as they do when the wait is cancelled. So whoever
 * fires an arm knows that its task goes on with what it was given: nothing is handed to a task that was cancelled.
 *
 * Life: a waiter is an op. What is waited for stays on the stack of the function that waits.
 * Thread: the loop's. Owner: of a waiter, whoever waits. */

#include "bindings/state.h"

typedef struct epl_waiter epl_waiter;

typedef struct epl_arm {
	ep_node link; /* in the list of what is waited for */
	epl_waiter *waiter;
} epl_arm;

struct epl_waiter {
	ep_op op;
	epl_state *st;
	const char *what; /* it waits for, for the view of tasks; lives as long as that */
	int offered;      /* registry reference: what it gives to the one who wakes it; of several arms: a table */
	int given;        /* registry reference: what it was given */
	unsigned fired;   /* which arm, from 1; 0: the time was up */
	unsigned count;
	bool several;
	epl_arm arms[];
};

/* Waits in one list, as the last line of a C function; push as in epl_await. */
int epl_wait_in(lua_State *L, ep_node *list, const char *what, epl_push *push);

/* Ends the wait of the first in the list; false when nobody waits. */
bool epl_wake_one(ep_node *list);
void epl_wake_all(ep_node *list);

/* Ends them all with an error. */
void epl_wake_all_with(ep_node *list, int result);

/* Opens the queues and events of epact.core.task, whose table is on the top. */
void epl_open_wait(lua_State *L);
void epl_open_event(lua_State *L);

/* The list of those who wait for the queue, event or task at index; raises when it is none of them. */
ep_node *epl_waiters_of(lua_State *L, int index);

#define EPL_EVENT "epact.event"
#define EPL_QUEUE "epact.queue"

#endif

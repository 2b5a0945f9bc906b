/* SPDX-License-Identifier: Apache-2.0 */
/* Cancels of tasks: whether one is pending, how it is raised, and how long clean-up may go on. Cancelling scopes: scope.c. */
#include "bindings/task.h"
#include "bindings/view.h"

bool epl_cleans_up(const epl_task *t) { return t->unwinding && !t->grace_over; }

/* While a cancelled task unwinds, its clean-up may wait until the grace is over, and so may the tasks that the
 * clean-up spawns; scopes that it opens can be cancelled as ever. */
bool epl_cancel_pending(epl_task *t)
{
	for (const epl_scope *s = t->scope; s; s = s->parent) {
		if (s->cancelled && (!epl_cleans_up(t) || (s->task == t && s->serial > t->unwound))) return true;
		if (s->shield || (s->outer_unwinding && s->task != t && epl_cleans_up(s->task))) return false;
		if (s->of_clean_up && epl_cleans_up(s->parent->task)) return false;
	}
	return false;
}

const char *epl_cancel_reason(const epl_task *t)
{
	const char *reason = NULL;
	for (const epl_scope *s = t->scope; s; s = s->shield ? NULL : s->parent)
		if (s->cancelled) reason = s->reason; /* the outermost is the one that counts */
	return reason ? reason : "cancelled";
}

static void on_grace(ep_timer *timer)
{
	epl_task *t = EP_CONTAINER(timer, epl_task, grace);
	t->grace_over = true;
	epl_scope_interrupt(&t->own);
}

void epl_start_unwinding(epl_task *t)
{
	if (!t->unwinding && ep_timer_start(t->st->loop, &t->grace, t->st->grace, on_grace)) t->grace_over = true;
	t->unwinding = true;
	t->unwound = t->st->protections;
}

int epl_raise_cancel(lua_State *L, epl_task *t, const char *reason)
{
	epl_start_unwinding(t);
	ep_err err = {0};
	ep_err_set(&err, EP_ECANCELLED, "the task was cancelled: %s", reason);
	epl_push_err(L, &err);
	epl_push_masked(L, reason);
	lua_setfield(L, -2, "reason");
	return lua_error(L);
}

void epl_stop_unwinding(epl_task *t)
{
	t->unwinding = t->grace_over = false;
	ep_timer_stop(t->st->loop, &t->grace);
}

void epl_task_interrupt(epl_task *t)
{
	if (t->status == EPL_TASK_WAITING && !t->patient && epl_cancel_pending(t)) ep_op_cancel(t->op, EP_ECANCELLED);
}

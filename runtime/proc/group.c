/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/group.h"

#include "runtime/base/mem.h"
#include "runtime/proc/guard.h"

struct ep_procs {
	ep_loop *loop;
	ep_node members;
	ep_guard *guard; /* NULL: no process was started yet, or there is none to have */
	bool closing;
};

ep_procs *ep_procs_open(ep_loop *loop)
{
	ep_procs *procs = ep_calloc(1, sizeof *procs);
	if (!procs) return NULL;
	procs->loop = loop;
	ep_node_init(&procs->members);
	return procs;
}

ep_loop *ep_procs_loop(const ep_procs *procs) { return procs->loop; }

bool ep_procs_closing(const ep_procs *procs) { return procs->closing; }

static void try_free(ep_procs *procs)
{
	if (!procs->closing || !ep_list_empty(&procs->members)) return;
	if (procs->guard) ep_guard_release(procs->guard);
	ep_free(procs);
}

void ep_procs_close(ep_procs *procs)
{
	procs->closing = true;
	try_free(procs);
}

void ep_procs_add(ep_procs *procs, ep_proc *p)
{
	p->procs = procs;
	ep_list_push(&procs->members, &p->link);
}

void ep_procs_forget(ep_proc *p)
{
	ep_node_unlink(&p->link);
	try_free(p->procs);
}

ep_guard *ep_procs_guard(ep_procs *procs)
{
	if (!procs->guard) procs->guard = ep_guard_new();
	return procs->guard ? ep_guard_retain(procs->guard) : NULL;
}

/* In place of one that was lost; it is told of all groups but that of one process. */
static void replace_guard(ep_procs *procs, const ep_proc *but)
{
	if (procs->guard) ep_guard_release(procs->guard);
	procs->guard = ep_guard_new();
	if (!procs->guard) return;
	ep_guard_start(procs->guard);
	for (ep_node *n = procs->members.next; n != &procs->members; n = n->next) {
		const ep_proc *p = EP_CONTAINER(n, ep_proc, link);
		if (p != but && p->pid && !p->reaped) ep_guard_tell(procs->guard, '+', p->pid);
	}
}

void ep_procs_enter(ep_proc *p, const ep_guard *told)
{
	ep_procs *procs = p->procs;
	if (procs->guard && (told == procs->guard || ep_guard_tell(procs->guard, '+', p->pid))) return;
	replace_guard(procs, NULL);
}

void ep_procs_leave(ep_proc *p)
{
	ep_procs *procs = p->procs;
	if (procs->guard && !ep_guard_tell(procs->guard, '-', p->pid)) replace_guard(procs, p);
}

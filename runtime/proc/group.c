/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/group.h"

#include "runtime/base/mem.h"
#include "runtime/proc/guard.h"

struct ep_procs {
	ep_loop *loop;
	ep_node members;
	ep_guard *guard; /* NULL: not started yet, or there is none to have */
	unsigned number; /* of the guard: how many were started */
	bool pending;    /* a thread starts one */
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
	if (procs->guard) ep_guard_end(procs->guard);
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

static void tell_of_all(ep_procs *procs, const ep_proc *but)
{
	for (ep_node *n = procs->members.next; procs->guard && n != &procs->members; n = n->next) {
		const ep_proc *p = EP_CONTAINER(n, ep_proc, link);
		if (p == but || !p->pid || p->reaped) continue;
		if (!ep_guard_tell(procs->guard, '+', p->pid)) procs->guard = NULL;
	}
}

static void start_guard(ep_procs *procs, const ep_proc *but)
{
	procs->guard = ep_guard_start();
	procs->number++;
	tell_of_all(procs, but);
}

void ep_procs_take_line(ep_procs *procs, ep_guard_line *line)
{
	line->starts = !procs->guard && !procs->pending;
	if (line->starts) procs->pending = true;
	if (!procs->guard) return;
	line->fd = ep_guard_copy_pipe(procs->guard);
	line->number = procs->number;
}

void ep_procs_take_guard(ep_procs *procs, ep_guard_line *line, const ep_proc *p)
{
	if (!line->starts) return;
	procs->pending = line->starts = false;
	if (!line->fresh) return;
	if (procs->guard) {
		ep_guard_end(line->fresh);
		line->told = false;
	} else {
		procs->guard = line->fresh;
		line->number = ++procs->number;
		tell_of_all(procs, p);
	}
}

void ep_procs_enter(ep_proc *p, ep_guard_line *line)
{
	ep_procs *procs = p->procs;
	ep_procs_take_guard(procs, line, p);
	if (procs->pending) return; /* it is told of all when it has started */
	if (procs->guard && line->told && line->number == procs->number) return;
	if (procs->guard && ep_guard_tell(procs->guard, '+', p->pid)) return;
	start_guard(procs, NULL);
}

void ep_procs_leave(ep_proc *p)
{
	ep_procs *procs = p->procs;
	if (!procs->guard || ep_guard_tell(procs->guard, '-', p->pid)) return;
	start_guard(procs, p);
}

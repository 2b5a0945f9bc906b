/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"
#include "runtime/serve/private.h"

typedef struct accept_op {
	ep_op op;
	ep_node link; /* in server->accepts while it waits */
	ep_request *request;
} accept_op;

static void abort_accept(ep_op *op)
{
	ep_node_unlink(&((accept_op *)op)->link);
	ep_op_finish(op, EP_ECANCELLED);
}

/* A request that was not taken, because its waiter was cancelled, goes to the next one. */
static void free_accept(ep_op *op)
{
	accept_op *a = (accept_op *)op;
	ep_request *r = a->request;
	if (r && r->server)
		ep_server_offer(r->server, r);
	else if (r)
		ep_request_release(r);
	ep_free(a);
}

static const ep_op_class accept_class = {.name = "server accept", .abort = abort_accept, .free = free_accept};

static void give(accept_op *a, ep_request *r)
{
	ep_node_unlink(&a->link);
	a->request = r;
	ep_op_finish(&a->op, 0);
}

void ep_server_offer(ep_server *s, ep_request *r)
{
	if (ep_list_empty(&s->accepts))
		ep_list_push(&s->waiting, &r->queued);
	else
		give(EP_CONTAINER(s->accepts.next, accept_op, link), r);
}

void ep_accepts_refuse(ep_server *s)
{
	for (ep_node *n; (n = ep_list_shift(&s->accepts));) ep_op_finish(&EP_CONTAINER(n, accept_op, link)->op, 0);
}

ep_op *ep_server_accept(ep_server *s)
{
	accept_op *a = ep_calloc(1, sizeof *a);
	if (!a) return NULL;
	ep_op_init(&a->op, s->loop, &accept_class, NULL);
	ep_node_init(&a->link);
	ep_op_start(&a->op);
	ep_node *n = ep_list_shift(&s->waiting);
	if (n)
		give(a, EP_CONTAINER(n, ep_request, queued));
	else if (s->stopping || !s->daemon)
		ep_op_finish(&a->op, 0);
	else
		ep_list_push(&s->accepts, &a->link);
	return &a->op;
}

ep_request *ep_accept_take(ep_op *op)
{
	accept_op *a = (accept_op *)op;
	ep_request *r = a->request;
	a->request = NULL;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The library behind epact_relace.h: the engines of runtime/relace and runtime/git, without Lua. What the calls are is in
 * relace_host_calls.c. */
#include "bindings/relace_host.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"

#define GRACE (5 * EP_SECOND) /* for what a close has to undo */

/* --- open --- */

static ep_relace_settings settings_of(const epact_relace_options *o, ep_secret *credential)
{
	return (ep_relace_settings){.base_url = o->base_url,
		.base_url_len = o->base_url ? strlen(o->base_url) : 0,
		.allow_http = o->allow_http != 0,
		.credential = credential,
		.timeout = ep_seconds(o->timeout_seconds),
		.max_retries = o->max_retries < 0 ? 0
			: o->max_retries              ? o->max_retries
										  : -1,
		.max_retry_wait = -1,
		.connection = {.ca_file = o->ca_file}};
}

static int open_client(epact_relace *r, const epact_relace_options *o, ep_err *err)
{
	if (!o->api_key || !*o->api_key) return ep_err_set(err, EP_EINVAL, "api_key is missing");
	ep_secret *credential = ep_secret_new(&r->secrets, o->api_key, strlen(o->api_key));
	r->ca_file = ep_strdup(o->ca_file);
	r->http = ep_http_open(r->loop, &r->secrets);
	r->procs = r->http ? ep_procs_open(r->loop) : NULL;
	if (!credential || !r->procs || (o->ca_file && !r->ca_file)) {
		ep_secret_release(credential);
		return ep_err_set(err, EP_ENOMEM, "no memory for a client");
	}
	const ep_relace_settings settings = settings_of(o, credential);
	int rc = ep_relace_client_new(&r->client, r->loop, r->http, &r->secrets, &settings, err);
	ep_secret_release(credential);
	return rc;
}

static void close_engines(epact_relace *r)
{
	ep_relace_client_release(r->client);
	if (r->procs) ep_procs_close(r->procs);
	if (r->http) ep_http_close(r->http);
	r->client = NULL;
}

static void free_client(void *arg)
{
	epact_relace *r = arg;
	ep_secrets_fini(&r->secrets);
	ep_free(r->ca_file);
	ep_free(r);
}

static void say_why(const epact_relace_options *o, const ep_secrets *secrets, const ep_err *err)
{
	ep_buf b = {0};
	if (!o->why || !o->why_size) return;
	ep_mask(&b, secrets, ep_err_message(err), strlen(ep_err_message(err)));
	snprintf(o->why, o->why_size, "%s", ep_buf_text(&b));
	ep_buf_fini(&b);
}

int epact_relace_open(epact_relace **out, const epact_relace_options *options)
{
	epact_relace_options o = {0};
	ep_err err = {0};
	if (!out || !options || options->size < offsetof(epact_relace_options, base_url)) return EPACT_EINVAL;
	memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
	epact_relace *r = ep_calloc(1, sizeof *r);
	if (!r) return EPACT_ENOMEM;
	ep_secrets_init(&r->secrets);
	ep_node_init(&r->calls);
	r->own_loop = !o.loop;
	r->idle = true;
	int rc = ep_loop_open(&r->loop, o.loop, &err);
	if (!rc && !(rc = open_client(r, &o, &err))) {
		*out = r;
		return 0;
	}
	say_why(&o, &r->secrets, &err);
	ep_err_fini(&err);
	if (r->loop) {
		close_engines(r);
		ep_loop_close(r->loop, free_client, r);
	} else {
		free_client(r);
	}
	return rc;
}

/* --- calls --- */

static void tell(epact_relace_call *call, const epact_result *result)
{
	epact_relace *r = call->r;
	ep_node_unlink(&call->link);
	r->idle = ep_list_empty(&r->calls) || r->closing;
	call->ended = true;
	if (call->on_done) call->on_done(call->arg, result);
	if (call->op) ep_op_release(call->op);
	ep_err_fini(&call->err);
	ep_free(call);
}

static void tell_failure(epact_relace_call *call, const ep_err *err)
{
	epl_arena arena = {0};
	epact_failure failure;
	epl_failure_of_err(&arena, &call->r->secrets, err, &failure);
	tell(call, &(epact_result){.failure = &failure});
	epl_arena_fini(&arena);
}

static void tell_success(epact_relace_call *call)
{
	epl_arena arena = {0};
	epact_value value;
	size_t count = 0;
	int rc = call->read ? call->read(call, &arena, &value, &count) : 0;
	if (rc)
		tell_failure(call, &call->err);
	else
		tell(call, &(epact_result){.count = count, .values = &value});
	epl_arena_fini(&arena);
}

static void on_op_done(ep_op *op)
{
	epact_relace_call *call = op->owner;
	ep_err unsaid = {.code = op->result};
	if (!op->result)
		tell_success(call);
	else
		tell_failure(call, op->err && op->err->code ? op->err : &unsaid);
}

static void on_not_started(ep_job *job)
{
	epact_relace_call *call = EP_CONTAINER(job, epact_relace_call, job);
	tell_failure(call, &call->err);
}

int epl_relace_call_new(epact_relace_call **out, epact_relace *r, epact_done *on_done, void *arg)
{
	if (r->closing) return EPACT_ECLOSED;
	epact_relace_call *call = ep_calloc(1, sizeof *call);
	if (!call) return EPACT_ENOMEM;
	call->r = r;
	call->on_done = on_done;
	call->arg = arg;
	ep_job_init(&call->job, on_not_started);
	*out = call;
	return 0;
}

int epl_relace_call_started(epact_relace_call **out, epact_relace_call *call, int rc, ep_op *op)
{
	ep_list_push(&call->r->calls, &call->link);
	call->r->idle = false;
	call->op = rc ? NULL : op;
	if (rc) ep_err_set(&call->err, rc, "%s", ep_err_slug(rc));
	if (rc)
		ep_loop_ready(call->r->loop, &call->job);
	else
		ep_op_wait(op, on_op_done, call);
	if (out) *out = call;
	return 0;
}

void epact_relace_cancel(epact_relace_call *call)
{
	if (call->op && !call->ended) ep_op_cancel(call->op, EP_ECANCELLED);
}

/* --- running and closing --- */

static void on_loop_closed(void *arg)
{
	epact_relace *r = arg;
	void (*on_closed)(void *) = r->on_closed;
	void *closed_arg = r->closed_arg;
	while (!ep_list_empty(&r->calls))
		tell(EP_CONTAINER(r->calls.next, epact_relace_call, link), &(epact_result){.failure = &epl_closed});
	free_client(r);
	if (on_closed) on_closed(closed_arg);
}

static void on_settled(void *arg)
{
	epact_relace *r = arg;
	close_engines(r);
	ep_loop_close(r->loop, on_loop_closed, r);
}

/* The ops end now, their callbacks are called when all is closed. */
static void close_now(epact_relace *r)
{
	for (ep_node *n = r->calls.next; n != &r->calls; n = n->next) {
		epact_relace_call *call = EP_CONTAINER(n, epact_relace_call, link);
		ep_job_cancel(&call->job);
		if (call->op) ep_op_release(call->op);
		call->op = NULL;
	}
	ep_loop_settle(r->loop, GRACE, on_settled, r);
}

void epact_relace_close(epact_relace *r, void (*on_closed)(void *arg), void *arg)
{
	if (!r || r->closing) return;
	r->closing = true;
	r->on_closed = on_closed;
	r->closed_arg = arg;
	if (r->running)
		r->idle = true; /* ends the run */
	else
		close_now(r);
}

int epact_relace_run(epact_relace *r)
{
	if (!r->own_loop || r->running || r->closing) return EPACT_EINVAL;
	r->running = true;
	int rc = ep_loop_run(r->loop, &r->idle);
	r->running = false;
	if (r->closing) close_now(r);
	return rc;
}

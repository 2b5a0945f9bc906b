/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/serve/private.h"

enum { LOG_KEPT = 8192 };

static void shut(ep_server *s);
static void end_stop(ep_server *s);

static void unref(ep_server *s)
{
	if (--s->refs) return;
	ep_buf_fini(&s->log_text);
	ep_free(s);
}

/* --- libmicrohttpd on our loop --- */

static void run(ep_server *s);

static void on_timer(ep_timer *timer) { run(EP_CONTAINER(timer, ep_server, timer)); }
static void on_again(uv_idle_t *idle) { run(idle->data); }
static void on_run_job(ep_job *job) { run(EP_CONTAINER(job, ep_server, run_job)); }

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

/* Time-outs only move away as bytes arrive: a timer that is early finds out when it fires, and costs nothing before. */
static void arm(ep_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	bool timed = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
	if (timed && !ms) {
		uv_idle_start(&s->again, on_again);
		return;
	}
	uv_idle_stop(&s->again);
	if (!timed) return;
	uint64_t due = ep_loop_now(s->loop) + ms * EP_MSEC;
	if (ep_timer_active(&s->timer) && s->timer_due <= due) return;
	s->timer_due = due;
	if (ep_timer_start(s->loop, &s->timer, ms * EP_MSEC, on_timer)) uv_idle_start(&s->again, on_again);
}

static unsigned connections(ep_server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

static void run_daemon(ep_server *s)
{
	MHD_run(s->daemon);
	for (ep_node *n; (n = ep_list_shift(&s->fed));) ep_request_notice(EP_CONTAINER(n, ep_request, fed));
}

static void run(ep_server *s)
{
	if (!s->daemon) return;
	ep_job_cancel(&s->run_job);
	run_daemon(s);
	/* At its limit libmicrohttpd stops to watch the listening socket, and looks at the limit only when it runs. */
	unsigned before = s->connections;
	s->connections = connections(s);
	if (s->connections < before) run_daemon(s);
	if (s->stop && !s->live_count)
		end_stop(s);
	else
		arm(s);
}

void ep_server_kick(ep_server *s) { ep_loop_ready(s->loop, &s->run_job); }

static void on_log_job(ep_job *job)
{
	ep_server *s = EP_CONTAINER(job, ep_server, log_job);
	ep_buf text = s->log_text;
	s->log_text = (ep_buf){.limit = LOG_KEPT};
	while (text.len && text.data[text.len - 1] == '\n') text.data[--text.len] = '\0';
	if (text.len) s->options.log(s->options.log_arg, text.data);
	ep_buf_fini(&text);
}

static void on_mhd_log(void *cls, const char *format, va_list args)
{
	ep_server *s = cls;
	if (!s->options.log) return;
	ep_buf_vprintf(&s->log_text, format, args);
	ep_loop_ready(s->loop, &s->log_job);
}

/* --- open and close --- */

static void set_defaults(ep_server_options *o)
{
	if (!o->host) o->host = "127.0.0.1";
	if (!o->max_headers) o->max_headers = 32 << 10;
	if (!o->max_buffer) o->max_buffer = 256 << 10;
	if (!o->max_drain) o->max_drain = UINT64_C(64) << 20;
	if (!o->max_connections) o->max_connections = 4096;
	if (!o->idle_timeout) o->idle_timeout = 120 * EP_SECOND;
}

/* Nothing in a URL means something to us: it stays as it was sent. */
static size_t unescape_nothing(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static int start_daemon(ep_server *s, int fd, ep_err *err)
{
	uint64_t idle = (s->options.idle_timeout + EP_SECOND - 1) / EP_SECOND;
	unsigned seconds = idle > INT_MAX ? INT_MAX : (unsigned)idle;
	/* Half of the memory of a connection is its read buffer. */
	size_t memory = 2 * s->options.max_headers;
	s->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, ep_on_request, s,
			MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
			s->options.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
			memory, MHD_OPTION_NOTIFY_COMPLETED, ep_on_completed, s, MHD_OPTION_URI_LOG_CALLBACK, ep_on_uri, s,
			MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (s->daemon) return 0;
	return ep_err_set(err, EP_EIO, "the HTTP server at %s did not start: %s", s->url, ep_buf_text(&s->log_text));
}

static void on_handle_closed(uv_handle_t *handle)
{
	ep_server *s = handle->data;
	ep_loop *loop = s->loop;
	unref(s);
	ep_loop_handle_closed(loop);
}

static void open_handle(ep_server *s, uv_handle_t *handle)
{
	handle->data = s;
	uv_unref(handle);
	s->refs++;
	ep_loop_handle_opened(s->loop);
}

static int watch(ep_server *s, ep_err *err)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int rc = uv_poll_init(ep_loop_uv(s->loop), &s->poll, info->epoll_fd);
	if (rc) return ep_err_set_errno(err, rc, "watching the HTTP server's connections");
	open_handle(s, (uv_handle_t *)&s->poll);
	uv_idle_init(ep_loop_uv(s->loop), &s->again);
	open_handle(s, (uv_handle_t *)&s->again);
	uv_poll_start(&s->poll, UV_READABLE, on_uv_poll);
	return 0;
}

int ep_server_open(ep_server **out, ep_loop *loop, const ep_server_options *options, ep_err *err)
{
	char authority[64];
	ep_server *s = ep_calloc(1, sizeof *s);
	if (!s) return ep_err_set(err, EP_ENOMEM, "no memory for an HTTP server");
	*s = (ep_server){.loop = loop, .options = *options, .refs = 1, .log_text.limit = LOG_KEPT};
	set_defaults(&s->options);
	ep_job_init(&s->run_job, on_run_job);
	ep_job_init(&s->log_job, on_log_job);
	ep_node_init(&s->live);
	ep_node_init(&s->fed);
	ep_node_init(&s->waiting);
	ep_node_init(&s->accepts);
	int rc, fd = ep_listen(s->options.host, s->options.port, authority, sizeof authority, &s->port, err);
	s->options.host = NULL;
	if ((rc = fd) < 0) goto fail;
	snprintf(s->url, sizeof s->url, "http://%s", authority);
	if ((rc = start_daemon(s, fd, err))) goto fail_fd;
	if ((rc = watch(s, err))) goto fail_daemon;
	ep_server_kick(s);
	*out = s;
	return 0;
fail_daemon:
	MHD_stop_daemon(s->daemon); /* closes fd too */
	goto fail;
fail_fd:
	close(fd);
fail:
	ep_job_cancel(&s->log_job);
	unref(s);
	return rc;
}

/* Everything that is open ends here: nothing of libmicrohttpd's is alive afterwards. */
static void shut(ep_server *s)
{
	if (!s->daemon) return;
	ep_accepts_refuse(s);
	/* A daemon with a suspended connection may not be stopped. */
	for (ep_node *n = s->live.next; n != &s->live; n = n->next) {
		ep_request *r = EP_CONTAINER(n, ep_request, link);
		r->cut = true;
		ep_request_advance(r);
	}
	struct MHD_Daemon *daemon = s->daemon;
	s->daemon = NULL;
	uv_close((uv_handle_t *)&s->poll, on_handle_closed); /* before its descriptor is closed */
	uv_close((uv_handle_t *)&s->again, on_handle_closed);
	MHD_stop_daemon(daemon);
	ep_timer_stop(s->loop, &s->timer);
	ep_job_cancel(&s->run_job);
}

void ep_server_close(ep_server *s)
{
	shut(s);
	if (s->stop) end_stop(s);
	ep_job_cancel(&s->log_job);
	unref(s);
}

int ep_server_port(const ep_server *s) { return s->port; }
const char *ep_server_url(const ep_server *s) { return s->url; }
unsigned long ep_server_live(const ep_server *s) { return s->live_count; }

/* --- stop --- */

struct ep_stop {
	ep_op op;
	ep_timer grace;
	ep_server *server; /* NULL once it has ended */
};

static void leave_stop(ep_stop *stop)
{
	if (!stop->server) return;
	ep_timer_stop(stop->server->loop, &stop->grace);
	stop->server->stop = NULL;
	stop->server = NULL;
}

static void abort_stop(ep_op *op)
{
	leave_stop((ep_stop *)op);
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_stop(ep_op *op) { ep_free(op); }

static const ep_op_class stop_class = {.name = "server stop", .abort = abort_stop, .free = free_stop};

static void end_stop(ep_server *s)
{
	ep_stop *stop = s->stop;
	leave_stop(stop);
	shut(s);
	ep_op_finish(&stop->op, 0);
}

static void on_grace(ep_timer *timer) { end_stop(EP_CONTAINER(timer, ep_stop, grace)->server); }

/* Who connects from now on is refused, not left to wait. */
static void quiesce(ep_server *s)
{
	if (s->stopping || !s->daemon) return;
	s->stopping = true;
	int fd = MHD_quiesce_daemon(s->daemon);
	if (fd >= 0) close(fd);
	if (ep_list_empty(&s->waiting)) ep_accepts_refuse(s);
	ep_server_kick(s);
}

ep_op *ep_server_stop(ep_server *s, uint64_t grace)
{
	ep_stop *stop = ep_calloc(1, sizeof *stop);
	if (!stop) return NULL;
	ep_op_init(&stop->op, s->loop, &stop_class, NULL);
	if (ep_timer_start(s->loop, &stop->grace, grace, on_grace)) {
		ep_free(stop);
		return NULL;
	}
	if (s->stop) ep_op_cancel(&s->stop->op, EP_ECLOSED); /* the last word counts */
	stop->server = s;
	s->stop = stop;
	ep_op_start(&stop->op);
	quiesce(s);
	if (!s->daemon && s->stop) end_stop(s);
	return &stop->op;
}

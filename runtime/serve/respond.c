/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/serve/private.h"

enum { BLOCK = 32 << 10 };

/* --- checks --- */

static bool is_token(const char *name)
{
	if (!*name) return false;
	for (; *name; name++)
		if (*name <= ' ' || *name >= 127 || strchr("()<>@,;:\\\"/[]?={}", *name)) return false;
	return true;
}

static int check_header(const ep_header *h, ep_err *err)
{
	if (!is_token(h->name)) return ep_err_set(err, EP_EINVAL, "\"%s\" is not the name of a header", h->name);
	if (!strcasecmp(h->name, "content-length") || !strcasecmp(h->name, "transfer-encoding"))
		return ep_err_set(err, EP_EINVAL, "header \"%s\" is set by the server", h->name);
	for (const char *c = h->value; *c; c++)
		if ((unsigned char)*c < ' ' && *c != '\t')
			return ep_err_set(err, EP_EINVAL, "the value of header \"%s\" has a control character", h->name);
	return 0;
}

static int check(const ep_request *r, int status, const ep_header *headers, size_t count, ep_err *err)
{
	if (status < 200 || status > 599) return ep_err_set(err, EP_EINVAL, "status %d is not between 200 and 599", status);
	for (size_t i = 0; i < count; i++) {
		int rc = check_header(&headers[i], err);
		if (rc) return rc;
	}
	if (r->answered) return ep_err_set(err, EP_EBUSY, "the request was answered before");
	if (!r->connection || r->cut) return ep_err_set(err, EP_ECLOSED, "the peer has gone");
	return 0;
}

/* --- responses --- */

/* Takes response (NULL: there was no memory) and lets it go out. */
static int answer(
	ep_request *r, int status, const ep_header *headers, size_t count, struct MHD_Response *response, ep_err *err)
{
	if (!response) return ep_err_set(err, EP_ENOMEM, "no memory for a response");
	const char *refused = NULL;
	if (r->server->stopping && !MHD_add_response_header(response, "Connection", "close")) refused = "Connection";
	for (size_t i = 0; !refused && i < count; i++)
		if (!MHD_add_response_header(response, headers[i].name, headers[i].value)) refused = headers[i].name;
	if (refused) {
		MHD_destroy_response(response);
		return ep_err_set(err, EP_EINVAL, "the header \"%s\" of the response can't be sent with its value", refused);
	}
	r->response = response;
	r->status = status;
	r->answered = true;
	r->bodiless = status == 204 || status == 304 || !strcmp(r->method, "HEAD");
	ep_request_wake(r->reader, EP_ECLOSED);
	ep_fifo_fini(&r->in);
	ep_request_advance(r);
	return 0;
}

enum MHD_Result ep_request_send(ep_request *r)
{
	struct MHD_Response *response = r->response;
	r->response = NULL;
	enum MHD_Result result = MHD_queue_response(r->connection, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return result;
}

/* For a request that nobody sees: in the callback that would have offered it. */
enum MHD_Result ep_request_refuse(ep_request *r, int status)
{
	r->response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!r->response) return MHD_NO;
	r->status = status;
	r->answered = true;
	return ep_request_send(r);
}

static struct MHD_Response *from_bytes(const void *body, size_t len)
{
	if (!len) return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	char *copy = ep_strndup(body, len);
	if (!copy) return NULL;
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(len, copy, ep_free);
	if (!response) ep_free(copy);
	return response;
}

int ep_request_respond(
	ep_request *r, int status, const ep_header *headers, size_t count, const void *body, size_t len, ep_err *err)
{
	int rc = check(r, status, headers, count, err);
	return rc ? rc : answer(r, status, headers, count, from_bytes(body, len), err);
}

int ep_request_respond_fd(
	ep_request *r, int status, const ep_header *headers, size_t count, int fd, const char *name, ep_err *err)
{
	struct stat st;
	int rc = check(r, status, headers, count, err);
	if (!rc && fstat(fd, &st)) rc = ep_err_set_errno(err, -errno, name);
	if (!rc && !S_ISREG(st.st_mode)) rc = ep_err_set(err, EP_EINVAL, "%s: only a regular file can be sent", name);
	struct MHD_Response *response = rc ? NULL : MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
	if (!response) close(fd);
	return rc ? rc : answer(r, status, headers, count, response, err);
}

/* --- streams --- */

static ssize_t on_content(void *cls, uint64_t position, char *to, size_t max)
{
	(void)position;
	ep_request *r = cls;
	if (r->cut) return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = ep_fifo_len(&r->out);
	if (n > max) n = max;
	if (n) {
		memcpy(to, ep_fifo_data(&r->out), n);
		ep_fifo_take(&r->out, n);
		if (ep_request_writable(r)) ep_request_wake(r->writer, 0);
		return (ssize_t)n;
	}
	if (r->stream_cut) return MHD_CONTENT_READER_END_WITH_ERROR;
	if (r->stream_ended) return MHD_CONTENT_READER_END_OF_STREAM;
	ep_request_hold(r);
	return 0;
}

static void on_content_free(void *cls) { ep_request_unref(cls); }

int ep_request_respond_stream(
	ep_request *r, int status, const ep_header *headers, size_t count, int64_t length, ep_err *err)
{
	int rc = check(r, status, headers, count, err);
	if (rc) return rc;
	uint64_t size = length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)length;
	struct MHD_Response *response = MHD_create_response_from_callback(size, BLOCK, on_content, r, on_content_free);
	/* libmicrohttpd ends the chunks of a body that it did not send: no chunks, and the connection is closed. */
	if (response && length < 0 && !strcmp(r->method, "HEAD"))
		MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	if (response) r->refs++; /* its */
	if ((rc = answer(r, status, headers, count, response, err))) return rc;
	r->stream = true;
	r->out_left = length;
	return 0;
}

int ep_request_write(ep_request *r, const void *bytes, size_t len)
{
	if (!r->stream || r->stream_ended) return EP_EINVAL;
	if (r->out_left >= 0 && (uint64_t)len > (uint64_t)r->out_left) return EP_EINVAL;
	if (r->bodiless) return 0;
	if (!r->connection || r->cut) return EP_ECLOSED;
	int rc = ep_fifo_add(&r->out, bytes, len);
	if (rc) return rc;
	if (r->out_left >= 0) r->out_left -= (int64_t)len;
	ep_request_advance(r);
	return 0;
}

bool ep_request_writable(const ep_request *r)
{
	size_t max = r->server ? r->server->options.max_buffer : 0;
	return ep_fifo_len(&r->out) < max;
}

ep_op *ep_request_wait_room(ep_request *r, uint64_t timeout)
{
	ep_op *op = ep_request_wait(r, &r->writer, timeout);
	if (!op || !ep_op_open(op)) return op;
	if (r->bodiless || ep_request_writable(r))
		ep_request_wake(r->writer, 0);
	else if (!r->connection)
		ep_request_wake(r->writer, EP_ECLOSED);
	return op;
}

void ep_request_end(ep_request *r)
{
	r->stream_ended = true;
	ep_request_advance(r);
}

bool ep_request_answered(const ep_request *r) { return r->answered; }

/* --- ends before the end --- */

static int socket_of(const ep_request *r)
{
	return MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* One that libmicrohttpd waits with, for bytes of a peer that sends none or for room of one that reads none, gets an end
 * that it notices; the others are asked for more, and refuse. */
void ep_request_abort(ep_request *r)
{
	r->cut = true;
	if (r->connection && !r->suspended) shutdown(socket_of(r), SHUT_RDWR);
	ep_request_advance(r);
}

void ep_request_cut(ep_request *r)
{
	r->stream_ended = r->stream_cut = true;
	ep_request_advance(r);
}

void ep_request_reset(ep_request *r)
{
	/* A close would first send what is queued, and an end; a disconnect is a reset. */
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	if (r->connection) connect(socket_of(r), &nowhere, sizeof nowhere);
	ep_request_abort(r);
}

static bool has_ended(const ep_request *r)
{
	char byte;
	ssize_t n = recv(socket_of(r), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

bool ep_request_gone(const ep_request *r) { return !r->connection || r->cut || has_ended(r); }

/* libmicrohttpd watches edges, and takes a read of fewer bytes than it has room for as the last one: an end that came with
 * these bytes it would see at the idle time-out. A shutdown makes a new edge. */
void ep_request_notice(ep_request *r)
{
	if (r->connection && !r->suspended && has_ended(r)) shutdown(socket_of(r), SHUT_RD);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELACE_PEER_H
#define RELACE_PEER_H

/* A client of the API and its peer, a thread of this process, for tests without Lua. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "tests/support/test.h"

#include "runtime/relace/call.h"

/* --- the peer: one answer for each connection, in turn, the last one ever again; "" closes without one --- */

enum { KEPT = 64 };

typedef struct peer {
	int fd, port, count;
	const char *const *answers;
	pthread_t thread;
	char seen[KEPT][128]; /* request lines */
	useconds_t delay;     /* before each answer, microseconds */
	useconds_t linger;    /* behind it, before the connection is closed */
} peer;

static inline size_t body_length(const char *head)
{
	const char *field = strcasestr(head, "content-length:");
	return field ? strtoul(field + 15, NULL, 10) : 0;
}

/* Whether the body is there, by its length or to its last chunk. */
static inline bool is_whole(const char *head, size_t len, const char *body)
{
	if (!strcasestr(head, "transfer-encoding: chunked")) return len >= (size_t)(body - head) + body_length(head);
	return strstr(body, "0\r\n\r\n") != NULL;
}

/* Reads one request; false when the other side closed before it was whole. */
static inline bool read_request(int fd, char *line, size_t room)
{
	char head[4096];
	size_t len = 0;
	const char *end;
	while (len < sizeof head - 1) {
		ssize_t n = recv(fd, head + len, sizeof head - 1 - len, 0);
		if (n <= 0) return false;
		head[len += (size_t)n] = '\0';
		end = strstr(head, "\r\n\r\n");
		if (end && is_whole(head, len, end + 4)) break;
	}
	snprintf(line, room, "%.*s", (int)strcspn(head, "\r"), head);
	return true;
}

static inline void *serve(void *arg)
{
	peer *p = arg;
	const char *const *answer = p->answers;
	for (int fd; (fd = accept(p->fd, NULL, NULL)) >= 0; close(fd)) {
		if (!read_request(fd, p->seen[p->count % KEPT], sizeof p->seen[0])) continue;
		p->count++;
		usleep(p->delay);
		send(fd, *answer, strlen(*answer), MSG_NOSIGNAL);
		usleep(p->linger);
		if (answer[1]) answer++;
	}
	return NULL;
}

static inline void start_peer(peer *p, const char *const *answers)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	*p = (peer){.answers = answers, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	CHECK(!bind(p->fd, (struct sockaddr *)&a, sizeof a) && !listen(p->fd, 64));
	CHECK(!getsockname(p->fd, (struct sockaddr *)&a, &len));
	p->port = ntohs(a.sin_port);
	CHECK(!pthread_create(&p->thread, NULL, serve, p));
}

static inline void stop_peer(peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
}

#define ANSWER(status, more, body) "HTTP/1.1 " status " X\r\nConnection: close\r\n" more "\r\n" body

/* --- the program --- */

typedef struct world {
	peer peer;
	ep_loop *loop;
	ep_http *http;
	ep_secrets secrets;
	ep_relace_client *client;
} world;

static inline int open_client(world *w, int max_retries, ep_err *err)
{
	char url[64];
	ep_secret *key = ep_secret_new(&w->secrets, "rlc-key-for-the-test", 20);
	if (!key) return ep_err_set(err, EP_ENOMEM, "no memory");
	ep_relace_settings settings = {
		.credential = key, .base_url = url, .max_retries = max_retries, .max_retry_wait = -1};
	settings.connection.connect_timeout = EP_SECOND; /* where a socket cannot be watched for want of memory */
	settings.base_url_len = (size_t)snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", w->peer.port);
	int rc = ep_relace_client_new(&w->client, w->loop, w->http, &w->secrets, &settings, err);
	ep_secret_release(key);
	return rc;
}

static inline void open_world(world *w, const char *const *answers)
{
	*w = (world){0};
	start_peer(&w->peer, answers);
	ep_secrets_init(&w->secrets);
	CHECK_INT_EQ(ep_loop_open(&w->loop, NULL, NULL), 0);
	w->http = ep_http_open(w->loop, &w->secrets);
	CHECK(w->http);
	CHECK_INT_EQ(open_client(w, -1, NULL), 0);
}

static inline void close_world(world *w)
{
	ep_relace_client_release(w->client);
	ep_http_close(w->http);
	ep_loop_close(w->loop, NULL, NULL);
	ep_secrets_fini(&w->secrets);
	stop_peer(&w->peer);
}

static inline void on_done(ep_op *op) { *(bool *)op->owner = true; }

static inline int await(ep_op *op)
{
	bool done = false;
	ep_op_wait(op, on_done, &done);
	CHECK_INT_EQ(ep_loop_run(op->loop, &done), 0);
	return op->result;
}

#endif

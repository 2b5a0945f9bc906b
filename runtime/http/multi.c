/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi handle on the loop. Nothing here knows of HTTP, and nothing calls libcurl from inside of one of
 * its callbacks. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/address.h"
#include "runtime/http/private.h"

/* The poll of a socket: it outlives the socket until its close callback. */
typedef struct ep_poll {
	uv_poll_t handle;
	ep_loop *loop;
	struct ep_sock *sock;
} ep_poll;

/* A socket that libcurl uses. While it connects, libcurl may close it without telling anybody, and tells only
 * afterwards, when the number may be another's already, that it does not wait for it any more: so its poll ends
 * with each such word. Once a request is sent on it, it is closed through us, and its poll stays armed between
 * requests, since the next one will want the same: two system calls less for each. */
typedef struct ep_sock {
	ep_http *http;
	ep_origin *origin; /* of the connection; NULL: a pair of the resolver */
	ep_poll *poll;     /* NULL: none is open */
	int fd, armed, wanted;
	bool settled; /* the connection stands */
	bool idle;
} ep_sock;

/* --- libcurl itself --- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

/* --- sockets --- */

static ep_sock *sock_at(const ep_http *http, int fd) { return (size_t)fd < http->sock_room ? http->socks[fd] : NULL; }

static int make_room(ep_http *http, int fd)
{
	if ((size_t)fd < http->sock_room) return 0;
	size_t room = (size_t)fd * 2 + 64;
	ep_sock **socks = ep_realloc(http->socks, room * sizeof *socks);
	if (!socks) return EP_ENOMEM;
	memset(socks + http->sock_room, 0, (room - http->sock_room) * sizeof(ep_sock *));
	http->socks = socks;
	http->sock_room = room;
	return 0;
}

static ep_sock *new_sock(ep_http *http, int fd)
{
	ep_sock *s = make_room(http, fd) ? NULL : ep_calloc(1, sizeof *s);
	if (!s) return NULL;
	s->http = http;
	s->fd = fd;
	http->socks[fd] = s;
	return s;
}

static void on_poll_closed(uv_handle_t *handle)
{
	ep_poll *poll = handle->data;
	ep_loop *loop = poll->loop;
	ep_free(poll);
	ep_loop_handle_closed(loop);
}

/* Takes the socket out of the loop; its descriptor may be closed already. */
static void close_poll(ep_sock *s)
{
	ep_poll *poll = s->poll;
	s->poll = NULL;
	s->armed = 0;
	if (!poll) return;
	uv_poll_stop(&poll->handle);
	uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
}

static void drop_sock(ep_sock *s)
{
	s->http->socks[s->fd] = NULL;
	close_poll(s);
	if (s->origin) {
		s->origin->socks--;
		if (s->idle) s->origin->idle--;
		ep_origin_trim(s->http, s->origin);
	}
	ep_free(s);
}

static void drain(ep_http *http)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(http->multi, &left))) {
		char *slot;
		if (message->msg != CURLMSG_DONE) continue;
		CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		ep_call_done(((ep_slot *)(void *)slot)->call, result);
	}
}

static void act(ep_http *http, curl_socket_t fd, int flags)
{
	int running;
	curl_multi_socket_action(http->multi, fd, flags, &running);
	drain(http);
}

static void on_uv_poll(uv_poll_t *poll, int status, int events);

static int open_poll(ep_sock *s)
{
	if (s->poll) return 0;
	ep_poll *poll = ep_alloc(sizeof *poll);
	if (!poll) return EP_ENOMEM;
	if (uv_poll_init_socket(ep_loop_uv(s->http->loop), &poll->handle, s->fd)) {
		ep_free(poll);
		return EP_EIO;
	}
	poll->handle.data = poll;
	poll->loop = s->http->loop;
	poll->sock = s;
	uv_unref((uv_handle_t *)&poll->handle);
	ep_loop_handle_opened(poll->loop);
	s->poll = poll;
	return 0;
}

static int arm(ep_sock *s, int events)
{
	s->wanted = events;
	if (events == s->armed) return 0;
	if (open_poll(s) || uv_poll_start(&s->poll->handle, events, on_uv_poll)) return EP_ENOMEM;
	s->armed = events;
	return 0;
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
	ep_sock *s = ((ep_poll *)poll->data)->sock;
	ep_http *http = s->http;
	int fd = s->fd, flags = 0;
	if (!s->wanted) { /* an idle connection that the server closed: libcurl looks before it takes one again */
		uv_poll_stop(poll);
		s->armed = 0;
		return;
	}
	if (status < 0) { /* libuv has stopped this poll. With the error alone libcurl would not look what it is */
		flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
		s->armed = 0;
	}
	if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
	act(http, fd, flags);
	if (status < 0 && (s = sock_at(http, fd)) && s->wanted) arm(s, s->wanted);
}

static void set_idle(ep_sock *s, bool idle)
{
	if (!s->origin || s->idle == idle) return;
	s->idle = idle;
	s->origin->idle += idle ? 1 : -1U;
}

/* The transfer would wait for ever: its call ends soon, outside of libcurl. To report the failure here would make
 * libcurl give up every transfer it has. */
static int give_up(CURL *easy)
{
	char *slot = NULL;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
	ep_call *call = slot ? ((ep_slot *)(void *)slot)->call : NULL;
	if (call) ep_call_break(call, EP_ENOMEM);
	return 0;
}

/* libcurl says what it waits for. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *unused)
{
	(void)unused;
	ep_http *http = user;
	ep_sock *s = sock_at(http, fd);
	if (what == CURL_POLL_REMOVE) {
		if (!s) return 0;
		s->wanted = 0;
		if (!s->origin)
			drop_sock(s);
		else if (s->settled)
			set_idle(s, true);
		else
			close_poll(s);
		return 0;
	}
	if (!s && !(s = new_sock(http, fd))) return give_up(easy);
	set_idle(s, false);
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return arm(s, events) ? give_up(easy) : 0;
}

static bool is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ep_address4_is_public((const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr);
	if (address->sa_family == AF_INET6)
		return ep_address6_is_public(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
	return false;
}

/* As libcurl opens its sockets, but not for our children, and with a place for it made before it exists. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)purpose;
	ep_call *call = ((ep_slot *)user)->call;
	if (call->profile->public_only && !is_public(&address->addr)) {
		call->blocked = true; /* libcurl goes on to another address, if there is one */
		return CURL_SOCKET_BAD;
	}
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE) {
			call->fault = EP_ECONNECT;
			call->fault_text = "the connection could not be opened: too many open files";
		}
		return CURL_SOCKET_BAD;
	}
	ep_sock *before = sock_at(call->http, fd); /* closed in silence; what is wanted of it is wanted of this one */
	int wanted = before ? before->wanted : 0;
	if (before) drop_sock(before);
	ep_sock *s = new_sock(call->http, fd);
	if (!s) {
		close(fd);
		call->fault = EP_ENOMEM;
		return CURL_SOCKET_BAD;
	}
	s->origin = call->origin;
	s->origin->socks++;
	call->socket = call->sockets++ ? -1 : fd;
	if (wanted && arm(s, wanted)) ep_call_break(call, EP_ENOMEM);
	return fd;
}

/* The connection of the call stands. Of several sockets that were tried libcurl knows which one it is. */
void ep_multi_settle(ep_call *call)
{
	curl_socket_t fd = call->socket;
	if (call->sockets == 0) return;
	if (call->sockets > 1) curl_easy_getinfo(call->slot->easy, CURLINFO_ACTIVESOCKET, &fd);
	ep_sock *s = fd < 0 ? NULL : sock_at(call->http, fd);
	if (s) s->settled = true;
	call->sockets = 0;
}

static int on_close_socket(void *user, curl_socket_t fd)
{
	ep_sock *s = sock_at(user, fd);
	if (s) drop_sock(s);
	return close(fd);
}

void ep_multi_options(ep_http *http, ep_slot *slot)
{
	curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETDATA, slot);
	curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETDATA, http);
	curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
}

/* --- libcurl's timer --- */

static void on_kick(ep_job *job) { act(EP_CONTAINER(job, ep_http, kick), CURL_SOCKET_TIMEOUT, 0); }

static void on_timer(ep_timer *timer) { act(EP_CONTAINER(timer, ep_http, timer), CURL_SOCKET_TIMEOUT, 0); }

static int on_curl_timeout(CURLM *multi, long ms, void *user)
{
	(void)multi;
	ep_http *http = user;
	if (http->closing) return 0;
	if (ms <= 0) ep_timer_stop(http->loop, &http->timer);
	if (ms == 0)
		ep_loop_ready(http->loop, &http->kick);
	else
		ep_job_cancel(&http->kick);
	if (ms > 0 && ep_timer_start(http->loop, &http->timer, (uint64_t)ms * EP_MSEC, on_timer))
		ep_loop_ready(http->loop, &http->kick); /* no memory: too early is better than never */
	return 0;
}

/* --- open and close --- */

int ep_multi_open(ep_http *http, ep_err *err)
{
	if (http->multi) return 0;
	pthread_once(&curl_once, init_curl);
	http->multi = curl_multi_init();
	if (!http->multi) return ep_err_set(err, EP_ENOMEM, "no memory for libcurl");
	ep_job_init(&http->kick, on_kick);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timeout);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->total + 16); /* so that none is closed early */
	curl_multi_setopt(http->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
	return 0;
}

void ep_multi_close(ep_http *http)
{
	if (!http->multi) return;
	curl_multi_cleanup(http->multi);
	http->multi = NULL;
	ep_timer_stop(http->loop, &http->timer);
	ep_job_cancel(&http->kick);
	for (size_t fd = 0; fd < http->sock_room; fd++)
		if (http->socks[fd]) drop_sock(http->socks[fd]);
	ep_free(http->socks);
	http->socks = NULL;
	http->sock_room = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/credential.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Builtins of the shell alone. Other questions than "get" (store, erase) are read to their end and dropped. */
const char ep_git_credential_helper[] = "!f() { "
										"if [ \"$1\" = get ]; then "
										"while IFS= read -r l && [ -n \"$l\" ]; do printf '%s\\n' \"$l\" >&3; done; "
										"printf '\\n' >&3; "
										"while IFS= read -r l <&3 && [ -n \"$l\" ]; do printf '%s\\n' \"$l\"; done; "
										"else while read -r l; do :; done; fi; }; f";

/* The value of a line "key=value" of the request; its length in *len, NULL when there is none. */
static const char *field(const char *request, size_t size, const char *key, size_t *len)
{
	size_t key_len = strlen(key);
	for (const char *line = request, *end = request + size; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop) stop = end;
		if ((size_t)(stop - line) > key_len && line[key_len] == '=' && !memcmp(line, key, key_len)) {
			*len = (size_t)(stop - line) - key_len - 1;
			return line + key_len + 1;
		}
		line = stop + 1;
	}
	return NULL;
}

static bool same(const char *request, size_t size, const char *key, const char *expected, bool ignore_case)
{
	size_t len;
	const char *value = field(request, size, key, &len);
	if (!value || len != strlen(expected)) return false;
	return ignore_case ? !strncasecmp(value, expected, len) : !memcmp(value, expected, len);
}

/* Exactly our repository; a user name, if git has one, must be ours. */
static bool is_ours(const ep_git_credential *c, const char *request, size_t size)
{
	size_t len;
	const char *user = field(request, size, "username", &len);
	return same(request, size, "protocol", c->url->scheme, false) && same(request, size, "host", c->url->host, true) &&
		same(request, size, "path", c->url->path, false) && (!user || (len == 5 && !memcmp(user, "token", 5)));
}

static void stop(ep_git_credential *c);

/* A socket that does not take a few hundred bytes at once has nobody who reads it. */
static void reply(ep_git_credential *c, bool ours)
{
	ep_buf text = {0};
	size_t len;
	const char *password = ep_secret_reveal(c->secret, &len);
	if (ours) {
		ep_buf_puts(&text, "username=token\npassword=");
		ep_buf_add(&text, password, len);
		ep_buf_puts(&text, "\n");
	}
	ep_buf_puts(&text, "\n");
	bool sent = !ep_buf_failed(&text) && send(c->fd, text.data, text.len, MSG_NOSIGNAL) == (ssize_t)text.len;
	ep_buf_wipe(&text);
	if (!sent) stop(c);
}

/* Answers each whole request in the buffer; a request ends with an empty line. */
static void answer(ep_git_credential *c)
{
	char *end;
	while (c->fd >= 0 && (end = memmem(c->request, c->len, "\n\n", 2))) {
		size_t size = (size_t)(end - c->request) + 1;
		bool ours = is_ours(c, c->request, size);
		c->asked++;
		if (ours) c->answered++;
		c->len -= size + 1;
		memmove(c->request, c->request + size + 1, c->len);
		reply(c, ours);
	}
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
	ep_git_credential *c = EP_CONTAINER(poll, ep_git_credential, poll);
	(void)status; /* recv tells what it is about */
	(void)events;
	ssize_t n = recv(c->fd, c->request + c->len, sizeof c->request - c->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n <= 0) {
		stop(c); /* git and all it started have ended, or sent more than any question is long */
		return;
	}
	c->len += (size_t)n;
	answer(c);
	if (c->fd >= 0 && c->len == sizeof c->request) stop(c);
}

static void on_uv_closed(uv_handle_t *handle)
{
	ep_op *holder = handle->data;
	ep_loop *loop = holder->loop;
	ep_op_unref(holder);
	ep_loop_handle_closed(loop);
}

static void stop(ep_git_credential *c)
{
	if (c->fd < 0) return;
	uv_close((uv_handle_t *)&c->poll, on_uv_closed);
	close(c->fd);
	c->fd = -1;
	explicit_bzero(c->request, sizeof c->request);
	c->len = 0;
}

int ep_git_credential_open(ep_git_credential *c, int *child, ep_op *holder, const ep_git_url *url, ep_secret *secret)
{
	int pair[2];
	*c = (ep_git_credential){.holder = holder, .url = url, .fd = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) return ep_err_of_errno(-errno);
	if (uv_poll_init(ep_loop_uv(holder->loop), &c->poll, pair[0])) { /* makes our end non-blocking */
		close(pair[0]);
		close(pair[1]);
		return EP_ENOMEM;
	}
	c->fd = pair[0];
	c->secret = ep_secret_retain(secret);
	c->poll.data = holder;
	uv_unref((uv_handle_t *)&c->poll);
	ep_loop_handle_opened(holder->loop);
	ep_op_retain(holder);
	uv_poll_start(&c->poll, UV_READABLE, on_uv_poll);
	*child = pair[1];
	return 0;
}

void ep_git_credential_close(ep_git_credential *c)
{
	stop(c);
	ep_secret_release(c->secret);
	c->secret = NULL;
}

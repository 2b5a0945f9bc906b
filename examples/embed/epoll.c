/* SPDX-License-Identifier: Apache-2.0 */
/* A host with a loop of its own kind: epoll waits for the scripts and for a pipe of the host's, on one thread.
 *
 *     cc epoll.c -o epoll $(pkg-config --cflags --libs epact) && ./epoll */
#include <epact.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static const char script[] = "local task = require 'epact.task'\n"
							 "for i = 1, 3 do task.sleep(0.02) print('script', i) end\n"
							 "print(require('host').read_line())\n";

typedef struct host {
	int epoll, pipe[2], done;
	epact_reply *waiting; /* the script wants a line of the pipe */
} host;

static void watch(host *h, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* host.read_line(): answered when the pipe has one. */
static void read_line(void *arg, epact_reply *reply, const epact_value *args, size_t nargs)
{
	host *h = arg;
	(void)args, (void)nargs;
	h->waiting = reply;
	if (write(h->pipe[1], "a line of the host's pipe", 25) < 0)
		perror("write"); /* here the other side is we ourselves */
}

static void on_pipe(host *h)
{
	char line[100];
	ssize_t n = read(h->pipe[0], line, sizeof line);
	epact_value value = epact_bytes(line, n > 0 ? (size_t)n : 0);
	epact_reply_finish(h->waiting, &value, 1);
}

static void on_end(void *arg, const epact_result *result)
{
	host *h = arg;
	h->done = 1;
	if (result->failure) fprintf(stderr, "%s\n", result->failure->text);
}

int main(void)
{
	host h = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
	epact *e;
	if (pipe(h.pipe) || epact_open(&e, NULL)) return 1;
	epact_register(e, "host.read_line", read_line, &h);
	epact_on_end(e, on_end, &h);
	int rc = epact_start_text(e, script, strlen(script), "epoll", 0, NULL);
	watch(&h, h.pipe[0]);
	watch(&h, epact_poll_fd(e));
	while (!rc && !h.done) {
		struct epoll_event event;
		rc = epact_turn(e);
		if (rc || h.done) break;
		if (epoll_wait(h.epoll, &event, 1, epact_poll_timeout(e)) == 1 && event.data.fd == h.pipe[0]) on_pipe(&h);
	}
	int status = rc ? 1 : epact_exit_status(e);
	epact_close(e, NULL, NULL);
	close(h.pipe[0]);
	close(h.pipe[1]);
	close(h.epoll);
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/credential.h"

#include <errno.h>
#include <sys/socket.h>

#include "runtime/base/mem.h"
#include "tests/support/test.h"

typedef struct asker {
	ep_op op;
	ep_loop *loop;
	ep_git_url url;
	ep_git_credential c;
	int fd;
} asker;

static void end(ep_op *op) { ep_op_finish(op, EP_ECANCELLED); }
static void free_asker(ep_op *op)
{
	asker *a = (asker *)op;
	ep_git_url_fini(&a->url);
	ep_free(a);
}
static const ep_op_class asker_class = {.name = "test", .abort = end, .free = free_asker};

static asker *open_asker(void)
{
	asker *a = ep_calloc(1, sizeof *a);
	ep_loop *loop;
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	ep_op_init(&a->op, loop, &asker_class, NULL);
	a->loop = loop;
	CHECK_INT_EQ(ep_git_url_read(&a->url, "https://h.example:81/v1/x.git", 29, false, NULL), 0);
	ep_secret *secret = ep_secret_new(NULL, "hunter22", 8);
	CHECK_INT_EQ(ep_git_credential_open(&a->c, &a->fd, &a->op, &a->url, secret), 0);
	ep_secret_release(secret);
	ep_op_start(&a->op);
	return a;
}

static void close_asker(asker *a)
{
	ep_loop *loop = a->loop;
	close(a->fd);
	ep_git_credential_close(&a->c);
	ep_op_finish(&a->op, 0);
	ep_op_release(&a->op);
	ep_loop_close(loop, NULL, NULL);
}

static void on_wake(ep_op *op) { *(bool *)op->owner = true; }

static void turn(asker *a)
{
	bool done = false;
	ep_op *op = ep_sleep_start(a->loop, 20 * EP_MSEC);
	ep_op_wait(op, on_wake, &done);
	CHECK_INT_EQ(ep_loop_run(a->loop, &done), 0);
	ep_op_release(op);
}

/* Sends a request and checks the answer. */
static void ask(asker *a, const char *request, const char *expected)
{
	char text[200] = "";
	CHECK_INT_EQ(write(a->fd, request, strlen(request)), strlen(request));
	turn(a);
	ssize_t n = recv(a->fd, text, sizeof text - 1, MSG_DONTWAIT);
	if (n < 0) CHECK_INT_EQ(errno, EAGAIN);
	text[n > 0 ? n : 0] = '\0';
	CHECK_STR_EQ(text, expected);
}

#define ANSWER "username=token\npassword=hunter22\n\n"

TEST(exactly_ours_is_answered)
{
	asker *a = open_asker();
	ask(a, "capability[]=authtype\nprotocol=https\nhost=h.example:81\npath=v1/x.git\n\n", ANSWER);
	ask(a, "protocol=https\nhost=H.example:81\npath=v1/x.git\nusername=token\nwwwauth[]=Basic\n\n", ANSWER);
	CHECK_INT_EQ(a->c.asked, 2);
	CHECK_INT_EQ(a->c.answered, 2);
	close_asker(a);
}

TEST(all_else_is_not)
{
	static const char *const others[] = {"protocol=http\nhost=h.example:81\npath=v1/x.git\n\n",
		"protocol=https\nhost=h.example\npath=v1/x.git\n\n", "protocol=https\nhost=h.example:8\npath=v1/x.git\n\n",
		"protocol=https\nhost=h.example:811\npath=v1/x.git\n\n", "protocol=https\nhost=evil\npath=v1/x.git\n\n",
		"protocol=https\nhost=h.example:81\npath=v1/y.git\n\n",
		"protocol=https\nhost=h.example:81\npath=v1/x.git/..\n\n", "protocol=https\nhost=h.example:81\n\n",
		"host=h.example:81\npath=v1/x.git\n\n", "protocol=https\nhost=h.example:81\npath=v1/x.git\nusername=root\n\n",
		"xprotocol=https\nhost=h.example:81\npath=v1/x.git\n\n",
		"protocol=https\nhost=evil\nhost=h.example:81\npath=v1/x.git\n\n"};
	asker *a = open_asker();
	size_t count = sizeof others / sizeof *others;
	for (size_t i = 0; i < count; i++) ask(a, others[i], "\n");
	CHECK_INT_EQ(a->c.asked, count);
	CHECK_INT_EQ(a->c.answered, 0);
	close_asker(a);
}

TEST(requests_in_pieces_and_together)
{
	asker *a = open_asker();
	ask(a, "protocol=https\nhost=h.exam", "");
	ask(a, "ple:81\npath=v1/x.git\n", "");
	ask(a, "\n", ANSWER);
	ask(a, "protocol=x\n\nprotocol=https\nhost=h.example:81\npath=v1/x.git\n\n", "\n" ANSWER);
	close_asker(a);
}

TEST(a_question_without_end_is_dropped)
{
	asker *a = open_asker();
	char *text = malloc(EP_GIT_REQUEST_MAX);
	memset(text, 'x', EP_GIT_REQUEST_MAX);
	CHECK_INT_EQ(write(a->fd, text, EP_GIT_REQUEST_MAX), EP_GIT_REQUEST_MAX);
	turn(a);
	CHECK_INT_EQ(a->c.fd, -1);
	CHECK_INT_EQ(recv(a->fd, text, 10, MSG_DONTWAIT), 0);
	free(text);
	close_asker(a);
}

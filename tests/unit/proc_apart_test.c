/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are spawned on a thread, and the limits of a child. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/base/mem.h"
#include "tests/support/proc_world.h"

static ep_proc *start(world *w, const char *const *argv)
{
	ep_proc *p = NULL;
	ep_err err = {0};
	ep_proc_options o = {.argv = argv, .out = {.mode = EP_OUT_CAPTURE}, .err = {.mode = EP_OUT_CAPTURE}, .apart = true};
	if (ep_proc_start(&p, w->procs, &o, &err)) TEST_FAIL("start: %s", ep_err_message(&err));
	return p;
}

static void check_output(const ep_proc *p, const char *expected)
{
	size_t len;
	const char *bytes = ep_reader_bytes(&p->out, &len);
	if (len != strlen(expected) || memcmp(bytes, expected, len) != 0)
		TEST_FAIL("output is \"%.*s\", expected \"%s\"", (int)len, bytes, expected);
}

/* The first test: a fork is of a process without other threads. */
static void be_a_host(int report)
{
	world w = open_world();
	char text[64];
	snprintf(text, sizeof text, "echo $$ >&%d; sleep 30 & sleep 30", 3);
	ep_proc *p;
	ep_proc_options o = {.argv = ARGV("sh", "-c", text), .fds = &report, .fd_count = 1, .apart = true};
	if (ep_proc_start(&p, w.procs, &o, NULL)) _exit(1);
	await(&p->op);
	_exit(1);
}

TEST(a_killed_host_leaves_nothing)
{
	int pair[2];
	char text[32] = "";
	CHECK_INT_EQ(pipe(pair), 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t host = fork();
	if (host == 0) be_a_host(pair[1]);
	close(pair[1]);
	CHECK(read(pair[0], text, sizeof text - 1) > 0);
	close(pair[0]);
	pid_t group = (pid_t)atol(text);
	CHECK_INT_EQ(kill(-group, 0), 0);
	kill(host, SIGKILL);
	bool left = true;
	for (int i = 0; i < 400 && left; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0) continue;
		left = kill(-group, 0) == 0 || waitpid(-1, NULL, WNOHANG) >= 0;
		usleep(5000);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	CHECK(!left);
}

TEST(it_runs_with_copies_of_what_was_given)
{
	world w = open_world();
	char script[] = "echo $0 $V; pwd", value[] = "V=v", folder[] = "/";
	const char *argv[] = {"sh", "-c", script, "name", NULL}, *env[] = {"PATH=/bin:/usr/bin", value, NULL};
	ep_proc_options o = {.argv = argv, .env = env, .cwd = folder, .out = {.mode = EP_OUT_CAPTURE}, .apart = true};
	ep_proc *p;
	CHECK_INT_EQ(ep_proc_start(&p, w.procs, &o, NULL), 0);
	memset(script, 'x', sizeof script - 1);
	value[0] = folder[0] = 'x';
	argv[0] = env[0] = NULL;
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK(p->pid > 0);
	check_output(p, "name v\n/\n");
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_descriptor_is_passed_and_its_original_may_be_closed)
{
	world w = open_world();
	int pair[2];
	ep_proc *p;
	CHECK_INT_EQ(pipe(pair), 0);
	ep_proc_options o = {.argv = ARGV("sh", "-c", "echo hello >&3"), .fds = &pair[1], .fd_count = 1, .apart = true};
	CHECK_INT_EQ(ep_proc_start(&p, w.procs, &o, NULL), 0);
	close(pair[1]);
	CHECK_INT_EQ(await(&p->op), 0);
	char text[16] = "";
	CHECK_INT_EQ(read(pair[0], text, sizeof text), 6);
	CHECK_INT_EQ(read(pair[0], text, sizeof text), 0); /* nobody has it any more */
	close(pair[0]);
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_start_that_fails_is_the_end_of_the_op)
{
	world w = open_world();
	ep_proc *p = start(&w, ARGV("no-such-program-x"));
	CHECK_INT_EQ(await(&p->op), EP_ENOENT);
	CHECK_INT_EQ(p->pid, 0);
	CHECK(strstr(ep_err_message(&p->error), "PATH"));
	CHECK_INT_EQ(ep_proc_kill(p, SIGTERM), EP_ECLOSED);
	ep_proc_release(p);
	close_world(&w);
}

TEST(input_waits_for_it)
{
	world w = open_world();
	ep_proc *p;
	ep_proc_options o = {.argv = ARGV("cat"),
		.in = EP_PROC_PIPE,
		.in_bytes = "abc",
		.in_len = 3,
		.out = {.mode = EP_OUT_CAPTURE},
		.apart = true};
	CHECK_INT_EQ(ep_proc_start(&p, w.procs, &o, NULL), 0);
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, "abc");
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_cancel_before_it_runs_ends_it)
{
	world w = open_world();
	for (int i = 0; i < 20; i++) {
		ep_proc *p = start(&w, i % 2 ? ARGV("sleep", "30") : ARGV("no-such-program-x"));
		ep_op_cancel(&p->op, EP_ECANCELLED);
		CHECK_INT_EQ(await(&p->op), EP_ECANCELLED);
		ep_proc_release(p);
	}
	close_world(&w);
}

TEST(released_before_it_runs)
{
	world w = open_world();
	for (int i = 0; i < 20; i++) ep_proc_release(start(&w, ARGV("sh", "-c", "sleep 30 & wait")));
	close_world(&w);
}

TEST(many_at_once_share_one_guard)
{
	world w = open_world();
	ep_proc *p[40];
	for (int i = 0; i < 40; i++) p[i] = start(&w, ARGV("true"));
	for (int i = 0; i < 40; i++) CHECK_INT_EQ(await(&p[i]->op), 0);
	for (int i = 0; i < 40; i++) ep_proc_release(p[i]);
	p[0] = start(&w, ARGV("sh", "-c", "cat /proc/$PPID/task/*/children | wc -w")); /* the shell itself and the guard */
	CHECK_INT_EQ(await(&p[0]->op), 0);
	check_output(p[0], "2\n");
	ep_proc_release(p[0]);
	close_world(&w);
}

TEST(out_of_memory)
{
	world w = open_world();
	int rc = EP_ENOMEM;
	for (long n = 1; rc == EP_ENOMEM && n < 100; n++) {
		ep_proc *p = NULL;
		ep_proc_options o = {.argv = ARGV("true"), .env = ARGV("A=b"), .cwd = "/", .apart = true};
		ep_mem_fail_after(n);
		rc = ep_proc_start(&p, w.procs, &o, NULL);
		ep_mem_fail_after(0);
		if (rc) continue;
		int result = await(&p->op); /* the thread, too, may have met it */
		CHECK(result == 0 || result == EP_ENOMEM);
		ep_proc_release(p);
	}
	CHECK_INT_EQ(rc, 0);
	close_world(&w);
}

TEST(limits_of_a_child)
{
	world w = open_world();
	ep_proc *p;
	ep_proc_options o = {.argv = ARGV("sh", "-c", "ulimit -c; ulimit -f; head -c 100000 /dev/zero | wc -c"),
		.out = {.mode = EP_OUT_CAPTURE},
		.file_max = 8192,
		.no_core = true};
	CHECK_INT_EQ(ep_proc_start(&p, w.procs, &o, NULL), 0);
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, "0\n16\n100000\n"); /* in blocks of 512; a pipe is no file */
	ep_proc_release(p);
	close_world(&w);
}

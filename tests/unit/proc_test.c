/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/proc.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/killed_host.h"
#include "tests/support/proc_world.h"

static void pause_for(world *w, uint64_t delay)
{
	ep_op *op = ep_sleep_start(w->loop, delay);
	await(op);
	ep_op_release(op);
}

static ep_proc *start(world *w, ep_proc_options o)
{
	ep_proc *p = NULL;
	ep_err err = {0};
	if (ep_proc_start(&p, w->procs, &o, &err)) TEST_FAIL("start: %s", ep_err_message(&err));
	return p;
}

static int start_error(world *w, ep_proc_options o, char *text, size_t size)
{
	ep_proc *p = NULL;
	ep_err err = {0};
	int rc = ep_proc_start(&p, w->procs, &o, &err);
	snprintf(text, size, "%s", ep_err_message(&err));
	CHECK_INT_EQ(err.code, rc);
	ep_err_fini(&err);
	return rc;
}

static ep_proc_options capture(const char *const *argv)
{
	return (ep_proc_options){.argv = argv, .out = {.mode = EP_OUT_CAPTURE}, .err = {.mode = EP_OUT_CAPTURE}};
}

static void check_output(const ep_proc *p, const char *expected)
{
	size_t len;
	const char *bytes = ep_reader_bytes(&p->out, &len);
	if (len != strlen(expected) || memcmp(bytes, expected, len) != 0)
		TEST_FAIL("output is \"%.*s\", expected \"%s\"", (int)len, bytes, expected);
}

/* Runs a shell script to its end and checks what it printed. */
static void check_script(world *w, const char *script, const char *expected)
{
	ep_proc *p = start(w, capture(ARGV("sh", "-c", script)));
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, expected);
	ep_proc_release(p);
}

static bool group_alive(pid_t group) { return kill(-group, 0) == 0; }

static void check_group_dies(pid_t group)
{
	for (int i = 0; i < 400 && group_alive(group); i++) usleep(5000);
	CHECK(!group_alive(group));
}

/* Looks at each number, because listing a folder opens one. */
#define LIST_FDS "i=0; while [ $i -lt 100 ]; do [ ! -e /proc/$$/fd/$i ] || l=\"$l$i \"; i=$((i+1)); done; echo ${l% }"

TEST(arguments_arrive_exactly)
{
	world w = open_world();
	ep_proc *p = start(&w, capture(ARGV("printf", "[%s]", "a b", "", "\"q'", "new\nline", "$HOME `id`;*", "-x")));
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK_INT_EQ(p->status, 0);
	check_output(p, "[a b][][\"q'][new\nline][$HOME `id`;*][-x]");
	ep_proc_release(p);
	close_world(&w);
}

TEST(status_and_signal)
{
	world w = open_world();
	ep_proc *p = start(&w, capture(ARGV("sh", "-c", "exit 7")));
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK_INT_EQ(p->status, 7);
	CHECK_INT_EQ(p->signal, 0);
	CHECK_INT_EQ(ep_proc_kill(p, SIGTERM), EP_ECLOSED);
	ep_proc_release(p);
	p = start(&w, capture(ARGV("sh", "-c", "kill -USR1 $$")));
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK_INT_EQ(p->signal, SIGUSR1);
	CHECK_INT_EQ(p->status, 128 + SIGUSR1);
	ep_proc_release(p);
	close_world(&w);
}

TEST(no_descriptor_is_inherited)
{
	world w = open_world();
	int leak[40];
	for (int i = 0; i < 40; i++) leak[i] = dup(0); /* without CLOEXEC */
	check_script(&w, LIST_FDS, "0 1 2\n");
	for (int i = 0; i < 40; i++) close(leak[i]);
	close_world(&w);
}

TEST(passed_descriptors)
{
	world w = open_world();
	int to_child[2], from_child[2];
	char text[64];
	CHECK_INT_EQ(pipe2(to_child, O_CLOEXEC), 0);
	CHECK_INT_EQ(pipe2(from_child, O_CLOEXEC), 0);
	ep_proc_options o = capture(ARGV("sh", "-c", "read x <&4; echo \"got $x\" >&3; " LIST_FDS));
	int fds[] = {from_child[1], to_child[0]};
	o.fds = fds;
	o.fd_count = 2;
	ep_proc *p = start(&w, o);
	CHECK_INT_EQ(write(to_child[1], "it\n", 3), 3);
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, "0 1 2 3 4\n");
	CHECK_INT_EQ(read(from_child[0], text, sizeof text), 7);
	CHECK_MEM_EQ(text, "got it\n", 7);
	ep_proc_release(p);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(from_child[i]);
	}
	close_world(&w);
}

TEST(signals_are_at_their_default)
{
	static const char script[] = "exec grep -E 'Sig(Blk|Ign)' /proc/self/status";
	static const char none[] = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
	world w = open_world();
	sigset_t block, before;
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &block, &before);
	check_script(&w, script, none);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	close_world(&w);
}

TEST(environment_and_folder)
{
	world w = open_world();
	ep_proc_options o = capture(ARGV("sh", "-c", "echo \"$A|$HOME|$(pwd)\"; umask"));
	o.env = ARGV("A=x y", "PATH=/usr/bin:/bin");
	o.cwd = "/proc";
	mode_t mask = umask(027);
	ep_proc *p = start(&w, o);
	umask(mask);
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, "x y||/proc\n0027\n");
	ep_proc_release(p);
	close_world(&w);
}

/* The session is ours: one of its own would be scheduled as a whole, beside ours. */
TEST(own_group)
{
	world w = open_world();
	char ours[32];
	snprintf(ours, sizeof ours, "1 %d\n", (int)getsid(0));
	check_script(
		&w, "read pid name state parent group session rest </proc/$$/stat; echo $((pid == group)) $session", ours);
	close_world(&w);
}

TEST(what_cannot_start)
{
	world w = open_world();
	char text[512];
	CHECK_INT_EQ(start_error(&w, capture(ARGV("no-such-program-x")), text, sizeof text), EP_ENOENT);
	CHECK(strstr(text, "'no-such-program-x'") && strstr(text, "PATH"));
	CHECK_INT_EQ(start_error(&w, capture(ARGV("")), text, sizeof text), EP_ENOENT);
	CHECK_INT_EQ(start_error(&w, capture(ARGV("/no/such/path")), text, sizeof text), EP_ENOENT);
	CHECK_INT_EQ(start_error(&w, capture(ARGV("/etc/passwd")), text, sizeof text), EP_EPERMISSION);
	ep_proc_options o = capture(ARGV("true"));
	o.cwd = "/no/such/folder";
	CHECK_INT_EQ(start_error(&w, o, text, sizeof text), EP_ENOENT);
	CHECK(strstr(text, "/no/such/folder"));
	o = capture(ARGV("true"));
	o.env = ARGV("PATH=");
	CHECK_INT_EQ(start_error(&w, o, text, sizeof text), EP_ENOENT);
	o = capture(ARGV("true"));
	o.fds = (const int[]){900};
	o.fd_count = 1;
	CHECK_INT_EQ(start_error(&w, o, text, sizeof text), EP_EIO);
	CHECK(strstr(text, "descriptors"));
	close_world(&w);
}

TEST(arguments_that_are_too_long)
{
	world w = open_world();
	enum { SIZE = 4 << 20 };
	char text[512], *large = malloc(SIZE);
	memset(large, 'x', SIZE);
	large[SIZE - 1] = '\0';
	CHECK_INT_EQ(start_error(&w, capture(ARGV("true", large)), text, sizeof text), EP_ETOOLARGE);
	free(large);
	close_world(&w);
}

TEST(too_much_output_is_refused)
{
	world w = open_world();
	ep_proc_options o = capture(ARGV("sh", "-c", "yes"));
	size_t len;
	o.out.max = 1000;
	ep_proc *p = start(&w, o);
	CHECK_INT_EQ(await(&p->op), EP_ETOOLARGE);
	CHECK(strstr(ep_err_message(&p->error), "larger"));
	ep_reader_bytes(&p->out, &len);
	CHECK_INT_EQ(len, 1000);
	ep_proc_release(p);
	o = capture(ARGV("sh", "-c", "yes | head -c 1000"));
	o.out.max = 1000;
	p = start(&w, o);
	CHECK_INT_EQ(await(&p->op), 0);
	ep_proc_release(p);
	close_world(&w);
}

static long peak_kib(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

TEST(a_flood_is_kept_to_its_tail)
{
	world w = open_world();
	ep_proc_options o = capture(ARGV("sh", "-c", "yes 0123456789 | head -c 1000000000 >&2; printf end >&2"));
	o.err = (ep_output){.mode = EP_OUT_TAIL};
	long before = peak_kib();
	ep_proc *p = start(&w, o);
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK_INT_EQ(p->status, 0);
	size_t len;
	const char *bytes = ep_reader_bytes(&p->err, &len);
	CHECK_INT_EQ(len, EP_OUT_MAX);
	CHECK_MEM_EQ(bytes + len - 13, "\n0123456789\n0123456789end" + 12, 13); /* 1e9 is 10 modulo 11 */
	CHECK(peak_kib() - before < 4096);
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_grandchild_holds_the_pipe)
{
	world w = open_world();
	ep_proc *p = start(&w, capture(ARGV("sh", "-c", "sleep 30 & echo out; exit 3")));
	uint64_t from = ep_loop_now(w.loop);
	CHECK_INT_EQ(await(&p->op), 0);
	uint64_t took = ep_loop_now(w.loop) - from;
	CHECK(took > 900 * EP_MSEC && took < 10 * EP_SECOND);
	CHECK_INT_EQ(p->status, 3);
	check_output(p, "out\n");
	check_group_dies(p->pid);
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_background_job_ends_with_its_leader)
{
	world w = open_world();
	ep_proc *p = start(&w, capture(ARGV("sh", "-c", "sleep 30 >/dev/null 2>&1 & exit 0")));
	CHECK_INT_EQ(await(&p->op), 0);
	check_group_dies(p->pid);
	ep_proc_release(p);
	close_world(&w);
}

TEST(cancel_terminates_the_group)
{
	world w = open_world();
	ep_proc *p = start(&w, capture(ARGV("sh", "-c", "sleep 30 & sleep 30 | cat & wait")));
	pause_for(&w, 50 * EP_MSEC);
	ep_op_cancel(&p->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&p->op), EP_ECANCELLED);
	CHECK_INT_EQ(p->signal, SIGTERM);
	check_group_dies(p->pid);
	ep_proc_release(p);
	close_world(&w);
}

TEST(what_ignores_sigterm_is_killed_after_the_grace)
{
	world w = open_world();
	ep_proc_options o = capture(ARGV("sh", "-c", "trap '' TERM; while :; do sleep 1; done"));
	o.grace = 300 * EP_MSEC;
	ep_proc *p = start(&w, o);
	CHECK_INT_EQ(ep_op_deadline(&p->op, 300 * EP_MSEC), 0);
	uint64_t from = ep_loop_now(w.loop);
	CHECK_INT_EQ(await(&p->op), EP_ETIMEOUT);
	uint64_t took = ep_loop_now(w.loop) - from;
	CHECK(took >= 600 * EP_MSEC && took < 10 * EP_SECOND);
	CHECK_INT_EQ(p->signal, SIGKILL);
	CHECK(strstr(ep_err_message(&p->error), "in time"));
	check_group_dies(p->pid);
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_stopped_process_is_ended)
{
	world w = open_world();
	ep_proc_options o = capture(ARGV("sleep", "30"));
	o.grace = 20 * EP_SECOND;
	ep_proc *p = start(&w, o);
	CHECK_INT_EQ(ep_proc_kill(p, SIGSTOP), 0);
	ep_op_cancel(&p->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&p->op), EP_ECANCELLED);
	CHECK_INT_EQ(p->signal, SIGTERM);
	ep_proc_release(p);
	close_world(&w);
}

TEST(released_at_once)
{
	world w = open_world();
	pid_t pids[20];
	for (int i = 0; i < 20; i++) {
		ep_proc *p = start(&w, capture(ARGV("sh", "-c", "sleep 30 & wait")));
		pids[i] = p->pid;
		ep_proc_release(p);
	}
	ep_proc_release(start(&w, capture(ARGV("true"))));
	close_world(&w);
	for (int i = 0; i < 20; i++) check_group_dies(pids[i]);
}

static int close_result;

static void release_at_end(ep_op *op)
{
	close_result = op->result;
	ep_proc_release((ep_proc *)op);
}

TEST(closing_ends_what_runs)
{
	world w = open_world();
	char text[200];
	ep_proc *p = start(&w, capture(ARGV("sleep", "30")));
	pid_t pid = p->pid;
	ep_op_wait(&p->op, release_at_end, NULL);
	ep_procs_close(w.procs);
	CHECK_INT_EQ(start_error(&w, capture(ARGV("true")), text, sizeof text), EP_ECLOSED);
	ep_loop_close(w.loop, NULL, NULL);
	CHECK_INT_EQ(close_result, EP_ECLOSED);
	CHECK(!group_alive(pid));
	CHECK_INT_EQ(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(two_hundred_at_once)
{
	enum { COUNT = 200 };
	world w = open_world();
	ep_proc *p[COUNT];
	for (int i = 0; i < COUNT; i++) p[i] = start(&w, capture(ARGV("sh", "-c", "read x; echo \"<$x>\"; exit 5")));
	for (int i = 0; i < COUNT; i++) {
		CHECK_INT_EQ(await(&p[i]->op), 0);
		CHECK_INT_EQ(p[i]->status, 5);
		check_output(p[i], "<>\n");
		ep_proc_release(p[i]);
	}
	close_world(&w);
}

/* --- input and streams --- */

static char *pattern(size_t len)
{
	char *bytes = malloc(len);
	for (size_t i = 0; i < len; i++) bytes[i] = (char)(i * 31 + i / 251);
	return bytes;
}

static ep_proc_options with_input(ep_proc_options o, const char *bytes, size_t len)
{
	o.in = EP_PROC_PIPE;
	o.in_bytes = bytes;
	o.in_len = len;
	return o;
}

TEST(ten_megabytes_through_cat)
{
	world w = open_world();
	size_t size = 10 * 1000 * 1000, len;
	char *bytes = pattern(size);
	ep_proc_options o = with_input(capture(ARGV("cat")), bytes, size);
	o.out.max = size;
	ep_proc *p = start(&w, o);
	CHECK_INT_EQ(await(&p->op), 0);
	const char *got = ep_reader_bytes(&p->out, &len);
	CHECK_INT_EQ(len, size);
	CHECK_MEM_EQ(got, bytes, size);
	free(bytes);
	ep_proc_release(p);
	close_world(&w);
}

TEST(input_that_nobody_reads)
{
	world w = open_world();
	size_t size = 1000 * 1000;
	char *bytes = pattern(size);
	ep_proc *p = start(&w, with_input(capture(ARGV("sh", "-c", "exec <&-; echo done")), bytes, size));
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, "done\n");
	ep_proc_release(p);
	p = start(&w, with_input(capture(ARGV("wc", "-c")), "", 0));
	CHECK_INT_EQ(await(&p->op), 0);
	check_output(p, "0\n");
	ep_proc_release(p);
	free(bytes);
	close_world(&w);
}

static ep_proc *start_stream(world *w, const char *const *argv)
{
	ep_proc_options o = {.argv = argv, .in = EP_PROC_PIPE, .out = {.mode = EP_OUT_STREAM}};
	return start(w, o);
}

static int write_some(ep_proc *p, const char *bytes, size_t len)
{
	ep_proc_write *write;
	int rc = ep_proc_write_start(&write, &p->in, bytes, len, NULL);
	if (rc) return rc;
	rc = await(&write->op);
	ep_op_release(&write->op);
	return rc;
}

/* Reads one piece into text; the number of its bytes, or an error. */
static int read_some(ep_proc *p, size_t max, char *text, size_t size)
{
	ep_proc_read *read;
	int rc = ep_proc_read_start(&read, &p->out, max, NULL);
	if (rc) return rc;
	rc = await(&read->op);
	snprintf(text, size, "%s", ep_buf_text(&read->data));
	int len = (int)read->data.len;
	ep_op_release(&read->op);
	return rc ? rc : len;
}

TEST(a_conversation)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("cat"));
	char text[100];
	CHECK_INT_EQ(write_some(p, "hello", 5), 0);
	CHECK_INT_EQ(read_some(p, 2, text, sizeof text), 2);
	CHECK_INT_EQ(read_some(p, 0, text, sizeof text), 3);
	CHECK_STR_EQ(text, "llo");
	ep_writer_end(&p->in);
	CHECK_INT_EQ(write_some(p, "x", 1), EP_ECLOSED);
	CHECK_INT_EQ(read_some(p, 0, text, sizeof text), 0);
	CHECK_INT_EQ(read_some(p, 0, text, sizeof text), 0);
	CHECK_INT_EQ(await(&p->op), 0);
	ep_proc_release(p);
	close_world(&w);
}

TEST(writing_to_one_that_no_longer_reads)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("sh", "-c", "exec <&-; echo; exec sleep 30"));
	char text[100];
	CHECK_INT_EQ(read_some(p, 0, text, sizeof text), 1);
	/* The guard, which was started a moment before, has the pipe until its exec is over: the kernel lets us go on earlier. */
	int rc = 0;
	for (int i = 0; !rc && i < 200; i++, pause_for(&w, 10 * EP_MSEC)) rc = write_some(p, "x", 1);
	CHECK_INT_EQ(rc, EP_ECLOSED);
	CHECK_INT_EQ(ep_proc_kill(p, SIGHUP), 0);
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK_INT_EQ(p->signal, SIGHUP);
	ep_proc_release(p);
	close_world(&w);
}

TEST(a_stream_waits_for_its_reader)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("sh", "-c", "yes | head -c 3000000; exec sleep 30"));
	pause_for(&w, 300 * EP_MSEC);
	CHECK_INT_EQ(p->out.data.len, EP_OUT_MAX);
	long total = 0;
	char text[8];
	while (total < 3000000) {
		int n = read_some(p, 0, text, sizeof text);
		CHECK(n > 0);
		total += n;
	}
	CHECK_INT_EQ(total, 3000000);
	ep_proc_release(p);
	close_world(&w);
}

TEST(what_was_written_is_read_after_the_exit)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("sh", "-c", "yes | head -c 120000"));
	uint64_t from = ep_loop_now(w.loop);
	CHECK_INT_EQ(await(&p->op), 0);
	CHECK(ep_loop_now(w.loop) - from < 900 * EP_MSEC);
	long total = 0;
	char text[8];
	for (int n; (n = read_some(p, 0, text, sizeof text)) > 0;) total += n;
	CHECK_INT_EQ(total, 120000);
	ep_proc_release(p);
	close_world(&w);
}

TEST(reads_and_writes_are_cancelled)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("sleep", "30"));
	ep_proc_read *read, *second;
	ep_proc_write *write;
	char *bytes = pattern(1000000);
	CHECK_INT_EQ(ep_proc_read_start(&read, &p->out, 0, NULL), 0);
	CHECK_INT_EQ(ep_proc_read_start(&second, &p->out, 0, NULL), EP_EBUSY);
	CHECK_INT_EQ(ep_proc_read_start(&second, &p->err, 0, NULL), EP_EINVAL);
	CHECK_INT_EQ(ep_proc_write_start(&write, &p->in, bytes, 1000000, NULL), 0);
	ep_op_cancel(&read->op, EP_ETIMEOUT);
	ep_op_cancel(&write->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&read->op), EP_ETIMEOUT);
	CHECK_INT_EQ(await(&write->op), EP_ECANCELLED);
	ep_op_release(&read->op);
	ep_op_release(&write->op);
	CHECK_INT_EQ(ep_proc_read_start(&read, &p->out, 0, NULL), 0);
	ep_op_cancel(&p->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&read->op), 0); /* the end of the output */
	ep_op_release(&read->op);
	free(bytes);
	ep_proc_release(p);
	close_world(&w);
}

/* --- the host --- */

TEST(a_host_that_ignores_sigchld)
{
	world w = open_world();
	signal(SIGCHLD, SIG_IGN);
	ep_proc *p = start(&w, capture(ARGV("sh", "-c", "exit 3")));
	CHECK_INT_EQ(await(&p->op), EP_EIO);
	CHECK(strstr(ep_err_message(&p->error), "SIGCHLD"));
	signal(SIGCHLD, SIG_DFL);
	ep_proc_release(p);
	close_world(&w);
}

static void on_signal(int signal) { (void)signal; }

TEST(no_handler_is_installed)
{
	world w = open_world();
	struct sigaction mine = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, now;
	sigaction(SIGCHLD, &mine, NULL);
	check_script(&w, "echo x", "x\n");
	sigaction(SIGCHLD, NULL, &now);
	CHECK(now.sa_handler == on_signal);
	signal(SIGCHLD, SIG_DFL);
	close_world(&w);
}

/* Starts a stubborn tree, says its group, and waits to be killed. */
static void be_a_host(int report)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("sh", "-c", "trap '' TERM HUP; sleep 30 & sleep 30 & echo; wait"));
	char text[8];
	read_some(p, 0, text, sizeof text);
	if (write(report, &p->pid, sizeof p->pid) != sizeof p->pid) _exit(1);
	pause_for(&w, 30 * EP_SECOND);
	_exit(1);
}

TEST(a_killed_host_leaves_nothing) { test_killed_host(be_a_host); }

/* Kills our children but the one. */
static void kill_children_but(pid_t one)
{
	char path[64], pids[200] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	FILE *file = fopen(path, "r");
	CHECK(file && fgets(pids, sizeof pids, file));
	fclose(file);
	char *rest = pids;
	for (long pid; (pid = strtol(rest, &rest, 10)) > 0;)
		if (pid != one) kill((pid_t)pid, SIGKILL);
}

TEST(a_lost_guard_is_replaced)
{
	world w = open_world();
	ep_proc *p = start_stream(&w, ARGV("sleep", "30"));
	kill_children_but(p->pid);
	usleep(50000);
	check_script(&w, "echo x", "x\n");
	ep_proc_release(p);
	close_world(&w);
}

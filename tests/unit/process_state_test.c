/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to the process is as it was behind a busy script: signals, environment, locale, folder, mask, output. */
#include <epact.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "test.h"
#include "server_thread.h"

extern char **environ;

enum { SIGNALS = 64, LIMITS = 16 };

typedef struct process {
	struct sigaction actions[SIGNALS + 1];
	sigset_t blocked;
	struct rlimit limits[LIMITS];
	char **environment;
	char *variables[256], *locale, folder[1024];
	mode_t mask;
	int priority, fds[3];
	struct stat outputs[3];
} process;

static void look(process *p)
{
	*p = (process){.environment = environ};
	for (int i = 1; i <= SIGNALS; i++) sigaction(i, NULL, &p->actions[i]);
	pthread_sigmask(SIG_SETMASK, NULL, &p->blocked);
	for (int i = 0; i < LIMITS; i++) getrlimit(i, &p->limits[i]);
	for (int i = 0; environ[i] && i < 255; i++) p->variables[i] = strdup(environ[i]);
	p->locale = strdup(setlocale(LC_ALL, NULL));
	CHECK(getcwd(p->folder, sizeof p->folder) != NULL);
	p->mask = umask(022);
	umask(p->mask);
	p->priority = getpriority(PRIO_PROCESS, 0);
	for (int i = 0; i < 3; i++) {
		p->fds[i] = fcntl(i, F_GETFL);
		fstat(i, &p->outputs[i]);
	}
}

static void forget(process *p)
{
	for (int i = 0; p->variables[i]; i++) free(p->variables[i]);
	free(p->locale);
}

static bool same_set(const sigset_t *a, const sigset_t *b)
{
	for (int i = 1; i <= SIGNALS; i++)
		if (sigismember(a, i) != sigismember(b, i)) return false;
	return true;
}

static void check_signals(const process *a, const process *b)
{
	for (int i = 1; i <= SIGNALS; i++) {
		const struct sigaction *x = &a->actions[i], *y = &b->actions[i];
		bool same = x->sa_handler == y->sa_handler && x->sa_flags == y->sa_flags;
		if (!same || !same_set(&x->sa_mask, &y->sa_mask)) TEST_FAIL("the handler of signal %d was changed", i);
	}
	CHECK(same_set(&a->blocked, &b->blocked));
}

static void check_same(const process *a, const process *b)
{
	check_signals(a, b);
	CHECK_MEM_EQ(a->limits, b->limits, sizeof a->limits);
	CHECK(a->environment == b->environment);
	for (int i = 0; a->variables[i] || b->variables[i]; i++) CHECK_STR_EQ(b->variables[i], a->variables[i]);
	CHECK_STR_EQ(b->locale, a->locale);
	CHECK_STR_EQ(b->folder, a->folder);
	CHECK_INT_EQ(b->mask, a->mask);
	CHECK_INT_EQ(b->priority, a->priority);
	for (int i = 0; i < 3; i++) {
		CHECK_INT_EQ(b->fds[i], a->fds[i]);
		CHECK_INT_EQ(b->outputs[i].st_ino, a->outputs[i].st_ino);
		CHECK_INT_EQ(b->outputs[i].st_size, a->outputs[i].st_size);
	}
}

static void run_busy(const server_thread *s, bool cancelled)
{
	const char *const args[] = {s->url, s->key};
	epact *e;
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	CHECK_INT_EQ(epact_start_module(e, "busy", 2, args), 0);
	if (cancelled) epact_interrupt(e);
	int rc = epact_run(e);
	if (rc != (cancelled ? EPACT_ECANCELLED : 0)) TEST_FAIL("%s\n%s", epact_error(e), epact_traceback(e));
	epact_close(e, NULL, NULL);
}

static void on_own(int sig) { (void)sig; }

/* A host with settings of its own, so that a reset to the defaults is seen, too. */
static void be_a_host(char **output)
{
	struct sigaction own = {.sa_handler = on_own, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &own, NULL);
	sigaction(SIGCHLD, &own, NULL);
	umask(027);
	setlocale(LC_ALL, "C.UTF-8");
	setenv("EPACT_TEST", "kept", 1);
	*output = malloc(1024);
	snprintf(*output, 1024, "%s/output", getenv("TMPDIR"));
}

TEST(a_busy_script_leaves_the_process_as_it_was)
{
	char *output;
	process before, after;
	server_thread server;
	be_a_host(&output);
	fflush(stdout);
	int kept = dup(1), file = open(output, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	dup2(file, 1); /* a file: its size says whether something was printed */
	close(file);
	look(&before);
	server_start(&server);
	run_busy(&server, false);
	run_busy(&server, true);
	server_stop(&server);
	look(&after);
	dup2(kept, 1);
	close(kept);
	check_same(&before, &after);
	struct stat st;
	CHECK(stat(output, &st) == 0 && st.st_size == 0);
	unlink(output);
	free(output);
	forget(&before);
	forget(&after);
}

/* SIGPIPE is at its default here, which ends the process: a peer that hangs up must not. */
TEST(a_peer_that_hangs_up_is_an_error_and_no_signal)
{
	static const char text[] =
		"local http, serve, task, process = require 'epact.http', require 'epact.serve', require 'epact.task', "
		"require 'epact.process'\n"
		"local ok, err = pcall(process.run, { 'true' }, { input = ('x'):rep(1 << 20) })\n"
		"local ok, err = pcall(process.run, { 'sh', '-c', 'exec <&-; sleep 0.05' }, { input = ('x'):rep(1 << 20) })\n";
	struct sigaction action;
	CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
	struct sigaction fatal = {.sa_handler = SIG_DFL};
	sigaction(SIGPIPE, &fatal, NULL);
	epact *e;
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	CHECK_INT_EQ(epact_start_text(e, text, sizeof text - 1, "=test", 0, NULL), 0);
	if (epact_run(e)) TEST_FAIL("%s\n%s", epact_error(e), epact_traceback(e));
	epact_close(e, NULL, NULL);
	sigaction(SIGPIPE, &action, NULL);
}

/* --- threads --- */

static void thread_main(void *arg) { run_busy(arg, false); }

TEST(the_first_requests_of_eight_threads_at_once)
{
	server_thread server;
	uv_thread_t threads[8];
	server_start(&server); /* it makes no request: the threads are the first who need libcurl */
	for (int i = 0; i < 8; i++) CHECK_INT_EQ(uv_thread_create(&threads[i], thread_main, &server), 0);
	for (int i = 0; i < 8; i++) uv_thread_join(&threads[i]);
	server_stop(&server);
}

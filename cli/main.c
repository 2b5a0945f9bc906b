/* SPDX-License-Identifier: Apache-2.0 */
/* The program: signals, log, exit status. What its commands do is lua/epact/cli. */
#include <epact.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"

enum { CLEAN_UP = 6 }; /* seconds after which that of a cancelled run is over */

static epact *instance;
static volatile sig_atomic_t caught, tree_wanted;

/* The first signal cancels the run, which cleans up; the second ends the process at once. */
static void on_signal(int sig)
{
	if (caught && caught != SIGPIPE) _exit(128 + sig);
	caught = sig;
	epact_interrupt(instance);
}

/* Ctrl-\: what do the tasks do? The run goes on. */
static void on_quit(int sig)
{
	static const char busy[] = "epact: a task computes without waiting; the tree comes when it waits\n";
	(void)sig;
	if (tree_wanted && write(STDERR_FILENO, busy, sizeof busy - 1) < 0) return;
	tree_wanted = 1;
	epact_request_tree(instance);
}

static void on_tree(void *arg, const char *text)
{
	(void)arg;
	tree_wanted = 0;
	fputs(text, stderr);
}

/* What the caller had us ignore stays ignored: SIGHUP by nohup, SIGINT in the background of a shell. */
static void handle(int sig, const struct sigaction *action)
{
	struct sigaction before;
	if (!sigaction(sig, NULL, &before) && before.sa_handler != SIG_IGN) sigaction(sig, action, NULL);
}

/* Somebody has closed a pipe. Where it is the one that takes our output, nobody wants more of it: the run is cancelled. A
 * script that goes on writing, and never waits, would not notice. */
static void on_pipe(int sig)
{
	static time_t closed;
	struct pollfd out = {.fd = STDOUT_FILENO};
	int saved = errno;
	if (poll(&out, 1, 0) > 0 && (out.revents & POLLERR)) {
		if (closed && time(NULL) - closed > CLEAN_UP) _exit(128 + sig);
		if (!closed) closed = time(NULL);
		if (!caught) epact_interrupt(instance);
		if (!caught) caught = sig;
	}
	errno = saved;
}

static void handle_signals(void)
{
	struct sigaction asking = {.sa_handler = on_quit, .sa_flags = SA_RESTART};
	struct sigaction ending = {.sa_handler = on_signal, .sa_flags = SA_RESTART},
					 pipe = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
	handle(SIGINT, &ending);
	handle(SIGTERM, &ending);
	handle(SIGHUP, &ending);
	handle(SIGQUIT, &asking);
	sigaction(SIGPIPE, &pipe, NULL);
}

static void on_log(void *arg, int level, const char *text)
{
	static const char *const names[] = {"", "error", "warn", "info", "debug"};
	(void)arg;
	fprintf(stderr, "epact %s: %s\n", names[level], text);
}

static int log_level(void)
{
	static const char *const names[] = {"off", "error", "warn", "info", "debug"};
	const char *wanted = getenv("EPACT_LOG");
	if (!wanted || !*wanted) wanted = getenv("RELACE_LOG");
	for (int i = 0; wanted && i < 5; i++)
		if (!strcmp(wanted, names[i])) return i;
	if (wanted && *wanted) fprintf(stderr, "epact: unknown log level '%s': off, error, warn, info or debug\n", wanted);
	return EPACT_LOG_WARN;
}

/* EPACT_SLICE: seconds, 0 turns the warnings off. */
static double slice_seconds(void)
{
	const char *text = getenv("EPACT_SLICE");
	char *end;
	if (!text || !*text) return 0;
	double seconds = strtod(text, &end);
	if (*end || !(seconds >= 0)) {
		fprintf(stderr, "epact: EPACT_SLICE must be a number of seconds, not '%s'\n", text);
		return 0;
	}
	return seconds > 0 ? seconds : -1;
}

static void print_failure(void)
{
	fflush(stdout);
	if (*epact_error(instance)) fprintf(stderr, "epact: %s\n", epact_error(instance));
	if (*epact_traceback(instance)) fprintf(stderr, "%s\n", epact_traceback(instance));
}

/* Who started us without them would have the first files and sockets that are opened take their places. */
static void open_missing_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) _exit(1);
}

/* What print could not write is lost by now, and is told here alone. */
static int finish_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout)) return status;
	if (caught) return status;
	fprintf(stderr, "epact: standard output could not be written\n");
	return status ? status : 1;
}

int main(int argc, char **argv)
{
	epact_options options = {.size = sizeof options,
		.log_level = log_level(),
		.log = on_log,
		.slice_seconds = slice_seconds(),
		.tree = on_tree};
	open_missing_streams();
	prepare_thread();
	if (epact_open(&instance, &options)) {
		fprintf(stderr, "epact: not enough memory to start\n");
		return 1;
	}
	handle_signals();
	int rc = epact_start_module(instance, "epact.cli", argc - 1, (const char *const *)argv + 1);
	if (!rc) rc = epact_run(instance);
	int status = epact_exit_status(instance);
	if (rc && !caught) print_failure();
	epact_close(instance, NULL, NULL);
	status = finish_output(status);
	return caught ? 128 + caught : status;
}

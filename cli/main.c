/* SPDX-License-Identifier: Apache-2.0 */
/* The program: signals, log, exit status. What its commands do is lua/epact/cli. */
#include <epact.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread.h"

static epact *instance;
static volatile sig_atomic_t caught, tree_wanted;

/* The first signal cancels the run, which cleans up; the second ends the process at once. */
static void on_signal(int sig)
{
	if (caught) _exit(128 + sig);
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

static void handle_signals(void)
{
	struct sigaction asking = {.sa_handler = on_quit, .sa_flags = SA_RESTART};
	struct sigaction ending = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, ignored = {.sa_handler = SIG_IGN};
	handle(SIGINT, &ending);
	handle(SIGTERM, &ending);
	handle(SIGHUP, &ending);
	handle(SIGQUIT, &asking);
	sigaction(SIGPIPE, &ignored, NULL);
}

/* A standard descriptor that is closed would be given to the next file or socket, and what is printed would go there. */
static void open_standard(void)
{
	int fd;
	do fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) close(fd);
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

int main(int argc, char **argv)
{
	epact_options options = {.size = sizeof options,
		.log_level = log_level(),
		.log = on_log,
		.slice_seconds = slice_seconds(),
		.tree = on_tree};
	open_standard();
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
	if (fflush(stdout) && !status) status = 1;
	return caught ? 128 + caught : status;
}

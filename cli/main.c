/* SPDX-License-Identifier: Apache-2.0 */
/* The program: signals, log, exit status. What its commands do is lua/epact/cli. */
#include <epact.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static epact *instance;
static volatile sig_atomic_t caught;

/* The first signal cancels the run, which cleans up; the second ends the process at once. */
static void on_signal(int sig)
{
	if (caught) _exit(128 + sig);
	caught = sig;
	epact_interrupt(instance);
}

static void handle_signals(void)
{
	struct sigaction ending = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, ignored = {.sa_handler = SIG_IGN};
	sigaction(SIGINT, &ending, NULL);
	sigaction(SIGTERM, &ending, NULL);
	sigaction(SIGHUP, &ending, NULL);
	sigaction(SIGPIPE, &ignored, NULL);
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

static void print_failure(void)
{
	fflush(stdout);
	if (*epact_error(instance)) fprintf(stderr, "epact: %s\n", epact_error(instance));
	if (*epact_traceback(instance)) fprintf(stderr, "%s\n", epact_traceback(instance));
}

int main(int argc, char **argv)
{
	epact_options options = {.size = sizeof options, .log_level = log_level(), .log = on_log};
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

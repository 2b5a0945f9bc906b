/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one test by itself: isolated SECONDS PROGRAM [ARGS].
 *
 * The test gets a session and a fresh folder (TMPDIR) of its own, and no variable that changes what it does on another
 * machine. It fails when it takes longer than SECONDS, when a process that it started outlives it, however far it was
 * detached (this process is the reaper of all its orphans), or when something is left in the folder.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP_MS = 10,
	/* A child that dies with its parent needs a moment, more of it on a busy machine. */
	SURVIVOR_GRACE_MS = 2000,
	TERM_GRACE_MS = 3000,
	STATUS_ISOLATION = 125
};

extern char **environ;

static void die(const char *what)
{
	fprintf(stderr, "isolated: %s: %s\n", what, strerror(errno));
	exit(STATUS_ISOLATION);
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

static void pause_step(void) { nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL); }

static bool has_prefix(const char *entry, const char *const *prefixes)
{
	for (; *prefixes != NULL; prefixes++)
		if (strncmp(entry, *prefixes, strlen(*prefixes)) == 0) return true;
	return false;
}

/* What a person or a machine may have set that changes how the product, git, libcurl, libuv or Lua behave. */
static bool is_foreign_variable(const char *entry)
{
	static const char *const foreign[] = {"RELACE_", "EPACT_", "GIT_", "LUA_", "UV_", "http_proxy=", "https_proxy=",
		"all_proxy=", "no_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "NO_PROXY=", "SSL_CERT_",
		"CURL_CA_BUNDLE=", "NETRC=", "SSLKEYLOGFILE=", NULL};
	/* These are set by the build for the tests; EPACT_TEST_... by who wants the long form of one. */
	static const char *const ours[] = {"EPACT_TEST_", "EPACT_SOURCE=", "EPACT_BUILD=", "EPACT_BIN=",
		"GIT_CONFIG_GLOBAL=", "GIT_CONFIG_NOSYSTEM=", "LUA_PATH=", "EPACT_SLICE=", "EPACT_SLOWDOWN=", NULL};
	return has_prefix(entry, foreign) && !has_prefix(entry, ours);
}

static void clean_environment(void)
{
	char **to = environ;
	for (char **from = environ; *from != NULL; from++)
		if (!is_foreign_variable(*from)) *to++ = *from;
	*to = NULL;
}

static pid_t start(char **argv, const char *folder)
{
	pid_t parent = getpid();
	pid_t child = fork();
	if (child < 0) die("fork");
	if (child > 0) return child;
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) _exit(STATUS_ISOLATION);
	clean_environment();
	setenv("TMPDIR", folder, 1);
	execvp(argv[0], argv);
	die(argv[0]);
	return -1;
}

/* Calls visit for each child of this process: the test, and every orphan below it. Returns how many there are. */
static int each_child(void (*visit)(pid_t pid))
{
	char path[64], number[32];
	int count = 0;
	snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
	FILE *list = fopen(path, "r");
	if (list == NULL) die(path);
	while (fscanf(list, "%31s", number) == 1) {
		count++;
		if (visit != NULL) visit((pid_t)atol(number));
	}
	fclose(list);
	return count;
}

static void kill_child(pid_t pid) { kill(pid, SIGKILL); }

static void print_child(pid_t pid)
{
	char path[64], text[256];
	snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
	FILE *file = fopen(path, "r");
	size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
	if (file != NULL) fclose(file);
	for (size_t i = 0; i + 1 < size; i++)
		if (text[i] == '\0') text[i] = ' ';
	text[size] = '\0';
	fprintf(stderr, "isolated:   process %ld: %s\n", (long)pid, text);
}

/* Reaps what has ended; true when the test itself was among it. */
static bool reap(pid_t test, int *test_status)
{
	int status;
	bool ended = false;
	for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG))
		if (pid == test) {
			*test_status = status;
			ended = true;
		}
	return ended;
}

static bool wait_test(pid_t test, long limit_ms, int *status)
{
	long end = now_ms() + limit_ms;
	/* The common test is short: look often at first. */
	for (long round = 0; now_ms() < end; round++) {
		if (reap(test, status)) return true;
		if (round < 200)
			nanosleep(&(struct timespec){.tv_nsec = 1000000L}, NULL);
		else
			pause_step();
	}
	return false;
}

static bool no_child_within(long limit_ms)
{
	int unused;
	long end = now_ms() + limit_ms;
	do {
		reap(-1, &unused);
		if (each_child(NULL) == 0) return true;
		pause_step();
	} while (now_ms() < end);
	return false;
}

static bool end_survivors(void)
{
	if (no_child_within(SURVIVOR_GRACE_MS)) return true;
	fprintf(stderr, "isolated: processes outlived the test:\n");
	each_child(print_child);
	do each_child(kill_child);
	while (!no_child_within(100));
	return false;
}

static int print_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	if (place->level == 1) fprintf(stderr, "isolated:   %s\n", path);
	return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)place;
	if (type == FTW_DNR) chmod(path, 0700);
	return remove(path);
}

static bool remove_folder(const char *folder)
{
	if (rmdir(folder) == 0) return true;
	fprintf(stderr, "isolated: left behind in TMPDIR:\n");
	nftw(folder, print_entry, 16, FTW_PHYS);
	if (nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		fprintf(stderr, "isolated: cannot remove %s: %s\n", folder, strerror(errno));
	return false;
}

static int exit_status(int status)
{
	if (WIFEXITED(status)) return WEXITSTATUS(status);
	fprintf(stderr, "isolated: the test was ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
	return 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	const char *parent = getenv("TMPDIR");
	char folder[4096];
	int status = 0;
	if (argc < 3 || atol(argv[1]) <= 0) {
		fprintf(stderr, "usage: isolated SECONDS PROGRAM [ARGS]\n");
		return STATUS_ISOLATION;
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) die("prctl");
	snprintf(folder, sizeof folder, "%s/epact-test-XXXXXX", parent != NULL && *parent == '/' ? parent : "/tmp");
	if (mkdtemp(folder) == NULL) die(folder);
	pid_t test = start(argv + 2, folder);
	bool in_time = wait_test(test, atol(argv[1]) * 1000L, &status);
	if (!in_time) {
		fprintf(stderr, "isolated: not ended after %s s\n", argv[1]);
		print_child(test);
		kill(-test, SIGTERM);
		wait_test(test, TERM_GRACE_MS, &status);
	}
	bool no_survivor = end_survivors();
	bool clean = remove_folder(folder);
	int result = in_time ? exit_status(status) : STATUS_ISOLATION;
	return result == 0 && !(no_survivor && clean) ? STATUS_ISOLATION : result;
}

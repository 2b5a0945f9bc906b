/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/guard.h"

#include <pthread.h>
#include <stdio.h>

#include "tests/support/killed_host.h"

static int count_children(void)
{
	char path[64];
	int count = 0;
	long pid;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	FILE *file = fopen(path, "r");
	while (fscanf(file, "%ld", &pid) == 1) count++;
	fclose(file);
	return count;
}

static pid_t start_sleeper(void)
{
	pid_t pid = fork();
	if (pid) {
		setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	pause();
	_exit(1);
}

/* Tells a guard of a group before its shell runs, says the group, and waits to be killed. */
static void be_a_host(int report)
{
	pid_t group = start_sleeper(); /* first: it would keep the guard's pipe */
	ep_guard *guard = ep_guard_new();
	if (!ep_guard_tell(guard, '+', group)) _exit(1);
	ep_guard_start(guard);
	if (write(report, &group, sizeof group) != sizeof group) _exit(1);
	pause();
	_exit(1);
}

TEST(it_knows_what_it_was_told_before_it_ran) { test_killed_host(be_a_host); }

static void *start(void *guard)
{
	ep_guard_start(guard);
	ep_guard_release(guard);
	return NULL;
}

TEST(threads_that_start_it_together_have_one_shell)
{
	pthread_t threads[8];
	ep_guard *guard = ep_guard_new();
	for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, start, ep_guard_retain(guard));
	for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
	CHECK_INT_EQ(count_children(), 1);
	ep_guard_release(guard);
	CHECK_INT_EQ(waitpid(-1, NULL, WNOHANG), -1); /* it was reaped */
}

TEST(one_that_never_ran_leaves_nothing)
{
	ep_guard *guard = ep_guard_new();
	CHECK(ep_guard_tell(guard, '+', 1000000));
	ep_guard_release(guard);
}

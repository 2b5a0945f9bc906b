/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KILLED_HOST_H
#define KILLED_HOST_H

/* A host that is killed leaves nothing. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

static inline bool test_child_left(void)
{
	pid_t ended;
	while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) continue;
	return ended == 0;
}

/* Runs the host in a process of its own, where it starts a group of processes, writes its number to report, and waits to be
 * killed; kills it, and checks that all it started ends. */
static inline void test_killed_host(void (*be_a_host)(int report))
{
	int pair[2];
	pid_t group = 0;
	CHECK_INT_EQ(pipe(pair), 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* its children become ours */
	pid_t host = fork();
	if (host == 0) be_a_host(pair[1]);
	close(pair[1]);
	CHECK_INT_EQ(read(pair[0], &group, sizeof group), sizeof group);
	close(pair[0]);
	CHECK_INT_EQ(kill(-group, 0), 0);
	kill(host, SIGKILL);
	bool left = true;
	for (int i = 0; i < 1000 && (left = test_child_left()); i++) usleep(5000);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	CHECK(!left);
}

#endif

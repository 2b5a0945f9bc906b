/* SPDX-License-Identifier: Apache-2.0 */
#include "thread.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLICE_NS = 100 * 1000, DESCRIPTORS = 1024 };

/* A short slice is a near deadline: the thread runs more often and less at a time, and gets no more than its share. From
 * Linux 6.12 on; before, the number means nothing. Children do not inherit it. That they do not would also take a nice
 * value below 0 from them, so who has one is left as it is. */
static void shorten_slice(void)
{
	struct sched_attr attr;
	memset(&attr, 0, sizeof attr);
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0)) return;
	if (attr.sched_policy != SCHED_NORMAL || attr.sched_nice < 0) return;
	attr.sched_runtime = SLICE_NS;
	attr.sched_flags |= SCHED_FLAG_RESET_ON_FORK;
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

/* Once there are threads, an open that makes the table of descriptors larger waits for all processors to pass through the
 * scheduler: 10 ms and more on a busy machine. */
static void widen_descriptor_table(void)
{
	int highest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, DESCRIPTORS - 1);
	if (highest >= 0) close(highest);
}

void prepare_thread(void)
{
	shorten_slice();
	widen_descriptor_table();
}

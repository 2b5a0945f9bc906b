/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/fence.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In older headers they are not. */
enum { REFER = 1 << 13, TRUNCATE = 1 << 14, ABI_WITH_REFER = 2, ABI_WITH_TRUNCATE = 3, FIRST_FREE = 3 };

enum {
	WRITING = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		LANDLOCK_ACCESS_FS_MAKE_SYM | REFER
};

static bool allow(int fence, int at, uint64_t what)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = what, .parent_fd = at};
	return at >= 0 && !syscall(SYS_landlock_add_rule, fence, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* The first ABI refuses each rename from a folder to another, which git needs. */
int ep_git_fence_open(int folder)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < ABI_WITH_REFER) return -1;
	uint64_t truncate = abi >= ABI_WITH_TRUNCATE ? TRUNCATE : 0;
	struct landlock_ruleset_attr attr = {.handled_access_fs = WRITING | truncate};
	int made = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	if (made < 0) return -1;
	int null = open("/dev/null", O_PATH | O_CLOEXEC); /* git and the shell write to it */
	bool well = allow(made, folder, WRITING | truncate) &&
		(null < 0 || allow(made, null, LANDLOCK_ACCESS_FS_WRITE_FILE | truncate));
	int fence = well ? fcntl(made, F_DUPFD_CLOEXEC, FIRST_FREE) : -1; /* 0 is none */
	if (null >= 0) close(null);
	close(made);
	return fence;
}

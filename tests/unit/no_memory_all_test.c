/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/* timeout: 1800 */
/* Each request for memory of a busy script is refused once: takes many minutes, so only with EPACT_TEST_ALL=1. */
#include "test.h"
#include "no_memory.h"

TEST(refusals_at_all_places)
{
	if (!getenv("EPACT_TEST_ALL")) {
		printf("skipped: set EPACT_TEST_ALL=1\n");
		exit(77);
	}
	no_memory_test(1, 1);
}

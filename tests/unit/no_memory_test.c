/* SPDX-License-Identifier: Apache-2.0 */
/* timeout: 120 */
/* A request for memory is refused at many places of a busy script: an error each time. All places: no_memory_all_test.c. */
#include "test.h"
#include "no_memory.h"

TEST(refusals_at_many_places) { no_memory_test(11, 97); }

/* SPDX-License-Identifier: Apache-2.0 */
/* timeout: 120 */
/* A request for memory is refused at many places of a busy script: an error each time. All places: no_memory_all_test.c. */
#include "test.h"
#include "no_memory.h"

#ifdef EPACT_STRESS
enum { STRIDE = 83, LUA_STRIDE = 1499 }; /* a collection at each growth takes its time */
#else
enum { STRIDE = 41, LUA_STRIDE = 499 };
#endif

TEST(refusals_at_many_places) { no_memory_test(STRIDE, LUA_STRIDE); }

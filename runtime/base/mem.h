/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_MEM_H
#define EP_BASE_MEM_H

/* Memory: the one place the runtime asks for it, so that tests can make the Nth request fail.
 *
 * Life: from alloc to ep_free. Thread: any. Owner: whoever the calling function's comment names.
 * Errors: NULL; nothing here aborts. */

#include <stddef.h>

/* Returns size bytes, not initialized; size 0 gives a pointer that may be freed. */
void *ep_alloc(size_t size);

/* Returns count * size zeroed bytes; NULL too when the product overflows. */
void *ep_calloc(size_t count, size_t size);

/* Grows or shrinks p (may be NULL). On NULL p is still valid and owned by the caller. */
void *ep_realloc(void *p, size_t size);

/* Frees what the functions of this header returned; NULL is fine. */
void ep_free(void *p);

/* Returns a copy of text, NUL at its end; NULL for a NULL text. */
char *ep_strdup(const char *text);

/* Returns a copy of len bytes with a NUL behind them. */
char *ep_strndup(const void *bytes, size_t len);

typedef struct ep_mem_functions {
	void *(*alloc)(size_t size);
	void *(*calloc)(size_t count, size_t size); /* zeroed; refuses a product that overflows */
	void *(*realloc)(void *p, size_t size);     /* p may be NULL */
	void (*free)(void *p);
} ep_mem_functions;

/* Takes memory from these functions, which are copied, for the rest of the process. EP_EBUSY: something was asked for
 * already. */
int ep_mem_use(const ep_mem_functions *functions);

/* Fault point of the tests: the nth call from now on (1: the next) and all after it fail; 0 turns it off.
 * Counts over all threads. */
void ep_mem_fail_after(long nth);

#endif

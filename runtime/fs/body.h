/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_BODY_H
#define EP_FS_BODY_H

/* A regular file that is sent as it is: its length is promised before, so that it must not change meanwhile.
 *
 * Life: from ep_file_body_open to ep_file_body_free. Thread: any, one at a time. Owner: the caller.
 * Errors: EP_ECONFLICT: it is not what it was when it was opened, told before its last byte is given. */

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/err.h"
#include "runtime/loop/work.h"

typedef struct ep_file_body ep_file_body;

/* Opens it. May block, but for a moment on a disk of this machine. */
int ep_file_body_open(ep_file_body **out, const char *path, ep_err *err);

/* The same on the pool. */
typedef struct ep_file_body_call {
	ep_work work; /* consumer: of its op */
	char *path;
	ep_file_body *body; /* the consumer may take it */
} ep_file_body_call;

/* NULL: no memory. The path is copied. */
ep_file_body_call *ep_file_body_start(ep_loop *loop, const char *path);

int64_t ep_file_body_size(const ep_file_body *body);

/* Fit for a source of a request, with the body as its ctx; read blocks. */
long ep_file_body_read(void *body, char *to, size_t room);
int ep_file_body_rewind(void *body);
const ep_err *ep_file_body_error(void *body);
void ep_file_body_free(void *body);

#endif

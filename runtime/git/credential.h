/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CREDENTIAL_H
#define EP_GIT_CREDENTIAL_H

/* Credential: answers git's question for a password over a socket that git's helper inherits, and nowhere else.
 *
 * The helper is a line of shell with a constant text: it passes git's lines on to descriptor 3, and back what comes from
 * there. The secret is in this process, in a socket's buffer, in a pipe's buffer and in git: in no argument, environment,
 * file or trace.
 *
 * Life: embedded; ep_git_credential_open .. ep_git_credential_close, after which `holder` is still held until the handle
 * has closed. Thread: the loop's. Owner: the struct around it, which must outlive `holder`. */

#include "runtime/base/secret.h"
#include "runtime/git/check.h"
#include "runtime/loop/op.h"

enum { EP_GIT_REQUEST_MAX = 8192 };

typedef struct ep_git_credential {
	ep_op *holder;
	const ep_git_url *url;
	ep_secret *secret;
	uv_poll_t poll;
	int fd; /* ours; -1: closed */
	size_t len;
	char request[EP_GIT_REQUEST_MAX];
	unsigned asked, answered; /* questions; those that were for exactly this scheme, host and path */
} ep_git_credential;

/* The helper, as the value of credential.<url>.helper. */
extern const char ep_git_credential_helper[];

/* Takes a count of secret. *child is the descriptor that git must have as 3; the caller closes it after the start.
 * 0, EP_EIO or EP_ENOMEM. */
int ep_git_credential_open(ep_git_credential *c, int *child, ep_op *holder, const ep_git_url *url, ep_secret *secret);

void ep_git_credential_close(ep_git_credential *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CLASSIFY_H
#define EP_GIT_CLASSIFY_H

/* Classify: what git's last words mean, as the code of an error.
 *
 * Life: texts are copied. Thread: any. Owner: the caller. */

#include <stddef.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"

/* Fills err with code, message ("WHAT: the sentence"), status, detail (git's words without progress, masked) and
 * whether to retry. exit_status is git's. Returns the code. */
int ep_git_classify(
	ep_err *err, const ep_secrets *secrets, const char *what, int exit_status, const char *words, size_t len);

#endif

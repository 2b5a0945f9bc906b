/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CLASSIFY_H
#define EP_GIT_CLASSIFY_H

/* Classify: what git's last words mean, as the code of an error.
 *
 * Life: texts are copied. Thread: any. Owner: the caller. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"

/* What git said on its standard error and on its standard output. */
typedef struct ep_git_said {
	const char *words, *output;
	size_t words_len, output_len;
	bool is_cut; /* the words begin within a line, of which nobody knows whose it is */
} ep_git_said;

/* Fills err with code, message ("WHAT: the sentence"), status, detail (git's words without progress, masked) and
 * whether to retry. The code is decided by git's own words alone: not by names, nor by what a server says. exit_status is
 * git's. Returns the code. */
int ep_git_classify(ep_err *err, const ep_secrets *secrets, const char *what, int exit_status, const ep_git_said *said);

#endif

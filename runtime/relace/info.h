/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_INFO_H
#define EP_RELACE_INFO_H

/* Info: what the calls that make or change a repo answer, for a program in C.
 *
 * Life: the caller's memory, which owns nothing else. Thread: any. Owner: the caller. Errors: EP_EJSON, EP_ENOMEM. */

#include "runtime/relace/call.h"

typedef struct ep_relace_info {
	char repo_id[129];
	char repo_head[65]; /* the commit behind it */
} ep_relace_info;

/* Reads the answer of a successful create, update, overwrite, or change of a file. The files that were changed stand in
 * the body of the call as well: "changed_files". EP_EJSON: it is not what it should be. */
int ep_relace_info_read(ep_relace_info *out, const ep_relace_call *call, ep_err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CLONE_PRIVATE_H
#define EP_GIT_CLONE_PRIVATE_H

/* What the files of a clone tell each other: clone.c is the op and its end, clone_git.c the runs of git that it is made of,
 * meter.c watches what they write.
 *
 * Life, Thread, Owner: as in clone.h. */

#include "runtime/git/clone.h"
#include "runtime/git/fence.h"

/* The folder is taken: runs git, stage by stage, and ends with ep_git_clone_finish or ep_git_clone_fail. */
void ep_git_clone_run(ep_git_clone *c);

static inline ep_git_clone *ep_git_clone_of(ep_op *op) { return (ep_git_clone *)op; }

/* True when it was aborted meanwhile, or became too large; c->error is set then. */
bool ep_git_clone_gave_up(ep_git_clone *c);

/* The end: all is well; or what was made is removed first, and c->error says why. */
void ep_git_clone_finish(ep_git_clone *c);
void ep_git_clone_fail(ep_git_clone *c);

/* Notes that it is too large, and stops git. */
void ep_git_clone_exceed(ep_git_clone *c, const ep_git_caps *seen);

/* Measures the folder again and again while git runs, each time after a pause that is long beside the measuring. */
int ep_git_meter_start(ep_git_clone *c);
void ep_git_meter_stop(ep_git_clone *c);

#endif

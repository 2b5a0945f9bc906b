/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_FENCE_H
#define EP_GIT_FENCE_H

/* Fence: what a git that fills a folder may write to is that folder, whatever is put at its path meanwhile. git takes its
 * path when it starts, and goes by it; the kernel (Landlock, Linux 5.19) goes by the folder itself.
 *
 * Life: a descriptor, for ep_proc_options.fence; close. Thread: any. Owner: the caller. */

/* A fence around the folder of an open descriptor; -1 where the kernel has none, or not for us. */
int ep_git_fence_open(int folder);

#endif

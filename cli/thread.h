/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_THREAD_H
#define CLI_THREAD_H

/* Asks the kernel to let this thread, the loop's, wait little where many programs compete for the processors: what runs
 * beside it is its children, for the most part. Called once, before there are other threads. What the kernel does not
 * know or does not grant is left out. */
void prepare_thread(void);

#endif

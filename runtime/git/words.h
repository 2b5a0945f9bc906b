/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_WORDS_H
#define EP_GIT_WORDS_H

/* Words: what git said, as it may be shown, and what of it is git's own.
 *
 * Life: texts are copied. Thread: any. Owner: the caller. */

#include "runtime/base/buf.h"
#include "runtime/base/secret.h"

/* Adds the words, many of which are the server's, without progress, masked, and without what moves a terminal. */
void ep_git_words_show(ep_buf *out, const ep_secrets *secrets, const char *words, size_t len);

/* Adds of the words of a standard error those that git itself chose: without names in quotes, and without what the server
 * says, whose text is up to whoever wrote its hooks. */
void ep_git_words_own(ep_buf *out, const char *words, size_t len);

/* The same of a standard output, where git says few reasons, and else what it was asked for. */
void ep_git_words_reasons(ep_buf *out, const char *output, size_t len);

#endif

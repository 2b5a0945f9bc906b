/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_ANSWER_H
#define EP_RELACE_ANSWER_H

/* What an answer of the API that is no success means.
 *
 * Life: texts are copied. Thread: any. Owner: the caller. */

#include <stddef.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"

/* The code of a status that is not 2xx. */
int ep_answer_code(int status);

/* Adds the server's own words: `error` (text), `error.message`, `message`, `detail` (text), `detail[0].msg`, else
 * the start of the body, on one line. Nothing when the body is empty. Not masked. */
void ep_answer_words(ep_buf *out, const char *body, size_t len);

/* Fills err from a status and a body: code, status, message and detail; masks what `secrets` knows. */
void ep_answer_error(ep_err *err, int status, const char *body, size_t len, const ep_secrets *secrets);

/* Fills err for a 2xx answer that is no JSON, or not what was to come: its first 200 bytes, masked, in the detail. */
void ep_answer_no_json(
	ep_err *err, int status, const char *why, const char *body, size_t len, const ep_secrets *secrets);

#endif

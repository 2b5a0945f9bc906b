/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_SECRET_H
#define EP_BASE_SECRET_H

/* A secret: bytes that print masked and are wiped when the last holder lets go.
 *
 * Life: counted, from ep_secret_new to the last ep_secret_release. Thread: the loop's.
 * Owner: each holder of a count. The bytes are reachable by ep_secret_reveal alone. */

#include <stddef.h>

#include "runtime/base/buf.h"
#include "runtime/base/list.h"

typedef struct ep_secret ep_secret;

enum { EP_SECRET_BUCKETS = 256 };

/* The secrets alive in one instance: what ep_mask hides. {0} is not valid: ep_secrets_init. */
typedef struct ep_secrets {
	ep_node buckets[EP_SECRET_BUCKETS]; /* by their first bytes: a text is searched for thousands as for one */
} ep_secrets;

void ep_secrets_init(ep_secrets *all);

/* Forgets the members, which live on by their counts: they are no longer masked by this set. */
void ep_secrets_fini(ep_secrets *all);

/* Copies len bytes into a new secret, with count 1, known to `all` (may be NULL). NULL: no memory. */
ep_secret *ep_secret_new(ep_secrets *all, const char *bytes, size_t len);

ep_secret *ep_secret_retain(ep_secret *s);
void ep_secret_release(ep_secret *s);

/* The bytes, NUL behind them; borrowed. Every caller is a place a secret leaves the program: keep them few. */
const char *ep_secret_reveal(const ep_secret *s, size_t *len);

/* How it prints: "rlcr-****" for a known kind of credential, else "****". Static text. */
const char *ep_secret_masked(const ep_secret *s);

/* Adds text to b with every secret hidden: those of `all` (may be NULL), whatever looks like a Relace
 * credential (rlc-..., rlcr-...), what a Basic header has of the user "token", and the password of a scheme://user:password@
 * URL. */
int ep_mask(ep_buf *b, const ep_secrets *all, const char *text, size_t len);

#endif

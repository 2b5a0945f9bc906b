/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_ACCOUNT_H
#define EP_RELACE_ACCOUNT_H

/* The lanes of one instance: all clients with the same address and credential share one, and so what it has learned.
 *
 * A lane that nobody uses any more is dropped at once if it has learned nothing, else some minutes later: whoever makes a
 * client for each call keeps what the last one learned, and a thousand short-lived tokens leave nothing behind.
 *
 * Life: ep_accounts_open to ep_accounts_close; an account is counted, and outlives the close by its counts.
 * Thread: the loop's. Owner: each holder of a count. */

#include <stddef.h>

#include "runtime/relace/lane.h"

typedef struct ep_accounts ep_accounts;
typedef struct ep_account ep_account;

/* NULL: no memory. */
ep_accounts *ep_accounts_open(ep_loop *loop);
void ep_accounts_close(ep_accounts *accounts);

/* A count of the account of that address and credential, made at its first use; accounts NULL: one of its own. The
 * credential is not kept. NULL: no memory. */
ep_account *ep_account_get(
	ep_accounts *accounts, ep_loop *loop, const char *url, size_t url_len, const char *credential, size_t len);

ep_account *ep_account_retain(ep_account *account);
void ep_account_release(ep_account *account);

ep_lane *ep_account_lane(ep_account *account);

/* How many are kept, used or not. */
size_t ep_accounts_count(const ep_accounts *accounts);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/account.h"

#include "runtime/base/mem.h"

enum { BUCKETS = 256, IDLE_MAX = 64 };

#define KEPT (600 * EP_SECOND)

struct ep_account {
	ep_node link;     /* in its bucket */
	ep_node idle;     /* among those that nobody uses, the longest unused first */
	ep_accounts *all; /* NULL: of its own, or left behind */
	uint64_t key, idle_since;
	unsigned refs;
	ep_lane lane;
};

struct ep_accounts {
	ep_loop *loop;
	ep_node buckets[BUCKETS];
	ep_node idle;
	size_t count, idle_count;
};

ep_lane *ep_account_lane(ep_account *account) { return &account->lane; }

size_t ep_accounts_count(const ep_accounts *accounts) { return accounts->count; }

/* FNV-1a. Two that met by chance would share a limit, and nothing else. */
static uint64_t hash(uint64_t h, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static void free_account(ep_account *account)
{
	if (account->all) {
		ep_node_unlink(&account->link);
		account->all->count--;
		if (ep_node_linked(&account->idle)) account->all->idle_count--;
		ep_node_unlink(&account->idle);
	}
	ep_lane_fini(&account->lane);
	ep_free(account);
}

static ep_account *longest_idle(const ep_accounts *all)
{
	return ep_list_empty(&all->idle) ? NULL : EP_CONTAINER(all->idle.next, ep_account, idle);
}

/* Drops what was not used for long, and the oldest of what is too many. */
static void tidy(ep_accounts *all)
{
	uint64_t now = ep_loop_coarse(all->loop);
	ep_account *account;
	while ((account = longest_idle(all)) && (all->idle_count > IDLE_MAX || now - account->idle_since > KEPT))
		free_account(account);
}

ep_accounts *ep_accounts_open(ep_loop *loop)
{
	ep_accounts *all = ep_calloc(1, sizeof *all);
	if (!all) return NULL;
	all->loop = loop;
	ep_node_init(&all->idle);
	for (int i = 0; i < BUCKETS; i++) ep_node_init(&all->buckets[i]);
	return all;
}

void ep_accounts_close(ep_accounts *all)
{
	ep_account *account;
	while ((account = longest_idle(all))) free_account(account);
	for (int i = 0; i < BUCKETS; i++)
		for (ep_node *n; (n = ep_list_shift(&all->buckets[i]));) EP_CONTAINER(n, ep_account, link)->all = NULL;
	ep_free(all);
}

static ep_account *find(const ep_accounts *all, uint64_t key)
{
	const ep_node *bucket = &all->buckets[key % BUCKETS];
	for (ep_node *n = bucket->next; n != bucket; n = n->next) {
		ep_account *account = EP_CONTAINER(n, ep_account, link);
		if (account->key == key) return account;
	}
	return NULL;
}

static ep_account *add(ep_accounts *all, ep_loop *loop, uint64_t key)
{
	ep_account *account = ep_calloc(1, sizeof *account);
	if (!account) return NULL;
	account->refs = 1;
	account->key = key;
	account->all = all;
	ep_node_init(&account->link);
	ep_node_init(&account->idle);
	ep_lane_init(&account->lane, loop);
	if (!all) return account;
	ep_list_push(&all->buckets[key % BUCKETS], &account->link);
	all->count++;
	return account;
}

ep_account *ep_account_get(
	ep_accounts *all, ep_loop *loop, const char *url, size_t url_len, const char *credential, size_t len)
{
	uint64_t key = hash(hash(UINT64_C(0xcbf29ce484222325), url, url_len), credential, len);
	if (all) tidy(all);
	ep_account *account = all ? find(all, key) : NULL;
	if (!account) return add(all, loop, key);
	if (!account->refs++) {
		ep_node_unlink(&account->idle);
		all->idle_count--;
	}
	return account;
}

ep_account *ep_account_retain(ep_account *account)
{
	account->refs++;
	return account;
}

/* Whether a client that comes soon has something to gain from it. */
static bool has_learned(const ep_account *account)
{
	return account->lane.rate.mode != EP_RATE_FREE || ep_lane_held(&account->lane);
}

void ep_account_release(ep_account *account)
{
	if (!account || --account->refs) return;
	if (!account->all || !has_learned(account)) {
		free_account(account);
		return;
	}
	account->idle_since = ep_loop_coarse(account->all->loop);
	ep_list_push(&account->all->idle, &account->idle);
	account->all->idle_count++;
	tidy(account->all);
}

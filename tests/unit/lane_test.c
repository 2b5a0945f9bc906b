/* SPDX-License-Identifier: Apache-2.0 */
/* The queue in front of a rate, and who shares it. */
#include "tests/support/test.h"

#include "runtime/base/mem.h"
#include "runtime/relace/account.h"

enum { TURNS = 8 };

static ep_loop *loop;
static ep_turn turns[TURNS];
static int went[64], count, gave_up, recalled;
static uint64_t gave_up_for;

static int index_of(const ep_turn *turn) { return (int)(turn - turns); }
static void on_go(ep_turn *turn) { went[count++] = index_of(turn); }
static void on_recall(ep_turn *turn)
{
	CHECK(turn->under_way);
	recalled++;
}

static void on_give_up(ep_turn *turn, uint64_t wait)
{
	gave_up++;
	gave_up_for = wait;
	CHECK(!ep_node_linked(&turn->link));
}

static void begin(ep_lane *lane)
{
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	if (lane) ep_lane_init(lane, loop);
	count = gave_up = recalled = 0;
	for (int i = 0; i < TURNS; i++) {
		turns[i] = (ep_turn){.go = on_go,
			.give_up = on_give_up,
			.recall = on_recall,
			.patience = 10 * EP_SECOND,
			.deadline = UINT64_MAX};
		ep_turn_init(&turns[i]);
	}
}

static void end(ep_lane *lane)
{
	if (lane) ep_lane_fini(lane);
	ep_loop_close(loop, NULL, NULL);
}

/* Runs the loop until so many went. */
static void run_until(int n)
{
	while (count < n) uv_run(ep_loop_uv(loop), UV_RUN_ONCE);
}

TEST(a_free_lane_lets_all_through)
{
	ep_lane lane;
	begin(&lane);
	for (int i = 0; i < TURNS; i++) CHECK(ep_lane_enter(&lane, &turns[i]));
	for (int i = 0; i < TURNS; i++) ep_lane_admitted(&lane, &turns[i], -1, 0);
	CHECK(!ep_timer_active(&lane.timer));
	CHECK_INT_EQ(lane.rate.out, 0);
	end(&lane);
}

TEST(a_fixed_lane_keeps_its_order_and_its_pace)
{
	ep_lane lane;
	begin(&lane);
	ep_rate_fix(&lane.rate, 200);
	uint64_t began = ep_loop_now(loop);
	CHECK(ep_lane_enter(&lane, &turns[0]));
	for (int i = 1; i < 5; i++) CHECK(!ep_lane_enter(&lane, &turns[i]));
	ep_lane_leave(&lane, &turns[2]); /* whose slot is not lost */
	run_until(3);
	uint64_t took = ep_loop_now(loop) - began;
	CHECK(took >= 15 * EP_MSEC);
	CHECK_INT_EQ(went[0], 1);
	CHECK_INT_EQ(went[1], 3);
	CHECK_INT_EQ(went[2], 4);
	CHECK(!ep_timer_active(&lane.timer));
	end(&lane);
}

TEST(a_refusal_holds_all_back_and_calls_back_what_is_under_way)
{
	ep_lane lane;
	begin(&lane);
	for (int i = 0; i < 3; i++) CHECK(ep_lane_enter(&lane, &turns[i]));
	ep_lane_refused(&lane, &turns[1], 30 * EP_MSEC);
	CHECK_INT_EQ(recalled, 2);
	CHECK(!ep_lane_enter(&lane, &turns[3]));
	CHECK(!ep_lane_enter(&lane, &turns[1]));
	CHECK(ep_lane_held(&lane) > 0);
	ep_lane_refused(&lane, &turns[0], 0);
	CHECK_INT_EQ(recalled, 2); /* it says nothing new */
	ep_lane_lost(&lane, &turns[2]);
	/* A probe is made by one that was never refused, and alone. */
	run_until(1);
	CHECK_INT_EQ(went[0], 3);
	CHECK_INT_EQ(lane.waiting_count, 1);
	ep_lane_admitted(&lane, &turns[3], -1, 0);
	run_until(2);
	CHECK_INT_EQ(went[1], 1);
	ep_lane_admitted(&lane, &turns[1], -1, 0);
	end(&lane);
}

TEST(nobody_waits_for_longer_than_he_would)
{
	ep_lane lane;
	begin(&lane);
	turns[3].deadline = ep_loop_now(loop) + 40 * EP_SECOND;
	turns[3].patience = turns[4].patience = 1000 * EP_SECOND;
	CHECK(ep_lane_enter(&lane, &turns[0]) && ep_lane_enter(&lane, &turns[1]));
	ep_lane_refused(&lane, &turns[0], 5 * EP_SECOND);
	for (int i = 2; i < 5; i++) CHECK(!ep_lane_enter(&lane, &turns[i]));
	CHECK_INT_EQ(gave_up, 0);
	ep_lane_refused(&lane, &turns[1], 50 * EP_SECOND); /* those who wait hear of it */
	CHECK_INT_EQ(gave_up, 2);
	CHECK_INT_EQ(lane.waiting_count, 1);
	CHECK(!ep_lane_enter(&lane, &turns[5])); /* those who come too */
	CHECK_INT_EQ(gave_up, 3);
	CHECK(gave_up_for > 49 * EP_SECOND);
	CHECK(ep_timer_active(&lane.timer));
	ep_lane_leave(&lane, &turns[4]);
	CHECK(!ep_timer_active(&lane.timer)); /* or it would keep the loop alive */
	end(&lane);
}

static ep_account *account_of(ep_accounts *all, const char *url, const char *credential)
{
	return ep_account_get(all, loop, url, strlen(url), credential, strlen(credential));
}

static void refuse(ep_account *account)
{
	ep_turn *turn = &turns[0];
	ep_turn_init(turn);
	CHECK(ep_lane_enter(ep_account_lane(account), turn));
	ep_lane_refused(ep_account_lane(account), turn, 0);
}

TEST(accounts_are_shared_by_host_and_credential)
{
	begin(NULL);
	ep_accounts *all = ep_accounts_open(loop);
	ep_account *a = account_of(all, "https://a", "k"), *b = account_of(all, "https://a", "k");
	ep_account *c = account_of(all, "https://a", "l"), *d = account_of(all, "https://b", "k");
	ep_account *own = account_of(NULL, "https://a", "k");
	CHECK(a == b && a != c && a != d && c != d && own != a);
	CHECK_INT_EQ(ep_accounts_count(all), 3);
	refuse(a);
	ep_account_release(a);
	ep_account_release(b);
	ep_account_release(c);
	ep_account_release(d);
	ep_account_release(own);
	CHECK_INT_EQ(ep_accounts_count(all), 1); /* what has learned something is kept */
	a = account_of(all, "https://a", "k");
	CHECK(!ep_rate_is_free(&ep_account_lane(a)->rate));
	ep_accounts_close(all);
	ep_account_release(a); /* it outlives the set */
	end(NULL);
}

TEST(thousands_of_short_lived_credentials_leave_little)
{
	char credential[32];
	begin(NULL);
	ep_accounts *all = ep_accounts_open(loop);
	for (int i = 0; i < 5000; i++) {
		snprintf(credential, sizeof credential, "rlcr-%d", i);
		ep_account *account = account_of(all, "https://a", credential);
		if (i % 3 == 0) refuse(account);
		ep_account_release(account);
	}
	CHECK(ep_accounts_count(all) <= 65);
	ep_accounts_close(all);
	end(NULL);
}

TEST(without_memory_there_is_no_account)
{
	begin(NULL);
	ep_mem_fail_after(1);
	ep_accounts *all = ep_accounts_open(loop);
	ep_mem_fail_after(0);
	CHECK(!all);
	all = ep_accounts_open(loop);
	ep_mem_fail_after(1);
	CHECK(!account_of(all, "https://a", "k"));
	ep_mem_fail_after(0);
	CHECK_INT_EQ(ep_accounts_count(all), 0);
	ep_accounts_close(all);
	end(NULL);
}

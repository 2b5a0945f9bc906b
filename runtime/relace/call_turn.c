/* SPDX-License-Identifier: Apache-2.0 */

/* When an attempt may go out. It passes two lanes: that of its account, which knows what the server takes, and that of its
 * family, if there is a max_rate. */
#include "runtime/relace/call_private.h"

static void take_slot(call *c)
{
	ep_relace_family *family = c->client->family;
	if (!family->limited || ep_lane_enter(&family->lane, &c->slot)) ep_relace_call_launch(c);
}

static void enter_account(call *c)
{
	ep_account *account = c->client->account;
	if (!account || ep_lane_enter(ep_account_lane(account), &c->turn)) take_slot(c);
}

static void on_turn(ep_turn *turn) { take_slot(EP_CONTAINER(turn, call, turn)); }

static void on_slot(ep_turn *slot) { ep_relace_call_launch(EP_CONTAINER(slot, call, slot)); }

/* Nothing is sent that is known to be refused, and nobody waits for what is longer than it would wait. */
static void on_give_up(ep_turn *turn, uint64_t wait)
{
	call *c = EP_CONTAINER(turn, call, turn);
	double seconds = (double)wait / 1e9;
	ep_err_fini(&c->pub.err);
	ep_err_set(&c->pub.err, EP_ERATELIMIT,
		"not sent: the server has answered 429 and wants to be left alone for another %.0f s; try again after that",
		seconds);
	c->pub.err.retryable = true;
	c->pub.err.retry_after = seconds;
	ep_relace_call_fail(c);
}

static void on_recall(ep_turn *turn)
{
	call *c = EP_CONTAINER(turn, call, turn);
	if (c->phase == PHASE_TURN) {
		ep_lane_leave(&c->client->family->lane, &c->slot);
		ep_lane_lost(ep_account_lane(c->client->account), turn);
		enter_account(c);
	} else if (c->phase == PHASE_SENT && !ep_http_begun(c->pub.http)) {
		c->recalled = true; /* the end of the request brings it back */
		ep_op_cancel(&c->pub.http->op, EP_ECANCELLED);
	}
}

void ep_relace_call_turns_init(call *c)
{
	ep_turn_init(&c->turn);
	ep_turn_init(&c->slot);
	c->turn.go = on_turn;
	c->turn.give_up = on_give_up;
	c->turn.recall = on_recall;
	c->slot.go = on_slot;
	c->turn.deadline = c->slot.deadline = UINT64_MAX;
}

void ep_relace_call_queue(call *c, double wait)
{
	double patience = c->retry.max_wait - c->waited;
	c->waited += wait;
	const ep_timer *deadline = &c->pub.op.deadline;
	c->phase = PHASE_TURN;
	c->queued_at = ep_loop_coarse(c->client->loop);
	c->turn.patience = ep_seconds(patience);
	if (ep_timer_active(deadline)) c->turn.deadline = deadline->entry.key;
	enter_account(c);
}

void ep_relace_call_leave(call *c)
{
	ep_lane_leave(&c->client->family->lane, &c->slot);
	if (!c->client->account) return;
	ep_lane *lane = ep_account_lane(c->client->account);
	if (c->turn.under_way)
		ep_lane_lost(lane, &c->turn);
	else
		ep_lane_leave(lane, &c->turn);
}

bool ep_relace_call_settle(call *c, const ep_attempt *a)
{
	if (!c->turn.under_way) return false;
	ep_lane *lane = ep_account_lane(c->client->account);
	bool sure = ep_rate_sure(&lane->rate);
	if (a && a->status == 429)
		ep_lane_refused(lane, &c->turn, ep_seconds(a->retry_after));
	else if (a && a->status)
		ep_lane_admitted(lane, &c->turn, a->remaining, a->remaining < 0 ? 0 : ep_seconds(a->reset));
	else
		ep_lane_lost(lane, &c->turn);
	return a && a->status == 429 && (sure || a->retry_after > 0);
}

bool ep_relace_call_too_late(const call *c, double seconds)
{
	const ep_timer *deadline = &c->pub.op.deadline;
	return ep_timer_active(deadline) && ep_loop_now(c->client->loop) + ep_seconds(seconds) > deadline->entry.key;
}

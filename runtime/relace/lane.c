/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/lane.h"

static void pump(ep_lane *lane);

void ep_lane_init(ep_lane *lane, ep_loop *loop)
{
	*lane = (ep_lane){.loop = loop};
	ep_node_init(&lane->waiting);
	ep_node_init(&lane->sent);
}

void ep_lane_fini(ep_lane *lane) { ep_timer_stop(lane->loop, &lane->timer); }

static ep_turn *turn_of(ep_node *link) { return EP_CONTAINER(link, ep_turn, link); }

uint64_t ep_lane_held(const ep_lane *lane)
{
	if (!lane->rate.not_before) return 0;
	uint64_t now = ep_loop_now(lane->loop);
	return lane->rate.not_before > now ? lane->rate.not_before - now : 0;
}

/* --- who goes next --- */

/* In the order of their numbers; all but a few are new, and belong to the end. */
static void insert(ep_lane *lane, ep_turn *turn)
{
	ep_node *at = lane->waiting.next;
	if (!ep_list_empty(&lane->waiting) && turn_of(lane->waiting.prev)->order < turn->order) at = &lane->waiting;
	while (at != &lane->waiting && turn_of(at)->order < turn->order) at = at->next;
	ep_list_push(at, &turn->link);
	lane->waiting_count++;
}

static ep_turn *pick(const ep_lane *lane)
{
	ep_turn *best = turn_of(lane->waiting.next);
	if (lane->rate.mode != EP_RATE_PROBE) return best;
	for (ep_node *n = best->link.next; n != &lane->waiting && best->tries; n = n->next)
		if (turn_of(n)->tries < best->tries) best = turn_of(n);
	return best;
}

static void remove_waiting(ep_lane *lane, ep_turn *turn)
{
	ep_node_unlink(&turn->link);
	if (!--lane->waiting_count) ep_timer_stop(lane->loop, &lane->timer); /* it would keep the loop alive */
}

static void release(ep_lane *lane, ep_turn *turn, uint64_t now)
{
	turn->stamp = ep_rate_sent(&lane->rate, now);
	if (lane->rate.mode == EP_RATE_FIXED) return; /* nobody tells it of answers */
	turn->sent_at = now;
	turn->under_way = true;
	ep_list_push(&lane->sent, &turn->link);
}

/* --- waiting --- */

static void on_due(ep_timer *timer) { pump(EP_CONTAINER(timer, ep_lane, timer)); }

/* Lets go whoever may, and sets the timer for the next. Without memory for a timer it is better to go too early. */
static void pump(ep_lane *lane)
{
	if (lane->pumping) return;
	lane->pumping = true;
	while (!ep_list_empty(&lane->waiting)) {
		uint64_t now = ep_loop_now(lane->loop), at = ep_rate_ready(&lane->rate, now);
		if (at && !ep_timer_start(lane->loop, &lane->timer, at - now, on_due)) break;
		ep_turn *turn = pick(lane);
		remove_waiting(lane, turn);
		release(lane, turn, now);
		turn->go(turn);
	}
	lane->pumping = false;
}

static bool too_long(const ep_lane *lane, const ep_turn *turn, uint64_t held)
{
	return held && (held > turn->patience || lane->rate.not_before > turn->deadline);
}

/* Those who cannot wait so long need not wait at all. */
static void give_up(ep_lane *lane)
{
	uint64_t held = ep_lane_held(lane);
	ep_node leaving;
	ep_node_init(&leaving);
	for (ep_node *n = lane->waiting.next, *next; n != &lane->waiting; n = next) {
		next = n->next;
		if (!too_long(lane, turn_of(n), held)) continue;
		remove_waiting(lane, turn_of(n));
		ep_list_push(&leaving, n);
	}
	for (ep_node *n; (n = ep_list_shift(&leaving));) turn_of(n)->give_up(turn_of(n), held);
}

bool ep_lane_enter(ep_lane *lane, ep_turn *turn)
{
	if (ep_rate_is_free(&lane->rate) && ep_list_empty(&lane->waiting)) {
		release(lane, turn, ep_loop_coarse(lane->loop));
		return true;
	}
	uint64_t held = ep_lane_held(lane), now = ep_loop_now(lane->loop);
	if (too_long(lane, turn, held)) {
		turn->give_up(turn, held);
		return false;
	}
	if (ep_list_empty(&lane->waiting) && !ep_rate_ready(&lane->rate, now)) {
		release(lane, turn, now);
		return true;
	}
	if (!turn->order) turn->order = ++lane->orders;
	insert(lane, turn);
	if (!ep_timer_active(&lane->timer)) pump(lane);
	return false;
}

void ep_lane_leave(ep_lane *lane, ep_turn *turn)
{
	if (ep_node_linked(&turn->link) && !turn->under_way) remove_waiting(lane, turn);
}

/* --- answers --- */

static void end(ep_turn *turn)
{
	ep_node_unlink(&turn->link);
	turn->under_way = false;
}

void ep_lane_admitted(ep_lane *lane, ep_turn *turn, int64_t remaining, uint64_t reset)
{
	uint64_t now = lane->rate.mode == EP_RATE_FREE && !reset ? 0 : ep_loop_now(lane->loop);
	end(turn);
	turn->order = 0;
	ep_rate_admitted(&lane->rate, turn->stamp, now);
	if (reset) ep_rate_hint(&lane->rate, now, remaining, reset);
	if (!ep_list_empty(&lane->waiting)) pump(lane);
}

/* Those who come back are sent by the pump behind it. */
static void recall(ep_lane *lane)
{
	lane->pumping = true;
	for (ep_node *n = lane->sent.next, *next; n != &lane->sent; n = next) {
		next = n->next;
		turn_of(n)->recall(turn_of(n));
	}
	lane->pumping = false;
}

void ep_lane_refused(ep_lane *lane, ep_turn *turn, uint64_t named)
{
	uint64_t now = ep_loop_now(lane->loop);
	end(turn);
	turn->tries++;
	if (!ep_rate_sure(&lane->rate)) turn->order = 0;
	bool news = ep_rate_refused(&lane->rate, turn->stamp, turn->sent_at, now, named);
	if (named) give_up(lane);
	if (news) recall(lane);
	pump(lane);
}

void ep_lane_lost(ep_lane *lane, ep_turn *turn)
{
	end(turn);
	ep_rate_lost(&lane->rate, turn->stamp);
	if (!ep_list_empty(&lane->waiting)) pump(lane);
}

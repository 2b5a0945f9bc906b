/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_LANE_H
#define EP_RELACE_LANE_H

/* A queue of attempts in front of a rate: whoever may not go out yet waits here for its turn.
 *
 * In the order they came; an attempt after a refusal keeps its place, if the rate is sure of itself. While it is not, the
 * call that was refused least often goes first: else one call would pay for all.
 *
 * Life: the owner's memory, init to fini; no turn may wait or be under way at the end. Thread: the loop's.
 * Owner: of a turn, the call it is embedded in; a turn that waits or is under way must leave before it is freed. */

#include "runtime/loop/loop.h"
#include "runtime/relace/rate.h"

typedef struct ep_turn {
	ep_node link; /* among those who wait, or who are under way */
	uint64_t order;
	unsigned tries; /* refused so often */
	unsigned stamp; /* of the rate, while under way */
	uint64_t sent_at;
	bool under_way;
	uint64_t patience; /* ns that the server may ask to be left alone */
	uint64_t deadline; /* after which it is of no use; UINT64_MAX: none */
	/* It may go out; called inside callbacks of uv, never by ep_lane_enter. */
	void (*go)(struct ep_turn *turn);
	/* The server wants to be left alone for longer than it can wait: it is out of the lane. By ep_lane_enter too. */
	void (*give_up)(struct ep_turn *turn, uint64_t wait);
	/* Others were refused: if nothing of it was sent, it may come back (ep_lane_lost, then ep_lane_enter). */
	void (*recall)(struct ep_turn *turn);
} ep_turn;

typedef struct ep_lane {
	ep_loop *loop;
	ep_rate rate;
	ep_node waiting, sent;
	size_t waiting_count;
	uint64_t orders;
	ep_timer timer;
	bool pumping;
} ep_lane;

void ep_lane_init(ep_lane *lane, ep_loop *loop);
void ep_lane_fini(ep_lane *lane);

static inline void ep_turn_init(ep_turn *turn) { ep_node_init(&turn->link); }

/* True when it may go at once; else it waits for its go, or has been given up. */
bool ep_lane_enter(ep_lane *lane, ep_turn *turn);

/* It does not want to wait any more. */
void ep_lane_leave(ep_lane *lane, ep_turn *turn);

/* How an attempt under way has ended: the server took it, and said perhaps what is left (reset 0: it did not, see
 * ep_rate_hint); refused it for its rate, and named a wait (ns, 0: none); nobody knows. */
void ep_lane_admitted(ep_lane *lane, ep_turn *turn, int64_t remaining, uint64_t reset);
void ep_lane_refused(ep_lane *lane, ep_turn *turn, uint64_t named);
void ep_lane_lost(ep_lane *lane, ep_turn *turn);

/* Nanoseconds for which the server has asked to be left alone, from now on; 0: it has not. */
uint64_t ep_lane_held(const ep_lane *lane);

#endif

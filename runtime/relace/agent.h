/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_AGENT_H
#define EP_RELACE_AGENT_H

/* Agents and searches of a repo, whose answer is a stream of events (section 11 of the API).
 *
 * Life: arguments are only read during the call of the function. Thread: the loop's. Owner: the caller.
 * Errors: EP_EINVAL that names the argument, before anything is sent; else as of ep_relace_start and items.h. */

#include "runtime/relace/items.h"

#define EP_RELACE_EVENTS_STALL (300 * EP_SECOND) /* a model may think for long */
enum { EP_RELACE_EVENT_MAX = 16 << 20 };

/* POST /repo/{id}/agent, a streamed call. body: the JSON, taken. repeat: a search reads, an agent may change the repo. stall: ns
 * without a byte; 0: EP_RELACE_EVENTS_STALL. */
int ep_relace_agent(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_buf *body,
	ep_repeat repeat, uint64_t stall, const ep_relace_options *options, ep_err *err);

/* What ends a stream, whatever may follow: an event of the name `done`, which is given; the data [DONE], which are not. */
enum { EP_EVENTS_OF_AGENT, EP_EVENTS_OF_MODEL };

/* The events of a streamed call that has ended with 0. max: bytes of one; 0: EP_RELACE_EVENT_MAX. EP_EPROTOCOL: the server
 * says that the answer is something else. A stream that breaks off within an event, or without any sign of its end, fails
 * with EP_ETRUNCATED. */
int ep_relace_events(ep_relace_items **out, ep_relace_call *call, int kind, size_t max, ep_err *err);

#endif

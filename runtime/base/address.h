/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_ADDRESS_H
#define EP_BASE_ADDRESS_H

/* Addresses of the internet protocols, as bytes in the order of the network.
 *
 * Life: the call. Thread: any. Owner: nothing is kept. */

#include <stdbool.h>
#include <stdint.h>

/* Whether the address is one of the public internet: none of this machine, a private network, a link, a test or a group, nor one
 * that the registries keep for other purposes (IANA's special-purpose registries, RFC 6890). An IPv6 address that stands for an
 * IPv4 one (mapped, NAT64, 6to4) is what that is. */
bool ep_address4_is_public(const uint8_t bytes[4]);
bool ep_address6_is_public(const uint8_t bytes[16]);

#endif

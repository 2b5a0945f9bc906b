/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/address.h"

#include <arpa/inet.h>

#include "tests/support/test.h"

static bool is_public(const char *text)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, text, bytes) == 1) return ep_address4_is_public(bytes);
	CHECK_INT_EQ(inet_pton(AF_INET6, text, bytes), 1);
	return ep_address6_is_public(bytes);
}

static void check_all(const char *const *texts, bool expected)
{
	for (; *texts; texts++)
		if (is_public(*texts) != expected) TEST_FAIL("%s is %spublic", *texts, expected ? "not " : "");
}

TEST(public_addresses)
{
	static const char *const texts[] = {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255",
		"100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "3ffe::1", "::ffff:8.8.8.8",
		"64:ff9b::808:808", "2002:808:808::1", NULL};
	check_all(texts, true);
}

TEST(others)
{
	static const char *const texts[] = {"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0",
		"100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.0", "172.31.255.255",
		"192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.0", "198.19.255.255", "198.51.100.7",
		"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::8.8.8.8",
		"fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "fec0::1", "2001::1", "2001:db8::1", "3fff::1", "100::1",
		"4000::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1",
		"2002:7f00:1::1", NULL};
	check_all(texts, false);
}

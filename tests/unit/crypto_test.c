/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/crypto/crypto.h"

#include "test.h"

static void check_digest(const void *bytes, size_t len, const char *expected)
{
	unsigned char digest[EP_SHA256_SIZE];
	char hex[2 * EP_SHA256_SIZE + 1] = "";
	ep_sha256(digest, bytes, len);
	ep_hex(hex, digest, sizeof digest);
	CHECK_STR_EQ(hex, expected);
}

/* FIPS 180-4, and a million times "a". */
TEST(sha256)
{
	check_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_digest("a\0b", 3, "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138");
	char *a = malloc(1000000);
	memset(a, 'a', 1000000);
	check_digest(a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(a);
}

TEST(sha1)
{
	unsigned char digest[EP_SHA1_SIZE];
	char hex[2 * EP_SHA1_SIZE + 1] = "";
	/* What git calls a file of "a\n". */
	ep_sha1(digest, "blob 2\0a\n", 9);
	ep_hex(hex, digest, sizeof digest);
	CHECK_STR_EQ(hex, "78981922613b2afb6025042ff6bd878ac1994e85");
}

TEST(random_differs)
{
	unsigned char a[300] = {0}, b[300] = {0};
	CHECK_INT_EQ(ep_random(a, sizeof a), 0);
	CHECK_INT_EQ(ep_random(b, sizeof b), 0);
	CHECK(memcmp(a, b, sizeof a) != 0);
	CHECK(memcmp(a + 250, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) != 0);
	CHECK_INT_EQ(ep_random(a, 0), 0);
}

TEST(equal)
{
	CHECK(ep_equal("abc", 3, "abc", 3));
	CHECK(ep_equal("", 0, "", 0));
	CHECK(!ep_equal("abc", 3, "abd", 3));
	CHECK(!ep_equal("abc", 3, "abcd", 4));
	CHECK(!ep_equal("a\0b", 3, "a\0c", 3));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/err.h"

#include <errno.h>

#include "runtime/base/mem.h"
#include "test.h"

TEST(every_code_has_one_slug_and_back)
{
	static const int codes[] = {
#define X(name, number, slug) EP_##name,
		EP_ERRORS(X)
#undef X
	};
	enum { COUNT = sizeof codes / sizeof *codes };
	for (size_t i = 0; i < COUNT; i++) {
		CHECK(codes[i] < 0);
		CHECK_INT_EQ(ep_err_code(ep_err_slug(codes[i])), codes[i]);
		for (size_t j = 0; j < i; j++) CHECK(codes[i] != codes[j]);
	}
	CHECK_STR_EQ(ep_err_slug(-9999), "unknown");
	CHECK_STR_EQ(ep_err_slug(0), "unknown");
	CHECK_INT_EQ(ep_err_code("no such slug"), 0);
}

TEST(the_first_error_tells_the_cause)
{
	ep_err err = {0};
	CHECK_INT_EQ(ep_err_set(&err, EP_EIO, "disk %d", 7), EP_EIO);
	CHECK_INT_EQ(ep_err_set(&err, EP_EINVAL, "later"), EP_EINVAL);
	CHECK_INT_EQ(err.code, EP_EIO);
	CHECK_STR_EQ(ep_err_message(&err), "disk 7");
	CHECK_INT_EQ(ep_err_set(NULL, EP_EIO, "nobody asks"), EP_EIO);
	ep_err_fini(&err);
	CHECK_INT_EQ(err.code, 0);
}

TEST(errno_codes)
{
	ep_err err = {0};
	CHECK_INT_EQ(ep_err_set_errno(&err, -ENOSPC, "write a.txt"), EP_ENOSPACE);
	CHECK_STR_EQ(ep_err_message(&err), "write a.txt: No space left on device");
	ep_err_fini(&err);
	CHECK_INT_EQ(ep_err_of_errno(-ENOENT), EP_ENOENT);
	CHECK_INT_EQ(ep_err_of_errno(-EACCES), EP_EPERMISSION);
	CHECK_INT_EQ(ep_err_of_errno(-ECONNREFUSED), EP_ECONNECT);
	CHECK_INT_EQ(ep_err_of_errno(-EPIPE), EP_EIO);
}

TEST(texts_are_copied_and_moved)
{
	ep_err a = {0}, b = {0};
	char words[] = "fatal: no such branch";
	ep_err_set(&a, EP_ENOBRANCH, "no branch");
	ep_err_text(&a.detail, words, 5);
	ep_err_text(&a.detail, words, 9);
	ep_err_text(&a.operation, "git clone", 9);
	a.status = 128;
	words[0] = 'X';
	ep_err_set(&b, EP_EIO, "older");
	ep_err_move(&b, &a);
	CHECK_INT_EQ(a.code, 0);
	CHECK(a.message == NULL && a.detail == NULL);
	CHECK_INT_EQ(b.code, EP_ENOBRANCH);
	CHECK_INT_EQ(b.status, 128);
	CHECK_STR_EQ(b.detail, "fatal: no");
	CHECK_STR_EQ(b.operation, "git clone");
	ep_err_text(&b.detail, NULL, 0);
	CHECK(b.detail == NULL);
	ep_err_move(NULL, &b); /* nobody wants to know */
	CHECK_INT_EQ(b.code, 0);
	CHECK_STR_EQ(b.message, NULL);
}

TEST(without_memory_the_code_stays)
{
	ep_err err = {0};
	ep_mem_fail_after(1);
	CHECK_INT_EQ(ep_err_set(&err, EP_ENOMEM, "a message that needs memory"), EP_ENOMEM);
	ep_mem_fail_after(0);
	CHECK_INT_EQ(err.code, EP_ENOMEM);
	CHECK_STR_EQ(ep_err_message(&err), "not enough memory");
	ep_err_fini(&err);
}

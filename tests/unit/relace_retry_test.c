/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "runtime/base/err.h"
#include "runtime/relace/retry.h"

static const ep_retry_policy usual = {.max_retries = 2, .max_wait = 60};

static ep_decision on_status(int status, ep_repeat repeat)
{
	ep_attempt a = {.status = status, .should_retry = -1, .maybe_sent = true};
	return ep_retry_decide(&usual, repeat, &a, 0);
}

static ep_decision on_failure(int code, bool maybe_sent, ep_repeat repeat)
{
	ep_attempt a = {.code = code, .should_retry = -1, .maybe_sent = maybe_sent};
	return ep_retry_decide(&usual, repeat, &a, 0);
}

TEST(success_is_no_retry)
{
	CHECK_INT_EQ(on_status(200, EP_REPEAT_ONCE).verdict, EP_VERDICT_OK);
	CHECK_INT_EQ(on_status(201, EP_REPEAT_SAFE).verdict, EP_VERDICT_OK);
	CHECK_INT_EQ(on_status(204, EP_REPEAT_SAFE).verdict, EP_VERDICT_OK);
}

TEST(refusals_are_repeated_for_every_call)
{
	const int statuses[] = {408, 409, 423, 429, 503};
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		CHECK_INT_EQ(on_status(statuses[i], EP_REPEAT_SAFE).verdict, EP_VERDICT_REPEAT);
		CHECK_INT_EQ(on_status(statuses[i], EP_REPEAT_ONCE).verdict, EP_VERDICT_REPEAT);
	}
}

TEST(final_statuses_are_never_repeated)
{
	const int statuses[] = {301, 302, 304, 400, 401, 403, 404, 405, 413, 418, 422};
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		CHECK_INT_EQ(on_status(statuses[i], EP_REPEAT_SAFE).verdict, EP_VERDICT_FAIL);
		CHECK_INT_EQ(on_status(statuses[i], EP_REPEAT_ONCE).verdict, EP_VERDICT_FAIL);
		CHECK(!on_status(statuses[i], EP_REPEAT_SAFE).retryable);
	}
}

TEST(server_failures_leave_doubt_only_where_twice_is_not_once)
{
	const int statuses[] = {500, 501, 502, 504, 520};
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		CHECK_INT_EQ(on_status(statuses[i], EP_REPEAT_SAFE).verdict, EP_VERDICT_REPEAT);
		CHECK_INT_EQ(on_status(statuses[i], EP_REPEAT_ONCE).verdict, EP_VERDICT_IN_DOUBT);
	}
}

TEST(the_server_may_overrule)
{
	ep_attempt a = {.status = 500, .should_retry = 1, .maybe_sent = true};
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_REPEAT);
	a.status = 404;
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_REPEAT);
	a.status = 401;
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_FAIL);
	a.status = 503;
	a.should_retry = 0;
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_FAIL);
	/* It does not know that a second create would be a second token. */
	a.status = 500;
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_IN_DOUBT);
}

TEST(failures_before_anything_was_sent_are_repeated)
{
	CHECK_INT_EQ(on_failure(EP_EDNS, false, EP_REPEAT_ONCE).verdict, EP_VERDICT_REPEAT);
	CHECK_INT_EQ(on_failure(EP_ECONNECT, false, EP_REPEAT_ONCE).verdict, EP_VERDICT_REPEAT);
	CHECK_INT_EQ(on_failure(EP_ETIMEOUT, false, EP_REPEAT_ONCE).verdict, EP_VERDICT_REPEAT);
}

TEST(ambiguous_failures_leave_doubt)
{
	const int codes[] = {EP_ECONNECT, EP_ETIMEOUT, EP_ETRUNCATED, EP_EPROTOCOL};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		CHECK_INT_EQ(on_failure(codes[i], true, EP_REPEAT_ONCE).verdict, EP_VERDICT_IN_DOUBT);
	CHECK_INT_EQ(on_failure(EP_ECONNECT, true, EP_REPEAT_SAFE).verdict, EP_VERDICT_REPEAT);
	CHECK_INT_EQ(on_failure(EP_ETRUNCATED, true, EP_REPEAT_SAFE).verdict, EP_VERDICT_REPEAT);
}

TEST(what_will_not_pass_is_not_repeated)
{
	const int codes[] = {EP_ETLS, EP_EPROTOCOL, EP_ETOOLARGE, EP_EDECODE, EP_EREDIRECT, EP_ENOMEM, EP_EINVAL, EP_EIO,
		EP_ECANCELLED, EP_ECLOSED};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		CHECK_INT_EQ(on_failure(codes[i], false, EP_REPEAT_SAFE).verdict, EP_VERDICT_FAIL);
}

TEST(a_body_cut_behind_a_2xx_is_a_failure)
{
	ep_attempt a = {.status = 200, .code = EP_ETRUNCATED, .should_retry = -1, .maybe_sent = true};
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_REPEAT);
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_IN_DOUBT);
}

static double wait_after(int index, double retry_after, double chance)
{
	ep_retry_policy patient = {.max_retries = 100, .max_wait = 1e9};
	ep_attempt a = {.index = index, .status = 429, .should_retry = -1, .retry_after = retry_after};
	return ep_retry_decide(&patient, EP_REPEAT_SAFE, &a, chance).wait;
}

static bool near(double a, double b) { return a - b < 1e-9 && b - a < 1e-9; }

TEST(waits_double_up_to_eight_seconds)
{
	CHECK(near(wait_after(0, 0, 0), 0.5));
	CHECK(near(wait_after(1, 0, 0), 1));
	CHECK(near(wait_after(2, 0, 0), 2));
	CHECK(near(wait_after(4, 0, 0), 8));
	CHECK(near(wait_after(50, 0, 0), 8));
	CHECK(near(wait_after(0, 0, 0.5), 0.4375));
	CHECK(wait_after(4, 0, 0.999) > 6);
}

TEST(the_servers_wait_is_never_shortened)
{
	CHECK(near(wait_after(0, 2, 0), 2));
	CHECK(wait_after(0, 2, 0.999) >= 2 && wait_after(0, 2, 0.999) < 2.11);
	CHECK(near(wait_after(0, 86400, 0), 86400));
}

TEST(retries_and_waits_are_bounded)
{
	ep_attempt a = {.index = 1, .status = 429, .should_retry = -1, .retry_after = 30, .waited = 30};
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0.9).verdict, EP_VERDICT_REPEAT);
	a.waited = 30.5;
	ep_decision d = ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0);
	CHECK_INT_EQ(d.verdict, EP_VERDICT_FAIL);
	CHECK(d.retryable);
	a = (ep_attempt){.index = 2, .status = 503, .should_retry = -1};
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_FAIL);
	a = (ep_attempt){.index = 0, .status = 429, .should_retry = -1, .retry_after = 86400};
	CHECK_INT_EQ(ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_FAIL);
}

TEST(attempts_that_were_too_many_are_counted_apart)
{
	const ep_retry_policy patient = {.max_retries = 2, .max_wait = 60, .max_refused = 6};
	ep_attempt a = {.status = 429, .index = 5, .refused = 5, .should_retry = -1};
	CHECK_INT_EQ(ep_retry_decide(&patient, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_REPEAT);
	a.index = a.refused = 6;
	CHECK_INT_EQ(ep_retry_decide(&patient, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_FAIL);
	a = (ep_attempt){.status = 423, .index = 6, .refused = 5, .should_retry = -1};
	CHECK(near(ep_retry_decide(&patient, EP_REPEAT_ONCE, &a, 0).wait, 1));
	CHECK_INT_EQ(ep_retry_decide(&patient, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_REPEAT);
	a.index = 7;
	CHECK_INT_EQ(ep_retry_decide(&patient, EP_REPEAT_ONCE, &a, 0).verdict, EP_VERDICT_FAIL);
}

TEST(rate_limit_headers)
{
	CHECK(near(ep_retry_reset("30", 1.7e9), 30));
	CHECK(near(ep_retry_reset("0.5", 1.7e9), 0.5));
	CHECK(near(ep_retry_reset("1700000030", 1.7e9), 30));
	CHECK(near(ep_retry_reset("1700000030000", 1.7e9), 30));
	CHECK(near(ep_retry_reset("1699999999", 1.7e9), 0));
	CHECK(near(ep_retry_reset("soon", 1.7e9), 0));
	CHECK(near(ep_retry_reset(NULL, 1.7e9), 0));
	CHECK_INT_EQ(ep_retry_count("12"), 12);
	CHECK_INT_EQ(ep_retry_count("0"), 0);
	CHECK_INT_EQ(ep_retry_count("-1"), -1);
	CHECK_INT_EQ(ep_retry_count("many"), -1);
	CHECK_INT_EQ(ep_retry_count(NULL), -1);
}

TEST(retry_after_takes_numbers_and_dates)
{
	CHECK(near(ep_retry_after(NULL, "2", 0), 2));
	CHECK(near(ep_retry_after(NULL, " 0.25 ", 0), 0.25));
	CHECK(near(ep_retry_after("1500", "7", 0), 1.5));
	CHECK(near(ep_retry_after("nonsense", "7", 0), 7));
	CHECK(near(ep_retry_after(NULL, "0", 0), 0));
	CHECK(near(ep_retry_after(NULL, "-5", 0), 0));
	CHECK(near(ep_retry_after(NULL, "1e9", 0), 0));
	CHECK(near(ep_retry_after(NULL, "soon", 0), 0));
	CHECK(near(ep_retry_after(NULL, "", 0), 0));
	CHECK(near(ep_retry_after(NULL, ".", 0), 0));
	CHECK(near(ep_retry_after(NULL, NULL, 0), 0));
	CHECK(near(ep_retry_after(NULL, "Sun, 06 Nov 1994 08:49:37 GMT", 784111770), 7));
	CHECK(near(ep_retry_after(NULL, "Sun, 06 Nov 1994 08:49:37 GMT", 784111780), 0));
}

TEST(http_dates)
{
	CHECK(near(ep_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0));
	CHECK(near(ep_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777));
	CHECK(near(ep_http_date("Thu, 29 Feb 2024 23:59:59 GMT"), 1709251199));
	CHECK(near(ep_http_date("Tue, 03 Feb 2026 04:05:06 GMT"), 1770091506));
	CHECK(near(ep_http_date("Sun Nov  6 08:49:37 1994"), -1));
	CHECK(near(ep_http_date("Sun, 06 Nov 1994 08:49:37 UTC"), -1));
	CHECK(near(ep_http_date("Sun, 06 Foo 1994 08:49:37 GMT"), -1));
	CHECK(near(ep_http_date("Sun, 06 Nov 1994 24:49:37 GMT"), -1));
	CHECK(near(ep_http_date(""), -1));
}

TEST(should_retry)
{
	CHECK_INT_EQ(ep_retry_should("true"), 1);
	CHECK_INT_EQ(ep_retry_should("False"), 0);
	CHECK_INT_EQ(ep_retry_should("maybe"), -1);
	CHECK_INT_EQ(ep_retry_should(NULL), -1);
}

TEST(a_404_that_may_end_is_asked_again_as_long_as_it_may)
{
	ep_retry_policy policy = {.max_retries = 2, .max_wait = 60, .not_yet = 5};
	ep_attempt a = {.status = 404, .should_retry = -1};
	ep_decision d = ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0);
	CHECK(d.verdict == EP_VERDICT_REPEAT && d.not_yet && near(d.wait, 0.5));
	a.misses = 2;
	a.missed = 1.5;
	CHECK(near(ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0).wait, 2));
	a.missed = 4; /* the last wait ends with the time */
	CHECK(near(ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0).wait, 1));
	a.missed = 5;
	d = ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0);
	CHECK(d.verdict == EP_VERDICT_FAIL && d.retryable && !d.not_yet);
	a.missed = 0;
	a.retry_after = 3;
	CHECK(near(ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0.5).wait, 3));
	a.should_retry = 0;
	CHECK_INT_EQ(ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_FAIL);
	a = (ep_attempt){.status = 403, .should_retry = -1};
	CHECK_INT_EQ(ep_retry_decide(&policy, EP_REPEAT_SAFE, &a, 0).verdict, EP_VERDICT_FAIL);
	a.status = 404;
	CHECK(!ep_retry_decide(&usual, EP_REPEAT_SAFE, &a, 0).retryable);
}

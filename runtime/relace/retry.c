/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/retry.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/err.h"

/* --- the server's wishes --- */

/* A number without sign or exponent, blanks around it; -1 for anything else. Not strtod: that one obeys the locale. */
static double plain_number(const char *text)
{
	double value = 0, scale = 1;
	bool any = false;
	while (*text == ' ' || *text == '\t') text++;
	for (; isdigit((unsigned char)*text); text++, any = true) value = value * 10 + (*text - '0');
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++, any = true, scale *= 10) value = value * 10 + (*text - '0');
	while (*text == ' ' || *text == '\t') text++;
	return any && !*text ? value / scale : -1;
}

/* Days from 1970-01-01 to the date of the Gregorian calendar. */
static long days_of(int year, int month, int day)
{
	long y = month <= 2 ? year - 1 : year;
	long era = y / 400, of_era = y - era * 400;
	long of_year = (153L * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Reads exactly `digits` digits; -1 if they are not there. */
static int number_at(const char *text, int digits)
{
	int value = 0;
	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)text[i])) return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

static int month_at(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int i = 0; i < 12; i++)
		if (!memcmp(text, months + 3 * (size_t)i, 3)) return i + 1;
	return -1;
}

double ep_http_date(const char *text)
{
	/*                         0123456789012345678901234567 */
	static const char form[] = "xxx, 00 xxx 0000 00:00:00 GMT";
	if (strlen(text) != sizeof form - 1) return -1;
	for (size_t i = 0; form[i]; i++)
		if (form[i] != 'x' && form[i] != '0' && form[i] != text[i]) return -1;
	int day = number_at(text + 5, 2), month = month_at(text + 8), year = number_at(text + 12, 4);
	int hour = number_at(text + 17, 2), minute = number_at(text + 20, 2), second = number_at(text + 23, 2);
	if (day < 1 || day > 31 || month < 1 || year < 1970 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
		second < 0 || second > 60)
		return -1;
	return (double)days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

double ep_retry_after(const char *after_ms, const char *after, double now)
{
	double value = after_ms ? plain_number(after_ms) : -1;
	if (value > 0) return value / 1000;
	if (!after) return 0;
	value = plain_number(after);
	if (value >= 0) return value;
	value = ep_http_date(after);
	return value > now ? value - now : 0;
}

double ep_retry_reset(const char *text, double now)
{
	const double unix_ms = 1e12, unix_s = 1e9; /* a wait of thirty years is none */
	double value = text ? plain_number(text) : -1;
	if (value >= unix_ms) value /= 1000;
	if (value >= unix_s) value -= now;
	return value > 0 ? value : 0;
}

int64_t ep_retry_count(const char *text)
{
	double value = text ? plain_number(text) : -1;
	return value >= 0 && value < 1e15 ? (int64_t)value : -1;
}

double ep_retry_number(const char *text) { return text ? plain_number(text) : -1; }

int ep_retry_should(const char *text)
{
	if (!text) return -1;
	return !strcasecmp(text, "true") ? 1 : !strcasecmp(text, "false") ? 0 : -1;
}

/* --- the decision --- */

static bool lasting_trouble(int code)
{
	return code == EP_EDNS || code == EP_ECONNECT || code == EP_ETIMEOUT || code == EP_ETRUNCATED;
}

/* The server says by this status that it did not begin. */
static bool refused(int status)
{
	return status == 408 || status == 409 || status == 423 || status == 429 || status == 503;
}

/* Whether a failed attempt may be made again at all, and whether what it did is unknown. */
static ep_decision judge_exchange(ep_repeat repeat, const ep_attempt *a)
{
	bool once = repeat == EP_REPEAT_ONCE && a->maybe_sent;
	if (once && (lasting_trouble(a->code) || a->code == EP_EPROTOCOL))
		return (ep_decision){EP_VERDICT_IN_DOUBT, 0, false, false};
	bool again = lasting_trouble(a->code);
	return (ep_decision){again ? EP_VERDICT_REPEAT : EP_VERDICT_FAIL, 0, again, false};
}

static ep_decision judge_status(ep_repeat repeat, const ep_attempt *a)
{
	bool again = refused(a->status) || a->status >= 500;
	if (a->status == 401) return (ep_decision){EP_VERDICT_FAIL, 0, false, false}; /* the same credential fails again */
	if (a->should_retry == 1) return (ep_decision){EP_VERDICT_REPEAT, 0, true, false};
	if (repeat == EP_REPEAT_ONCE && a->status >= 500 && !refused(a->status))
		return (ep_decision){EP_VERDICT_IN_DOUBT, 0, false, false};
	if (a->should_retry == 0) return (ep_decision){EP_VERDICT_FAIL, 0, false, false};
	return (ep_decision){again ? EP_VERDICT_REPEAT : EP_VERDICT_FAIL, 0, again, false};
}

static double computed_wait(int retries, double chance)
{
	double wait = 0.5;
	for (int i = 0; i < retries && wait < 8; i++) wait *= 2;
	return wait * (1 - chance / 4);
}

/* The last wait ends with the time that there is, for one more look. */
static ep_decision judge_miss(const ep_retry_policy *policy, const ep_attempt *a, double chance)
{
	double left = policy->not_yet - a->missed;
	double wait = a->retry_after > 0 ? a->retry_after : computed_wait(a->misses, chance);
	if (left <= 0) return (ep_decision){EP_VERDICT_FAIL, 0, true, false};
	return (ep_decision){EP_VERDICT_REPEAT, wait < left ? wait : left, true, true};
}

ep_decision ep_retry_decide(const ep_retry_policy *policy, ep_repeat repeat, const ep_attempt *a, double chance)
{
	if (!a->code && a->status >= 200 && a->status < 300) return (ep_decision){EP_VERDICT_OK, 0, false, false};
	if (!a->code && a->status == 404 && policy->not_yet > 0 && a->should_retry != 0)
		return judge_miss(policy, a, chance);
	ep_decision d = a->code ? judge_exchange(repeat, a) : judge_status(repeat, a);
	if (d.verdict != EP_VERDICT_REPEAT) return d;
	bool asked = !a->code && a->retry_after > 0, apart = policy->max_refused && !a->code && a->status == 429;
	int made = apart ? a->refused : a->index - a->refused;
	d.wait = asked ? a->retry_after * (1 + chance / 20) : computed_wait(made, chance);
	/* The peer's own figure is what must fit; the twentieth on top only keeps many from coming at once. */
	double need = asked ? a->retry_after : d.wait;
	int most = apart ? policy->max_refused : policy->max_retries;
	if (made >= most || a->waited + need > policy->max_wait) d.verdict = EP_VERDICT_FAIL;
	return d;
}

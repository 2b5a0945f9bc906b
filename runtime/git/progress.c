/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/progress.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *title;
	int phase;
} phases[] = {{"remote: Enumerating objects: ", EP_GIT_ENUMERATING}, {"remote: Counting objects: ", EP_GIT_COUNTING},
	{"remote: Compressing objects: ", EP_GIT_COMPRESSING}, {"Receiving objects: ", EP_GIT_RECEIVING},
	{"Enumerating objects: ", EP_GIT_ENUMERATING}, {"Counting objects: ", EP_GIT_COUNTING},
	{"Compressing objects: ", EP_GIT_COMPRESSING}, {"Writing objects: ", EP_GIT_WRITING},
	{"remote: Resolving deltas: ", EP_GIT_RESOLVING}, {"Filtering content: ", EP_GIT_CHECKOUT},
	{"Unpacking objects: ", EP_GIT_RECEIVING}, {"Resolving deltas: ", EP_GIT_RESOLVING},
	{"Updating files: ", EP_GIT_CHECKOUT}, {"Checking out files: ", EP_GIT_CHECKOUT}};

const char *ep_git_phase_name(int phase)
{
	static const char *const names[EP_GIT_PHASES] = {
		"enumerating", "counting", "compressing", "writing", "receiving", "resolving", "checkout"};
	return names[phase];
}

/* "1.20 MiB" as bytes. */
static uint64_t read_size(const char *text)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
	char *unit;
	double n = strtod(text, &unit), factor = 1;
	while (*unit == ' ') unit++;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++, factor *= 1024)
		if (!strncmp(unit, units[i], strlen(units[i]))) return n > 0 && n < 1e9 ? (uint64_t)(n * factor) : 0;
	return 0;
}

/* "45% (450/1000), 1.20 MiB | 2.00 MiB/s", or the number alone. */
static void read_numbers(ep_git_progress *now, const char *text)
{
	char *end;
	unsigned long long first = strtoull(text, &end, 10);
	if (*end != '%') {
		now->done = first;
		return;
	}
	now->percent = first > 100 ? 100 : (int)first;
	const char *at = strchr(end, '(');
	if (!at) return;
	now->done = strtoull(at + 1, &end, 10);
	if (*end == '/') now->total = strtoull(end + 1, &end, 10);
	if (strncmp(end, "), ", 3) != 0) return;
	now->bytes = read_size(end + 3);
	const char *rate = strstr(end, "| ");
	if (rate) now->rate = read_size(rate + 2);
}

bool ep_git_progress_line(ep_git_progress *now, const char *line)
{
	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
		size_t len = strlen(phases[i].title);
		if (strncmp(line, phases[i].title, len) != 0) continue;
		*now = (ep_git_progress){.phase = phases[i].phase, .percent = -1};
		read_numbers(now, line + len);
		return true;
	}
	return false;
}

void ep_git_progress_read(ep_git_progress_reader *r, const char *bytes, size_t len,
	void (*on_progress)(void *arg, const ep_git_progress *now), void *arg)
{
	ep_git_progress now;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n' && bytes[i] != '\r') {
			if (r->len + 1 < sizeof r->line) r->line[r->len++] = bytes[i];
			continue;
		}
		r->line[r->len] = '\0';
		r->len = 0;
		if (ep_git_progress_line(&now, r->line)) on_progress(arg, &now);
	}
}

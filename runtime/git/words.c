/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/words.h"

#include <ctype.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/git/progress.h"

static size_t line_length(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] != '\n' && text[n] != '\r') n++;
	return n;
}

static bool starts(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && !memcmp(line, with, n);
}

static bool ends(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && !memcmp(line + len - n, with, n);
}

/* --- to be shown --- */

static bool is_silent(const char *words, size_t len)
{
	ep_git_progress unused;
	char line[512];
	size_t n = len < sizeof line ? len : sizeof line - 1;
	memcpy(line, words, n);
	line[n] = '\0';
	/* git wipes a line with ESC [ K */
	return strspn(line, " \t\033[K") == n || ep_git_progress_line(&unused, line) || starts(line, n, "Cloning into ");
}

/* Tabs move no terminal to where it should not be, and stand before names in git's lists. */
static void show_line(ep_buf *out, const char *line, size_t len)
{
	for (size_t from = 0; from < len;) {
		const char *tab = memchr(line + from, '\t', len - from);
		size_t n = tab ? (size_t)(tab - line) - from : len - from;
		ep_utf8_show(out, line + from, n, 0);
		if (tab) ep_buf_putc(out, '\t');
		from += n + 1;
	}
	ep_buf_putc(out, '\n');
}

void ep_git_words_show(ep_buf *out, const ep_secrets *secrets, const char *words, size_t len)
{
	ep_buf plain = {0};
	for (size_t from = 0; from < len;) {
		size_t n = line_length(words + from, len - from);
		if (!is_silent(words + from, n)) show_line(&plain, words + from, n);
		from += n + 1;
	}
	ep_mask(out, secrets, ep_buf_text(&plain), plain.len);
	ep_buf_fini(&plain);
}

/* --- git's own --- */

/* What follows in the line is chosen by the server, or by who made a commit, but for the words that are spared. */
static const struct {
	const char *before, *spared;
} theirs[] = {{"remote: ", "corruption on the remote side"}, {"[remote rejected]", "(failed to update ref)"},
	{"remote error: ", NULL}, {"remote unpack failed: ", NULL}, {"could not apply ", NULL}};

/* Names that git itself puts in quotes, and ends of such. */
static const char *const known[] = {"'HEAD'", "'stash'", "'status.showuntrackedfiles'"};
static const char lock_end[] = ".lock'";

/* The place of the next quote that is no apostrophe within a word; len: there is none. */
static size_t next_quote(const char *text, size_t len, size_t from)
{
	for (size_t i = from; i < len; i++)
		if (text[i] == '\'' &&
			(!i || i + 1 == len || !isalnum((unsigned char)text[i - 1]) || !isalnum((unsigned char)text[i + 1])))
			return i;
	return len;
}

static bool opens(const char *text, size_t at) { return !at || strchr(" (=", text[at - 1]); }

static bool closes(const char *text, size_t len, size_t at)
{
	return at + 1 == len || !isalnum((unsigned char)text[at + 1]);
}

/* The end of the quoted name that begins at from, behind its second quote; from when there is none. A name may hold quotes
 * itself: it ends at the last one before the next that can only open. */
static size_t quoted_end(const char *text, size_t len, size_t from)
{
	size_t end = from;
	for (size_t at = from + 1; (at = next_quote(text, len, at)) < len; at++) {
		if (end > from && opens(text, at)) break;
		if (closes(text, len, at)) end = at + 1;
	}
	return end;
}

static void add_quoted(ep_buf *out, const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (len == strlen(known[i]) && starts(name, len, known[i])) {
			ep_buf_add(out, name, len);
			return;
		}
	ep_buf_putc(out, '\'');
	ep_buf_puts(out, ends(name, len, lock_end) ? lock_end : "'");
}

static void add_without_names(ep_buf *out, const char *line, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t quote = next_quote(line, len, i), end = quote < len ? quoted_end(line, len, quote) : len;
		ep_buf_add(out, line + i, quote - i);
		if (end > quote)
			add_quoted(out, line + quote, end - quote);
		else if (quote < len)
			end++; /* a quote alone */
		i = end;
	}
}

static void add_own(ep_buf *out, const char *line, size_t len)
{
	size_t own = len;
	const char *spared = NULL;
	for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
		size_t n = strlen(theirs[i].before);
		const char *at = memmem(line, own, theirs[i].before, n);
		if (!at) continue;
		own = (size_t)(at - line) + n;
		spared = theirs[i].spared && memmem(line + own, len - own, theirs[i].spared, strlen(theirs[i].spared))
			? theirs[i].spared
			: NULL;
	}
	add_without_names(out, line, own);
	if (spared) ep_buf_puts(out, spared);
	ep_buf_putc(out, '\n');
}

void ep_git_words_own(ep_buf *out, const char *words, size_t len)
{
	for (size_t from = 0; from < len;) {
		size_t n = line_length(words + from, len - from);
		if (words[from] != '\t') add_own(out, words + from, n); /* behind a tab stands a name of a list */
		from += n + 1;
	}
	for (size_t i = 0; i < out->len; i++)
		if (!out->data[i]) out->data[i] = ' '; /* it is searched as a C text */
}

/* Lines that begin so, of which the rest is names; and the result of a push. */
static const char *const reasons[] = {
	"CONFLICT (", "nothing to commit", "nothing added to commit", "no changes added to commit"};
static const char rejected[] = "!\t", unmerged[] = ": needs merge";

static void add_reason(ep_buf *out, const char *line, size_t len)
{
	if (starts(line, len, rejected)) add_own(out, line, len);
	if (ends(line, len, unmerged)) ep_buf_printf(out, "%s\n", unmerged);
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (starts(line, len, reasons[i])) ep_buf_printf(out, "%s\n", reasons[i]);
}

void ep_git_words_reasons(ep_buf *out, const char *output, size_t len)
{
	for (size_t from = 0; from < len;) {
		size_t n = line_length(output + from, len - from);
		add_reason(out, output + from, n);
		from += n + 1;
	}
}

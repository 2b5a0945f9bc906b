/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024, NAME_LIMIT = 1024 };

typedef struct parser {
	const char *at, *end;
	unsigned line;
	ep_buf section, key, value; /* section ends with a dot */
} parser;

static int peek(const parser *p) { return p->at < p->end ? (unsigned char)*p->at : -1; }

/* The next character; a line end with a carriage return is a line end. */
static int next(parser *p)
{
	if (p->at == p->end) return -1;
	if (*p->at == '\r' && p->at + 1 < p->end && p->at[1] == '\n') p->at++;
	if (*p->at == '\n') p->line++;
	return (unsigned char)*p->at++;
}

static void skip_blanks(parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t') p->at++;
}

static void skip_line(parser *p)
{
	while (p->at < p->end && *p->at != '\n') p->at++;
}

static bool is_key_char(int c) { return c >= 0 && c < 128 && (isalnum(c) || c == '-'); }

/* Behind [section, up to the closing bracket: a blank and "Sub section" in quotes. */
static bool read_subsection(parser *p)
{
	skip_blanks(p);
	if (next(p) != '"') return false;
	for (int c; (c = next(p)) != '"';) {
		if (c == '\\') c = next(p);
		if (c < 0 || c == '\n') return false;
		ep_buf_putc(&p->section, (char)c);
	}
	ep_buf_putc(&p->section, '.');
	return next(p) == ']';
}

static bool read_section(parser *p)
{
	ep_buf_reset(&p->section);
	if (peek(p) == '.') return false;
	for (int c; (c = next(p)) != ']';) {
		if (c == ' ' || c == '\t') {
			ep_buf_putc(&p->section, '.');
			return p->section.len > 1 && read_subsection(p);
		}
		if (!is_key_char(c) && c != '.') return false;
		ep_buf_putc(&p->section, (char)tolower(c));
	}
	ep_buf_putc(&p->section, '.');
	return p->section.len > 1;
}

/* The character behind a backslash; -1: none that git knows; 0: the line goes on. */
static int unescape(int c)
{
	switch (c) {
	case 't': return '\t';
	case 'n': return '\n';
	case 'b': return '\b';
	case '\\':
	case '"': return c;
	case '\n': return 0;
	default: return -1;
	}
}

/* The value up to the end of its line. Blanks at its ends and, outside of quotes, what follows # or ; are no part of it. A blank
 * within it is a space, whichever it was. */
static bool read_value(parser *p)
{
	bool quoted = false;
	size_t kept = 0; /* length without the blanks at the end */
	ep_buf_reset(&p->value);
	skip_blanks(p);
	for (int c; (c = next(p)) >= 0 && c != '\n';) {
		if (!quoted && (c == '#' || c == ';')) {
			skip_line(p);
			continue;
		}
		bool blank = !quoted && (c == ' ' || c == '\t');
		if (c == '"') {
			quoted = !quoted;
			kept = p->value.len;
			continue;
		}
		if (c == '\\' && (c = unescape(next(p))) <= 0) {
			if (c < 0) return false;
			continue;
		}
		if (!blank && c < 32 && c != '\t' && c != '\n' && c != '\b') return false;
		if (blank && !p->value.len) continue; /* behind quotes with nothing in them */
		ep_buf_putc(&p->value, blank ? ' ' : (char)c);
		if (!blank) kept = p->value.len;
	}
	if (quoted) return false;
	p->value.len = kept;
	if (p->value.data) p->value.data[kept] = '\0';
	return true;
}

/* Reads "key", "key = value". *has_value tells which. */
static bool read_entry(parser *p, bool *has_value)
{
	ep_buf_reset(&p->key);
	ep_buf_puts(&p->key, ep_buf_text(&p->section));
	if (!p->section.len || peek(p) > 127 || !isalpha(peek(p))) return false;
	while (is_key_char(peek(p))) ep_buf_putc(&p->key, (char)tolower(next(p)));
	skip_blanks(p);
	int c = next(p);
	*has_value = c == '=';
	return c == '=' ? read_value(p) : c == '\n' || c < 0;
}

static int parse_line(parser *p, ep_git_config_entry *entry, void *arg, bool *good)
{
	bool has_value;
	int c = peek(p);
	if (c == '#' || c == ';') {
		skip_line(p);
	} else if (c == '[') {
		p->at++;
		*good = read_section(p);
	} else {
		*good = read_entry(p, &has_value) && !p->key.failed && !p->value.failed;
		if (*good) return entry(arg, p->key.data, has_value ? ep_buf_text(&p->value) : NULL);
	}
	return 0;
}

int ep_git_config_parse(const char *text, size_t len, ep_git_config_entry *entry, void *arg, ep_err *err)
{
	parser p = {.at = text, .end = text + len, .line = 1};
	bool good = !memchr(text, '\0', len);
	int rc = 0;
	p.section.limit = NAME_LIMIT;
	p.key.limit = 2 * NAME_LIMIT;
	while (good && !rc && p.at < p.end) {
		if (strchr(" \t\n\r", *p.at))
			next(&p);
		else
			rc = parse_line(&p, entry, arg, &good);
		if (p.section.failed || p.key.failed || p.value.failed) good = false;
	}
	if (p.section.failed == EP_ENOMEM || p.key.failed == EP_ENOMEM || p.value.failed == EP_ENOMEM)
		rc = ep_err_set(err, EP_ENOMEM, "no memory for the configuration");
	else if (!good)
		rc = ep_err_set(err, EP_ECORRUPT, "line %u of the configuration is not understood", p.line);
	ep_buf_fini(&p.section);
	ep_buf_fini(&p.key);
	ep_buf_fini(&p.value);
	return rc;
}

/* --- files --- */

static int read_text(ep_buf *text, int fd)
{
	text->limit = FILE_MAX;
	for (;;) {
		char *space = ep_buf_reserve(text, 4096);
		ssize_t n = space ? read(fd, space, 4096) : -1;
		if (n < 0 && space && errno == EINTR) continue;
		if (n < 0) return space ? EP_EIO : EP_ENOMEM;
		if (n == 0) return 0;
		text->len += (size_t)n;
	}
}

int ep_git_config_file(const char *path, ep_git_config_entry *entry, void *arg, ep_err *err)
{
	struct stat st;
	ep_buf text = {0};
	ep_err why = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return 0;
	if (fd < 0) return ep_err_set(err, ep_err_of_errno(-errno), "reading '%s': %s", path, strerror(errno));
	int rc = fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX ? EP_ECORRUPT : read_text(&text, fd);
	close(fd);
	if (rc)
		ep_err_set(err, rc, "'%s' is no file that could be read as a configuration", path);
	else if (text.len && (rc = ep_git_config_parse(text.data, text.len, entry, arg, &why)))
		ep_err_set(err, rc, "'%s': %s", path, ep_err_message(&why));
	ep_err_fini(&why);
	ep_buf_wipe(&text);
	return rc;
}

/* --- writing --- */

static void write_quoted(ep_buf *text, const char *value, size_t len)
{
	ep_buf_putc(text, '"');
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '"' || value[i] == '\\') ep_buf_putc(text, '\\');
		if (value[i] == '\n')
			ep_buf_puts(text, "\\n");
		else
			ep_buf_putc(text, value[i]);
	}
	ep_buf_putc(text, '"');
}

void ep_git_config_write(ep_buf *text, const char *key, const char *value)
{
	size_t first = strcspn(key, ".");
	const char *last = strrchr(key, '.');
	if (!last) return;
	ep_buf_putc(text, '[');
	ep_buf_add(text, key, first);
	if (last > key + first) {
		ep_buf_putc(text, ' ');
		write_quoted(text, key + first + 1, (size_t)(last - key) - first - 1);
	}
	ep_buf_printf(text, "]\n\t%s", last + 1);
	if (value) {
		ep_buf_puts(text, " = ");
		write_quoted(text, value, strlen(value));
	}
	ep_buf_putc(text, '\n');
}

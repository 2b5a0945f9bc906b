/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/err.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"

static const struct {
	int code;
	const char *slug;
} errors[] = {
#define X(name, number, slug) {number, slug},
	EP_ERRORS(X)
#undef X
};

enum { ERRORS = sizeof errors / sizeof *errors };

const char *ep_err_slug(int code)
{
	for (size_t i = 0; i < ERRORS; i++)
		if (errors[i].code == code) return errors[i].slug;
	return "unknown";
}

int ep_err_code(const char *slug)
{
	for (size_t i = 0; i < ERRORS; i++)
		if (!strcmp(errors[i].slug, slug)) return errors[i].code;
	return 0;
}

int ep_err_of_errno(int negative_errno)
{
	switch (-negative_errno) {
	case ENOMEM: return EP_ENOMEM;
	case EINVAL:
	case ENAMETOOLONG: return EP_EINVAL;
	case ENOENT:
	case ENOTDIR: return EP_ENOENT;
	case EEXIST:
	case ENOTEMPTY: return EP_EEXIST;
	case EACCES:
	case EPERM:
	case EROFS: return EP_EPERMISSION;
	case ENOSPC:
	case EDQUOT: return EP_ENOSPACE;
	case EBUSY:
	case EADDRINUSE: return EP_EBUSY;
	case ECANCELED: return EP_ECANCELLED;
	case ETIMEDOUT: return EP_ETIMEOUT;
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH: return EP_ECONNECT;
	default: return EP_EIO;
	}
}

int ep_err_vset(ep_err *err, int code, const char *format, va_list args)
{
	if (!err || err->code) return code;
	ep_buf text = {0};
	ep_buf_vprintf(&text, format, args);
	err->code = code;
	err->message = ep_buf_take(&text);
	return code;
}

int ep_err_set(ep_err *err, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	ep_err_vset(err, code, format, args);
	va_end(args);
	return code;
}

int ep_err_set_errno(ep_err *err, int negative_errno, const char *what)
{
	return ep_err_set(err, ep_err_of_errno(negative_errno), "%s: %s", what, strerror(-negative_errno));
}

void ep_err_text(char **text, const char *bytes, unsigned long len)
{
	ep_free(*text);
	*text = bytes ? ep_strndup(bytes, len) : NULL;
}

const char *ep_err_message(const ep_err *err)
{
	if (err->message) return err->message;
	return err->code == EP_ENOMEM ? "not enough memory" : ep_err_slug(err->code);
}

void ep_err_fini(ep_err *err)
{
	ep_free(err->message);
	ep_free(err->operation);
	ep_free(err->detail);
	ep_free(err->request_id);
	*err = (ep_err){0};
}

void ep_err_move(ep_err *to, ep_err *from)
{
	if (!to) {
		ep_err_fini(from);
		return;
	}
	ep_err_fini(to);
	*to = *from;
	*from = (ep_err){0};
}

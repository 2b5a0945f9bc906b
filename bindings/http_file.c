/* SPDX-License-Identifier: Apache-2.0 */
/* A file as the body of a request, read while it is sent: for bindings/http.c. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bindings/epl.h"
#include "bindings/http.h"

#define FILE_BODY "epact.http.file"

typedef struct file_body {
	int fd; /* + 1; 0: closed */
	int64_t size, at;
} file_body;

/* The file is as long as it was when it was opened, whatever happens to it meanwhile: its length was promised. */
static long read_file(void *ctx, char *to, size_t room)
{
	file_body *f = ctx;
	if (f->at == f->size) return 0;
	if ((int64_t)room > f->size - f->at) room = (size_t)(f->size - f->at);
	ssize_t n = pread(f->fd - 1, to, room, f->at);
	if (n < 0) return ep_err_of_errno(-errno);
	if (n == 0) return EP_EIO;
	f->at += n;
	return (long)n;
}

static int rewind_file(void *ctx)
{
	file_body *f = ctx;
	f->at = 0;
	return 0;
}

static const ep_http_source file_source = {.read = read_file, .rewind = rewind_file};

static int close_file(lua_State *L)
{
	file_body *f = epl_check(L, 1, FILE_BODY);
	if (f->fd) close(f->fd - 1);
	f->fd = 0;
	return 0;
}

void epl_http_push_file(lua_State *L, const char *path)
{
	struct stat st;
	ep_err err = {0};
	file_body *f = epl_new(L, sizeof *f, FILE_BODY);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	f->fd = fd + 1;
	if (fd < 0 || fstat(fd, &st))
		ep_err_set_errno(&err, -errno, path);
	else if (!S_ISREG(st.st_mode))
		ep_err_set(&err, EP_EINVAL, "%s: a body can be read from a regular file only", path);
	else
		f->size = st.st_size;
	if (err.code) epl_raise(L, &err);
}

void epl_http_file_body(lua_State *L, int index, ep_http_body *body)
{
	file_body *f = epl_check(L, index, FILE_BODY);
	*body = (ep_http_body){.kind = EP_HTTP_SOURCE, .source = &file_source, .ctx = f, .len = f->size};
}

void epl_http_open_files(lua_State *L)
{
	static const luaL_Reg meta[] = {{"__gc", close_file}, {"__close", close_file}, {NULL, NULL}};
	epl_type(L, FILE_BODY, NULL, meta);
}

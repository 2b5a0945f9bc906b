/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/serve/private.h"

typedef union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
} address;

/* No name server is asked: what a server listens on is an address. */
static int parse(const char *host, int port, address *a, ep_err *err)
{
	char plain[64];
	size_t len = strlen(host);
	if (!strcmp(host, "localhost")) host = "127.0.0.1";
	if (!uv_ip4_addr(host, port, &a->v4)) return 0;
	if (len > 2 && len < sizeof plain && host[0] == '[' && host[len - 1] == ']') {
		memcpy(plain, host + 1, len - 2);
		plain[len - 2] = '\0';
		host = plain;
	}
	if (!uv_ip6_addr(host, port, &a->v6)) return 0;
	return ep_err_set(err, EP_EINVAL, "host \"%s\" is not an IPv4 or IPv6 address", host);
}

static void print(const address *a, char *authority, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (a->any.sa_family == AF_INET6) {
		uv_ip6_name(&a->v6, text, sizeof text);
		snprintf(authority, size, "[%s]:%d", text, ntohs(a->v6.sin6_port));
	} else {
		uv_ip4_name(&a->v4, text, sizeof text);
		snprintf(authority, size, "%s:%d", text, ntohs(a->v4.sin_port));
	}
}

int ep_listen(const char *host, int port, char *authority, size_t size, int *real_port, ep_err *err)
{
	address a = {0};
	int yes = 1, rc = parse(host, port, &a, err);
	if (rc) return rc;
	bool v6 = a.any.sa_family == AF_INET6;
	socklen_t len = v6 ? sizeof a.v6 : sizeof a.v4;
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) goto fail;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes)) goto fail;
	if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes)) goto fail;
	if (bind(fd, &a.any, len) || listen(fd, SOMAXCONN) || getsockname(fd, &a.any, &len)) goto fail;
	*real_port = ntohs(v6 ? a.v6.sin6_port : a.v4.sin_port);
	print(&a, authority, size);
	return fd;
fail:
	rc = -errno;
	if (fd >= 0) close(fd);
	char where[80], what[120];
	print(&a, where, sizeof where);
	snprintf(what, sizeof what, "listening on %s", where);
	return ep_err_set_errno(err, rc, what);
}

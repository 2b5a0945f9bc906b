/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/config.h"

static const char identity[] = "[user]\n\tname = Relace\n\temail = noreply@relace.ai\n";

/* Of http.KEY and http.URL.KEY. There is no way around the checking of certificates. */
static const char *const taken[] = {"proxy", "proxyauthmethod", "proxysslcainfo", "proxysslcert", "proxysslkey",
	"noproxy", "sslcainfo", "sslcapath", "sslbackend", "sslcert", "sslkey", "sslversion"};

static char *under(const char *folder, const char *name)
{
	ep_buf path = {0};
	ep_buf_printf(&path, "%s/%s", folder, name);
	return ep_buf_take(&path);
}

static bool add_file(ep_git_machine *m, size_t i, char *path)
{
	m->files[i] = path;
	return path != NULL;
}

int ep_git_machine_find(ep_git_machine *m)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME"), *global = getenv("GIT_CONFIG_GLOBAL");
	const char *no_system = getenv("GIT_CONFIG_NOSYSTEM");
	*m = (ep_git_machine){.home = ep_strdup(home)};
	bool ok = !home || m->home;
	if (!no_system || !strcmp(no_system, "0")) ok = ok && add_file(m, 0, ep_strdup("/etc/gitconfig"));
	if (global) {
		ok = ok && add_file(m, 1, ep_strdup(global));
	} else {
		if (xdg && *xdg)
			ok = ok && add_file(m, 1, under(xdg, "git/config"));
		else if (home)
			ok = ok && add_file(m, 1, under(home, ".config/git/config"));
		if (home) ok = ok && add_file(m, 2, under(home, ".gitconfig"));
	}
	if (ok) return 0;
	ep_git_machine_fini(m);
	return EP_ENOMEM;
}

typedef struct picking {
	ep_buf *text;
	const char *home;
} picking;

/* git will have another HOME: what is below it is said in full. */
static void pick(const picking *p, const char *key, const char *value)
{
	bool below = p->home && value && !strncmp(value, "~/", 2);
	char *full = below ? under(p->home, value + 2) : NULL;
	if (below && !full)
		p->text->failed = EP_ENOMEM;
	else
		ep_git_config_write(p->text, key, full ? full : value);
	ep_free(full);
}

static int on_setting(void *arg, const char *key, const char *value)
{
	const char *last = strrchr(key, '.');
	if (strncmp(key, "http.", 5) != 0 || !last) return 0;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (!strcmp(last + 1, taken[i])) pick(arg, key, value);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int ep_git_machine_open(int *out, const ep_git_machine *m, ep_err *err)
{
	ep_buf text = {0};
	picking all = {&text, m->home};
	int rc = 0;
	ep_buf_puts(&text, identity);
	for (size_t i = 0; i < EP_GIT_MACHINE_FILES; i++)
		if (m->files[i]) (void)ep_git_config_file(m->files[i], on_setting, &all, NULL);
	int fd = ep_buf_failed(&text) ? -1 : memfd_create("git configuration", MFD_CLOEXEC);
	if (fd < 0)
		rc = ep_buf_failed(&text) ? -ENOMEM : -errno;
	else
		rc = write_all(fd, text.data, text.len);
	ep_buf_wipe(&text); /* a proxy may have a password */
	if (rc && fd >= 0) close(fd);
	if (rc) return ep_err_set_errno(err, rc, "making a configuration for git");
	*out = fd;
	return 0;
}

void ep_git_machine_fini(ep_git_machine *m)
{
	for (size_t i = 0; i < EP_GIT_MACHINE_FILES; i++) ep_free(m->files[i]);
	ep_free(m->home);
	*m = (ep_git_machine){0};
}

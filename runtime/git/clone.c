/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/clone_private.h"

/* --- the end --- */

void ep_git_clone_finish(ep_git_clone *c)
{
	ep_git_meter_stop(c);
	if (c->o.on_progress) c->o.on_progress(c->o.arg, NULL);
	ep_op_finish(&c->op, c->error.code);
}

static int undo(ep_op *op)
{
	ep_git_clone *c = ep_git_clone_of(op);
	c->disk_full = ep_git_place_full(&c->place);
	c->moved = c->place.taken && !ep_git_place_is_there(&c->place);
	return ep_git_place_undo(&c->place, &c->undo_error);
}

static void say(ep_git_clone *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(ep_git_clone *c, const char *format, ...)
{
	ep_buf text = {0};
	va_list args;
	va_start(args, format);
	ep_buf_vprintf(&text, format, args);
	va_end(args);
	if (!ep_buf_failed(&text)) ep_err_text(&c->error.message, text.data, text.len);
	ep_buf_fini(&text);
}

static void after_undo(ep_op *op, int rc)
{
	ep_git_clone *c = ep_git_clone_of(op);
	if (c->moved && c->error.code != EP_ECANCELLED && c->error.code != EP_ETIMEOUT) {
		c->error.code = EP_EDESTINATION; /* whatever git met there */
		say(c, "%s: '%s' is no longer the folder that was taken for it", c->what, c->place.path);
	} else if (c->error.code == EP_EIO && c->disk_full) { /* git does not always say why it cannot write */
		c->error.code = EP_ENOSPACE;
		say(c, "%s: the disk is full", c->what);
	} else if (c->error.code == EP_EIO &&
		c->o.caps.bytes) { /* nor that it may not, beyond the limit of a file's size */
		c->error.code = EP_ETOOLARGE;
		say(c, "%s: a file could not be written, as it would be larger than max_bytes (%llu) allows; all was removed",
			c->what, (unsigned long long)c->o.caps.bytes);
	}
	if (rc) /* what was left behind is said, behind the cause */
		say(c, "%s; and what it left could not be removed: %s", ep_err_message(&c->error),
			ep_err_message(&c->undo_error));
	ep_git_clone_finish(c);
}

void ep_git_clone_fail(ep_git_clone *c)
{
	ep_git_meter_stop(c);
	ep_err_text(&c->error.operation, "git clone", 9);
	ep_git_step_run(&c->step, &c->op, undo, after_undo);
}

bool ep_git_clone_gave_up(ep_git_clone *c)
{
	if (ep_git_step_aborted(&c->op, c->what)) return true;
	return c->over && ep_git_caps_check(&c->o.caps, &c->seen, c->what, &c->error);
}

void ep_git_clone_exceed(ep_git_clone *c, const ep_git_caps *seen)
{
	if (!c->over) c->seen = *seen;
	c->over = true;
	if (c->git) ep_op_cancel(&c->git->op, EP_ECANCELLED);
}

/* --- the op --- */

/* A step on a thread is waited for: it sees the abort when it comes back. */
static void abort_clone(ep_op *op)
{
	ep_git_clone *c = ep_git_clone_of(op);
	if (c->git) ep_op_cancel(&c->git->op, op->why);
}

static void free_clone(ep_op *op)
{
	ep_git_clone *c = ep_git_clone_of(op);
	ep_git_url_fini(&c->url);
	ep_secret_release(c->o.credential);
	ep_git_place_close(&c->place);
	if (c->fence) close(c->fence);
	ep_free(c->place.path);
	ep_free((char *)c->o.branch);
	ep_free((char *)c->o.filter);
	ep_free((char *)c->o.reference);
	ep_free((char *)c->o.ca_file);
	for (char **folder = c->sparse; folder && *folder; folder++) ep_free(*folder);
	ep_free(c->sparse);
	ep_git_listing_fini(&c->listing);
	ep_free(c->what);
	ep_free(c->branch);
	ep_err_fini(&c->error);
	ep_err_fini(&c->undo_error);
	ep_free(c);
}

static void describe_clone(const ep_op *op, ep_buf *text) { ep_buf_puts(text, ((const ep_git_clone *)op)->what); }

static const ep_op_class clone_class = {
	.name = "git clone", .abort = abort_clone, .free = free_clone, .describe = describe_clone};

static int take(ep_op *op)
{
	ep_git_clone *c = ep_git_clone_of(op);
	int rc = c->o.reference ? ep_git_reference_check(c->o.reference, &c->error) : 0;
	if (!rc) rc = ep_git_place_take(&c->place, &c->error);
	int fence = rc ? -1 : ep_git_fence_open(c->place.fd);
	c->fence = fence < 0 ? 0 : fence;
	return rc;
}

static void after_take(ep_op *op, int rc)
{
	ep_git_clone *c = ep_git_clone_of(op);
	bool capped = c->o.caps.files || c->o.caps.bytes;
	if (!ep_git_clone_gave_up(c) && !rc && capped && (rc = ep_git_meter_start(c)))
		ep_err_set(&c->error, rc, "%s: no memory to measure it", c->what);
	if (c->error.code)
		ep_git_clone_fail(c);
	else
		ep_git_clone_run(c);
}

static int check_words(const ep_git_clone_options *o, ep_err *err)
{
	int rc = o->branch ? ep_git_ref_check(o->branch, strlen(o->branch), err) : 0;
	if (!rc && o->filter) rc = ep_git_filter_check(o->filter, strlen(o->filter), err);
	for (size_t i = 0; !rc && o->sparse && o->sparse[i]; i++) rc = ep_git_sparse_check(o->sparse[i], err);
	if (!rc && o->credential) rc = ep_git_password_check(o->credential, err);
	if (!rc && o->reference && !*o->reference) rc = ep_err_set(err, EP_EINVAL, "the reference of a clone has no name");
	if (!rc && !*o->directory) rc = ep_err_set(err, EP_EINVAL, "the folder of a clone has no name");
	return rc;
}

/* Copies the list, the slashes at the ends of its folders left out. */
static int copy_sparse(ep_git_clone *c, const char *const *folders)
{
	size_t count = 0;
	while (folders[count]) count++;
	c->sparse = ep_calloc(count + 1, sizeof *c->sparse);
	for (size_t i = 0; c->sparse && i < count; i++) {
		size_t len = strlen(folders[i]);
		if (len && folders[i][len - 1] == '/') len--;
		c->sparse[i] = ep_strndup(folders[i], len);
		if (!c->sparse[i]) return EP_ENOMEM;
	}
	c->listing.folders = (const char *const *)c->sparse;
	return c->sparse ? 0 : EP_ENOMEM;
}

/* git runs in the folder that it fills: a path seen from ours is made absolute. */
static char *copy_path(const char *path)
{
	char *here = path && *path != '/' ? getcwd(NULL, 0) : NULL;
	ep_buf text = {0};
	if (!here) return ep_strdup(path);
	ep_buf_printf(&text, "%s/%s", here, path);
	free(here);
	char *copy = ep_buf_take(&text);
	ep_buf_fini(&text);
	return copy;
}

/* Copies what outlives the call. */
static int copy(ep_git_clone *c, const ep_git_clone_options *o)
{
	ep_buf what = {0};
	ep_buf_printf(&what, "cloning %s", c->url.text);
	c->what = ep_buf_take(&what);
	c->place.path = ep_strdup(o->directory);
	c->o = *o;
	c->o.url = c->o.directory = NULL;
	c->o.branch = ep_strdup(o->branch);
	c->o.filter = ep_strdup(o->filter);
	c->o.reference = copy_path(o->reference);
	c->o.ca_file = copy_path(o->ca_file);
	c->o.credential = o->credential ? ep_secret_retain(o->credential) : NULL;
	if (o->sparse && copy_sparse(c, o->sparse)) return EP_ENOMEM;
	bool lost = !c->what || !c->place.path || (o->branch && !c->o.branch) || (o->filter && !c->o.filter) ||
		(o->reference && !c->o.reference);
	return lost || (o->ca_file && !c->o.ca_file) ? EP_ENOMEM : 0;
}

int ep_git_clone_check(const ep_git_clone_options *o, ep_err *err)
{
	ep_git_url url;
	int rc = check_words(o, err);
	if (!rc) rc = ep_git_url_read(&url, o->url, strlen(o->url), o->allow_http, err);
	if (!rc) ep_git_url_fini(&url);
	return rc;
}

int ep_git_clone_start(ep_git_clone **out, ep_procs *procs, const ep_git_clone_options *o, ep_err *err)
{
	ep_git_url url;
	int rc = check_words(o, err);
	if (!rc) rc = ep_git_url_read(&url, o->url, strlen(o->url), o->allow_http, err);
	if (rc) return rc;
	ep_git_clone *c = ep_calloc(1, sizeof *c);
	if (!c) {
		ep_git_url_fini(&url);
		return ep_err_set(err, EP_ENOMEM, "no memory for a clone");
	}
	ep_op_init(&c->op, ep_procs_loop(procs), &clone_class, &c->error);
	c->procs = procs;
	c->url = url;
	if (copy(c, o)) {
		ep_op_unref(&c->op);
		return ep_err_set(err, EP_ENOMEM, "no memory for a clone");
	}
	ep_op_start(&c->op);
	ep_git_step_run(&c->step, &c->op, take, after_take);
	*out = c;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Bodies of trees and lists: what they are made of, checked and measured. */
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/base/path.h"
#include "runtime/base/utf8.h"
#include "runtime/relace/files_body_private.h"

static int no_memory(ep_err *err) { return ep_err_set(err, EP_ENOMEM, "not enough memory"); }

static char *joined(const char *a, const char *b, const char *c, const char *d)
{
	ep_buf text = {0};
	ep_buf_puts(&text, a);
	ep_buf_puts(&text, b);
	ep_buf_puts(&text, c);
	ep_buf_puts(&text, d);
	char *out = ep_buf_failed(&text) ? NULL : ep_buf_take(&text);
	ep_buf_fini(&text);
	return out;
}

static ep_files_body *new_body(size_t count, const char *prefix, const char *others, const char *suffix)
{
	ep_files_body *b = ep_calloc(1, sizeof *b);
	if (!b) return NULL;
	b->fd = -1;
	b->count = count;
	b->before_name = EP_FILES_BEFORE;
	b->prefix = joined(prefix, "[", others, *others && count ? "," : "");
	b->suffix = joined("]", suffix, "", "");
	if (b->prefix && b->suffix) return b;
	ep_files_body_free(b);
	return NULL;
}

static void measure(ep_files_body *b)
{
	const size_t skeleton = strlen(b->before_name) + sizeof EP_FILES_BETWEEN - 1 + sizeof EP_FILES_AFTER - 1;
	uint64_t length = strlen(b->prefix) + strlen(b->suffix) + (b->count ? b->count - 1 : 0);
	for (size_t i = 0; i < b->count; i++) {
		size_t len;
		const char *name = ep_files_name(b, i, &len);
		length += skeleton + ep_json_escaped_length(name, len) + ep_files_json_length(b, i);
	}
	b->length = (int64_t)length;
}

/* Counts the tree, and measures; takes the body, also when that fails. */
static int set_tree(ep_files_body **out, ep_files_body *b, ep_tree *tree, ep_err *err)
{
	if (b) {
		b->tree = tree;
		ep_op_retain(&tree->op);
		b->chunk = ep_alloc(EP_FILES_CHUNK);
	}
	if (!b || !b->chunk) {
		ep_files_body_free(b);
		return no_memory(err);
	}
	measure(b);
	*out = b;
	return 0;
}

int ep_files_body_of_tree(ep_files_body **out, ep_tree *tree, const char *prefix, const char *suffix, ep_err *err)
{
	return set_tree(out, new_body(tree->count, prefix, "", suffix), tree, err);
}

int ep_files_body_of_writes(ep_files_body **out, ep_tree *tree, const size_t *chosen, size_t count, const char *others,
	const char *prefix, const char *suffix, ep_err *err)
{
	ep_files_body *b = new_body(count, prefix, others, suffix);
	if (b) b->chosen = ep_alloc((count + 1) * sizeof *chosen);
	if (!b || !b->chosen) {
		ep_files_body_free(b);
		return no_memory(err);
	}
	if (count) memcpy(b->chosen, chosen, count * sizeof *chosen);
	b->before_name = EP_FILES_WRITE;
	return set_tree(out, b, tree, err);
}

static int check_item(const ep_files_item *item, ep_err *err)
{
	int code = ep_repo_path_check(item->name, item->name_len, "filename", err);
	if (code) return code;
	if (memchr(item->content, 0, item->content_len))
		return ep_err_set(err, EP_EINVAL, "the content of '%s' holds a NUL byte: only text can be sent", item->name);
	size_t good = ep_utf8_check(item->content, item->content_len);
	if (good == item->content_len) return 0;
	return ep_err_set(err, EP_EINVAL, "the content of '%s' is not UTF-8, from byte %zu on", item->name, good + 1);
}

int ep_files_body_of_list(
	ep_files_body **out, const ep_files_item *list, size_t count, const char *prefix, const char *suffix, ep_err *err)
{
	int code = 0;
	ep_files_body *b = new_body(count, prefix, "", suffix);
	if (b) {
		b->list = ep_calloc(count + 1, sizeof *b->list);
		b->list_lengths = ep_calloc(count + 1, sizeof *b->list_lengths);
	}
	if (!b || !b->list || !b->list_lengths) code = no_memory(err);
	for (size_t i = 0; i < count && !code; i++) {
		b->list[i] = list[i];
		b->list_lengths[i] = ep_json_escaped_length(list[i].content, list[i].content_len);
		code = check_item(&list[i], err);
	}
	if (code) {
		ep_files_body_free(b);
		return code;
	}
	measure(b);
	*out = b;
	return 0;
}

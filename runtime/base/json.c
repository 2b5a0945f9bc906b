/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "runtime/base/json_scan.h"
#include "runtime/base/mem.h"

/* A value is a node of cJSON's tree, corrected by what the scanner noted: see docs/internals/json.md. What is ours
 * beside its type, above the bits that cJSON uses: */
enum {
	INTEGER = 1 << 16,   /* valuedouble's bits are an int64 */
	LENGTH = 1 << 17,    /* of a string: valuedouble's bits are its length, as it holds NUL */
	KEY_LENGTH = 1 << 18 /* valueint is the key's length, as it holds NUL */
};

struct ep_json {
	cJSON *root;
	size_t depth;
};

/* Where the walk that corrects the tree stands in the notes. */
typedef struct notes {
	const ep_json_note *number;
	const ep_json_nul *nul, *nul_end;
	const uint32_t *count;
	size_t order; /* strings and keys so far */
} notes;

static notes notes_of(const ep_json_scan *s)
{
	const ep_json_nul *nul = (const void *)s->nuls.data;
	size_t nuls = s->nuls.len / sizeof *nul;
	return (notes){(const void *)s->numbers.data, nul, nuls ? nul + nuls : nul, (const void *)s->counts.data, 0};
}

static const cJSON *node_of(const ep_json_value *v) { return (const void *)v; }

static const ep_json_value *value_of(const cJSON *node) { return (const void *)node; }

static void keep_bits(cJSON *node, uint64_t bits) { memcpy(&node->valuedouble, &bits, sizeof bits); }

static uint64_t kept_bits(const cJSON *node)
{
	uint64_t bits;
	memcpy(&bits, &node->valuedouble, sizeof bits);
	return bits;
}

/* The length of the string or key that comes next, if it holds NUL. */
static bool next_nul(notes *n, size_t *len)
{
	if (n->nul == n->nul_end || n->nul->order != n->order++) return false;
	*len = n->nul++->len;
	return true;
}

static void correct_number(cJSON *node, notes *n)
{
	const ep_json_note *note = n->number++;
	if (note->kind == EP_JSON_NOTE_TEXT) return;
	if (note->kind == EP_JSON_NOTE_NUMBER) {
		node->valuedouble = note->as.number;
		return;
	}
	node->type |= INTEGER;
	keep_bits(node, (uint64_t)note->as.integer);
}

/* Walks in the document's order, as deep as cJSON itself did to make the tree. */
static void correct(cJSON *node, notes *n)
{
	size_t len;
	if (node->string && next_nul(n, &len)) {
		node->type |= KEY_LENGTH;
		node->valueint = (int)len;
	}
	switch (node->type & 0xff) {
	case cJSON_Number: correct_number(node, n); break;
	case cJSON_String:
		if (!next_nul(n, &len)) break;
		node->type |= LENGTH;
		keep_bits(node, len);
		break;
	case cJSON_Array:
	case cJSON_Object:
		keep_bits(node, *n->count++);
		for (cJSON *child = node->child; child; child = child->next) correct(child, n);
		break;
	default: break;
	}
}

/* A copy of the text in which each number that is too long for cJSON is a 0 and spaces. */
static char *without_longs(const char *text, size_t len, const ep_buf *longs)
{
	const ep_json_long *l = (const void *)longs->data;
	char *copy = ep_strndup(text, len);
	for (size_t n = longs->len / sizeof *l; copy && n; n--, l++) {
		memset(copy + l->at, ' ', l->len);
		copy[l->at] = '0';
	}
	return copy;
}

/* The tree of a text that the scanner accepted: only memory can be missing. */
static cJSON *make_tree(const char *text, size_t len, const ep_buf *longs)
{
	const char *end; /* asked for, as cJSON else keeps its errors for all threads */
	char *copy = longs->len ? without_longs(text, len, longs) : NULL;
	cJSON *root = NULL;
	if (copy || !longs->len) root = cJSON_ParseWithLengthOpts(copy ? copy : text, len, &end, 0);
	ep_free(copy);
	return root;
}

int ep_json_parse(ep_json **doc, const char *text, size_t len, const ep_json_limits *limits, ep_err *err)
{
	ep_json_scan scan = {0};
	ep_json *made = NULL;
	int rc = ep_json_scan_run(&scan, text, len, limits, err);
	if (rc) goto fail;
	rc = EP_ENOMEM;
	made = ep_calloc(1, sizeof *made);
	if (!made || !(made->root = make_tree(text, len, &scan.longs))) {
		ep_err_set(err, rc, "not enough memory to read JSON");
		goto fail;
	}
	made->depth = scan.deepest;
	notes n = notes_of(&scan);
	correct(made->root, &n);
	ep_json_scan_fini(&scan);
	*doc = made;
	return 0;
fail:
	ep_json_scan_fini(&scan);
	ep_free(made);
	return rc;
}

void ep_json_free(ep_json *doc)
{
	if (!doc) return;
	cJSON_Delete(doc->root);
	ep_free(doc);
}

static void wipe(cJSON *node)
{
	size_t len;
	if (ep_json_get_string(value_of(node), &len)) explicit_bzero(node->valuestring, len);
	for (cJSON *child = node->child; child; child = child->next) wipe(child);
}

void ep_json_wipe(ep_json *doc)
{
	if (doc) wipe(doc->root);
	ep_json_free(doc);
}

const ep_json_value *ep_json_root(const ep_json *doc) { return value_of(doc->root); }

size_t ep_json_depth(const ep_json *doc) { return doc->depth; }

ep_json_kind ep_json_type(const ep_json_value *v)
{
	if (!v) return EP_JSON_NONE;
	switch (node_of(v)->type & 0xff) {
	case cJSON_NULL: return EP_JSON_NULL;
	case cJSON_False:
	case cJSON_True: return EP_JSON_BOOL;
	case cJSON_Number: return node_of(v)->type & INTEGER ? EP_JSON_INTEGER : EP_JSON_NUMBER;
	case cJSON_String: return EP_JSON_STRING;
	case cJSON_Array: return EP_JSON_ARRAY;
	default: return EP_JSON_OBJECT;
	}
}

const ep_json_value *ep_json_object_get(const ep_json_value *v, const char *key)
{
	const ep_json_value *found = NULL;
	size_t wanted = strlen(key), len = 0;
	if (ep_json_type(v) != EP_JSON_OBJECT) return NULL;
	for (v = ep_json_first(v); v; v = ep_json_next(v)) {
		const char *name = ep_json_key(v, &len);
		if (len == wanted && memcmp(name, key, len) == 0) found = v;
	}
	return found;
}

const ep_json_value *ep_json_first(const ep_json_value *container)
{
	return container ? value_of(node_of(container)->child) : NULL;
}

const ep_json_value *ep_json_next(const ep_json_value *v) { return v ? value_of(node_of(v)->next) : NULL; }

size_t ep_json_count(const ep_json_value *v)
{
	return v && node_of(v)->type & (cJSON_Array | cJSON_Object) ? (size_t)kept_bits(node_of(v)) : 0;
}

const char *ep_json_key(const ep_json_value *v, size_t *len)
{
	const cJSON *node = node_of(v);
	const char *key = node ? node->string : NULL;
	if (key && len) *len = node->type & KEY_LENGTH ? (size_t)node->valueint : strlen(key);
	return key;
}

const char *ep_json_get_string(const ep_json_value *v, size_t *len)
{
	const cJSON *node = node_of(v);
	if (!node || !(node->type & cJSON_String)) return NULL;
	if (len) *len = node->type & LENGTH ? (size_t)kept_bits(node) : strlen(node->valuestring);
	return node->valuestring;
}

bool ep_json_get_bool(const ep_json_value *v, bool *out)
{
	if (ep_json_type(v) != EP_JSON_BOOL) return false;
	*out = node_of(v)->type & cJSON_True;
	return true;
}

bool ep_json_get_integer(const ep_json_value *v, int64_t *out)
{
	if (ep_json_type(v) != EP_JSON_INTEGER) return false;
	*out = (int64_t)kept_bits(node_of(v));
	return true;
}

bool ep_json_get_number(const ep_json_value *v, double *out)
{
	int64_t integer;
	if (ep_json_type(v) == EP_JSON_NUMBER) {
		*out = node_of(v)->valuedouble;
		return true;
	}
	if (!ep_json_get_integer(v, &integer)) return false;
	*out = (double)integer;
	return true;
}

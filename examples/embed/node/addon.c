/* SPDX-License-Identifier: Apache-2.0 */
/* epact in Node: an instance on Node's own loop, so that scripts, timers and sockets of both run side by side on one thread,
 * without a child process.
 *
 *     cc -shared -fPIC addon.c -o epact.node -I NODE/include/node $(pkg-config --cflags --libs epact) */
#include <epact.h>
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

typedef struct instance {
	napi_env env;
	epact *e;
	struct function *functions;
	napi_deferred closed;
	napi_ref self; /* keeps the JavaScript object while the instance is open */
} instance;

typedef struct function {
	struct function *next;
	instance *of;
	napi_ref callback;
} function;

/* A promise for what a script or a call comes to. */
typedef struct pending {
	instance *of;
	napi_deferred deferred;
} pending;

/* --- values --- */

/* What a value that is being made points to. */
typedef struct arena {
	void **blocks;
	size_t count;
} arena;

static void *take(arena *a, size_t size)
{
	void **blocks = realloc(a->blocks, (a->count + 1) * sizeof *blocks);
	void *block = blocks ? malloc(size ? size : 1) : NULL;
	if (blocks) a->blocks = blocks;
	if (block) a->blocks[a->count++] = block;
	return block;
}

static void release(arena *a)
{
	for (size_t i = 0; i < a->count; i++) free(a->blocks[i]);
	free(a->blocks);
}

static epact_value from_js(napi_env env, napi_value js, arena *a);

static epact_value from_string(napi_env env, napi_value js, arena *a)
{
	size_t size = 0;
	napi_get_value_string_utf8(env, js, NULL, 0, &size);
	char *text = take(a, size + 1);
	if (!text) return epact_nil();
	napi_get_value_string_utf8(env, js, text, size + 1, &size);
	return epact_bytes(text, size);
}

static epact_value from_array(napi_env env, napi_value js, arena *a)
{
	uint32_t count = 0;
	napi_value item;
	napi_get_array_length(env, js, &count);
	epact_value *items = take(a, count * sizeof *items);
	if (!items) return epact_nil();
	for (uint32_t i = 0; i < count; i++)
		items[i] = napi_get_element(env, js, i, &item) ? epact_nil() : from_js(env, item, a);
	return epact_list(items, count);
}

static epact_value from_object(napi_env env, napi_value js, arena *a)
{
	napi_value names, name, value;
	uint32_t count = 0;
	if (napi_get_property_names(env, js, &names)) return epact_nil();
	napi_get_array_length(env, names, &count);
	epact_pair *pairs = take(a, count * sizeof *pairs);
	if (!pairs) return epact_nil();
	for (uint32_t i = 0; i < count; i++) {
		napi_get_element(env, names, i, &name);
		napi_get_property(env, js, name, &value);
		pairs[i] = (epact_pair){from_js(env, name, a), from_js(env, value, a)};
	}
	return epact_map(pairs, count);
}

static epact_value from_number(napi_env env, napi_value js)
{
	double n = 0;
	napi_get_value_double(env, js, &n);
	if (n >= -9007199254740991.0 && n <= 9007199254740991.0 && (double)(int64_t)n == n)
		return epact_integer((int64_t)n);
	return epact_number(n);
}

/* undefined and null are nil, buffers are bytes, bigints are integers. */
static epact_value from_js(napi_env env, napi_value js, arena *a)
{
	napi_valuetype type = napi_undefined;
	bool is = false;
	void *bytes;
	size_t size;
	int64_t integer = 0;
	napi_typeof(env, js, &type);
	switch (type) {
	case napi_boolean: napi_get_value_bool(env, js, &is); return epact_boolean(is);
	case napi_number: return from_number(env, js);
	case napi_bigint: /* one of more than 64 bits crosses as its text */
		if (!napi_get_value_bigint_int64(env, js, &integer, &is) && is) return epact_integer(integer);
		return napi_coerce_to_string(env, js, &js) ? epact_nil() : from_string(env, js, a);
	case napi_string: return from_string(env, js, a);
	case napi_object:
		if (!napi_is_array(env, js, &is) && is) return from_array(env, js, a);
		if (napi_is_buffer(env, js, &is) || !is) return from_object(env, js, a);
		napi_get_buffer_info(env, js, &bytes, &size);
		return epact_bytes(bytes, size);
	default: return epact_nil();
	}
}

static bool is_utf8(const char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		unsigned char c = (unsigned char)text[i++];
		size_t more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : (c & 0xf8) == 0xf0 ? 3 : 9;
		for (; more && more < 9 && i < size && ((unsigned char)text[i] & 0xc0) == 0x80; i++) more--;
		if (more) return false;
	}
	return true;
}

static napi_value to_js(napi_env env, const epact_value *v)
{
	napi_value js = NULL;
	const int64_t safe = 9007199254740991;
	switch (v->type) {
	case EPACT_BOOL: napi_get_boolean(env, v->as.boolean, &js); break;
	case EPACT_INTEGER:
		if (v->as.integer > safe || v->as.integer < -safe)
			napi_create_bigint_int64(env, v->as.integer, &js);
		else
			napi_create_int64(env, v->as.integer, &js);
		break;
	case EPACT_NUMBER: napi_create_double(env, v->as.number, &js); break;
	case EPACT_STRING:
		if (is_utf8(v->as.string, v->size))
			napi_create_string_utf8(env, v->as.string, v->size, &js);
		else
			napi_create_buffer_copy(env, v->size, v->as.string, NULL, &js);
		break;
	case EPACT_LIST:
		napi_create_array_with_length(env, v->size, &js);
		for (size_t i = 0; i < v->size; i++) napi_set_element(env, js, (uint32_t)i, to_js(env, &v->as.list[i]));
		break;
	case EPACT_MAP:
		napi_create_object(env, &js);
		for (size_t i = 0; i < v->size; i++)
			napi_set_property(env, js, to_js(env, &v->as.map[i].key), to_js(env, &v->as.map[i].value));
		break;
	default: napi_get_undefined(env, &js);
	}
	return js;
}

static void set_text(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value js;
	if (!text || napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &js)) return;
	napi_set_named_property(env, object, name, js);
}

/* An Error with the fields of the failure; code is the slug. */
static napi_value to_error(napi_env env, const epact_failure *f)
{
	napi_value error = NULL, text, status;
	napi_create_string_utf8(env, f->text ? f->text : "epact failed", NAPI_AUTO_LENGTH, &text);
	napi_create_error(env, NULL, text, &error);
	set_text(env, error, "code", f->slug);
	set_text(env, error, "operation", f->operation);
	set_text(env, error, "detail", f->detail);
	napi_create_int32(env, f->status, &status);
	napi_set_named_property(env, error, "status", status);
	return error;
}

/* --- callbacks of the instance, which come from a turn of Node's loop --- */

/* Everything that touches JavaScript from there happens in a scope; the callback scope runs what promises brought. */
typedef struct stage {
	napi_handle_scope handles;
	napi_callback_scope callbacks;
	napi_async_context context;
} stage;

static void enter(napi_env env, stage *s)
{
	napi_value name, resource;
	napi_open_handle_scope(env, &s->handles);
	napi_create_string_utf8(env, "epact", NAPI_AUTO_LENGTH, &name);
	napi_create_object(env, &resource);
	napi_async_init(env, resource, name, &s->context);
	napi_open_callback_scope(env, resource, s->context, &s->callbacks);
}

static void leave(napi_env env, stage *s)
{
	napi_close_callback_scope(env, s->callbacks);
	napi_async_destroy(env, s->context);
	napi_close_handle_scope(env, s->handles);
}

static void on_done(void *arg, const epact_result *result)
{
	pending *p = arg;
	napi_env env = p->of->env;
	stage s;
	enter(env, &s);
	if (result->failure) {
		napi_reject_deferred(env, p->deferred, to_error(env, result->failure));
	} else {
		epact_value all = epact_list(result->values, result->count);
		napi_resolve_deferred(env, p->deferred, to_js(env, &all));
	}
	leave(env, &s);
	free(p);
}

static void on_closed(void *arg)
{
	instance *i = arg;
	napi_env env = i->env;
	napi_value undefined;
	stage s;
	enter(env, &s);
	for (function *f = i->functions, *next; f; f = next) {
		next = f->next;
		napi_delete_reference(env, f->callback);
		free(f);
	}
	i->functions = NULL;
	napi_get_undefined(env, &undefined);
	napi_resolve_deferred(env, i->closed, undefined);
	napi_delete_reference(env, i->self);
	leave(env, &s);
}

/* Fails a reply with what JavaScript has thrown. */
static void fail_thrown(napi_env env, epact_reply *reply, napi_value thrown)
{
	arena a = {0};
	napi_value text;
	epact_value message = epact_text("the host's function failed");
	if (!napi_coerce_to_string(env, thrown, &text)) message = from_js(env, text, &a);
	epact_failure f = {.size = sizeof f, .code = EPACT_ESCRIPT, .message = message.as.string};
	epact_reply_fail(reply, &f);
	release(&a);
}

static void finish_with(napi_env env, epact_reply *reply, napi_value js)
{
	arena a = {0};
	epact_value value = from_js(env, js, &a);
	epact_reply_finish(reply, &value, 1);
	release(&a);
}

static napi_value first_argument(napi_env env, napi_callback_info info, void **data)
{
	size_t argc = 1;
	napi_value argument;
	napi_get_cb_info(env, info, &argc, &argument, NULL, data);
	return argument;
}

static napi_value on_fulfilled(napi_env env, napi_callback_info info)
{
	void *reply;
	napi_value value = first_argument(env, info, &reply);
	finish_with(env, reply, value);
	return NULL;
}

static napi_value on_rejected(napi_env env, napi_callback_info info)
{
	void *reply;
	napi_value thrown = first_argument(env, info, &reply);
	fail_thrown(env, reply, thrown);
	return NULL;
}

/* Finishes the reply when the promise is settled. */
static void follow(napi_env env, epact_reply *reply, napi_value promise)
{
	napi_value then, handlers[2];
	napi_get_named_property(env, promise, "then", &then);
	napi_create_function(env, NULL, 0, on_fulfilled, reply, &handlers[0]);
	napi_create_function(env, NULL, 0, on_rejected, reply, &handlers[1]);
	napi_call_function(env, promise, then, 2, handlers, NULL);
}

static void on_function(void *arg, epact_reply *reply, const epact_value *args, size_t nargs)
{
	function *f = arg;
	napi_env env = f->of->env;
	napi_value callback, global, js, thrown, argv[16];
	bool is_promise = false;
	stage s;
	enter(env, &s);
	if (nargs > 16) nargs = 16;
	for (size_t i = 0; i < nargs; i++) argv[i] = to_js(env, &args[i]);
	napi_get_global(env, &global);
	napi_get_reference_value(env, f->callback, &callback);
	if (napi_call_function(env, global, callback, nargs, argv, &js)) {
		napi_get_and_clear_last_exception(env, &thrown);
		fail_thrown(env, reply, thrown);
	} else if (!napi_is_promise(env, js, &is_promise) && is_promise) {
		follow(env, reply, js);
	} else {
		finish_with(env, reply, js);
	}
	leave(env, &s);
}

/* --- the class Epact --- */

static instance *unwrap(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv)
{
	napi_value self;
	void *i = NULL;
	napi_get_cb_info(env, info, argc, argv, &self, NULL);
	napi_unwrap(env, self, &i);
	if (!i || !((instance *)i)->e) {
		napi_throw_error(env, "closed", "the instance is closed");
		return NULL;
	}
	return i;
}

static napi_value throw_last(instance *i)
{
	napi_throw(i->env, to_error(i->env, epact_failure_of(i->e)));
	return NULL;
}

static pending *new_pending(instance *i, napi_value *promise)
{
	pending *p = calloc(1, sizeof *p);
	if (!p) {
		napi_throw_error(i->env, "no_memory", "not enough memory");
		return NULL;
	}
	p->of = i;
	napi_create_promise(i->env, &p->deferred, promise);
	return p;
}

/* Gives up a promise whose work was not started: the error is thrown instead. */
static napi_value drop(instance *i, pending *p)
{
	napi_value undefined;
	napi_get_undefined(i->env, &undefined);
	napi_resolve_deferred(i->env, p->deferred, undefined);
	free(p);
	return throw_last(i);
}

/* run(text, name) -> a promise of what the script returns */
static napi_value js_run(napi_env env, napi_callback_info info)
{
	size_t argc = 2;
	napi_value argv[2], promise;
	arena a = {0};
	instance *i = unwrap(env, info, &argc, argv);
	pending *p = i ? new_pending(i, &promise) : NULL;
	if (!p) return NULL;
	epact_value text = from_js(env, argv[0], &a), name = argc > 1 ? from_js(env, argv[1], &a) : epact_text("text");
	int rc = EPACT_EINVAL;
	if (text.type == EPACT_STRING && name.type == EPACT_STRING) {
		rc = epact_start_text(i->e, text.as.string, text.size, name.as.string, 0, NULL);
		if (!rc) epact_on_end(i->e, on_done, p);
	}
	release(&a);
	return rc ? drop(i, p) : promise;
}

/* call(name, ...args) -> a promise of an array: what the Lua function returns */
static napi_value js_call(napi_env env, napi_callback_info info)
{
	size_t argc = 16;
	napi_value argv[16], promise;
	epact_value args[16];
	arena a = {0};
	instance *i = unwrap(env, info, &argc, argv);
	pending *p = i && argc ? new_pending(i, &promise) : NULL;
	if (!p) return NULL;
	if (argc > 16) argc = 16;
	for (size_t n = 0; n < argc; n++) args[n] = from_js(env, argv[n], &a);
	int rc = args[0].type == EPACT_STRING
		? epact_call_start(NULL, i->e, args[0].as.string, args + 1, argc - 1, on_done, p)
		: EPACT_EINVAL;
	release(&a);
	return rc ? drop(i, p) : promise;
}

/* register("module.name", function): the function may return a promise */
static napi_value js_register(napi_env env, napi_callback_info info)
{
	size_t argc = 2;
	napi_value argv[2];
	arena a = {0};
	instance *i = unwrap(env, info, &argc, argv);
	function *f = i && argc == 2 ? calloc(1, sizeof *f) : NULL;
	if (!f) return NULL;
	*f = (function){.next = i->functions, .of = i};
	napi_create_reference(env, argv[1], 1, &f->callback);
	i->functions = f;
	epact_value name = from_js(env, argv[0], &a);
	int rc = name.type == EPACT_STRING ? epact_register(i->e, name.as.string, on_function, f) : EPACT_EINVAL;
	release(&a);
	return rc ? throw_last(i) : NULL;
}

/* close() -> a promise */
static napi_value js_close(napi_env env, napi_callback_info info)
{
	size_t argc = 0;
	napi_value promise;
	instance *i = unwrap(env, info, &argc, NULL);
	if (!i) return NULL;
	epact *e = i->e;
	napi_create_promise(env, &i->closed, &promise);
	i->e = NULL;
	epact_close(e, on_closed, i);
	return promise;
}

static void on_collected(napi_env env, void *data, void *hint)
{
	(void)env, (void)hint;
	free(data); /* it is closed: an open one is kept by its reference */
}

/* new Epact() */
static napi_value js_new(napi_env env, napi_callback_info info)
{
	size_t argc = 0;
	napi_value self;
	instance *i = calloc(1, sizeof *i);
	struct uv_loop_s *loop;
	napi_get_cb_info(env, info, &argc, NULL, &self, NULL);
	if (!i || napi_get_uv_event_loop(env, &loop)) {
		free(i);
		napi_throw_error(env, "no_memory", "not enough memory");
		return NULL;
	}
	epact_options options = {.size = sizeof options, .loop = loop};
	i->env = env;
	if (epact_open(&i->e, &options)) {
		free(i);
		napi_throw_error(env, "no_memory", "epact_open failed");
		return NULL;
	}
	napi_wrap(env, self, i, on_collected, NULL, NULL);
	napi_create_reference(env, self, 1, &i->self);
	return self;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor methods[] = {{"run", NULL, js_run, NULL, NULL, NULL, napi_default_method, NULL},
		{"call", NULL, js_call, NULL, NULL, NULL, napi_default_method, NULL},
		{"register", NULL, js_register, NULL, NULL, NULL, napi_default_method, NULL},
		{"close", NULL, js_close, NULL, NULL, NULL, napi_default_method, NULL}};
	napi_value class;
	napi_define_class(env, "Epact", NAPI_AUTO_LENGTH, js_new, NULL, 4, methods, &class);
	napi_set_named_property(env, exports, "Epact", class);
	return exports;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPACT_HPP
#define EPACT_HPP

/* epact.h for C++17: values and instances that own what they hold. Header only.
 *
 *     epactpp::instance e;
 *     e.function("host.add", [](const epactpp::list &args) -> epactpp::list { return {args[0].integer() + args[1].integer()}; });
 *     e.start_text("print(require('host').add(1, 2))");
 *     e.run();
 *
 * Life, Thread: as in epact.h. Errors: epactpp::error is thrown; what a host's function throws fails the script's call. */

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "epact.h"

namespace epactpp
{

/* What went wrong; what() is one line with the operation. Also thrown by a host's function, to fail the script's call. */
class error : public std::runtime_error {
public:
	explicit error(const epact_failure &f)
		: std::runtime_error(f.text ? f.text : f.message ? f.message : "epact failed"), code(f.code), slug(text(f.slug)),
		  message(text(f.message)), operation(text(f.operation)), detail(text(f.detail)), request_id(text(f.request_id)),
		  traceback(text(f.traceback)), status(f.status), attempts(f.attempts), retryable(f.retryable != 0),
		  maybe_sent(f.maybe_sent != 0), retry_after(f.retry_after)
	{
	}
	error(int code, const std::string &message) : std::runtime_error(message), code(code), message(message) {}

	int code;
	std::string slug, message, operation, detail, request_id, traceback;
	int status = 0, attempts = 0;
	bool retryable = false, maybe_sent = false;
	double retry_after = 0;

private:
	static std::string text(const char *s) { return s ? s : ""; }
};

class value;
using list = std::vector<value>;
using map = std::vector<std::pair<value, value>>;

/* A value that crosses between host and script, owned. The readers throw std::bad_variant_access for another type. */
class value
{
public:
	value() = default;
	value(std::nullptr_t) {}
	value(bool b) : is(b) {}
	value(int i) : is(std::int64_t{i}) {}
	value(std::int64_t i) : is(i) {}
	value(double n) : is(n) {}
	value(const char *s) : is(std::string(s)) {}
	value(std::string_view s) : is(std::string(s)) {}
	value(std::string s) : is(std::move(s)) {}
	value(epactpp::list l) : is(std::move(l)) {}
	value(epactpp::map m) : is(std::move(m)) {}
	explicit value(const epact_value &v);

	bool is_nil() const { return is.index() == 0; }
	bool boolean() const { return std::get<bool>(is); }
	std::int64_t integer() const { return std::get<std::int64_t>(is); }
	double number() const
	{
		const std::int64_t *i = std::get_if<std::int64_t>(&is);
		return i ? static_cast<double>(*i) : std::get<double>(is);
	}
	const std::string &string() const { return std::get<std::string>(is); }
	const epactpp::list &items() const { return std::get<epactpp::list>(is); }
	const epactpp::map &pairs() const { return std::get<epactpp::map>(is); }

	/* The value at a text key of a map; nil when there is none, or when this is no map: so reads can be chained. */
	const value &operator[](std::string_view key) const
	{
		static const value nil;
		const epactpp::map *m = std::get_if<epactpp::map>(&is);
		for (std::size_t i = 0; m && i < m->size(); i++) {
			const std::string *name = std::get_if<std::string>(&(*m)[i].first.is);
			if (name && *name == key) return (*m)[i].second;
		}
		return nil;
	}

	std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, epactpp::list, epactpp::map> is;
};

inline value::value(const epact_value &v)
{
	switch (v.type) {
	case EPACT_BOOL: is = v.as.boolean != 0; break;
	case EPACT_INTEGER: is = v.as.integer; break;
	case EPACT_NUMBER: is = v.as.number; break;
	case EPACT_STRING: is = std::string(v.as.string, v.size); break;
	case EPACT_LIST: {
		epactpp::list items;
		for (std::size_t i = 0; i < v.size; i++) items.emplace_back(v.as.list[i]);
		is = std::move(items);
		break;
	}
	case EPACT_MAP: {
		epactpp::map pairs;
		for (std::size_t i = 0; i < v.size; i++) pairs.emplace_back(value(v.as.map[i].key), value(v.as.map[i].value));
		is = std::move(pairs);
		break;
	}
	default: break;
	}
}

namespace detail
{

/* The plain form of values, which borrows their texts: valid while they and this live. */
class plain
{
public:
	explicit plain(const list &values)
	{
		top.reserve(values.size());
		for (const value &v : values) top.push_back(form(v));
	}
	const epact_value *data() const { return top.data(); }
	std::size_t size() const { return top.size(); }

private:
	epact_value form(const value &v)
	{
		switch (v.is.index()) {
		case 1: return epact_boolean(v.boolean());
		case 2: return epact_integer(v.integer());
		case 3: return epact_number(std::get<double>(v.is));
		case 4: return epact_bytes(v.string().data(), v.string().size());
		case 5: {
			auto items = std::make_unique<std::vector<epact_value>>();
			for (const value &item : v.items()) items->push_back(form(item));
			lists.push_back(std::move(items));
			return epact_list(lists.back()->data(), lists.back()->size());
		}
		case 6: {
			auto pairs = std::make_unique<std::vector<epact_pair>>();
			for (const auto &pair : v.pairs()) pairs->push_back({form(pair.first), form(pair.second)});
			maps.push_back(std::move(pairs));
			return epact_map(maps.back()->data(), maps.back()->size());
		}
		default: return epact_nil();
		}
	}
	std::vector<epact_value> top;
	std::vector<std::unique_ptr<std::vector<epact_value>>> lists;
	std::vector<std::unique_ptr<std::vector<epact_pair>>> maps;
};

inline list owned(const epact_value *values, std::size_t count)
{
	list items;
	items.reserve(count);
	for (std::size_t i = 0; i < count; i++) items.emplace_back(values[i]);
	return items;
}

} // namespace detail

/* What a script or a call came to: get() is what it returned, or throws the error. */
struct result {
	list values;
	std::shared_ptr<const error> failure;
	const list &get() const
	{
		if (failure) throw *failure;
		return values;
	}
};

using done = std::function<void(const result &)>;

/* The answer to a call of a host function, to be finished exactly once, from any thread. Destroyed unfinished, it fails
 * the call. */
class reply
{
public:
	explicit reply(epact_reply *r) : r(r) {}
	reply(reply &&other) noexcept : r(std::exchange(other.r, nullptr)) {}
	reply(const reply &) = delete;
	reply &operator=(const reply &) = delete;
	~reply() { fail(error(EPACT_EIO, "the host gave no answer")); }

	void finish(const list &values)
	{
		detail::plain plain(values);
		if (r) epact_reply_finish(std::exchange(r, nullptr), plain.data(), plain.size());
	}
	void fail(const error &why)
	{
		epact_failure f = {};
		f.size = sizeof f;
		f.code = why.code;
		f.slug = why.slug.empty() ? nullptr : why.slug.c_str();
		f.message = why.message.empty() ? why.what() : why.message.c_str();
		f.detail = why.detail.empty() ? nullptr : why.detail.c_str();
		f.status = why.status;
		f.retryable = why.retryable;
		if (r) epact_reply_fail(std::exchange(r, nullptr), &f);
	}

private:
	epact_reply *r;
};

using function = std::function<list(const list &args)>;                    /* answers at once */
using async_function = std::function<void(reply &&answer, const list &args)>; /* moves the reply out, for later */

/* An instance. Destroyed, it is closed: with an own loop at once, on a lent one while the host runs that; callbacks and
 * functions are kept until then. */
class instance
{
public:
	explicit instance(const epact_options *options = nullptr) : kept(new state)
	{
		int rc = epact_open(&e, options);
		if (rc) throw error(rc, "epact_open failed");
	}
	instance(instance &&other) noexcept : e(std::exchange(other.e, nullptr)), kept(std::move(other.kept)) {}
	instance(const instance &) = delete;
	instance &operator=(const instance &) = delete;
	~instance() { close(); }

	/* Closes; on_closed, if given, is the last that happens. */
	void close(std::function<void()> on_closed = nullptr)
	{
		if (!e) return;
		kept->on_closed = std::move(on_closed);
		epact_close(std::exchange(e, nullptr), on_closed_c, kept.release());
	}

	/* The first argument of each function of epact.h: whatever is not here is there. */
	epact *get() const { return e; }

	void start_file(const std::string &path, const std::vector<std::string> &args = {}, done on_end = nullptr)
	{
		std::vector<const char *> argv = texts(args);
		watch(std::move(on_end));
		check(epact_start_file(e, path.c_str(), static_cast<int>(argv.size()), argv.data()));
	}
	void start_text(std::string_view text, const std::string &name = "text", const std::vector<std::string> &args = {},
		done on_end = nullptr)
	{
		std::vector<const char *> argv = texts(args);
		watch(std::move(on_end));
		check(epact_start_text(
			e, start_of(text), text.size(), name.c_str(), static_cast<int>(argv.size()), argv.data()));
	}
	void module(const std::string &name, std::string_view text)
	{
		check(epact_module(e, name.c_str(), start_of(text), text.size()));
	}

	/* Runs an own loop to the end of the script and all calls. Throws what the script failed with. */
	void run()
	{
		check(epact_run(e));
	}

	/* Calls a Lua function beside all else; on_done is told once. */
	void call(const std::string &name, const list &args, done on_done)
	{
		detail::plain plain(args);
		auto held = std::make_unique<done>(std::move(on_done));
		check(epact_call_start(nullptr, e, name.c_str(), plain.data(), plain.size(), on_done_c, held.get()));
		held.release();
	}

	/* Gives scripts require("MODULE").NAME for the name "MODULE.NAME". */
	void function(const std::string &name, epactpp::function f)
	{
		async_function(name, [f = std::move(f)](reply &&answer, const list &args) { answer.finish(f(args)); });
	}
	void async_function(const std::string &name, epactpp::async_function f)
	{
		auto held = std::make_unique<epactpp::async_function>(std::move(f));
		check(epact_register(e, name.c_str(), on_function_c, held.get()));
		kept->functions.push_back(std::move(held));
	}

private:
	struct state {
		std::vector<std::unique_ptr<epactpp::async_function>> functions;
		done on_end;
		std::function<void()> on_closed;
	};

	/* An empty view may point to nothing. */
	static const char *start_of(std::string_view text) { return text.data() ? text.data() : ""; }
	static std::vector<const char *> texts(const std::vector<std::string> &args)
	{
		std::vector<const char *> argv;
		for (const std::string &arg : args) argv.push_back(arg.c_str());
		return argv;
	}
	static result own(const epact_result *r)
	{
		result mine;
		if (r->failure)
			mine.failure = std::make_shared<error>(*r->failure);
		else
			mine.values = detail::owned(r->values, r->count);
		return mine;
	}
	static void on_done_c(void *arg, const epact_result *r)
	{
		std::unique_ptr<done> held(static_cast<done *>(arg));
		if (*held) (*held)(own(r));
	}
	static void on_end_c(void *arg, const epact_result *r) { static_cast<state *>(arg)->on_end(own(r)); }
	static void on_closed_c(void *arg)
	{
		std::unique_ptr<state> held(static_cast<state *>(arg));
		if (held->on_closed) held->on_closed();
	}
	static void on_function_c(void *arg, epact_reply *r, const epact_value *args, std::size_t nargs)
	{
		reply answer(r); /* what is moved out of it is finished elsewhere */
		try {
			(*static_cast<epactpp::async_function *>(arg))(std::move(answer), detail::owned(args, nargs));
		} catch (const error &why) {
			answer.fail(why);
		} catch (const std::exception &why) {
			answer.fail(error(EPACT_ESCRIPT, why.what()));
		} catch (...) { /* none may pass through the library */
			answer.fail(error(EPACT_ESCRIPT, "the host's function threw what is no std::exception"));
		}
	}
	void watch(done on_end)
	{
		kept->on_end = std::move(on_end);
		if (kept->on_end) epact_on_end(e, on_end_c, kept.get());
	}
	void check(int rc) const
	{
		if (rc) throw error(*epact_failure_of(e));
	}

	epact *e = nullptr;
	std::unique_ptr<state> kept;
};

} // namespace epactpp

#endif

// SPDX-License-Identifier: Apache-2.0
// A host in C++17: functions for scripts, at once and later, and a call of a Lua function with values.
//
//     c++ -std=c++17 host.cpp -o host $(pkg-config --cflags --libs epact) && ./host
#include <epact.hpp>
#include <iostream>
#include <thread>

static const char script[] = R"lua(
local host, task = require "host", require "epact.task"
print("sum", host.add(20, 22))
print("slow", host.slow("words from a thread"))
local ok, err = pcall(host.fail)
print("fail", ok, err.code, err.message)
function report(t) task.sleep(0.01) return { total = #t.items, name = t.name } end
)lua";

int main()
{
	std::thread worker;
	try {
		epactpp::instance e;
		e.function("host.add", [](const epactpp::list &args) -> epactpp::list {
			return {args.at(0).integer() + args.at(1).integer()};
		});
		e.function("host.fail", [](const epactpp::list &) -> epactpp::list {
			throw epactpp::error(EPACT_ENOENT, "there is no such thing");
		});
		e.async_function("host.slow", [&worker](epactpp::reply &&answer, const epactpp::list &args) {
			worker = std::thread([answer = std::move(answer), text = args.at(0).string()]() mutable {
				answer.finish({text});
			});
		});
		e.start_text(script, "host");
		e.run();
		e.call("report", {epactpp::map{{"name", "b"}, {"items", epactpp::list{1, 2, 3}}}}, [](const epactpp::result &r) {
			const epactpp::value &report = r.get().at(0);
			std::cout << "report\t" << report["name"].string() << "\t" << report["total"].integer() << "\n";
		});
		e.run();
		worker.join();
	} catch (const std::exception &why) {
		std::cerr << why.what() << "\n";
		if (worker.joinable()) worker.join();
		return 1;
	}
	return 0;
}

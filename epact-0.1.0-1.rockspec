rockspec_format = "3.0"
package = "epact"
version = "0.1.0-1"
source = { url = "git+file://." }
description = {
	summary = "Agent scripts: HTTP, git, processes and the Relace Repos API, thousands of calls side by side on one thread",
	detailed = [[
An event loop with structured tasks for plain Lua 5.4: calls that wait read top to bottom. Inside `epact.run` the same scripts run
as with the program `epact`. Needs the development packages of libuv, libcurl, cJSON, libmicrohttpd, SQLite and nettle.]],
	license = "Apache-2.0",
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4" }
build = {
	type = "command",
	build_command = "cmake -S . -B build/rock -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_TESTING=OFF"
		.. " && cmake --build build/rock --target epact_module",
	install = { lib = { epact = "build/rock/lua/epact.so" } },
}

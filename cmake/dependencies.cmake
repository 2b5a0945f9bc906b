# SPDX-License-Identifier: Apache-2.0
# The libraries that epact stands on, all of them from the distribution.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
set(epact_modules lua5.4 libuv libcurl libcjson libmicrohttpd sqlite3 nettle)
set(epact_dependencies Threads::Threads)
foreach(module ${epact_modules})
	pkg_check_modules(${module} REQUIRED IMPORTED_TARGET ${module})
	list(APPEND epact_dependencies PkgConfig::${module})
endforeach()

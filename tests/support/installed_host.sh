#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# installed_host.sh PREFIX: in an empty folder, builds a C host against the epact installed under PREFIX, once as pkg-config
# says, once as CMake finds it, and runs it. CMAKE_ARGS of the environment are given to CMake.
set -euo pipefail
prefix=$1
library=$(dirname "$(find "$prefix/lib" -name libepact.so)")
[ "$(LD_LIBRARY_PATH="$library" "$prefix/bin/epact" -e 'print(6 * 7)')" = 42 ]

cat >host.c <<'C'
#include <epact.h>
#include <stdio.h>
int main(void)
{
	epact *e;
	if (epact_open(&e, NULL)) return 1;
	int rc = epact_start_text(e, "return 3", 8, "host", 0, NULL);
	if (!rc) rc = epact_run(e);
	printf("%s %d %d\n", epact_version(), rc, epact_exit_status(e));
	epact_close(e, NULL, NULL);
	return 0;
}
C
export PKG_CONFIG_PATH="$library/pkgconfig"
expected="$(pkg-config --modversion epact) 0 3"

expect_host() { # PROGRAM
	local output
	output=$(LD_LIBRARY_PATH="$library" "$1")
	if [ "$output" != "$expected" ]; then
		printf '%s printed: %s, expected: %s\n' "$1" "$output" "$expected" >&2
		exit 1
	fi
}

read -ra flags <<<"$(pkg-config --cflags --libs epact)"
cc host.c -o by_pkg_config "${flags[@]}"
expect_host ./by_pkg_config

cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(host C)
find_package(epact 0.1 REQUIRED)
add_executable(by_cmake host.c)
target_link_libraries(by_cmake PRIVATE epact::epact)
add_executable(by_cmake_static host.c)
target_link_libraries(by_cmake_static PRIVATE epact::epact-static)
CMAKE
cmake -S . -B build -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build build >/dev/null
expect_host build/by_cmake
expect_host build/by_cmake_static

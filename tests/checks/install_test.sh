#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# An installed tree, moved afterwards, serves a host that finds it by pkg-config and one that finds it by CMake.
set -euo pipefail
cd "$TMPDIR"
trap 'rm -rf -- "$TMPDIR"/*' EXIT
cmake --install "$EPACT_BUILD" --prefix "$TMPDIR/first" >/dev/null
mv first moved
prefix="$TMPDIR/moved"
[ "$("$prefix/bin/epact" -e 'print(6 * 7)')" = 42 ]

cat >host.c <<'END'
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
END
library=$(dirname "$(find "$prefix" -name libepact.so)")
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

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(host C)
find_package(epact 0.1 REQUIRED)
add_executable(by_cmake host.c)
target_link_libraries(by_cmake PRIVATE epact::epact)
add_executable(by_cmake_static host.c)
target_link_libraries(by_cmake_static PRIVATE epact::epact-static)
END
cmake -S . -B build -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build build >/dev/null
expect_host build/by_cmake
expect_host build/by_cmake_static

# Nothing is exported but the public functions.
exported=$(nm -D --defined-only "$library/libepact.so" | awk '{ print $3 }' | sort)
declared=$(sed -n 's/^EPACT_API [^(]*[ *]\(epact_[a-z_]*\)(.*/\1/p' "$EPACT_SOURCE"/include/*.h | sort)
diff <(echo "$declared") <(echo "$exported")

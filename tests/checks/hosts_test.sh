#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# timeout: 120
# The hosts of examples/embed in other languages, and on another event loop: built as their first lines say, and run.
set -euo pipefail
cd "$TMPDIR"
trap 'rm -rf -- "$TMPDIR"/*' EXIT
examples="$EPACT_SOURCE/examples/embed"
flags=(-Wall -Wextra -I "$EPACT_SOURCE/include" -L "$EPACT_BUILD" -lepact "-Wl,-rpath,$EPACT_BUILD" -pthread)

expect() { # NAME EXPECTED COMMAND...
	local output
	output=$(timeout 30 "${@:3}") || { echo "$1 ended with status $?; it printed: $output" >&2; exit 1; }
	[ "$output" = "$2" ] || { diff <(echo "$2") <(echo "$output") >&2; echo "$1 printed something else" >&2; exit 1; }
}

cc -std=gnu11 "$examples/epoll.c" -o epoll "${flags[@]}"
expect "the host on epoll" $'script\t1\nscript\t2\nscript\t3\na line of the host\'s pipe' ./epoll

c++ -std=c++17 -pedantic "$examples/host.cpp" -o host "${flags[@]}"
expect "the host in C++" \
	$'sum\t42\nslow\twords from a thread\nfail\tfalse\tnot_found\tthere is no such thing\nreport\tb\t3' ./host

c++ -std=c++17 -pedantic -x c++ - -o odd "${flags[@]}" <<'END'
#include <epact.hpp>
#include <iostream>
int main()
{
	epactpp::instance e;
	e.function("host.fail", [](const epactpp::list &) -> epactpp::list { throw 5; });
	e.module("nothing", {});
	e.start_text({}, "empty");
	e.run();
	e.start_text("require 'nothing' local ok, err = pcall(require('host').fail) print(ok, err.message)");
	e.run();
}
END
expect "what a function in C++ throws" $'false\tthe host\'s function threw what is no std::exception' ./odd

export EPACT_LIBRARY="$EPACT_BUILD/libepact.so.0" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
expect "the host in Python" \
	$'sum\t42\nslow\twords from a thread\nfail\tfalse\tthere is no such thing\nreport b 3\nerror [string "text"]:1: as expected' \
	python3 "$examples/python/host.py"

headers=$(dirname "$(dirname "$(readlink -f "$(command -v node || true)")")")/include/node
if [ -f "$headers/node_api.h" ]; then
	cc -shared -fPIC -std=gnu11 "$examples/node/addon.c" -o epact.node -I "$headers" "${flags[@]}"
	expect "the host in Node" \
		$'sum\t42\nslow\twords from a timer\nfail\tfalse\tError: there is no such thing\nscript done\nreport b 3 beside timers of Node\nerror connection\nleft closed' \
		node "$examples/node/host.js" ./epact.node
else
	echo "not run: the host in Node (no headers of Node in $headers)"
fi

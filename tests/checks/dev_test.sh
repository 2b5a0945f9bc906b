#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# The dev script, on a machine that is made of stand-ins for apt, sudo, cmake and epact: what it installs, and how it runs.
set -euo pipefail
tree="$TMPDIR/tree with space"
trap 'rm -rf -- "$TMPDIR"/*' EXIT
mkdir -p "$tree/build/release" "$TMPDIR/bin"
cp "$EPACT_SOURCE/dev" "$tree/dev"
log="$TMPDIR/log"
PATH="$TMPDIR/bin:$PATH"
unset RELACE_API_KEY

stand_in() { # NAME BODY
	printf '#!/usr/bin/env bash\n%s\n' "$2" >"$TMPDIR/bin/$1"
	chmod +x "$TMPDIR/bin/$1"
}
has() { # TEXT FILE
	if ! grep -qF -- "$1" "$2"; then
		printf 'not found in %s: %s\n' "$2" "$1" >&2
		cat "$2" >&2
		exit 1
	fi
}
refuses() { # ARGS of dev
	if "$tree/dev" "$@" >"$TMPDIR/out" 2>&1; then
		echo "dev $* succeeded" >&2
		exit 1
	fi
}

stand_in dpkg-query 'shift 2; for name; do [[ " $ABSENT " == *" $name "* ]] || printf "%s/installed " "$name"; done'
stand_in apt-get 'echo "apt-get $*" >>"'"$log"'"; [ -z "${APT_FAILS:-}" ]'
stand_in sudo 'echo "sudo $*" >>"'"$log"'"; "$@"'
stand_in cmake 'echo "cmake $*" >>"'"$log"'"; [ -z "${BUILD_FAILS:-}" ] || { echo the reason; exit 1; }'
stand_in ctest 'echo "ctest $*" >>"'"$log"'"; [ -z "${TESTS_FAIL:-}" ]'
stand_in node ''
stand_in npm ''
stand_in id 'echo "${WHO:-0}"'
printf '#!/usr/bin/env bash\nprintf "[%%s]" "$@"; exit 7\n' >"$tree/build/release/epact"
chmod +x "$tree/build/release/epact"
export ABSENT=''

# Nothing is missing: apt-get is not touched.
"$tree/dev" test -R 'a b' 2>/dev/null
has "--output-on-failure -R a b" "$log"
has 'build/dev' "$log"
if grep -q apt-get "$log"; then exit 1; fi

# Two are missing, as root: exactly these are installed, and that is said.
: >"$log"
ABSENT='ninja-build python3' "$tree/dev" test 2>"$TMPDIR/out"
has 'apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends ninja-build python3' "$log"
has 'missing for the tests: ninja-build python3' "$TMPDIR/out"
if grep -q sudo "$log"; then exit 1; fi

# Not root: with sudo. Without it, the command that root must run is named.
: >"$log"
WHO=1000 ABSENT=cmake "$tree/dev" build 2>/dev/null
has 'sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends cmake' "$log"
rm "$TMPDIR/bin/sudo"
if ! command -v sudo >/dev/null; then
	WHO=1000 ABSENT=cmake refuses build
	has 'as root, run: ' "$TMPDIR/out"
fi

# Failures are not passed over.
ABSENT=cmake APT_FAILS=1 refuses build
BUILD_FAILS=1 refuses build
has 'the reason' "$TMPDIR/out"
TESTS_FAIL=1 refuses test
refuses nonsense
has 'no such command: nonsense' "$TMPDIR/out"
"$tree/dev" help >"$TMPDIR/out"
has './dev run examples/quickstart.lua' "$TMPDIR/out"

# run: the local server is asked for unless the arguments or the environment say otherwise; the status is the script's.
runs() { # EXPECTED ARGS
	local expected=$1 output status=0
	shift
	output=$("$tree/dev" run "$@" 2>/dev/null) || status=$?
	if [ "$output" != "$expected" ] || [ $status -ne 7 ]; then
		printf 'dev run %s: %s (status %d), expected: %s\n' "$*" "$output" "$status" "$expected" >&2
		exit 1
	fi
}
runs '[run][--local][a b.lua][--help]' 'a b.lua' --help
runs '[run][--local][a.lua][]' --local a.lua ''
runs '[run][--data][x][--local][a.lua]' --data x --local a.lua
runs '[run][--local][--data][x][a.lua]' --data x a.lua
runs '[run][--local][-]' -
runs '[run][--help]' --help
runs '[run]'
runs '[run][--data]' --data
RELACE_API_KEY=key runs '[run][a.lua]' a.lua

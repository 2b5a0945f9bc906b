#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# The library has no variable globals but the listed ones; the checker finds each kind of them in a bad library.
set -euo pipefail
check="$EPACT_SOURCE/cmake/checks/globals.sh"
bash "$check" "$EPACT_BUILD/libepact.a" "$EPACT_SOURCE/cmake/checks/globals.txt"

cd "$TMPDIR"
trap 'rm -f -- "$TMPDIR"/{good,bad}.[co] "$TMPDIR"/{good,bad}.a "$TMPDIR"/list' EXIT
cat >good.c <<'END'
static const char *const names[] = {"a", "b"};
static const int numbers[] = {1, 2};
static int allowed;
const char *get(int i) { static const char text[] = "x"; allowed += numbers[i]; return i ? names[i] : text; }
END
cat >bad.c <<'END'
static int zeroed;
int set = 1;
static const char *pointer = "x";
static _Thread_local int each;
int use(void) { static int kept; pointer++; return zeroed++ + each++ + kept++ + *pointer; }
END
for name in good bad; do
	cc -fPIC -O1 -c "$name.c"
	ar rc "$name.a" "$name.o"
done
echo 'good.o allowed  for the test # nothing more' >list
bash "$check" good.a list

expect_broken() { # LIBRARY TEXT...
	local output library=$1
	shift
	if output=$(bash "$check" "$library" list 2>&1); then
		echo "$library passed" >&2
		exit 1
	fi
	for text; do
		if [[ $output != *"$text"* ]]; then
			printf 'not found: %s\nprinted: %s\n' "$text" "$output" >&2
			exit 1
		fi
	done
}

: >list
expect_broken good.a 'globals: allowed'
expect_broken bad.a 'globals: zeroed' 'globals: set' 'globals: pointer' 'globals: each' 'globals: kept'
echo 'good.o allowed' >list
expect_broken good.a 'no reason'
printf 'good.o allowed x\ngood.o gone x\n' >list
expect_broken good.a 'not there: good.o gone'
rm list
expect_broken good.a 'cannot be read'

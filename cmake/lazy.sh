#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes lazy.def: the functions that a static library needs from shared ones. See lazy.c.
# usage: lazy.sh OUT LIBRARY.a LIBRARY.so...
set -euo pipefail
export LC_ALL=C
out=$1 archive=$2
shift 2
needed=$(nm --undefined-only --just-symbols "$archive" | sort -u)
for library; do
	soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
	nm --dynamic --defined-only "$library" | awk '$2 ~ /^[TW]$/ { sub(/@.*/, "", $3); print $3 }' | sort -u |
		comm -12 - <(echo "$needed") | sed "s/.*/LAZY(\"$soname\", &)/"
done >"$out.new"
mv -- "$out.new" "$out"

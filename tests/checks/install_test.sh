#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# An installed tree, moved afterwards, serves a host that finds it by pkg-config and one that finds it by CMake.
set -euo pipefail
cd "$TMPDIR"
trap 'rm -rf -- "$TMPDIR"/*' EXIT
cmake --install "$EPACT_BUILD" --prefix "$TMPDIR/first" >/dev/null
mv first moved
mkdir host && cd host
bash "$EPACT_SOURCE/tests/support/installed_host.sh" "$TMPDIR/moved"
library=$(dirname "$(find "$TMPDIR/moved" -name libepact.so)")

# What the headers declare, what cmake/epact.map lists and what the library exports is the same.
declared=$(sed -n 's/^EPACT_API [^(]*[ *]\(epact_[a-z_0-9]*\)(.*/\1/p' "$EPACT_SOURCE"/include/*.h | sort)
listed=$(sed -n 's/^\t\t\(epact_[a-z_0-9]*\);$/\1/p' "$EPACT_SOURCE/cmake/epact.map" | sort)
exported=$(nm -D --defined-only "$library/libepact.so" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort)
diff <(echo "$declared") <(echo "$listed")
diff <(echo "$listed") <(echo "$exported")

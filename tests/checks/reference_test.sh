#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/reference is what ./dev reference makes of the headers and of the Lua modules, and names each public function.
set -euo pipefail
trap 'rm -rf -- "$TMPDIR"/*' EXIT
bash "$EPACT_SOURCE/cmake/reference.sh" "$EPACT_SOURCE" "$TMPDIR/reference"
"$EPACT_BIN" run "$EPACT_SOURCE/cmake/reference.lua" "$EPACT_SOURCE" "$TMPDIR/reference/lua"
diff -ru "$EPACT_SOURCE/docs/reference" "$TMPDIR/reference" || { echo "run: ./dev reference" >&2; exit 1; }
while read -r name; do
	grep -q "^###.*\b$name\b" "$TMPDIR"/reference/*.md || { echo "the reference does not name $name" >&2; exit 1; }
done < <(sed -n 's/^\t\t\(epact_[a-z_0-9]*\);$/\1/p' "$EPACT_SOURCE/cmake/epact.map")

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The documentation checker accepts the tree as it is, and finds what is not documented in a bad one.
set -euo pipefail
check="$EPACT_SOURCE/cmake/checks/docs.sh"
bash "$check" "$EPACT_SOURCE"

tree="$TMPDIR/tree"
trap 'rm -rf -- "$tree"' EXIT
mkdir -p "$tree/lua/epact/server" "$tree/include"

cat >"$tree/lua/epact/good.lua" <<'END'
local M = {}
local Task = {}
local function inside() end
function M._hidden() end
--- Does it.
---@param x integer
function M.shown(x) end
--- Does it, too.
-- @param x integer
function M.also(x) end
--- Waits.
M.wait = core.wait
M.limit = 5
--- Ends it.
function Task:cancel() end
return M
END
cat >"$tree/include/epact.h" <<'END'
/* Makes an instance. */
EPACT_API int epact_new(void **out);
/*
 * Ends it.
 */
EPACT_API void epact_free(
	void *epact);
EPACT_API int epact_group(void);
END
bash "$check" "$tree"

cat >"$tree/lua/epact/bad.lua" <<'END'
local M = {}
--- Far above.

function M.apart() end
function M.deep.bare() end
-- Two dashes only.
function Task:comment() end
M.assigned = function() end
M.taken = core.taken
END
cat >"$tree/lua/epact/server/init.lua" <<'END'
function M.start() end
END
cat >"$tree/include/bad.h" <<'END'
/* Makes an instance. */
EPACT_API int epact_new(void **out);

EPACT_API const char *epact_bare(void);
END
if output=$(bash "$check" "$tree"); then
	echo "the bad tree passed" >&2
	exit 1
fi
for line in 'lua/epact/bad.lua:4: M.apart' 'lua/epact/bad.lua:5: M.deep.bare' 'lua/epact/bad.lua:7: Task:comment' \
	'lua/epact/bad.lua:8: M.assigned' 'lua/epact/bad.lua:9: M.taken' 'lua/epact/server/init.lua:1: M.start' 'include/bad.h:4: epact_bare'; do
	if [[ $output != *"$line "* ]]; then
		printf 'not found: %s\nprinted: %s\n' "$line" "$output" >&2
		exit 1
	fi
done
if [[ $output == *good.lua* || $output == *epact.h* ]]; then
	printf 'found in the good files: %s\n' "$output" >&2
	exit 1
fi

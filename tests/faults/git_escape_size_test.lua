-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- Repositories that are small on the way and large or deep when they arrive.
local check = require "check"
local git_world = require "git_world"

local case = check.case
local world <close> = git_world.open()

case("a tree of 10,000 levels ends git, and is removed", function()
	local url = world:repository [[
		python3 - <<'P' | git fast-import --quiet
print("commit refs/heads/main\ncommitter a <a> 1 +0000\ndata 1\nm\nM 100644 inline " + "d/" * 10000 + "f\ndata 1\nx\n")
P]]
	local err = world:refused("io|exit_status|corrupt|too_large|permission", { url = url })
	check.ok(err.message ~= "")
	world:refused("io|exit_status|corrupt|too_large", { url = url, max_files = 10 })
end)

case("a tree of ten thousand million files is counted no further than the cap", function()
	local url = world:repository(([[
		t=$(raw 100644 f %s)
		for i in 1 2 3 4 5 6 7 8 9 10; do t=$(raw 40000 0 $t 40000 1 $t 40000 2 $t 40000 3 $t 40000 4 $t 40000 5 $t 40000 6 $t 40000 7 $t 40000 8 $t 40000 9 $t); done
		main $t]]):format("$(blob x)"))
	world:refused("too_large", { url = url, max_files = 10000 })
	world:refused("too_large", { url = url, max_bytes = 1 << 20 })
	world:refused("too_large", { url = url, max_files = 10000, filter = "blob:none" })
	world:refused("timeout", { url = url, timeout = 2 })
end)

case("a pack of some kilobytes that becomes 200 MB is not written", function()
	local url = world:repository [[
		head -c 200000000 /dev/zero | git hash-object -w --stdin >id; main $(raw 100644 zeros $(cat id)); rm id]]
	local peak = 0
	world:refused("too_large", { url = url, max_bytes = 20 << 20, progress = function()
		peak = math.max(peak, tonumber(world:sh "du -sm clones | cut -f1"))
	end })
	check.ok(peak < 30, "it grew to " .. peak .. " MB")
	world:refused("too_large", { url = url, max_bytes = 20 << 20, filter = "blob:none" })
end)

case("many small files that become large", function()
	local url = world:repository [[
		id=$(head -c 1000000 /dev/zero | git hash-object -w --stdin)
		main $(for i in $(seq -w 100); do printf '100644 blob %s\tf%s\n' $id $i; done | git mktree)]]
	world:refused("too_large", { url = url, max_bytes = 20 << 20 })
	world:refused("too_large", { url = url, max_bytes = 20 << 20, filter = "blob:none" })
end)

check.done()

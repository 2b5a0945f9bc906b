-- SPDX-License-Identifier: Apache-2.0
-- slow
-- timeout: 900
-- Large repositories: 50,000 files; with EPACT_TEST_LARGE=1 also 2 GB of history, which takes minutes and 8 GB of disk.
local check = require "check"
local git = require "epact.git"
local git_world = require "git_world"
local task = require "epact.task"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp = world.tmp

-- Clones while another task ticks; the longest it had to wait is for the eye, as other programs run as well.
local function clone(options)
	local worst = 0
	local result = task.scope(function(scope)
		scope:spawn_daemon(function()
			while true do
				local before = task.now()
				task.sleep(0.001)
				worst = math.max(worst, task.now() - before - 0.001)
			end
		end)
		return world:clone(options)
	end)
	print(("the loop was held for at most %.1f ms"):format(worst * 1e3))
	return result
end

case("50,000 files", function()
	local url = world:repository [[python3 - <<'P' | git fast-import --quiet
print("commit refs/heads/main\ncommitter a <a> 1 +0000\ndata 1\nm")
for i in range(50000):
    print("M 100644 inline d%d/e%d/file %d\ndata %d\n%d\n" % (i % 100, i // 100 % 100, i, len(str(i)) + 1, i))
P]]
	clone { url = url, max_files = 50000, max_bytes = 1 << 30, progress = function() end }
	equal(world:sh "cd clones/c; git ls-files | wc -l; find . -path ./.git -prune -o -type f -print | wc -l; git status --porcelain", "50000\n50000")
	world:clear()
	world:refused("too_large", { url = url, max_files = 49999 })
	clone { url = url, sparse = { "d1", "d2/e2" }, filter = "blob:none", max_files = 600 }
	equal(world:sh "cd clones/c; find . -path ./.git -prune -o -type f -print | wc -l", "505")
	world:clear()
	equal(#git.open(tmp .. "/repos/r" .. world.count .. ".git"):rev_parse "main", 40)
end)

if os.getenv "EPACT_TEST_LARGE" == "1" then
	case("2 GB of history", function()
		local url = world:repository [[python3 - <<'P' | git fast-import --quiet
import random, sys
random.seed(1)
out = sys.stdout.buffer
for commit in range(200):
    out.write(b"commit refs/heads/main\ncommitter a <a> %d +0000\ndata 1\nm\n" % (1700000000 + commit))
    for file in range(10):
        out.write(b"M 100644 inline file%d\ndata %d\n" % (file, 1 << 20) + random.randbytes(1 << 20) + b"\n")
P]]
		clone { url = url }
		equal(world:sh "git -C clones/c rev-list --count HEAD", "1")
		world:clear()
		world:refused("too_large", { url = url, full = true, max_bytes = 500 << 20 })
		clone { url = url, full = true }
		equal(world:sh "git -C clones/c rev-list --count HEAD", "200")
		world:clear()
	end)
end

check.done()

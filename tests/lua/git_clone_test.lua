-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- What a clone can be asked for beyond its place: how much of it, and how large it may become.
local check = require "check"
local fs = require "epact.fs"
local git = require "epact.git"
local git_server = require "git_server"
local process = require "epact.process"
local task = require "epact.task"

local case, equal, fails = check.case, check.equal, check.fails
local tmp = os.getenv "TMPDIR"

local function sh(script) return (process.run({ "sh", "-ec", script }, { cwd = tmp }).stdout:gsub("\n$", "")) end

sh "mkdir clones repos"
local root <close> = setmetatable({}, { __close = function() sh "rm -rf clones repos outside" end })
git_server.repositories(tmp .. "/repos")
sh [[cd repos; git init -q work; cd work
	mkdir -p a/b/c a/x 'd "q"' z; for f in top a/one a/b/two a/b/c/three a/x/four 'd "q"/five' z/six; do echo "$f" >"$f"; done
	head -c 300000 /dev/urandom >z/big; git add .; git commit -q -m one
	for i in 2 3 4; do echo $i >>top; git commit -q -am $i; done; git tag last
	cd ..; git clone -q --bare work tree.git; git -C tree.git config uploadpack.allowFilter true
	git -C tree.git config uploadpack.allowAnySHA1InWant true; rm -rf work]]
local token = "rlcr-0123456789abcdef"
local server <close> = git_server.start(tmp .. "/repos", { token = token })
local dir = tmp .. "/clones/c"

local function clone(options)
	options.url = options.url or server:at("ok", "tree")
	options.directory, options.credential = options.directory or dir, token
	return git.clone(options)
end

-- The files of the work tree, as one text.
local function files() return sh "cd clones/c; find . -path ./.git -prune -o -type f -print | sort | tr '\\n' ' '" end

local function log() return tonumber(sh "git -C clones/c rev-list --count HEAD") end

local function gone() equal(fs.stat(dir), nil, "the folder of a clone that failed") end

-- A clone that is refused, or fails, and leaves nothing.
local function refused(code, options)
	local before = server:requests()
	local err = fails(code, clone, options)
	gone()
	return err, #server:requests() - #before
end

local function clear() sh "rm -rf clones/c" end

case("depth, full", function()
	clone {}
	equal(log(), 1)
	clear()
	clone { depth = 2 }
	equal(log(), 2)
	clear()
	clone { full = true }
	equal(log(), 4)
	clear()
	clone { full = true, depth = 0, branch = "last" }
	equal(log(), 4)
	clear()
end)

case("sparse: the folders, and the files beside the way", function()
	local c = clone { sparse = { "a/b", 'd "q"/' } }
	equal(files(), './a/b/c/three ./a/b/two ./a/one ./d "q"/five ./top ')
	equal(c.head, sh "git -C repos/tree.git rev-parse main")
	equal(c.branch, "main")
	equal(sh "git -C clones/c status --porcelain", "")
	clear()
	clone { sparse = {} }
	equal(files(), "./top ")
	clear()
	clone { sparse = { "no/such" }, branch = "last" }
	equal(files(), "./top ")
	clear()
end)

case("sparse with a filter fetches what it needs", function()
	clone { sparse = { "a/x" }, filter = "blob:none", full = true }
	equal(files(), "./a/one ./a/x/four ./top ")
	equal(fs.read(dir .. "/a/x/four"), "a/x/four\n")
	equal(sh "git -C clones/c rev-list --objects --missing=print HEAD | grep -c '^?' || true" ~= "0", true)
	clear()
	clone { sparse = { "a" }, filter = "tree:0" }
	equal(files(), "./a/b/c/three ./a/b/two ./a/one ./a/x/four ./top ")
	clear()
end)

case("sparse is refused with what is no folder below the top", function()
	for _, folder in ipairs { "/etc", "../x", "a/../b", "", "a//b", ".git", "a\nb", "a\\b", "a\0b" } do
		local _, sent = refused("sparse", { sparse = { folder } })
		equal(sent, 0)
	end
	refused("sparse", { sparse = { 1 } })
	refused("sparse", { sparse = "a" })
end)

case("an empty repository has nothing to narrow or count", function()
	local c = clone { url = server:at("ok", "empty"), sparse = { "a" }, max_files = 1, max_bytes = 100000 }
	equal(c.head, nil)
	equal(c.branch, "main")
	clear()
end)

case("max_files counts what will be checked out", function()
	clone { max_files = 8 }
	equal(files():find("z/big", 1, true) ~= nil, true)
	clear()
	local err = refused("too_large", { max_files = 7 })
	check.contains(err.message, "max_files (7)")
	equal(err.operation, "git clone")
	clone { max_files = 3, sparse = { "a/x" } }
	equal(files(), "./a/one ./a/x/four ./top ")
	clear()
	refused("too_large", { max_files = 2, sparse = { "a/x" } })
	clone { max_files = 8, filter = "blob:none" }
	clear()
	refused("too_large", { max_files = 7, filter = "blob:none" })
	refused("too_large", { max_files = 7, filter = "tree:0" })
end)

case("max_bytes is met by the pack, by the tree and by what is checked out", function()
	clone { max_bytes = 1000000 }
	clear()
	check.contains(refused("too_large", { max_bytes = 1000 }).message, "max_bytes (1000)")
	refused("too_large", { max_bytes = 100000 })
	refused("too_large", { max_bytes = 400000 }) -- the pack alone would fit, and so would the tree
	refused("too_large", { max_bytes = 400000, filter = "blob:none" })
	clone { max_bytes = 400000, filter = "blob:none", sparse = { "a" } }
	clear()
end)

case("caps that are no number of something are refused", function()
	for _, bad in ipairs { { max_files = -1 }, { max_bytes = -1 }, { depth = -1 }, { full = true, depth = 1 }, { max_files = "x" } } do
		local name = next(bad)
		local _, sent = refused(name, bad)
		equal(sent, 0)
	end
end)

case("a folder that was there and empty stays when a cap is met", function()
	sh "mkdir clones/c"
	fails("too_large", clone, { max_files = 1 })
	equal(sh "ls -A clones/c", "")
	clear()
end)

case("reference: what it has is not sent again, and it may go afterwards", function()
	sh "git clone -q --bare repos/tree.git outside"
	clone { reference = tmp .. "/outside", full = true }
	sh "rm -rf outside"
	equal(sh "git -C clones/c fsck --full --no-progress; cat clones/c/.git/objects/info/alternates 2>/dev/null || true", "")
	equal(log(), 4)
	clear()
end)

case("a reference that is none is refused before anything is sent", function()
	local _, sent = refused("not_found", { reference = tmp .. "/nothing" })
	equal(sent, 0)
	_, sent = refused("reference", { reference = "" })
	equal(sent, 0)
end)

case("progress goes on over the stages", function()
	local seen = {}
	clone { sparse = { "a" }, max_files = 100, progress = function(now) seen[now.phase] = true end }
	equal(seen.receiving, true)
	clear()
end)

case("a clone of an empty repository follows what comes later", function()
	for _, options in ipairs { {}, { full = true }, { single_branch = true, full = true } } do
		sh "rm -rf repos/later.git; git init -q --bare repos/later.git; git -C repos/later.git config http.receivepack true"
		options.url = server:at("ok", "later")
		clone(options)
		local repo = git.open(dir, { url = options.url, credential = token })
		repo:fetch()
		repo:commit { message = "first", allow_empty = true }
		repo:push()
		equal(repo:status().upstream, "origin/main")
		sh "git -C repos/later.git branch other main"
		repo:fetch()
		equal(#repo:branch { remote = true }, 2)
		sh "rm -rf clones/c"
	end
end)

case("of several clones into one folder one is made", function()
	for _, recurse in ipairs { false, true } do
		local made, refused = 0, 0
		task.scope(function(scope)
			for _ = 1, 4 do
				scope:spawn(function()
					local ok, err = pcall(clone, { recurse_submodules = recurse })
					if ok then made = made + 1 elseif err.code == "destination_exists" then refused = refused + 1 else error(err, 0) end
				end)
			end
		end)
		equal({ made, refused }, { 1, 3 })
		equal(sh "git -C clones/c status --porcelain", "")
		sh "rm -rf clones/c"
	end
end)

check.done()

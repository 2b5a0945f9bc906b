-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- Clones by a mirror: what is fetched, who may have it, and what happens to the mirror meanwhile.
local check = require "check"
local crypto = require "epact.crypto"
local fs = require "epact.fs"
local git = require "epact.git"
local git_world = require "git_world"
local lock = require "epact.core.lock"
local process = require "epact.process"
local task = require "epact.task"

local case, equal, fails = check.case, check.equal, check.fails
local world <close> = git_world.open()
local tmp, server = world.tmp, world.server
local folder = tmp .. "/mirrors/all"
local mirror = git.mirror(folder)

world:sh [[git init -q repos/work; cd repos/work; head -c 2000000 /dev/urandom >big; for i in 1 2 3; do echo $i >f; git add .; git commit -q -m $i; done
	git branch side; git tag v1; cd ..; git clone -q --bare work big.git]]

local function push(text)
	world:sh(("cd repos/work; echo %s >f; git commit -q -a -m %s; git push -q ../big.git main"):format(text, text))
	return world:sh "git -C repos/work rev-parse main"
end

local function clone(options)
	local call = { url = server:at("ok", "big"), directory = tmp .. "/clones/c", credential = world.token, mirror = mirror }
	for name, value in pairs(options or {}) do call[name] = value end
	return git.clone(call)
end

-- How many bytes of packs the clone in `clones/c` was sent: what came over the network is in a log of the server's packs.
local function wire(f)
	local before = #server:requests()
	local result = f()
	local sent = 0
	for n in server:requests():sub(before + 1):gmatch '"sent": (%d+)' do sent = sent + tonumber(n) end
	return sent, result
end

local function whole(directory)
	equal(world:sh("git fsck --full --no-progress; test ! -e .git/objects/info/alternates", { cwd = tmp .. "/" .. directory }), "")
end

case("a second clone is sent next to nothing, and is the same as one without a mirror", function()
	local first, a = wire(function() return clone() end)
	world:sh "mv clones/c clones/first"
	local second, b = wire(function() return clone() end)
	check.ok(first > 2000000 and second < 20000, ("%d and %d bytes"):format(first, second))
	equal(a.head, b.head)
	equal(a.branch, "main")
	equal(world:sh "git -C clones/c rev-list --count HEAD", "1")
	equal(world:sh "git -C clones/c remote get-url origin", server:at("ok", "big"))
	equal(world:sh "diff -r -x .git clones/c clones/first && git -C clones/c status --porcelain", "")
	whole "clones/c"
	world:clear()
	equal(select(2, mirror:size()), 1)
end)

case("branches, tags, depths and parts come from the same mirror", function()
	for _, options in ipairs { { branch = "side" }, { branch = "v1" }, { full = true }, { depth = 2 }, { full = true, single_branch = false },
		{ sparse = {} }, { max_files = 10, max_bytes = 50000000 } } do
		local sent = wire(function() return clone(options) end)
		check.ok(sent < 20000, sent .. " bytes")
		whole "clones/c"
		world:clear()
	end
end)

case("what is new is fetched, and is in the mirror afterwards", function()
	local head = push "new"
	equal(clone().head, head)
	world:clear()
	world:sh "rm -rf repos/hidden; cp -r repos/big.git repos/hidden"
	local sent, c = wire(function() return clone() end)
	equal(c.head, head)
	check.ok(sent < 20000, sent .. " bytes")
	world:clear()
end)

case("who may not read the repository gets nothing from the mirror", function()
	fails("authentication", clone, { credential = "another-token" })
	fails("authentication", function()
		git.clone { url = server:at("ok", "big"), directory = tmp .. "/clones/c", mirror = mirror }
	end)
	equal(world:listing(), "")
	equal(mirror:size() > 1000000, true)
	fails("authentication", clone, { url = server:at("deny", "repo") })
	equal(select(2, mirror:size()), 1) -- no mirror of what was not read
	equal(world:sh "ls mirrors/all | grep -c new- || true", "0")
end)

case("a repository that is not there leaves nothing, and the error names its URL", function()
	local before = world:sh "ls mirrors/all"
	local url = server:at("404", "repo")
	local err = fails("not_found", clone, { url = url })
	check.contains(err.message, url)
	check.lacks(tostring(err) .. tostring(err.detail), folder)
	equal(world:sh "ls mirrors/all", before)
	local failed = 0
	task.scope(function(scope) -- at once, while others remove the files
		for i = 1, 8 do
			scope:spawn(function()
				local ok = pcall(clone, { url = url, directory = tmp .. "/clones/none" .. i })
				if not ok then failed = failed + 1 end
			end)
		end
	end)
	equal(failed, 8)
	equal(world:sh "ls mirrors/all", before)
end)

case("a server that hides a repository from a credential says nothing about the mirror", function()
	local url = server:at("hidden", "big")
	clone { url = url }
	world:clear()
	local before = world:sh "cat mirrors/all/*.git/epact-generation | sort"
	fails("not_found", clone, { url = url, credential = "another-token" })
	equal(world:sh "cat mirrors/all/*.git/epact-generation | sort", before)
	world:sh("rm -rf " .. folder .. "/" .. crypto.sha256(url):sub(1, 40) .. ".*")
end)

case("what cannot be combined, and bad options, do nothing", function()
	fails("filter", clone, { filter = "blob:none" })
	fails("reference", clone, { reference = "/x" })
	fails("git.mirror", clone, { mirror = {} })
	fails("invalid_argument", clone, { url = server:at("ok", "repo"), branch = "-x" })
	fails("unknown option", clone, { url = server:at("ok", "repo"), brunch = "x" })
	fails("mirror:clone: the options must be a table, got nil", mirror.clone, mirror)
	for _, bad in ipairs { "x", 1.5, -1, false } do
		check.contains(fails("mirror:trim: the bytes", mirror.trim, mirror, bad), tostring(bad))
	end
	equal(select(2, mirror:size()), 1)
end)

case("errors of arguments point at the line that gave them", function()
	local line = debug.getinfo(1, "l").currentline + 1
	for _, call in ipairs { function() mirror:clone() end, function() mirror:trim() end, function() git.mirror() end, function() git.mirror(folder, { x = 1 }) end } do
		local _, err = pcall(call)
		check.contains(err, ("git_mirror_test.lua:%d:"):format(line))
	end
end)

case("the credential is nowhere in the mirror", function()
	equal(world:sh("grep -rlF " .. world.token:sub(6) .. " mirrors || true"), "")
end)

local function damage(script) world:sh("cd mirrors/all/*.git; chmod -R u+w .; " .. script) end

for name, script in pairs {
	["a pack is cut"] = "for p in objects/pack/*.pack; do head -c 5000 $p >x; mv x $p; done",
	["a pack has other bytes"] = [[for p in objects/pack/*.pack; do python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(3000)
f.write(b"\xff" * 900000)' $p; done]],
	["the packs are gone"] = "rm -f objects/pack/*",
	["an index is damaged"] = "for p in objects/pack/*.idx; do head -c 100 $p >x; mv x $p; done",
	["HEAD is gone"] = "rm HEAD",
	["the configuration is damaged"] = "echo '[core' >config",
	["the refs are damaged"] = "echo garbage >packed-refs; mkdir -p refs/heads; echo garbage >refs/heads/main",
} do
	case("a mirror is damaged and made anew: " .. name, function()
		local head = clone().head
		world:clear()
		damage(script)
		equal(clone({ full = true }).head, head)
		whole "clones/c"
		world:clear()
		local sent, c = wire(function() return clone() end)
		equal(c.head, head)
		check.ok(sent < 20000, sent .. " bytes")
		whole "clones/c"
		world:clear()
	end)
end

case("a damaged mirror that others use stays; it is made anew when they are done", function()
	local head = clone().head
	world:clear()
	local base = folder .. "/" .. crypto.sha256(server:at("ok", "big")):sub(1, 40)
	local made = fs.read(base .. ".git/epact-generation")
	damage "for p in objects/pack/*.pack; do head -c 5000 $p >x; mv x $p; done"
	do
		local _ <close> = lock.try(base .. ".use", false)
		equal(clone({ full = true }).head, head)
		whole "clones/c"
		world:clear()
		equal(fs.read(base .. ".git/epact-generation"), made)
	end
	clone { full = true }
	whole "clones/c"
	world:clear()
	check.ok(fs.read(base .. ".git/epact-generation") ~= made)
end)

case("what a killed fetch left is removed by the next", function()
	clone()
	world:clear()
	world:sh [[cd mirrors/all/*.git; touch refs/heads/main.lock packed-refs.lock shallow.lock objects/pack/tmp_pack_x objects/pack/.tmp-1-pack-x
		mkdir -p objects/ab objects/tmp_objdir-incoming-x; touch objects/ab/tmp_obj_x objects/tmp_objdir-incoming-x/y]]
	local head = push "after"
	equal(clone().head, head)
	world:clear()
	equal(world:sh "cd mirrors/all/*.git; find . -name '*.lock' -o -name '*tmp*'", "")
	equal(world:sh "git -C mirrors/all/*.git rev-parse main", head)
end)

case("the wait for another who makes the mirror lasts no longer than timeout", function()
	local url = server:at("open", "repo")
	local base = folder .. "/" .. crypto.sha256(url):sub(1, 40)
	do
		local _ <close> = lock.try(base .. ".update", true)
		fails("timeout", clone, { url = url, timeout = 0.3 })
	end
	equal(world:listing(), "")
	clone { url = url, timeout = 30 }
	world:clear()
	world:sh("rm -rf " .. base .. ".*")
end)

case("a fetch that is interrupted leaves a mirror that can be used", function()
	push "later"
	fails("timeout", clone, { url = server:at("stall", "big"), timeout = 1.5 }) -- another URL: a mirror that is never finished
	equal(world:listing(), "")
	equal(world:sh "ls mirrors/all | grep -c new- || true", "0")
	task.scope(function(scope)
		local one = scope:spawn_try(clone)
		task.sleep(0.05)
		one:cancel()
	end)
	world:clear()
	clone()
	whole "clones/c"
	world:clear()
end)

local script = ([[
	local git, task = require "epact.git", require "epact.task"
	local mirror = git.mirror(arg[1])
	local credential = io.read "l"
	task.scope(function(s)
		for i = 1, 6 do
			s:spawn(function()
				git.clone { url = arg[2], directory = arg[3] .. i, credential = credential, mirror = mirror, full = i %% 2 == 0 }
			end)
		end
	end)]]):gsub("%%%%", "%%")
fs.write(tmp .. "/six.lua", script)

local function start(name, url)
	local p = process.spawn({ os.getenv "EPACT_BIN", "run", tmp .. "/six.lua", folder, url or server:at("ok", "big"), tmp .. "/clones/" .. name },
		{ stdin = "pipe", stderr = "pipe" })
	p.stdin:write(world.token .. "\n")
	return p
end

case("many processes at once, from a mirror that is not there yet", function()
	world:sh "rm -rf mirrors/all/*"
	local started = {}
	for i = 1, 3 do started[i] = start("p" .. i .. "-") end
	for _, p in ipairs(started) do
		local result = p:wait()
		equal(result.status, 0, result.stderr)
	end
	equal(select(2, mirror:size()), 1)
	for _, directory in ipairs { "clones/p1-1", "clones/p2-2", "clones/p3-6" } do whole(directory) end
	equal(world:sh "cat clones/*/.git/HEAD | sort -u", "ref: refs/heads/main")
	world:clear()
end)

case("a process that is killed while it makes a mirror holds nobody up", function()
	world:sh "rm -rf mirrors/all/*"
	local victim = start("v", server:at("stall", "big"))
	while world:sh "ls -d mirrors/all/*new-* 2>/dev/null || true" == "" do task.sleep(0.02) end
	world:sh("kill -KILL " .. victim.pid)
	pcall(victim.wait, victim)
	world:clear()
	clone()
	whole "clones/c"
	world:clear()
	fails("timeout", clone, { url = server:at("stall", "big"), timeout = 1 })
	equal(world:sh "ls mirrors/all | grep -c new- || true", "0")
end)

case("a cap of size: what was not used for the longest time goes, and what is in use stays", function()
	world:sh "rm -rf mirrors/all/*"
	clone()
	world:clear()
	local bytes = mirror:size()
	check.ok(bytes > 2000000)
	local small = git.mirror(folder, { max_bytes = bytes + 100000 })
	clone { url = server:at("open", "big"), mirror = small } -- the same content by another URL
	world:clear()
	equal(select(2, small:size()), 1)
	check.ok(world:sh "cat mirrors/all/*.git/epact-generation | wc -l" ~= "2")
	local lock <close> = require("epact.core.lock").try(world:sh "echo $PWD/mirrors/all/*.git | sed 's/git$/use/'", false)
	equal(mirror:trim(0), 0)
	lock:close()
	equal(mirror:trim(0), 1)
	equal(mirror:size(), 0)
	clone()
	whole "clones/c"
	world:clear()
end)

case("a repository whose history is larger than the clone may be has no mirror", function()
	world:sh "rm -rf mirrors/all/*"
	world:sh [[cd repos/work; for i in 1 2; do head -c 2000000 /dev/urandom >big; git commit -q -a -m $i; done; git push -q ../big.git main]]
	clone { max_bytes = 5000000 }
	whole "clones/c"
	world:clear()
	equal(select(2, mirror:size()), 0)
	equal(world:sh "ls mirrors/all | grep -c new- || true", "0")
	fails("too_large", clone, { max_bytes = 1000000 })
	equal(world:listing(), "")
end)

case("a folder that others may write to is refused", function()
	world:sh "mkdir -m 777 shared; echo >plain"
	fails("permission", git.mirror, tmp .. "/shared")
	fails("permission", git.mirror, tmp .. "/plain")
	fails("git.mirror", git.mirror)
	fails("unknown option", git.mirror, folder, { size = 1 })
end)

case("an empty repository, and one object of a repository", function()
	equal(clone({ url = server:at("ok", "empty") }).head, nil)
	world:clear()
	equal(clone({ url = server:at("ok", "empty") }).head, nil)
	world:clear()
	local repo = git.open(tmp .. "/clones/c", { credential = world.token, url = server:at("ok", "big") })
	equal(repo:clone({ url = server:at("ok", "big"), mirror = mirror }).branch, "main")
	world:clear()
	equal(mirror:clone({ url = server:at("ok", "big"), directory = tmp .. "/clones/c", credential = world.token }).branch, "main")
	world:clear()
end)

check.done()

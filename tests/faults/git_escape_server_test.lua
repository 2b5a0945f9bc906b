-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- Hostile servers: what they say reaches no terminal, no other file and no other host.
local check = require "check"
local fs = require "epact.fs"
local git_world = require "git_world"
local process = require "epact.process"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp = world.tmp
local other = world:serve()

local log = tmp .. "/hostile.log"
local server <close> = process.spawn { "python3", os.getenv "EPACT_SOURCE" .. "/tests/support/hostile_git.py", tmp .. "/repos/repo.git",
	other:at "ok", log }
local port = server.stdout:lines()()

local function at(mode) return ("http://127.0.0.1:%s/%s/repo.git"):format(port, mode) end

local function requests(part)
	local ok, text = pcall(fs.read, log)
	local _, n = (ok and text or ""):gsub(part:gsub("%p", "%%%0"), "")
	return n
end

-- The clone fails, its error moves no terminal, and nothing is asked of the other host.
local function refused(mode, codes, options)
	case("refused: " .. mode, function()
		options = options or {}
		options.url = at(mode)
		local err = world:refused(codes, options)
		equal(other:requests(), "", "requests elsewhere")
		check.ok(#tostring(err.detail) < 5000, "the words are short")
	end)
end

-- The clone succeeds, as one of main or of no branch.
local function harmless(mode, options, look)
	case("harmless: " .. mode, function()
		options = options or {}
		options.url = at(mode)
		world:harmless(options, function(directory, result)
			equal(fs.read(directory .. "/one.txt"), "one\nmore\n")
			if look then look(directory, result) end
		end)
		equal(other:requests(), "", "requests elsewhere")
	end)
end

-- Either: git's versions differ. What counts is that nothing comes of it outside of the folder.
local function either(mode, options)
	case("refused or harmless: " .. mode, function()
		local call = { url = at(mode) }
		for key, value in pairs(options or {}) do call[key] = value end
		local ok, err = pcall(world.clone, world, call)
		world:check_clean(not ok and err or nil)
		if not ok then check.ok(type(err) == "table" and err.code, tostring(err)) end
		if not ok then equal(world:listing(), "") end
		equal(other:requests(), "", "requests elsewhere")
		equal(world:sh "find . -name ran -o -name '*.lock' | head -5", "")
		if ok then equal(world:sh "ls -A clones/c/.git/hooks 2>/dev/null || true", "") end
		world:clear()
	end)
end

case("an honest one is cloned, so that the cases below mean something", function() world:harmless { url = at "plain" } end)

refused("error-escape", "exit_status|corrupt|server|network")
refused("plain-escape", "permission")
refused("side-escape", "exit_status|corrupt|server|network")
harmless("side-progress", { progress = function(now) check.ok(not now.percent or now.percent <= 100) end })

for _, mode in ipairs { "head-dash", "head-option", "head-up", "head-config", "head-line", "head-outside", "head-escape", "head-loop", "head-lock",
	"head-missing", "ref-names" } do
	either(mode)
	if mode == "head-dash" or mode == "ref-names" then either(mode, { full = true, single_branch = false }) end
end
either("head-dash", { max_files = 100, sparse = {} })

refused("lengths", "network|corrupt|exit_status")
refused("negative", "network|corrupt|exit_status")
refused("band-number", "network|corrupt|exit_status")
refused("no-pack", "network|corrupt|exit_status")
refused("pack-header", "network|corrupt|exit_status")
refused("pack-trailer", "network|corrupt|exit_status")
either("pack-more")
refused("pack-other", "network|corrupt|exit_status")
refused("sha256", "corrupt|exit_status|network")

case("refs without end: the timeout ends them, and a cap of memory is not needed for it", function()
	world:refused("timeout|network|corrupt|exit_status", { url = at "endless-refs", timeout = 2 })
end)


case("alternates of a server without a program lead nowhere", function()
	world:refused("network|corrupt|exit_status|not_found|redirect|destination_exists|branch_not_found|io", { url = at "dumb" })
	check.ok(requests "dumb " > 0)
	equal(other:requests(), "")
end)

refused("redirect-pack", "redirect|network|other_status|exit_status|server")
refused("refresh", "redirect")
harmless("cookie", nil, function(directory) equal(world:sh("find . -name '*cookie*' -o -name '*hsts*'", { cwd = directory }), "") end)

case("a server that asks again and again is answered a bounded number of times", function()
	local before = requests "loop401"
	world:refused("authentication", { url = at "loop401" })
	check.ok(requests "loop401" - before <= 4, "requests")
end)

case("other ways to log in are not taken up", function() world:refused("authentication", { url = at "realm" }) end)

case("a redirect of the first request to another host takes no credential along", function()
	local moved = world:serve { redirect = other:at("ok"):gsub("/repo%.git$", "") }
	world:refused("redirect", { url = moved:at "redirect" })
	equal(other:requests(), "")
end)

case("bundle-uri is not asked for; a pack that the server says is elsewhere is fetched without the credential", function()
	world:refused("not_found|corrupt|exit_status|network|authentication", { url = at "bundle" })
	equal(requests "bundle-uri asked", 0)
	check.lacks(other:requests(), "token")
	check.lacks(other:requests(), world.token)
end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- Somebody puts a link to a repository of another where a clone is being made: nothing is written there.
local check = require "check"
local fs = require "epact.fs"
local git_world = require "git_world"

local case, equal = check.case, check.equal
local world <close> = git_world.open()

-- An older kernel, or one without Landlock, has nothing that holds git to the folder while it fetches; what it wrote is noticed.
local fenced = world:sh [[python3 -c "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1) >= 2)"]] == "True"

-- Large enough that git still receives when the swap has been made.
local url = world:repository [[
	id=$(head -c 20000000 /dev/urandom | git hash-object -w --stdin); main $(raw 100644 big $id 100644 f $(blob new))]]

local head = world:sh(("git -C repos/r%d.git rev-parse main"):format(world.count))

local function victim()
	world:sh [[rm -rf home/victim; git init -q home/victim; cd home/victim; echo mine >f; git add .; git commit -q -m mine; git pack-refs --all]]
	return world:sh "cd home; find victim -type f -exec sha256sum {} + | sort -k 2"
end

local function modules(...)
	local text, entries = "", ""
	for i, path in ipairs { ... } do
		text = text .. ('[submodule "m%d"]\\n\\tpath = m%d\\n\\turl = %s\\n'):format(i, i, path)
		entries = entries .. (" 160000 m%d %s"):format(i, head)
	end
	return world:repository(([[main $(raw 100644 .gitmodules $(blob '%s')%s)]]):format(text, entries))
end

-- The clone fails, with nothing left of it; the victim is as before. ready: a file that is there when the time has come.
local function swapped(name, phase, options, ready)
	case(name, function()
		local before, done = victim(), false
		options.url, options.credential, options.directory = options.url or url, world.token, world.tmp .. "/clones/deep/c"
		options.progress = function(now)
			if done or now.phase ~= phase or (ready and not fs.stat(world.tmp .. "/clones/deep/c/" .. ready)) then return end
			done = true
			world:sh "mv clones/deep/c clones/moved; ln -s $PWD/home/victim clones/deep/c"
		end
		local err = check.fails("destination_exists", world.clone, world, options)
		equal(done, true)
		check.contains(err.message, "clones/deep/c")
		if fenced then equal(world:sh "cd home; find victim -type f -exec sha256sum {} + | sort -k 2", before) end
		equal(world:sh "find clones -mindepth 1 | sort", "clones/deep\nclones/deep/c\nclones/moved")
		world:check_clean(err)
		world:clear()
	end)
end

swapped("while it receives", "receiving", {})
swapped("while it receives, in stages", "receiving", { max_files = 100 })
swapped("while it receives, folders of it", "receiving", { sparse = { "x" } })
swapped("with a depth of all", "receiving", { full = true })

swapped("while a submodule comes", "receiving", { recurse_submodules = true, url = modules(url, url) }, "m1/.git")

case("while submodules come, one of which is not there; the folder was there, and empty", function()
	local before, done = victim(), false
	world:sh "mkdir -p clones/deep/c"
	check.fails("destination_exists", world.clone, world, { url = modules(url, url:gsub("r%d+.git", "none.git")), recurse_submodules = true,
		directory = world.tmp .. "/clones/deep/c", progress = function(now)
			if done or now.phase ~= "receiving" or not fs.stat(world.tmp .. "/clones/deep/c/m1/.git") then return end
			done = true
			world:sh "mv clones/deep/c clones/moved; ln -s $PWD/home/victim clones/deep/c"
		end })
	equal(done, true)
	if fenced then equal(world:sh "cd home; find victim -type f -exec sha256sum {} + | sort -k 2", before) end
	equal(world:sh "find clones -mindepth 1 | sort", "clones/deep\nclones/deep/c\nclones/moved")
	world:clear()
end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- Clones with submodules: what they are, and those that are refused.
local check = require "check"
local fs = require "epact.fs"
local git = require "epact.git"
local git_world = require "git_world"

local case, equal, fails = check.case, check.equal, check.fails
local world <close> = git_world.open()
local tmp, server = world.tmp, world.server
local other = world:serve()

-- A repository with submodules: { path, url, commit }, and what else is said of them.
local function with_modules(modules, more)
	local text, entries = "", {}
	for i, m in ipairs(modules) do
		text = text .. ('[submodule "m%d"]\\n\\tpath = %s\\n\\turl = %s\\n'):format(i, m[1], m[2])
		entries[#entries + 1] = ("160000 commit %s\\t%s"):format(m[3], m[1])
	end
	return world:repository(([[
		id=$(blob '%s%s'); t=$(printf "100644 blob $id\t.gitmodules\n%s\n" | git mktree --missing); main $t]]):format(text, more or "",
		table.concat(entries, "\\n")))
end

local head = world:sh "git -C repos/repo.git rev-parse main"
local older = world:sh "git -C repos/repo.git rev-parse v1"

local function clone(url, options)
	local call = { url = url, directory = tmp .. "/clones/deep/c", credential = world.token, recurse_submodules = true }
	for name, value in pairs(options or {}) do call[name] = value end
	return git.clone(call)
end

local function refused(code, url, options)
	local err = fails(code, clone, url, options)
	equal(world:listing(), "")
	check.lacks(tostring(err), world.token:sub(6))
	world:check_clean()
	return err
end

case("absolute and relative URLs, commits that are no branch's, and submodules of submodules", function()
	local inner = with_modules { { "a", "../repo.git", older } }
	local inner_head = world:sh("git -C repos/r" .. world.count .. ".git rev-parse main")
	local url = with_modules { { "old", "../repo.git/", older }, { "in", inner, inner_head }, { "not there", "x", head } }
	fails("invalid_argument", clone, url)
	url = with_modules { { "in", inner, inner_head }, { "old", "./../repo.git", older }, { "x-y", server:at "ok", head } }
	local c = clone(url)
	equal(c.submodules, { "in", "in/a", "old", "x-y" })
	equal(fs.read(c.directory .. "/x-y/one.txt"), "one\nmore\n")
	equal(fs.read(c.directory .. "/old/one.txt"), "one\n")
	equal(world:sh("git -C in/a rev-parse HEAD", { cwd = c.directory }), older)
	equal(world:sh("git status --porcelain", { cwd = c.directory }), "")
	equal(world:sh("grep -rlF " .. world.token:sub(6) .. " clones || true"), "")
	world:clear()
	equal(clone(url, { recurse_submodules = false }).submodules, nil)
	world:clear()
end)

case("the credential goes to the same host alone", function()
	local url = with_modules { { "theirs", other:at "open", head }, { "zours", server:at "ok", head } }
	equal(#clone(url).submodules, 2)
	check.lacks(other:requests(), world.token)
	world:clear()
	refused("authentication", with_modules { { "theirs", other:at "ok", head } })
	check.lacks(other:requests(), world.token)
end)

for _, bad in ipairs { "ext::sh -c touch% ran", "file:///etc", "/etc", "ssh://-oProxyCommand=x/y", "git://h/x", "http://example.com/x", "https://u:p@h/x",
	"../../../../../x", "https://h/a b", "fd::3", "git@h:x", "./ext::x y" } do
	case("refused: a submodule of " .. bad, function()
		refused("invalid_argument", with_modules { { "x", bad, head } })
	end)
end

case("a submodule that is not there, that has not the commit, that has no URL", function()
	local err = refused("not_found", with_modules { { "x", server:at("ok", "none"), head } })
	check.lacks(err.message .. err.operation .. (err.detail or ""), "/proc/self")
	refused("exit_status", with_modules { { "x", server:at "ok", ("1"):rep(40) } }, { max_files = 1000 })
	local c = clone(world:repository(("main $(printf '160000 commit %s\tx\n' | git mktree --missing)"):format(head)))
	equal(c.submodules, {})
	world:clear()
end)

case("a file whose name looks like a submodule in .git is none", function()
	local name = ("160000 commit %s\\t.git"):format(head)
	local url = world:repository(([[
		info=$(raw 100644 info $(blob x)); objects=$(raw 40000 objects $info)
		modules=$(blob '[submodule "m"]\n\tpath = .git/objects/info\n\turl = %s\n')
		main $(raw 100644 .gitmodules $modules 40000 '%s' $objects)]]):format(server:at "open", name))
	local c = clone(url)
	equal(c.submodules, {})
	equal(fs.stat(c.directory .. "/.git/objects/info/.git"), nil)
	equal(fs.stat(c.directory .. "/.git/objects/info/one.txt"), nil)
	world:clear()
end)

case("a repository that is its own submodule, again and again", function()
	local name = "r" .. world.count + 1
	local url = with_modules { { "x", server:at("ok", name), ("1"):rep(40) } }
	world:sh(("cd repos/%s.git; git config uploadpack.allowAnySHA1InWant true"):format(name))
	refused("exit_status", url)
	-- each of the next contains the one before
	local below, commit = server:at "ok", head
	for _ = 1, 10 do
		below = with_modules { { "x", below, commit } }
		commit = world:sh("git -C repos/r" .. world.count .. ".git rev-parse main")
	end
	refused("too_large", below)
end)

case("caps are of all together", function()
	local url = with_modules { { "a", "../repo.git", head }, { "b", "../repo.git", head } }
	equal(#clone(url, { max_files = 5 }).submodules, 2)
	local bytes = 0
	for _, entry in ipairs(fs.walk(tmp .. "/clones")) do bytes = bytes + entry.size end
	world:clear()
	refused("too_large", url, { max_files = 4 })
	refused("too_large", url, { max_bytes = bytes - 500 })
end)

case("caps are also of a commit that no branch has", function()
	local large = world:repository [[
		small=$(raw 100644 f $(blob x)); main $small; x=$(blob x)
		many=$(for i in $(seq -w 200); do printf '100644 blob %s\tf%s\n' $x $i; done | git mktree); commit $many >many
		commit $(raw 100644 zeros $(head -c 60000000 /dev/zero | git hash-object -w --stdin)) >zeros]]
	local function super(commit) return with_modules { { "x", large, commit } } end
	local many, zeros = world:sh "cat many", world:sh "cat zeros; rm many zeros"
	refused("too_large", super(many), { max_files = 100 })
	refused("too_large", super(zeros), { max_bytes = 1000000 })
	refused("too_large", super(zeros), { max_files = 100, max_bytes = 1000000 })
	equal(#clone(super(many), { max_files = 201 + 1, max_bytes = 5000000 }).submodules, 1)
	world:clear()
end)

case("a folder that was there stays, without what the clone put into it", function()
	world:sh "mkdir -p clones/deep/c"
	fails("not_found", clone, with_modules { { "x", server:at("ok", "none"), head } })
	equal(world:sh "find clones -mindepth 1", "clones/deep\nclones/deep/c")
	world:clear()
end)

check.done()

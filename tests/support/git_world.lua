-- SPDX-License-Identifier: Apache-2.0
-- A world for tests that attack a clone: local world <close> = git_world.open(). In world.tmp are repos/ (bare repositories, "repo"
-- and "empty" at first), clones/ and home/; whatever an attack makes run creates the file `ran` there.
local check = require "check"
local fs = require "epact.fs"
local git = require "epact.git"
local git_server = require "git_server"
local process = require "epact.process"

-- Words of the shell for repositories of any objects: blob TEXT, tree (of "MODE TYPE ID<tab>NAME" lines), raw tree entries, commit TREE, and the
-- repository that is made of a commit: repo NAME COMMIT.
local WORDS = [[
	new() { rm -rf "repos/$1.git"; git init -q --bare "repos/$1.git"; export GIT_DIR="$PWD/repos/$1.git"; git config uploadpack.allowFilter true
		git config uploadpack.allowAnySHA1InWant true; }
	blob() { printf "$1" | git hash-object -w --stdin; }
	raw() { python3 -c 'import sys; sys.stdout.buffer.write(b"".join(m.encode() + b" " + n.encode().decode("unicode_escape").encode("latin1")
		+ b"\0" + bytes.fromhex(i) for m, n, i in zip(*[iter(sys.argv[1:])] * 3)))' "$@" | git hash-object -t tree -w --stdin --literally; }
	commit() { git -c user.name=a -c user.email=a@b commit-tree -m "${2:-m}" "$1"; }
	main() { git update-ref refs/heads/main "$(commit "$1")"; }
]]

local M = {}

local World = {}
World.__index = World

-- Runs a script of the shell in the world's folder; its output without the last newline.
function World:sh(script, options)
	options = options or {}
	options.cwd = options.cwd or self.tmp
	local env = { RAN = self.tmp .. "/ran" }
	for name, value in pairs(options.env or {}) do env[name] = value end
	options.env = env
	return (process.run({ "sh", "-ec", script }, options).stdout:gsub("\n$", ""))
end

function World:clone(options)
	if options.credential == nil then options.credential = self.token end
	options.directory = options.directory or self.tmp .. "/clones/c"
	options.url = options.url or self.server:at "ok"
	return git.clone(options)
end

function World:listing() return self:sh "cd clones && find . -mindepth 1 | LC_ALL=C sort | head -50" end

-- Nothing ran, nothing was left, and the error, if there is one, shows no token and nothing that moves a terminal.
function World:check_clean(err)
	check.equal(fs.stat(self.tmp .. "/ran"), nil, "an attack ran")
	if not err then return end
	for _, key in ipairs { "message", "detail", "operation" } do
		local text = tostring(err[key])
		check.lacks(text, self.token:sub(6))
		if text:gsub("[\n\t]", ""):find "%c" then error(("control bytes in %s: %q"):format(key, text), 2) end
	end
end

-- The clone fails with one of the codes ("a|b"), and leaves nothing.
function World:refused(codes, options)
	local before = self:listing()
	local ok, err = pcall(self.clone, self, options)
	if ok then error("no error; expected: " .. codes, 2) end
	local code = type(err) == "table" and err.code or tostring(err)
	if not ("|" .. codes .. "|"):find("|" .. code .. "|", 1, true) then
		error(("the error is %s: %s (%s)"):format(code, err, type(err) == "table" and err.detail), 2)
	end
	self:check_clean(type(err) == "table" and err or nil)
	check.equal(self:listing(), before, "what a clone that failed left")
	return err
end

-- The clone succeeds, and does no more than a clone does; its folder is removed. check(directory, result) may look at it.
function World:harmless(options, look)
	local ok, result = pcall(self.clone, self, options)
	if not ok then error(("%s: %s"):format(result, type(result) == "table" and result.detail), 2) end
	self:check_clean()
	check.equal(self:sh("grep -rlF " .. self.token:sub(6) .. " clones home || true"), "", "the token in a file")
	if look then look(result.directory, result) end
	fs.remove(result.directory, { recursive = true })
	return result
end

-- The same clone by a program of its own, with variables or a home that are hostile; its result as a table.
function World:clone_in(env, options)
	local call = { url = self.server:at "ok", directory = self.tmp .. "/clones/c" }
	for key, value in pairs(options or {}) do call[key] = value end
	local fields = {}
	for key, value in pairs(call) do fields[#fields + 1] = ("%s = %q"):format(key, value) end
	local script = ([[
		local options = { %s }
		options.credential = io.read "l"
		local ok, result = pcall(require "epact.git".clone, options)
		print(ok and "ok" or result.code)
		if not ok then print(result, result.detail) end
	]]):format(table.concat(fields, ", "))
	local child = { HOME = self.tmp .. "/home", GIT_CONFIG_GLOBAL = false, GIT_CONFIG_NOSYSTEM = false }
	for name, value in pairs(env or {}) do child[name] = value end
	local run = process.run({ os.getenv "EPACT_BIN", "run", "-e", script }, { env = child, stdin = { bytes = self.token .. "\n" },
		cwd = self.tmp, check = false })
	self:check_clean()
	check.lacks(run.stdout .. run.stderr, self.token:sub(6))
	return { code = run.stdout:match "^[^\n]*", stdout = run.stdout, stderr = run.stderr }
end

-- Makes a repository by a script, in which GIT_DIR is the new one and WORDS are known; returns its URL.
function World:repository(script)
	self.count = self.count + 1
	local name = "r" .. self.count
	self:sh(WORDS .. "new " .. name .. "\n" .. script)
	return self.server:at("ok", name)
end

function World:clear() self:sh "rm -rf clones home ran; mkdir clones home" end

function World:close()
	for _, one in ipairs(self.closing) do one:close() end
	self:sh "chmod -R u+rwx . ; find . -mindepth 1 -delete"
end

World.__close = World.close

-- A further server, closed with the world.
function World:serve(options)
	options = options or {}
	options["token-file"] = self.tmp .. "/token"
	local server = git_server.start(self.tmp .. "/repos", options)
	table.insert(self.closing, server)
	return server
end

function M.open(options)
	local token = "rlcr-"
	for _ = 1, 40 do token = token .. ("%x"):format(math.random(0, 15)) end
	local world = setmetatable({ tmp = os.getenv "TMPDIR", token = token, closing = {}, count = 0 }, World)
	world:sh "mkdir clones home repos"
	fs.write(world.tmp .. "/token", token)
	git_server.repositories(world.tmp .. "/repos")
	world.server = world:serve(options)
	return world
end

return M

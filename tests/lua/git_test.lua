-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
local errors = require "epact.error"
local git = require "epact.git"
local git_server = require "git_server"
local process = require "epact.process"
local task = require "epact.task"

-- Another one in each run: other tests that run at the same time may show theirs.
local token = "rlcr-"
for _ = 1, 40 do token = token .. ("%x"):format(math.random(0, 15)) end
local tmp = os.getenv("TMPDIR")

local function equal(got, expected)
	if got ~= expected then error(("got %q, expected %q"):format(tostring(got), tostring(expected)), 2) end
end

local function sh(script, env) return (process.run({"sh", "-c", script}, {cwd = tmp, env = env}).stdout:gsub("\n$", "")) end

local function read(path)
	local file <close> = assert(io.open(path))
	return file:read("a")
end

-- Paths that exist below the folder of the clones.
local function listing() return sh("cd clones && find . -mindepth 1 -maxdepth 2 | sort | tr '\\n' ' '") end

local function no_secret(err)
	for _, key in ipairs {"message", "detail", "operation"} do
		assert(not tostring(err[key]):find(token:sub(6), 1, true), "the token stands in " .. key)
	end
end

-- The error of a clone, which must leave nothing behind.
local function failure(code, options)
	options.directory = options.directory or tmp .. "/clones/x"
	options.credential = options.credential or token
	local before = listing()
	local ok, err = pcall(git.clone, options)
	if ok then error("no error was raised", 2) end
	if not errors.is(err, code) then error(("expected %s, got %s: %s"):format(code, err, err.detail), 2) end
	no_secret(err)
	equal(listing(), before)
	return err
end

local function clone(options)
	options.credential = options.credential or token
	return git.clone(options)
end

sh "mkdir clones repos"
local root <close> = setmetatable({}, {__close = function() sh "chmod -R u+w .; rm -rf clones repos bin full" end})
git_server.repositories(tmp .. "/repos")
local token_file <close> = setmetatable({path = tmp .. "/token"}, {__close = function(f) os.remove(f.path) end})
do
	local file <close> = assert(io.open(token_file.path, "w"))
	file:write(token)
end
local other <close> = git_server.start(tmp .. "/repos", {["token-file"] = token_file.path})
local server <close> = git_server.start(tmp .. "/repos",
	{["token-file"] = token_file.path, redirect = ("http://127.0.0.1:%s/ok"):format(other.port)})
local head = sh "git -C repos/repo.git rev-parse main"

-- what a clone gives
local c = clone {url = server:at "ok", directory = tmp .. "/clones/deep/er/one"}
equal(c.head, head)
equal(c.branch, "main")
equal(c.directory, tmp .. "/clones/deep/er/one")
equal(read(c.directory .. "/one.txt"), "one\nmore\n")
equal(read(c.directory .. "/a folder/two.txt"), "two\n")
equal(git.open(c.directory):command({"rev-list", "--count", "HEAD"}).stdout, "1\n")
assert(not sh("cat clones/deep/er/one/.git/config"):find("token", 1, true))
equal(sh("grep -rl " .. token:sub(6) .. " clones || true"), "")
equal(sh("ls -A clones/deep/er/one/.git/hooks 2>/dev/null || true"), "")
sh "mkdir clones/empty; rm -rf clones/deep"
c = clone {url = server:at "ok", directory = tmp .. "/clones/empty", depth = 0}
equal(git.open(c.directory):command({"rev-list", "--count", "--all"}).stdout, "3\n")
c = clone {url = server:at "ok", directory = tmp .. "/clones/side", branch = "side", single_branch = false}
equal(c.branch, "side")
equal(git.open(c.directory):command({"branch", "-r", "--format=%(refname:short)"}).stdout, "origin/HEAD\norigin/main\norigin/side\n")
c = clone {url = server:at "ok", directory = tmp .. "/clones/tag", branch = "v1"}
equal(c.branch, nil)
equal(c.head, sh "git -C repos/repo.git rev-parse v1")
c = clone {url = server:at("ok", "empty"), directory = tmp .. "/clones/none"}
equal(c.head, nil)
c = git.clone {url = server:at "open", directory = tmp .. "/clones/open"}
equal(c.head, head)
sh "rm -rf clones/*"

-- a partial clone starts several helpers; each is answered
local seen = {}
c = clone {url = server:at "ok", directory = tmp .. "/clones/part", filter = "blob:none", depth = 0,
	progress = function(now) seen[now.phase] = now end}
equal(read(c.directory .. "/one.txt"), "one\nmore\n")
assert(seen.receiving and seen.receiving.percent == 100 and seen.receiving.done == seen.receiving.total, "progress")
sh "rm -rf clones/*"

-- an error of the progress function ends the clone
local ok, err = pcall(clone, {url = server:at "ok", directory = tmp .. "/clones/p", progress = function() error("stop it", 0) end})
assert(not ok and tostring(err):find("stop it", 1, true), tostring(err))
sh "rm -rf clones/*"

-- refused before anything starts
for _, bad in ipairs {
	{url = "https://token:secret@h/x.git"}, {url = "http://example.com/x.git"}, {url = "file:///etc"}, {url = "ext::sh"},
	{url = "-u"}, {url = "https:///x"}, {url = "https://h/a b"}, {url = "https://h/a\nb"}, {url = "https://h/x?y"},
	{branch = "--upload-pack=x"}, {branch = "a..b"}, {branch = "a b"}, {branch = ""}, {filter = "--x"}, {filter = "sparse:x"},
} do
	bad.url = bad.url or server:at "ok"
	failure("invalid_argument", bad)
end
equal(failure("invalid_argument", {url = "https://a:hidden@h/x"}).message:find("hidden", 1, true), nil)

-- what servers answer
local err401 = failure("authentication", {url = server:at "ok", credential = "wrong-token"})
equal(err401.status, 401)
failure("authentication", {url = server:at "bare401"})
failure("authentication", {url = server:at "deny"})
equal(failure("permission", {url = server:at "403"}).status, 403)
equal(failure("not_found", {url = server:at "404"}).status, 404)
failure("not_found", {url = server:at("ok", "no-such")})
equal(failure("locked", {url = server:at "423"}).retryable, true)
failure("rate_limit", {url = server:at "429"})
equal(failure("server", {url = server:at "500"}).status, 500)
equal(failure("server", {url = server:at "pack503"}).status, 503)
failure("branch_not_found", {url = server:at "ok", branch = "nope"})
failure("corrupt", {url = server:at "html"})
failure("corrupt", {url = server:at "damage"})
failure("network", {url = server:at "cut"})
failure("network", {url = "http://127.0.0.1:1/x.git"})
failure("network", {url = "https://no-such-host.invalid/x.git"})
failure("tls", {url = ("https://127.0.0.1:%s/x.git"):format(server.port)})
failure("timeout", {url = server:at "silent", timeout = 0.5})
failure("timeout", {url = server:at "stall", stall = 1})
failure("redirect", {url = server:at "redirect"})
equal(other:requests(), "")

-- what comes is checked, old faults that harm nobody are forgiven
sh [[cd repos && git init -q --bare odd.git && cd odd.git && tree=$(git mktree </dev/null) &&
	old=$(printf 'tree %s\nauthor A <a> 1 +051800\ncommitter A <a> 1 +051800\n\nx\n' $tree |
		git hash-object -t commit -w --stdin --literally) && git update-ref refs/heads/main $old &&
	evil=$(printf 'tree %s\nauthor A\ncommitter A <a> 1 +0000\n\nx\n' $tree |
		git hash-object -t commit -w --stdin --literally) && git update-ref refs/heads/evil $evil]]
equal(clone({url = server:at("ok", "odd"), directory = tmp .. "/clones/odd"}).branch, "main")
sh "rm -rf clones/*"
failure("corrupt", {url = server:at("ok", "odd"), branch = "evil"})

-- a folder that is there is left as it is
sh "mkdir clones/full; echo mine >clones/full/file; echo >clones/plain; ln -s nowhere clones/link"
failure("destination_exists", {url = server:at "ok", directory = tmp .. "/clones/full"})
failure("destination_exists", {url = server:at "ok", directory = tmp .. "/clones/plain"})
failure("destination_exists", {url = server:at "ok", directory = tmp .. "/clones/link"})
failure("not_found", {url = server:at "404", directory = tmp .. "/clones/a/b/c"})
sh "rm -rf clones/*; mkdir clones/kept"
failure("corrupt", {url = server:at "damage", directory = tmp .. "/clones/kept"})
sh "rm -rf clones/*"

-- cancelled in the middle: no process, no folder
ok, err = pcall(task.timeout, 0.7, clone, {url = server:at "stall", directory = tmp .. "/clones/a/b"})
assert(not ok and errors.is(err, "timeout"), tostring(err))
equal(listing(), "")
local function processes() -- those that have to do with the server
	return tonumber(sh(("grep -lz '[1]27.0.0.1:%s' /proc/[0-9]*/cmdline 2>/dev/null | wc -l"):format(server.port)))
end
equal(processes(), 0)

-- killed in the middle: no process
local probe = ([[require("epact.git").clone {url = %q, directory = %q, credential = %q}]]):format(
	server:at "stall", tmp .. "/clones/k", token)
local script = tmp .. "/probe.lua"
local function write_probe()
	local file <close> = assert(io.open(script, "w"))
	file:write(probe)
end
write_probe()
do
	local victim <close> = process.spawn {os.getenv("EPACT_BIN"), "run", script}
	for _ = 1, 100 do
		if processes() >= 2 then break end
		task.sleep(0.05)
	end
	assert(processes() >= 2, "git and its remote helper run")
	-- The program alone, not its group: as an out-of-memory killer does.
	sh("kill -KILL " .. victim.pid)
	for _ = 1, 20 do
		if processes() == 0 then break end
		task.sleep(0.05)
	end
	equal(processes(), 0)
end
sh "rm -rf clones/*"

-- no git
probe = ([[
	local git = require "epact.git"
	local function code(f, ...) local ok, e = pcall(f, ...); return ok or e.code end
	print(code(git.clone, {url = %q, directory = %q}), code(git.version))
]]):format(server:at "open", tmp .. "/clones/x")
write_probe()
equal(process.run({os.getenv("EPACT_BIN"), "run", script}, {env = {PATH = tmp}}).stdout, "no_git\tno_git\n")
os.remove(script)
assert(git.version():find "^%d+%.%d+")

-- hooks, templates and configuration of the user have no part in it
sh [[mkdir -p bin/home/templates/hooks; printf '#!/bin/sh\ntouch %s/ran\n' "$PWD" >bin/home/templates/hooks/post-checkout
chmod +x bin/home/templates/hooks/post-checkout; printf '[init]\n\ttemplateDir = %s/bin/home/templates\n' "$PWD" >bin/home/.gitconfig]]
probe = ([[require("epact.git").clone {url = %q, directory = %q, credential = %q}]]):format(server:at "ok", tmp .. "/clones/h", token)
write_probe()
local run = process.run({os.getenv("EPACT_BIN"), "run", script}, {env = {HOME = tmp .. "/bin/home", GIT_TRACE = "1",
	GIT_TRACE_CURL = "1", GIT_TRACE_REDACT = "0", GIT_DIR = "/nonexistent", GIT_TEMPLATE_DIR = tmp .. "/bin/home/templates"}})
equal(run.stderr, "")
os.remove(script)
equal(sh "ls ran 2>/dev/null || true", "")
sh "rm -rf clones/*"

-- a disk that is full
if sh("id -u") == "0" and process.run({"sh", "-c", "mkdir full && mount -t tmpfs -o size=48k none full"},
	{cwd = tmp, check = false}).status == 0 then
	local unmount <close> = setmetatable({}, {__close = function() sh "umount full" end})
	ok, err = pcall(clone, {url = server:at "ok", directory = tmp .. "/full/x"})
	assert(not ok and errors.is(err, "no_space"), tostring(err) .. tostring(err.detail))
	equal(sh "ls -A full", "")
else
	print("skipped: a full disk needs the right to mount a tmpfs")
end

-- many at once (no shell below has the token in its arguments), while all processes are searched for the token
do
	local search <close> = process.spawn({"python3", os.getenv("EPACT_SOURCE") .. "/tests/support/proc_search.py"},
		{stdin = "pipe"})
	search.stdin:write(token:sub(6) .. "\n")
	equal(search.stdout:lines()(), "ready")
	task.scope(function(scope)
		for i = 1, 20 do
			scope:spawn(function() equal(clone({url = server:at "ok", directory = tmp .. "/clones/" .. i}).head, head) end)
		end
	end)
	search.stdin:close()
	local findings = {}
	for line in search.stdout:lines() do findings[#findings + 1] = line end
	local rounds, seen = findings[1]:match("^(%d+) (%d+)$")
	assert(tonumber(rounds) > 3 and tonumber(seen) > 0, "the search saw too little: " .. findings[1])
	equal(table.concat(findings, "\n", 2), "")
end
equal(sh("grep -rl " .. token:sub(6) .. " clones || true"), "")

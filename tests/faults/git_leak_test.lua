-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- The credential is in no argument, variable, file, trace, core file or log, while clones, fetches and pushes run and after them.
local check = require "check"
local fs = require "epact.fs"
local git = require "epact.git"
local git_world = require "git_world"
local process = require "epact.process"
local task = require "epact.task"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp, server, token = world.tmp, world.server, world.token
world:sh "git -C repos/repo.git config http.receivepack true; git -C repos/repo.git config receive.denyCurrentBranch ignore"

-- Runs f while all processes are searched for the token, over and over.
local function searched(f)
	local search <close> = process.spawn({ "python3", os.getenv "EPACT_SOURCE" .. "/tests/support/proc_search.py" }, { stdin = "pipe" })
	search.stdin:write(token:sub(6) .. "\n")
	equal(search.stdout:lines()(), "ready")
	f()
	search.stdin:close()
	local findings = {}
	for line in search.stdout:lines() do findings[#findings + 1] = line end
	local rounds, seen = findings[1]:match "^(%d+) (%d+)$"
	check.ok(tonumber(rounds) > 1 and tonumber(seen) > 0, "the search saw too little: " .. findings[1])
	equal(table.concat(findings, "\n", 2), "")
end

-- In no file below our folder but the one that the servers read.
local function in_no_file()
	equal(world:sh("grep -rlF " .. token:sub(6) .. " . --exclude=token || true"), "")
	local encoded = world:sh("printf 'token:%s' \"$(cat token)\" | base64 -w0")
	equal(world:sh("grep -rlF " .. encoded:sub(1, 40) .. " . || true"), "", "as base64")
end

local function repository()
	return git.open(tmp .. "/clones/c", { credential = token, url = server:at "ok", author = "T <t@example.com>" })
end

case("clones of all kinds, side by side", function()
	searched(function()
		task.scope(function(scope)
			for i, options in ipairs { {}, { full = true }, { filter = "blob:none" }, { filter = "tree:0", sparse = { "a folder" } }, { max_files = 100 },
				{ branch = "side" }, { progress = function() end }, { url = server:at "deny" }, { url = server:at "403" }, { branch = "none" } } do
				options.directory = tmp .. "/clones/" .. i
				scope:spawn(pcall, world.clone, world, options)
			end
		end)
	end)
	in_no_file()
	check.ok(fs.stat(tmp .. "/clones/4/a folder/two.txt"))
	world:clear()
end)

case("commit, push, fetch, pull; then reflogs, packed refs and FETCH_HEAD", function()
	searched(function()
		world:clone {}
		local repo = repository()
		for i = 1, 3 do
			fs.write(tmp .. "/clones/c/new" .. i, "x")
			repo:add()
			repo:commit { message = "change " .. i }
			repo:push()
			repo:fetch()
			repo:pull()
		end
	end)
	world:sh "git -C clones/c pack-refs --all"
	in_no_file()
	equal(world:sh "git -C clones/c remote get-url origin", server:at "ok")
	world:clear()
end)

case("mirrors", function()
	searched(function()
		local mirror = git.mirror(tmp .. "/mirrors")
		for i = 1, 3 do git.clone { url = server:at "ok", directory = tmp .. "/clones/" .. i, credential = token, mirror = mirror } end
	end)
	in_no_file()
	world:sh "rm -rf mirrors"
	world:clear()
end)

local traces = { GIT_TRACE = "1", GIT_CURL_VERBOSE = "1", GIT_TRACE_CURL = "1", GIT_TRACE_REDACT = "0", GIT_TRACE_PACKET = "1",
	GIT_TRACE2 = tmp .. "/home/trace", GIT_TRACE2_EVENT = tmp .. "/home/trace", GIT_TRACE2_ENV_VARS = "PATH", EPACT_LOG = "debug" }

case("traces that are switched on, and our own log at debug", function()
	local result = world:clone_in(traces)
	equal(result.code, "ok")
	check.lacks(result.stderr, token:sub(6))
	in_no_file()
	world:clear()
	for _, mode in ipairs { "deny", "403", "500", "silent", "damage" } do
		result = world:clone_in(traces, { url = server:at(mode), timeout = 5 }) -- which looks at what was printed
		check.ok(result.code ~= "ok")
	end
	in_no_file()
end)

-- The processes of git on this side that match a pattern of their names.
local function pids(pattern)
	return world:sh(([[
		for p in /proc/[0-9]*; do
			case $(cat $p/comm 2>/dev/null) in %s) ;; *) continue ;; esac
			tr '\0' '\n' <$p/environ 2>/dev/null | grep -qx "TMPDIR=$TMPDIR" || continue
			tr '\0' '\n' <$p/environ 2>/dev/null | grep -q '^GIT_PROJECT_ROOT=' && continue
			echo ${p#/proc/}
		done]]):format(pattern))
end

case("git leaves no core, and is handed to no collector of crashes", function()
	local cores = tmp .. "/home"
	local script = ([[
		ulimit -c unlimited; cd %q
		exec "$EPACT_BIN" run -e 'pcall(require "epact.git".clone, { url = "%s", directory = "%s", credential = io.read "l" })']])
		:format(cores, server:at "stall", tmp .. "/clones/c")
	local p <close> = process.spawn({ "sh", "-c", script }, { stdin = "pipe" })
	p.stdin:write(token .. "\n")
	local helper
	for _ = 1, 1000 do
		helper = pids "git-remote-http*"
		if helper ~= "" then break end
		task.sleep(0.02)
	end
	for pid in (helper .. "\n" .. pids "git"):gmatch "%d+" do
		local ok, limits = pcall(fs.read, "/proc/" .. pid .. "/limits")
		if ok then check.ok(limits:find "Max core file size%s+1%s+1 ", limits) end
	end
	world:sh(("kill -ABRT %s"):format(helper))
	p:wait()
	equal(world:sh "find home clones -name 'core*' | head", "")
	in_no_file()
end)

case("a repository keeps no credential that its own address brings", function()
	local err = world:refused("invalid_argument", { url = server:at("ok"):gsub("//", "//token:" .. token .. "@"), credential = false or nil })
	check.lacks(err.message, token:sub(6))
end)

check.done()

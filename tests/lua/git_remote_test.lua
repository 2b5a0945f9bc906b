-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
local check = require "check"
local errors = require "epact.error"
local fs = require "epact.fs"
local git = require "epact.git"
local git_server = require "git_server"
local process = require "epact.process"
local case, equal, fails = check.case, check.equal, check.fails

local token = "rlcr-"
for _ = 1, 40 do token = token .. ("%x"):format(math.random(0, 15)) end

local root <close> = fs.temp_dir()
local tmp = root.path
local function sh(script) return (process.run({ "sh", "-ec", script }, { cwd = tmp }).stdout:gsub("\n$", "")) end
fs.mkdir(tmp .. "/repos")
git_server.repositories(tmp .. "/repos")
sh "git -C repos/repo.git config http.receivepack true; git -C repos/empty.git config http.receivepack true"
fs.write(tmp .. "/token", token) -- not in an argument: processes are searched for it below
local server <close> = git_server.start(tmp .. "/repos", { ["token-file"] = tmp .. "/token" })
local other <close> = git_server.start(tmp .. "/repos", { ["token-file"] = tmp .. "/token" })
local url = server:at "ok"

local count = 0
local function clone(options, open)
	count = count + 1
	local dir = ("%s/c%d"):format(tmp, count)
	local call = { url = url, directory = dir, credential = token }
	for name, value in pairs(options or {}) do call[name] = value end
	git.clone(call)
	local settings = { url = call.url, credential = token, author = "Ann <a@b>" }
	for name, value in pairs(open or {}) do settings[name] = value end
	if settings.credential == false then settings.credential, settings.url = nil, nil end
	return git.open(dir, settings)
end

local function commit(repo, name, text)
	fs.write(repo.directory .. "/" .. name, text)
	return repo:add():commit({ message = name .. " " .. text }).id
end

case("push, fetch, pull", function()
	local a, b = clone(), clone()
	local id = commit(a, "a", "1")
	local result = a:push()
	equal(result.kind, "fast_forward")
	equal(result.name, "main")
	equal(sh "git -C repos/repo.git rev-parse main", id)
	equal(a:branch()[1].upstream, "origin/main")
	equal(a:push().kind, "up_to_date")
	local pulled = b:pull()
	equal(pulled, { kind = "fast_forward", head = id })
	equal(b:pull().kind, "up_to_date")
	local _, fetched = b:fetch { branch = "main" }
	equal(fetched, id)
	b:fetch()
end)

case("a push that is behind", function()
	local a, b = clone(), clone()
	local id = commit(a, "a", "2")
	a:push()
	commit(b, "b", "2")
	local err = fails("non_fast_forward", b.push, b)
	check.contains(err.detail, "rejected")
	fails("non_fast_forward", b.pull, b)
	local merged = b:pull { mode = "merge" }
	equal(merged.kind, "merged")
	equal(#b:log({ max = 1 })[1].parents, 2)
	b:push()
	equal(a:pull().kind, "fast_forward")
	commit(a, "a", "3")
	commit(b, "b", "3")
	a:push()
	equal(b:pull({ mode = "rebase" }).kind, "rebased")
	equal(b:log({ max = 1 })[1].subject, "b 3")
	b:push()
	a:pull()
	-- both change one file
	commit(a, "same", "a")
	a:push()
	commit(b, "same", "b")
	equal(fails("conflict", b.pull, b, { mode = "merge" }).files, { "same" })
	b:merge { abort = true }
	equal(fails("conflict", b.pull, b, { mode = "rebase" }).files, { "same" })
	local status = b:status()
	equal(status.clean, true)
	equal(status.branch, "main")
	-- replaced, with and without a lease
	fails("non_fast_forward", b.push, b, { force_with_lease = id })
	equal(b:push({ force_with_lease = true }).kind, "forced")
	commit(a, "same", "c")
	fails("non_fast_forward", a.push, a, { force_with_lease = true })
	equal(a:push({ force = true }).kind, "forced")
end)

case("a lease of a tag, and of a branch that is deleted", function()
	local a = clone { full = true }
	local old = a:rev_parse "HEAD"
	a:tag { create = "moving" }
	a:push { tag = "moving" }
	a:tag { create = "moving", at = "HEAD~1", force = true }
	fails("exists", a.push, a, { tag = "moving" })
	fails("must be the id", a.push, a, { tag = "moving", force_with_lease = true })
	fails("non_fast_forward", a.push, a, { tag = "moving", force_with_lease = a:rev_parse "HEAD~1" })
	equal(a:push({ tag = "moving", force_with_lease = old }).kind, "forced")
	a:push { branch = "main", to = "passing" }
	fails("non_fast_forward", a.push, a, { delete = "passing", force_with_lease = a:rev_parse "HEAD~1" })
	equal(a:push({ delete = "passing", force_with_lease = true }).kind, "deleted")
	a:command { "update-ref", "refs/remotes/origin/passing", "HEAD" } -- what another one deleted there
	equal(a:push({ branch = "main", to = "passing/by" }).kind, "new")
	a:push { delete = "passing/by" }
	fails("exclude each other", a.push, a, { force = true, force_with_lease = true })
end)

case("other branches, tags, deletion", function()
	local a = clone()
	a:checkout { branch = "feature/one", new = true }
	commit(a, "f", "1")
	equal(a:push().kind, "new")
	equal(a:push({ branch = "feature/one", to = "copy" }).kind, "new")
	a:tag { create = "v9" }
	equal(a:push({ tag = "v9" }).kind, "new")
	equal(a:push({ delete = "copy" }).kind, "deleted")
	local err = fails("branch_not_found", a.push, a, { delete = "typo" })
	equal(err.message, "git push: the remote has no branch 'typo'")
	equal(sh "git -C repos/repo.git for-each-ref --format='%(refname)' refs/heads/feature refs/heads/copy refs/tags/v9",
		"refs/heads/feature/one\nrefs/tags/v9")
	-- a clone of one branch gets another one later
	local b = clone { depth = 1 }
	fails("branch_not_found", b.checkout, b, { branch = "feature/one" })
	b:fetch { branch = "feature/one", depth = 1 }
	b:checkout { branch = "feature/one" }
	equal(b:show("HEAD", { path = "f" }), "1")
	fails("branch_not_found", b.fetch, b, { branch = "none" })
	fails("branch_not_found", b.push, b, { branch = "none" })
	b:fetch { unshallow = true, tags = true }
	check.ok(#b:log() > 2)
	b:fetch { unshallow = true }
	b:fetch { unshallow = true, branch = "feature/one" }
	fails("exclude each other", b.fetch, b, { unshallow = true, depth = 1 })
	-- a tag that is another one there
	b:tag { create = "v9", at = "HEAD~1", force = true }
	local err = fails("exists", b.fetch, b, { tags = true })
	check.contains(err.detail, "would clobber existing tag")
	a:checkout { detach = "HEAD" }
	fails("detached_head", a.push, a)
	fails("detached_head", a.pull, a)
	equal(a:push({ branch = "feature/one" }).kind, "up_to_date")
end)

case("an empty repository", function()
	local a = clone { url = server:at("ok", "empty") }
	equal(a:status().head, nil)
	fails("branch_not_found", a.push, a)
	fails("branch_not_found", a.pull, a)
	commit(a, "first", "1")
	equal(a:push().kind, "new")
	local b = clone { url = server:at("ok", "empty") }
	equal(b:log()[1].subject, "first 1")
end)

case("the credential goes to its address alone", function()
	local a = clone(nil, { credential = false })
	equal(fails("authentication", a.fetch, a).status, 401)
	a:fetch { credential = token, url = url }
	a:fetch { credential = token, url = ("http://127.0.0.1:%s"):format(server.port) }
	a:fetch { credential = require("epact.secret").new(token), url = url .. "/" }
	fails("authentication", a.fetch, a, { credential = "wrong", url = url })
	fails("invalid_argument", a.fetch, a, { credential = token })
	-- an agent that leads the remote elsewhere
	local before = other:requests()
	local b = clone()
	b:remote { set = "origin", url = other:at "ok" }
	local err = fails("authentication", b.push, b)
	check.contains(err.message, "another address")
	check.lacks(other:requests():sub(#before + 1), token)
	-- neither the beginning of a name nor of a host is an address
	for _, scope in ipairs { url:sub(1, -2), url .. "x", "http://127.0.0.1" } do
		fails("authentication", a.fetch, a, { credential = token, url = scope })
	end
	equal(process.run({ "grep", "-rlf", tmp .. "/token", tmp .. "/c1", a.directory, b.directory }, { check = false }).stdout, "")
	local c = clone(nil, { credential = function() return token end })
	c:fetch()
end)

case("a clone by an object has its credential for its own address alone", function()
	local asked = 0
	local function open(name, options)
		options = options or {}
		options.url, options.credential = server:at "ok", function()
			asked = asked + 1
			return token
		end
		return git.open(tmp .. "/by-" .. name, options)
	end
	equal(open("own"):clone({ url = server:at "ok" }).branch, "main")
	equal(asked, 1)
	fails("authentication", function() open("other"):clone { url = other:at "ok" } end)
	fails("authentication", function() open("beside"):clone { url = server:at("ok", "empty") } end)
	equal(asked, 1)
	check.lacks(other:requests(), token)
	open("given"):clone { url = other:at "ok", credential = token }
	fails("timeout", function() open("slow", { timeout = 0.3 }):clone { url = server:at "silent", credential = token } end)
	fails("option 'directory' is the object's own", function() open("x"):clone { url = url, directory = tmp .. "/y" } end)
	fails("exclude each other", function() open("x"):clone { url = url, repo_id = "y" } end)
end)

case("while it is used it is nowhere to be seen", function()
	local a, b = clone(), clone()
	local search <close> = process.spawn({ "python3", os.getenv "EPACT_SOURCE" .. "/tests/support/proc_search.py" }, { stdin = "pipe" })
	search.stdin:write(token:sub(6) .. "\n")
	equal(search.stdout:lines()(), "ready")
	for i = 1, 4 do
		commit(a, "seen", tostring(i))
		a:push()
		b:pull()
	end
	search.stdin:close()
	local findings = {}
	for line in search.stdout:lines() do findings[#findings + 1] = line end
	check.ok(findings[1]:find "^%d+ %d+$", findings[1])
	equal(table.concat(findings, "\n", 2), "")
end)

local function hook(text)
	fs.write(tmp .. "/words", text)
	sh "printf '#!/bin/sh\\ncat %s/words >&2; exit 1\\n' $PWD >repos/repo.git/hooks/pre-receive; chmod +x repos/repo.git/hooks/pre-receive"
end

case("what the server refuses", function()
	local a = clone()
	commit(a, "refused", "1")
	-- the words of a hook are its own, and decide nothing
	for _, words in ipairs { "not today", "(fetch first)", "fatal: Unable to create '/x.lock': File exists.", "Connection reset",
		"The requested URL returned error: 500", ("x"):rep(200000) .. "\nerror: (fetch first)" } do
		hook(words)
		local ok, err = pcall(a.push, a)
		sh "rm repos/repo.git/hooks/pre-receive"
		check.ok(not ok and errors.is(err, "permission"), tostring(err))
		check.ok(not err.retryable)
		if #words < 100 then check.contains(err.detail, words) end
	end
	a:push()
	sh "git -C repos/repo.git config receive.denyNonFastForwards true"
	a:reset { to = "HEAD~1", mode = "hard" }
	commit(a, "refused", "2")
	fails("non_fast_forward", a.push, a)
	fails("permission", a.push, a, { force = true })
	sh "git -C repos/repo.git config receive.denyNonFastForwards false"
end)

case("a redirect is not followed", function()
	local away <close> = git_server.start(tmp .. "/repos", { ["token-file"] = tmp .. "/token", redirect = ("http://127.0.0.1:%s/ok"):format(server.port) })
	local a = clone()
	a:remote { set = "origin", url = away:at "redirect" }
	fails("redirect", a.fetch, a, { credential = token, url = away:at "redirect" })
	fails("redirect", a.push, a, { credential = token, url = away:at "redirect" })
end)

case("a partial clone fetches what it needs", function()
	local a = clone { filter = "blob:none", depth = 0 }
	check.ok(#a:diff({ from = "HEAD~1", to = "HEAD", text = true }).text > 0)
	local none = git.open(a.directory)
	local first = a:log({ reverse = true })[1]
	fails("authentication", none.command, none, { "grep", "one", first.id })
	equal(a:show(first.id, { path = "one.txt" }), "one\n")
end)

case("remotes", function()
	local a = clone()
	equal(a:remote(), { { name = "origin", url = url, urls = { url } } })
	a:remote { add = "up.stream", url = "https://example.com/x.git" }
	fails("exists", a.remote, a, { add = "up.stream", url = "https://example.com/x.git" })
	equal(#a:remote(), 2)
	process.run({ "git", "-C", a.directory, "remote", "set-url", "--add", "up.stream", "https://example.com/y.git" })
	equal(a:remote()[2], { name = "up.stream", url = "https://example.com/x.git",
		urls = { "https://example.com/x.git", "https://example.com/y.git" } })
	a:remote { remove = "up.stream" }
	fails("not_found", a.remote, a, { remove = "none" })
	for _, bad in ipairs { "https://t:secret@h/x", "ext::sh", "-x", "file:///etc", "/etc", "git@h:x", "http://example.com/x", "" } do
		fails("invalid_argument", a.remote, a, { add = "x", url = bad })
	end
	for _, bad in ipairs { "-x", "", "a b", "../x", "a\nb" } do
		fails("invalid_argument", a.remote, a, { add = bad, url = "https://example.com/x" })
		fails("invalid_argument", a.fetch, a, { remote = bad })
	end
	fails("not_found", a.fetch, a, { remote = "none" })
	-- a remote that somebody wrote into the configuration
	for _, bad in ipairs { "ext::sh -c 'touch ran'", "file:///etc", "--upload-pack=touch ran", "ssh://h/x", "http://example.com/x" } do
		process.run({ "git", "-C", a.directory, "config", "remote.origin.url", bad })
		fails("invalid_argument", a.fetch, a)
		fails("invalid_argument", a.push, a)
	end
	equal(fs.stat(a.directory .. "/ran"), nil)
end)

case("transports that were opted in to", function()
	local a = clone(nil, { protocols = { "file" } })
	a:remote { add = "local", url = tmp .. "/repos/repo.git" }
	a:fetch { remote = "local" }
	a:remote { set = "local", url = "file://" .. tmp .. "/repos/repo.git" }
	a:fetch { remote = "local" }
	a:checkout { branch = "local-one", new = true }
	equal(a:push({ remote = "local" }).kind, "new")
	fails("protocols", git.open, ".", { protocols = { "ext" } })
end)

case("progress", function()
	local a, b = clone(), clone()
	local seen = {}
	commit(a, "big", ("x"):rep(100000))
	a:push { progress = function(now) seen[now.phase] = now end }
	check.ok(seen.writing and seen.writing.percent == 100 and seen.writing.objects > 0, "writing")
	local _, id = b:fetch { branch = "main", progress = function(now) seen[now.phase] = now end }
	check.ok(seen.receiving or seen.counting, "receiving")
	check.ok(id)
	local ok, err = pcall(a.fetch, a, { branch = "side", progress = function() error("stop it", 0) end })
	check.ok(not ok and tostring(err):find("stop it", 1, true), tostring(err))
	a:fetch { progress = true }
	fails("progress", a.fetch, a, { progress = 1 })
end)

case("a name in a URL decides nothing", function()
	local call = { url = "http://127.0.0.1:1/OpenSSL/certificate.git", directory = tmp .. "/none" }
	local err = fails("network", git.clone, call)
	check.ok(err.retryable)
end)

case("what servers answer", function()
	local a = clone()
	for mode, code in pairs { ["403"] = "permission", ["404"] = "not_found", ["423"] = "locked", ["500"] = "server", ["429"] = "rate_limit",
		bare401 = "authentication", deny = "authentication" } do
		local at = server:at(mode)
		a:remote { set = "origin", url = at }
		local err = fails(code, a.push, a, { credential = token, url = at })
		check.contains(err.operation, "git push")
		check.lacks(tostring(err) .. tostring(err.detail), token:sub(6))
		fails(code, a.fetch, a, { credential = token, url = at })
	end
	a:remote { set = "origin", url = server:at "silent" }
	check.ok(errors.is(fails("timeout", a.fetch, a, { credential = token, url = server:at "silent", timeout = 0.5 }), "timeout"))
end)

check.done()

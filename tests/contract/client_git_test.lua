-- SPDX-License-Identifier: Apache-2.0
-- client:git() against the local server: what the vendor's helper does, and that the token goes nowhere else.
local check = require "check"
local contract = require "contract"
local errors = require "epact.error"
local fs = require "epact.fs"
local git = require "epact.git"
local git_server = require "git_server"
local relace = require "epact.relace"
local case, equal, fails = check.case, check.equal, check.fails

contract.serve({}, function(api)

local client = relace.client { api_key = api.key, base_url = api.url }
local folder <close> = fs.temp_dir()
local function path(name) return folder.path .. "/" .. name end

local made = client.repo:create { source = { type = "files", files = { { filename = "a.txt", content = "one\n" } } } }
local id = made.repo_id

local function write(repo, name, text) fs.write(repo.directory .. "/" .. name, text) end

case("the round", function()
	local token <close> = client.repo_token:create { name = "git", repo_ids = { id }, ttl_seconds = 600 }
	local repo = client:with(token):git(path "work")
	local cloned = repo:clone { repo_id = made }
	equal(cloned.head, made.repo_head)
	equal(cloned.branch, "main")
	repo:checkout { branch = "fix", new = true }
	write(repo, "a.txt", "two\n")
	local commit = repo:add { files = "a.txt" }:commit { message = "Fix" }
	equal(commit.author.email, "noreply@relace.ai")
	equal(repo:push().kind, "new")
	repo:checkout { branch = "main" }
	repo:merge { branch = "fix" }
	equal(repo:push().kind, "fast_forward")
	-- REST reads what was pushed, and git what REST wrote
	local head = client.repo:update(id, { source = { type = "diff", operations = {
		{ type = "write", filename = "b.txt", content = "rest\n" } } } }).repo_head
	equal(repo:pull(), { kind = "fast_forward", head = head })
	equal(repo:show("HEAD", { path = "a.txt" }), "two\n")
	equal(repo:show("HEAD", { path = "b.txt" }), "rest\n")
	local all = {}
	for _, entry in ipairs(fs.walk(path "work")) do
		if entry.type == "file" then all[#all + 1] = fs.read(path("work/" .. entry.path)) end
	end
	check.lacks(table.concat(all), token:reveal())
end)

case("a fresh token later", function()
	local repo = client:git(path "work")
	repo:fetch()
	local token <close> = client.repo_token:create { name = "later", repo_ids = { id }, ttl_seconds = 600 }
	write(repo, "c.txt", "later\n")
	repo:add():commit { message = "later" }
	equal(client:with(token):git(path "work"):push().kind, "fast_forward")
	token:delete()
	fails("authentication", function() client:with(token):git(path "work"):fetch() end)
	local plain = git.open(path "work")
	fails("authentication", plain.fetch, plain)
	plain:fetch { credential = client.core:credential(), url = repo:remote()[1].url }
end)

case("a token of another repo", function()
	local other = client.repo:create {}
	local token <close> = client.repo_token:create { name = "other", repo_ids = { other.repo_id }, ttl_seconds = 600 }
	local ok, err = pcall(client:with(token):git(path "work").push, client:with(token):git(path "work"))
	check.ok(not ok and (errors.is(err, "not_found") or errors.is(err, "permission") or errors.is(err, "authentication")), tostring(err))
	local empty = client:git(path "empty")
	empty:clone { repo_id = other.repo_id }
	write(empty, "x", "x")
	empty:add():commit { message = "first" }
	empty:push()
	client.repo:delete(other)
end)

case("two who push", function()
	local one, two = client:git(path "one"), client:git(path "two")
	one:clone { repo_id = id }
	two:clone { repo_id = id }
	write(one, "1", "1")
	one:add():commit { message = "one" }
	one:push()
	write(two, "2", "2")
	two:add():commit { message = "two" }
	fails("non_fast_forward", two.push, two)
	equal(two:pull({ mode = "rebase" }).kind, "rebased")
	equal(two:push().kind, "fast_forward")
end)

case("the client's key goes to the client's server alone", function()
	local root <close> = fs.temp_dir()
	fs.mkdir(root.path .. "/repos")
	git_server.repositories(root.path .. "/repos")
	local other <close> = git_server.start(root.path .. "/repos", { token = "another" })
	fails("authentication", function() client:git(path "elsewhere"):clone { url = other:at "ok" } end)
	check.lacks(other:requests(), api.key)
	client:git(path "public"):clone { url = other:at "open" }
end)

case("mistakes are named", function()
	fails("the folder must be a string", client.git, client)
	fails("option 'credential' is the client's", client.git, client, "x", { credential = "y" })
	fails("did you mean 'author'", client.git, client, "x", { autor = "y" })
	local repo = client:git(path "none")
	fails("not_found", repo.status, repo)
	fails("table of options", repo.clone, repo)
	fails("option 'url' is missing", function() git.open(path "none"):clone {} end)
end)

client.repo:delete(id)

end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- A repo as JSON, walked file by file: what is sent, what is read, how it ends, and files on disk.
local check = require "check"
local fs = require "epact.fs"
local json = require "epact.json"
local mock = require "relace_mock"
local task = require "epact.task"

local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local tmp = os.getenv "TMPDIR"
local files = { { filename = "README", content = "hello\n" }, { filename = "src/a.c", content = "int a; /* \"]}, */\n" },
	{ filename = "src/deep/er/b.c", content = "" }, { filename = "ü/λ", content = "\0\u{1f600}\r\n" } }

local function answering(body, status)
	return function(req) req:respond(status or 200, mock.json, body) end
end

-- Sends the text in pieces of n bytes.
local function dribbling(text, n)
	return function(req)
		local out <close> = req:respond_stream(200, mock.json)
		for i = 1, #text, n do out:write(text:sub(i, i + n - 1)) end
	end
end

check.case("files one by one", function()
	local body = json.encode { files = files }
	for _, handler in ipairs { answering(body), dribbling(body, 7), dribbling(body, 1) } do
		mock.with(handler, function(client)
			local all = {}
			for file in client.repo:clone(id) do all[#all + 1] = file end
			check.equal(all, files)
			check.equal(client.repo:clone(id):collect(), files)
		end)
	end
end)

check.case("what is asked for", function()
	local seen = {}
	local function handler(req)
		seen[#seen + 1] = req.method .. " " .. req.path .. "?" .. req.query
		req:respond(200, mock.json, "{}")
	end
	mock.with(handler, function(client)
		client.repo:clone(id):collect()
		client.repo:clone({ repo_id = id }, { commit = "a b&c", timeout = 3 }):collect()
		check.fails("commit is empty", client.repo.clone, client.repo, id, { commit = "" })
		check.fails("comit", client.repo.clone, client.repo, id, { comit = "x" })
		check.fails("raw", client.repo.clone, client.repo, id, { raw = true })
		check.fails("repo_id", client.repo.clone, client.repo, "a/b")
	end)
	local path = "GET /v1/repo/" .. id .. "/clone?"
	check.equal(seen, { path, path .. "commit=a%20b%26c" })
end)

check.case("members in any order, or none", function()
	for body, count in pairs {
		["{}"] = 0,
		['{"files":null}'] = 0,
		[' { "a":[{"files":[1]}],"files" : [ {"content":"c","x":[1],"filename":"f"} ] ,"z":{}} '] = 1,
		['{"\\u0066iles":[{"filename":"f","content":"c"}]}'] = 1,
	} do
		mock.with(answering(body), function(client) check.equal(#client.repo:clone(id):collect(), count, body) end)
	end
end)

check.case("what is no such answer", function()
	local cases = {
		[""] = "it is empty",
		["<html>gateway</html>"] = "it begins <html>gateway",
		["[]"] = "no object",
		['{"files":[{"filename":"a","content":"b"}'] = "ends before its end",
		['{"files":[{"filename":"a","content":"b"},{"filename":"c","cont'] = "ends before its end",
		['{"files":[{"filename":"a","content":"b"}]} {}'] = "behind its end",
		['{"files":[{"filename":"a","content":"b"}],,"c":1}'] = "beside its items",
		['{"files":{}}'] = "no array",
		['{"files":[],"files":[]}'] = "twice",
		['{"files":[1]}'] = "no object",
		['{"files":[{"content":"b"}]}'] = "no filename",
		['{"files":[{"filename":"a","content":null}]}'] = "no content",
		['{"files":[{"filename":"a","content":"\\ud800"}]}'] = "surrogate",
		['{"files":[{"filename":"a","content":"b"},]}'] = "JSON",
	}
	for body, words in pairs(cases) do
		mock.with(answering(body), function(client)
			local got = client.repo:clone(id)
			local err = check.fails("json", got.collect, got)
			check.contains(err.message, words)
			check.equal(err.status, 200)
			check.contains(err.operation, "/clone")
		end)
	end
end)

check.case("a body that is cut, and one that stands still", function()
	local function cut(req)
		local out = req:respond_stream(200, mock.json)
		out:write '{"files":[{"filename":"a","content":"b"},'
		task.sleep(0.05)
		out:abort()
	end
	mock.with(cut, function(client)
		local got = client.repo:clone(id)
		check.equal(got:next(), { filename = "a", content = "b" })
		check.fails("truncated", got.next, got)
	end)
	local function still(req)
		local out = req:respond_stream(200, mock.json)
		out:write '{"files":['
		pcall(task.sleep, 30)
	end
	mock.with(still, function(client)
		local got = client.repo:clone(id, { stall_timeout = 0.1 })
		check.fails("timeout", got.next, got)
	end)
end)

check.case("a file that is too large", function()
	mock.with(answering(json.encode { files = { { filename = "a", content = ("x"):rep(5000) } } }), function(client)
		local got = client.repo:clone(id, { max_item = 4096 })
		check.contains(check.fails("too_large", got.next, got).message, "4096")
	end)
end)

check.case("errors of the server", function()
	mock.with(answering('{"error":"no such commit"}', 404), function(client)
		check.contains(check.fails("not_found", client.repo.clone, client.repo, id, { commit = "abc" }).message, "no such commit")
	end)
end)

local function tree(folder)
	local all = {}
	for _, entry in ipairs(fs.walk(folder)) do
		if entry.type == "file" then all[#all + 1] = { filename = entry.path, content = fs.read(folder .. "/" .. entry.path) } end
	end
	return all
end

check.case("files on disk", function()
	mock.with(answering(json.encode { files = files }), function(client)
		local work <close> = fs.temp_dir()
		for _, to in ipairs { "/new", "/empty/", "/below/it" } do
			if to ~= "/new" then fs.mkdir(work.path .. to:match "^/%w+") end
			check.equal(client.repo:clone(id):write_to(work.path .. to), #files)
			check.equal(tree((work.path .. to):gsub("/$", "")), files)
		end
		local got = client.repo:clone(id)
		check.fails("exists", got.write_to, got, work.path .. "/new")
		check.fails("closed", got.next, got)
		check.equal(#fs.list(work.path), 3)
	end)
end)

check.case("all files on disk or none", function()
	local work <close> = fs.temp_dir()
	local bad = { "../up", "/abs", "a/../b", ".git/hooks/x", "a/.GIT/x", "", "a//b", "a\\b", "a\nb", "README/below" }
	for _, name in ipairs(bad) do
		mock.with(answering(json.encode { files = { files[1], { filename = name, content = "x" } } }), function(client)
			local got = client.repo:clone(id)
			local ok, err = pcall(got.write_to, got, work.path .. "/x")
			check.ok(not ok, name)
			if name ~= "README/below" then check.equal(err.code, "invalid_argument", name) end
		end)
		check.equal(fs.list(work.path), {}, name)
	end
	mock.with(dribbling('{"files":[{"filename":"a","content":"b"},', 5), function(client)
		local got = client.repo:clone(id)
		check.fails("json", got.write_to, got, work.path .. "/x")
	end)
	check.equal(fs.list(work.path), {})
	local function slow(req)
		local out = req:respond_stream(200, mock.json)
		out:write '{"files":[{"filename":"a","content":"b"},'
		pcall(task.sleep, 30)
	end
	mock.with(slow, function(client)
		check.fails("timeout", task.timeout, 0.2, function() client.repo:clone(id):write_to(work.path .. "/x") end)
	end)
	check.equal(fs.list(work.path), {})
end)

check.done()

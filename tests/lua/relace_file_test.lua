-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- Single files: what is sent from memory, disk and a function; what is read into memory, onto disk and piece by piece.
local check = require "check"
local fs = require "epact.fs"
local json = require "epact.json"
local mock = require "relace_mock"
local process = require "epact.process"
local task = require "epact.task"

local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local info = { repo_id = id, repo_head = ("0f"):rep(20), changed_files = { "a" } }
local bytes = {}
for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
local binary = table.concat(bytes):rep(4096) -- 1 MiB
local work <close> = fs.temp_dir()
local path = work.path .. "/data"

-- Answers uploads, and keeps what came.
local function storing()
	local seen = {}
	return function(req)
		seen[#seen + 1] = req
		req.content = req:body(1 << 30)
		req:respond(201, mock.json, json.encode(info))
	end, seen
end

check.case("uploads", function()
	local handler, seen = storing()
	mock.with(handler, function(client)
		fs.write(path, binary)
		check.equal(client.repo.file:upload(id, "a b/ü.bin", binary), info)
		check.equal(client.repo.file:upload({ repo_id = id }, "x", ""), info)
		check.equal(client.repo.file:upload(id, "a%2Fb?c#d", { file = path }), info)
		fs.write(path, "")
		check.equal(client.repo.file:upload(id, "x", { file = path }), info)
		local n = 0
		check.equal(client.repo.file:upload(id, "x", function()
			n = n + 1
			if n == 3 then task.sleep(0.05) end
			return n <= 5 and (n == 2 and "" or binary) or nil
		end), info)
		check.equal(client.repo.file:upload(id, "x", function() end), info)
	end)
	local base = "/v1/repo/" .. id .. "/file/"
	local wanted = { { base .. "a%20b/%C3%BC.bin", binary }, { base .. "x", "" }, { base .. "a%252Fb%3Fc%23d", binary },
		{ base .. "x", "" }, { base .. "x", binary:rep(4) }, { base .. "x", "" } }
	for i, req in ipairs(seen) do
		check.equal({ req.method, req.path, req.query }, { "PUT", wanted[i][1], "" })
		check.ok(req.content == wanted[i][2], "content " .. i)
		check.equal(req.headers["content-type"], "application/octet-stream")
		check.equal(req.headers.expect, nil)
		check.equal(req.headers["content-length"], i < 5 and tostring(#wanted[i][2]) or nil)
	end
	check.equal(#seen, #wanted)
end)

check.case("wrong arguments are told before anything is sent", function()
	local requests = 0
	mock.with(function() requests = requests + 1 end, function(client)
		local file = client.repo.file
		for _, name in ipairs { "", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", ".git/x", "a/.GIT/b", "a\\b", "a\nb", "a\0b",
			"\xff", ("a"):rep(256), ("a/"):rep(2048) .. "b" } do
			check.fails("invalid_argument", file.upload, file, id, name, "x")
			check.fails("invalid_argument", file.upload, file, id, name, { file = path })
			check.fails("invalid_argument", file.upload, file, id, name, function() end)
			check.fails("invalid_argument", file.download, file, id, name)
			check.fails("invalid_argument", file.download, file, id, name, { to = path .. "x" })
			check.fails("invalid_argument", file.delete, file, id, name)
		end
		check.fails("repo_id is empty", file.download, file, "", "a")
		check.fails("content must be", file.upload, file, id, "a")
		check.fails("content must be", file.upload, file, id, "a", 7)
		check.fails("content must be", file.upload, file, id, "a", {})
		check.fails("content must be", file.upload, file, id, "a", { file = 7 })
		check.fails("content must be", file.upload, file, id, "a", { file = "x", size = 1 })
		check.fails("not_found", file.upload, file, id, "a", { file = work.path .. "/missing" })
		check.fails("invalid_argument", file.upload, file, id, "a", { file = work.path })
		check.fails("unknown option", file.upload, file, id, "a", "x", { to = "x" })
		check.fails("only one", file.download, file, id, "a", { to = path, stream = true })
		check.fails("raw already", file.download, file, id, "a", { raw = true, stream = true })
		check.fails("'to' is empty", file.download, file, id, "a", { to = "" })
	end)
	check.equal(requests, 0)
end)

check.case("uploads are repeated when they can be", function()
	local attempts, contents = 0, {}
	local function handler(req)
		attempts = attempts + 1
		if attempts % 3 ~= 0 then
			if attempts % 3 == 1 then req:read(1000) else contents[#contents + 1] = req:body(1 << 30) end
			return req:respond(503, { ["retry-after-ms"] = "1" }, "later")
		end
		contents[#contents + 1] = req:body(1 << 30)
		req:respond(201, mock.json, json.encode(info))
	end
	mock.with(handler, function(client)
		fs.write(path, binary)
		check.equal(client.repo.file:upload(id, "x", binary), info)
		check.equal(client.repo.file:upload(id, "x", { file = path }), info)
		for _, content in ipairs(contents) do check.ok(content == binary) end
		check.equal({ attempts, #contents }, { 6, 4 })
		local n = 0
		local err = check.fails("server", client.repo.file.upload, client.repo.file, id, "x", function()
			n = n + 1
			return n < 20 and binary or nil
		end)
		check.equal({ err.attempts, err.status, err.retryable, attempts }, { 1, 503, true, 7 })
	end)
end)

check.case("a file that changes while it is sent", function()
	local attempts = 0
	local function handler(req)
		attempts = attempts + 1
		if attempts == 1 then
			fs.write(path, "x", { append = true })
			return req:respond(503, { ["retry-after-ms"] = "1" }, "later")
		end
		req:body(1 << 30)
		req:respond(201, mock.json, json.encode(info))
	end
	mock.with(handler, function(client)
		fs.write(path, binary)
		local err = check.fails("conflict", client.repo.file.upload, client.repo.file, id, "x", { file = path })
		check.contains(err.message, path .. " changed while it was being sent")
	end)
end)

check.case("an upload that is refused on the way", function()
	local function handler(req) req:respond(413, mock.json, '{"error":"file is too large"}') end
	mock.with(handler, function(client)
		local pieces = 0 -- not more than the mock reads away to keep the connection
		local err = check.fails("too_large", client.repo.file.upload, client.repo.file, id, "x", function()
			pieces = pieces + 1
			return pieces < 20 and binary or nil
		end)
		check.contains(err.message, "file is too large")
		fs.write(path, binary)
		check.fails("too_large", client.repo.file.upload, client.repo.file, id, "x", { file = path })
		check.fails("too_large", client.repo.file.upload, client.repo.file, id, "x", binary)
	end)
end)

check.case("what a function raises ends its upload", function()
	local ended
	local function handler(req)
		local ok, err = pcall(req.body, req, 1 << 30)
		ended = not ok and err.code
	end
	mock.with(handler, function(client)
		local n = 0
		check.fails("no more", client.repo.file.upload, client.repo.file, id, "x", function()
			n = n + 1
			if n == 3 then error("no more", 0) end
			return binary
		end)
		check.fails("must return strings", client.repo.file.upload, client.repo.file, id, "x", function() return 7 end)
		check.fails("timeout", task.timeout, 0.2, function()
			client.repo.file:upload(id, "x", function()
				task.sleep(0.05)
				return "x"
			end)
		end)
		for _ = 1, 200 do
			if ended then break end
			task.sleep(0.01)
		end
		check.equal(ended, "truncated")
	end)
end)

local function serving(content, headers)
	return function(req)
		local head = { ["content-type"] = "application/octet-stream", etag = '"abc"' }
		for name, value in pairs(headers or {}) do head[name] = value end
		req:respond(200, head, content)
	end
end

check.case("downloads", function()
	mock.with(serving(binary), function(client)
		local file = client.repo.file
		check.ok(file:download(id, "a/b") == binary)
		check.equal(file:download(id, "a/b", { to = path }), { bytes = #binary, etag = '"abc"' })
		check.ok(fs.read(path) == binary)
		local parts = {}
		do
			local answer <close> = file:download(id, "a/b", { stream = true })
			check.equal({ answer.status, answer.headers.etag }, { 200, '"abc"' })
			for chunk in answer:chunks() do parts[#parts + 1] = chunk end
		end
		check.ok(table.concat(parts) == binary)
		check.equal(file:download(id, "a/b", { raw = true }):header "etag", '"abc"')
	end)
	mock.with(serving '{"not":"decoded"}', function(client)
		check.equal(client.repo.file:download(id, "x.json"), '{"not":"decoded"}')
	end)
	mock.with(serving "", function(client)
		check.equal(client.repo.file:download(id, "x"), "")
		check.equal(client.repo.file:download(id, "x", { to = path }).bytes, 0)
		check.equal(fs.read(path), "")
	end)
end)

check.case("what a download is asked for", function()
	local seen = {}
	local function handler(req)
		seen[#seen + 1] = req.method .. " " .. req.path:gsub("^/v1/repo/[^/]*", "")
		req:respond(req.method == "DELETE" and #seen == 2 and 404 or 200, mock.json, json.encode(info))
	end
	mock.with(handler, function(client)
		check.equal(client.repo.file:delete(id, "a/b c"), info)
		check.equal(client.repo.file:delete(id, "a"), nil)
		client.repo.file:download(id, "a/b c")
	end)
	check.equal(seen, { "DELETE /file/a/b%20c", "DELETE /file/a", "GET /file/a/b%20c" })
end)

check.case("a download is in place at once, or not at all", function()
	local entered, go = task.event(), task.event()
	local function handler(req)
		local out <close> = req:respond_stream(200, {}, 2 * #binary)
		out:write(binary)
		entered:set()
		go:wait()
		out:write(binary)
	end
	mock.with(handler, function(client)
		fs.write(path, "old")
		process.run { "chmod", "600", path }
		task.scope(function(scope)
			local t = scope:spawn(function() return client.repo.file:download(id, "x", { to = path }) end)
			entered:wait()
			task.sleep(0.05)
			check.equal(fs.read(path), "old")
			go:set()
			check.equal(t:await().bytes, 2 * #binary)
		end)
		check.ok(fs.read(path) == binary .. binary)
		check.equal(fs.stat(path).mode, tonumber("600", 8))
	end)
end)

-- The folder holds just the old file, unchanged.
local function nothing_left()
	check.equal(fs.list(work.path), { { name = "data", type = "file" } })
	check.equal(fs.read(path), "old")
end

check.case("nothing is left of a download that fails", function()
	fs.write(path, "old")
	local function still(req)
		local out = req:respond_stream(200, {}, 1 << 30)
		out:write(binary)
		pcall(task.sleep, 60)
	end
	mock.with(still, function(client)
		local file = client.repo.file
		local options = { to = path, stall_timeout = 0.2, max_retries = 0 }
		check.contains(check.fails("timeout", file.download, file, id, "x", options).message, "stood still")
		nothing_left()
		check.fails("timeout", task.timeout, 0.2, function() file:download(id, "x", { to = path }) end)
		nothing_left()
		check.contains(check.fails("timeout", file.download, file, id, "x", { to = path, deadline = 0.2 }).message, "deadline")
		nothing_left()
		for delay = 0, 0.03, 0.003 do -- in every state
			local t = task.spawn(function() file:download(id, "x", { to = path }) end)
			task.sleep(delay)
			t:cancel()
			pcall(t.await, t)
		end
		nothing_left()
	end)
	mock.with(function(req) req:respond(404, mock.json, '{"error":"no such file"}') end, function(client)
		local file = client.repo.file
		check.contains(check.fails("not_found", file.download, file, id, "x", { to = path }).message, "no such file")
		check.fails("not_found", file.download, file, id, "x", { stream = true })
		nothing_left()
	end)
	mock.with(serving(binary), function(client)
		local file = client.repo.file
		check.fails("not_found", file.download, file, id, "x", { to = work.path .. "/missing/x" })
		check.fails("io", file.download, file, id, "x", { to = work.path })
		nothing_left()
		check.fails("no regular file", file.download, file, id, "x", { to = "/dev/full" })
	end)
end)

check.case("a download that breaks off is begun again", function()
	local attempts = 0
	local function handler(req)
		attempts = attempts + 1
		local out = req:respond_stream(200, {}, #binary)
		out:write(attempts % 3 == 0 and binary or binary:sub(1, #binary // 2))
		task.sleep(0.02)
		if attempts % 3 == 0 then out:close() else out:abort() end
	end
	mock.with(handler, function(client)
		local file = client.repo.file
		check.equal(file:download(id, "x", { to = path }).bytes, #binary)
		check.ok(fs.read(path) == binary)
		check.equal(attempts, 3)
		fs.write(path, "old")
		local err = check.fails("truncated", file.download, file, id, "x", { to = path, max_retries = 1 })
		check.equal({ err.attempts, attempts }, { 2, 5 })
		nothing_left()
		attempts = 0
		local stream <close> = file:download(id, "x", { stream = true })
		check.fails("truncated", function() for _ in stream:chunks() do end end)
		check.equal(attempts, 1)
	end)
end)

check.case("a download that is too large for memory says what to do", function()
	local function handler(req)
		local out = req:respond_stream(200, {}, 65 << 20)
		pcall(function() for _ = 1, 65 do out:write(binary) end end)
	end
	mock.with(handler, function(client)
		check.fails("too_large", client.repo.file.download, client.repo.file, id, "x")
	end)
end)

check.done()

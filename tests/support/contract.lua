-- SPDX-License-Identifier: Apache-2.0
-- What the contract tests share: a server of its own for each file, a client that hides nothing, checks that name
-- what differs.

local check = require "check"
local crypto = require "epact.crypto"
local env = require "epact.env"
local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"
local server = require "epact.server"
local task = require "epact.task"

local contract = {}

--- Raises unless got and expected are the same value, or tables with the same members: (got, expected, what).
contract.same = check.equal

--- Raises unless the first argument is true: (condition, what).
contract.check = check.ok

--- Raises unless text matches the pattern.
function contract.matches(text, pattern, what)
	if type(text) ~= "string" or not text:find(pattern) then
		error(("%s is %s, which does not match %s"):format(what or "text", tostring(text), pattern), 2)
	end
end

--- Runs one named test.
function contract.test(name, fn, ...)
	print(name)
	io.stdout:flush()
	fn(...)
end

local Api = {}
Api.__index = Api

--- Sends one request and returns {status, headers, body, json}; `json` is the decoded body when it is JSON. Options:
--- body (a table: sent as JSON; a string: as it is), token (a credential in place of the key; false: none), headers.
function Api:call(method, path, options)
	options = options or {}
	local headers = {}
	local credential = options.token == nil and self.key or options.token
	if credential then headers.Authorization = "Bearer " .. credential end
	local body = options.body
	if type(body) == "table" then
		body = json.encode(body)
		headers["Content-Type"] = "application/json"
	end
	for name, value in pairs(options.headers or {}) do headers[name] = value end
	local response = http.request { method = method, url = self.url .. path, headers = headers, body = body, timeout = 60 }
	local kind = response.headers["content-type"] or ""
	local is_json = kind:find("application/json", 1, true) and response.body ~= ""
	return {
		status = response.status,
		headers = response.headers,
		body = response.body,
		json = is_json and json.decode(response.body) or nil,
	}
end

--- As `call`; raises unless the status is the expected one.
function Api:expect(status, method, path, options)
	local response = self:call(method, path, options)
	if response.status ~= status then
		error(("%s %s answered %d, expected %d: %s"):format(method, path, response.status, status, response.body), 2)
	end
	if status >= 400 and method ~= "HEAD" then
		contract.check(response.json, "JSON body of a failure")
		contract.same(type(response.json.message), "string", "type of message")
		contract.same(response.json.error, response.json.message, "error")
		contract.same(type(response.json.code), "string", "type of code")
	end
	return response
end

--- A list of {filename, content} from a table.
function contract.files(by_name)
	local names = {}
	for name in pairs(by_name) do names[#names + 1] = name end
	table.sort(names)
	local list = {}
	for index, name in ipairs(names) do list[index] = { filename = name, content = by_name[name] } end
	return json.array(list)
end

--- Makes a repo from {name = content} (nil: empty); returns its id and head.
function Api:create(by_name, metadata, auto_index)
	local source = by_name and { type = "files", files = contract.files(by_name) }
	local response = self:expect(201, "POST", "/repo", { body = { source = source, metadata = metadata, auto_index = auto_index } })
	return response.json.repo_id, response.json.repo_head
end

--- Overwrites a repo with {name = content}.
function Api:overwrite(id, by_name, options)
	local body = { source = { type = "files", files = contract.files(by_name) } }
	return self:expect(200, "POST", "/repo/" .. id .. "/update", { body = body, token = options and options.token }).json
end

--- Sends a diff; `status` (200) is what is expected.
function Api:diff(id, operations, status)
	local body = { source = { type = "diff", operations = json.array(operations) } }
	return self:expect(status or 200, "POST", "/repo/" .. id .. "/update", { body = body }).json
end

--- The files of a repo as {name = content}, by the JSON clone.
function Api:files(id, query)
	local by_name = {}
	for _, file in ipairs(self:expect(200, "GET", "/repo/" .. id .. "/clone" .. (query or "")).json.files) do
		by_name[file.filename] = file.content
	end
	return by_name
end

--- The head of a repo: an update that changes nothing tells it.
function Api:head(id)
	return self:diff(id, {}).repo_head
end

--- Makes a token for a list of repos.
function Api:token(repo_ids, more)
	local body = { name = "test", repo_ids = json.array(repo_ids) }
	for name, value in pairs(more or {}) do body[name] = value end
	return self:expect(201, "POST", "/repo_token", { body = body }).json.token
end

local UNKNOWN = "00000000-0000-4000-8000-000000000000"

local function without_verb(allow)
	return allow:find("PUT", 1, true) and "POST" or "PUT"
end

--- Checks who may use a route of a repo, and how: 401, 403 (the same for a repo that is there and one that is not), 404,
--- 422, 405 with `allow`, no slash behind it; and that a token of the repo may, also by its id in upper case. `path` has a
--- %s for the id; options: body; changes (the route does it only once).
function Api:guard(method, path, allow, options)
	options = options or {}
	local mine, other = self:create({ a = "1" }, nil, true), self:create()
	local token = self:token { mine }
	local function answer(id, credential)
		return self:call(method, path:format(id), { body = options.body, token = credential })
	end
	local function refused(status, code, id, credential)
		local got = answer(id, credential)
		contract.same(got.status, status, ("status of %s %s"):format(method, path))
		if method == "HEAD" then return end
		contract.same(got.json.code, code, "code")
		return got.body
	end
	refused(401, "missing_api_key", mine, false)
	refused(401, "invalid_api_key", mine, "rlc-" .. ("0"):rep(32))
	refused(401, "invalid_api_key", mine, "rlcr-" .. ("0"):rep(40))
	contract.same(refused(403, "insufficient_permissions", other, token),
		refused(403, "insufficient_permissions", UNKNOWN, token), "refusals of what is there and what is not")
	refused(404, "not_found", UNKNOWN)
	refused(422, "validation_error", "no-uuid")
	contract.same(self:call(without_verb(allow), path:format(mine)).headers.allow, allow, "Allow")
	if not path:find("/file/", 1, true) then
		contract.same(self:call(method, path:format(mine) .. "/", { body = options.body }).status, 404, "a slash behind it")
	end
	for _, id in ipairs(options.changes and { mine:upper() } or { mine, mine:upper() }) do
		local got = answer(id, token)
		contract.check(got.status < 300, ("%s %s by a token: %d %s"):format(method, path, got.status, got.body))
	end
	return mine, token
end

--- The URL of a repo for git, with a credential in it (nil: the key).
function Api:remote(id, credential)
	return ("%s/repo/%s.git"):format(self.url, id):gsub("^http://", "http://token:" .. (credential or self.key) .. "@")
end

--- Runs git with a list of arguments in `folder`; raises when it fails unless check = false.
function contract.git(folder, arguments, check)
	local argv = { "git", "-C", folder }
	return process.run(table.move(arguments, 1, #arguments, 4, argv), {
		env = { GIT_TERMINAL_PROMPT = "0", LC_ALL = "C" },
		check = check ~= false,
		timeout = 60,
	})
end

--- Writes a file of a work tree and commits it; returns the id of the commit.
function contract.commit(work, name, content)
	fs.write(work .. "/" .. name, content)
	contract.git(work, { "add", "." })
	contract.git(work, { "-c", "user.name=t", "-c", "user.email=t@x", "commit", "--quiet", "--allow-empty", "-m", name })
	return contract.git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40)
end

--- So many MiB that nobody can make smaller.
function contract.noise(mebibytes)
	local parts = {}
	for place = 1, mebibytes do parts[place] = crypto.random(1 << 20) end
	return table.concat(parts)
end

--- Runs git fsck on every repo of a data folder; returns how many there are.
function contract.fsck(data)
	local count = 0
	for _, entry in ipairs(fs.list(data .. "/repos")) do
		contract.git(data .. "/repos/" .. entry.name, { "fsck", "--strict", "--no-dangling" })
		count = count + 1
	end
	return count
end

--- Starts a server on a fresh folder with `options` and calls fn(api) while it runs. api: url, key, data, folder (a
--- fresh one for the test), server.
function contract.serve(options, fn)
	local folder <close> = fs.temp_dir { prefix = "contract-" }
	local settings = { data = folder.path .. "/data" }
	for name, value in pairs(options) do settings[name] = value end
	local running <close> = server.start(settings)
	local api = setmetatable({
		url = running.url,
		key = running.api_key:reveal(),
		data = settings.data,
		folder = folder.path,
		server = running,
	}, Api)
	task.scope(function(scope)
		scope:spawn_daemon(function() running:run() end)
		fn(api)
	end)
	contract.fsck(settings.data)
end

--- A client of a server that runs elsewhere.
function contract.client(url, key)
	return setmetatable({ url = url, key = key }, Api)
end

--- Starts `epact serve` on a data folder as a process of its own, with more arguments when there are. Returns the
--- process and a client.
function contract.spawn(data, key, arguments)
	local argv = { assert(env.get "EPACT_BIN", "EPACT_BIN is not set"), "serve", "--data", data }
	local child = process.spawn(table.move(arguments or {}, 1, #(arguments or {}), #argv + 1, argv), {
		env = { RELACE_API_KEY = key },
		stdout = "pipe",
		stderr = "inherit",
	})
	for line in child.stdout:lines() do
		local url = line:match("^ready (%S+)")
		if url then return child, contract.client(url, key) end
	end
	error("epact serve did not become ready", 2)
end

return contract

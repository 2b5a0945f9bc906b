-- SPDX-License-Identifier: Apache-2.0
-- git over HTTP: each request is handed to git http-backend, the CGI program that speaks the smart protocol, and both
-- bodies flow through. Only the smart protocol; the dumb one is refused.

local fs = require "epact.fs"
local process = require "epact.process"
local change = require "epact.server.change"
local errors = require "epact.server.errors"
local repos = require "epact.server.repos"

local git_http = {}

local CHUNK = 64 * 1024
-- Up to here the body of a push is kept in memory until the lock is held; a larger one waits on the disk.
local SMALL = 1 << 20
local MAX_HEAD = 64 * 1024
local SERVICES = { ["git-upload-pack"] = "read", ["git-receive-pack"] = "write" }

-- The three requests of the smart protocol: {service, is_push}; raises for all others.
local function recognize(request)
	local rest = request.rest or ""
	if rest == "info/refs" then
		if request.method ~= "GET" then errors.fail(405, "only GET is served here", { headers = { Allow = "GET" } }) end
		local service = request.query:match("^service=([%a-]+)$")
		if not SERVICES[service] then errors.fail(403, "only the smart HTTP protocol of git is served") end
		return service, false
	end
	if SERVICES[rest] then
		if request.method ~= "POST" then errors.fail(405, "only POST is served here", { headers = { Allow = "POST" } }) end
		return rest, SERVICES[rest] == "write"
	end
	return errors.fail(403, "only the smart HTTP protocol of git is served")
end

local function cgi_environment(app, request, id, length)
	local headers = request.headers
	local version = headers["git-protocol"]
	if version and not version:find("^version=%d$") then version = nil end
	return app.git_store.git:environment {
		GIT_PROJECT_ROOT = app.git_store.repos,
		GIT_HTTP_EXPORT_ALL = "1",
		GIT_HTTP_MAX_REQUEST_BUFFER = "64m",
		PATH_INFO = ("/%s.git/%s"):format(id, request.rest),
		REQUEST_METHOD = request.method,
		QUERY_STRING = request.query,
		CONTENT_TYPE = headers["content-type"] or "",
		CONTENT_LENGTH = length and ("%d"):format(length),
		HTTP_CONTENT_ENCODING = headers["content-encoding"],
		GIT_PROTOCOL = version,
		REMOTE_USER = "token",
		REMOTE_ADDR = "127.0.0.1",
	}
end

local function reader_of_request(request)
	return function() return request.raw:read(CHUNK) end
end

-- Writes the body to the backend. One that has ended early says why in its answer.
local function pump(child, read)
	local ok, failure = true, nil
	for chunk in read do
		ok, failure = pcall(child.stdin.write, child.stdin, chunk)
		if not ok then break end
	end
	pcall(child.stdin.close, child.stdin)
	return ok, failure
end

-- Reads up to the empty line that ends the headers. Returns the status, the headers, and what was read behind them.
local function read_head(child)
	local text = ""
	local stop, after
	repeat
		local chunk = child.stdout:read(CHUNK)
		if not chunk or #text > MAX_HEAD then error("git http-backend gave no headers", 0) end
		text = text .. chunk
		stop, after = text:find("\r?\n\r?\n")
	until stop
	local status, headers = 200, {}
	for name, value in text:sub(1, stop - 1):gmatch("([^:\r\n]+): *([^\r\n]*)") do
		if name == "Status" then
			status = tonumber(value:match("^%d+"))
		else
			headers[name] = value
		end
	end
	return status, headers, text:sub(after + 1)
end

local FAILURES = { [403] = "git refuses this request", [404] = "no such repo", [415] = "content type is not git's" }

local function relay(request, child)
	local status, headers, rest = read_head(child)
	if status ~= 200 then errors.fail(status, FAILURES[status] or "git cannot serve this request") end
	local out <close> = request.raw:respond_stream(status, headers)
	if rest ~= "" then out:write(rest) end
	for chunk in function() return child.stdout:read(CHUNK) end do out:write(chunk) end
end

local function serve(app, request, id, length, read)
	local child <close> = process.spawn({ app.git_store.git.exec_path .. "/git-http-backend" }, {
		env = cgi_environment(app, request, id, length),
		clear_env = true,
		stdin = "pipe",
		stdout = "pipe",
		stderr = "null",
	})
	if read then
		pump(child, read)
	else
		child.stdin:close()
	end
	relay(request, child)
end

local function locked_push(app, request, repo, length, read)
	local lock <close> = change.lock(app, repo.id, app.options.push_wait)
	change.run(app, repo, "refs", nil, function() serve(app, request, repo.id, length, read) end)
	app.maintenance:note(repo.id)
end

local function reader_of_text(text)
	return function()
		local once = text
		text = nil
		return once ~= "" and once or nil
	end
end

-- The whole push is received before the lock is taken: a slow sender keeps nobody from writing.
local function push(app, request, repo)
	local length = request.raw.length
	if length and length > app.options.max_push then errors.fail(413, "push is too large") end
	if length and length <= SMALL then
		return locked_push(app, request, repo, length, reader_of_text(request:body(SMALL)))
	end
	local folder <close> = fs.temp_dir { dir = app.git_store.tmp, prefix = "push-" }
	local size = request:save(folder.path .. "/body", app.options.max_push)
	local file <close> = fs.open(folder.path .. "/body")
	return locked_push(app, request, repo, size, function() return file:read(CHUNK * 4) end)
end

--- GET and POST /repo/{repo_id}.git/...
function git_http.handle(app, request)
	local service, is_push = recognize(request)
	local id, repo = repos.find(app, request)
	if is_push then
		push(app, request, repo)
	elseif request.method == "GET" then
		serve(app, request, id, nil, nil)
	else
		serve(app, request, id, request.raw.length, reader_of_request(request))
	end
	return nil, service
end

return git_http

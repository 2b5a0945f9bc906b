-- SPDX-License-Identifier: Apache-2.0
-- What happens to each request: route, credential, handler, answer, log line. Handlers return a status and a table for
-- the JSON body, or nil when they have answered by themselves; they raise failures (errors.lua).

local fault = require "epact.error"
local json = require "epact.json"
local log = require "epact.log"
local agent = require "epact.server.agent"
local auth = require "epact.server.auth"
local clone = require "epact.server.clone"
local errors = require "epact.server.errors"
local files = require "epact.server.files"
local git_http = require "epact.server.git_http"
local grep = require "epact.server.grep"
local repos = require "epact.server.repos"
local request = require "epact.server.request"
local retrieve = require "epact.server.retrieve"
local router = require "epact.server.router"
local tokens = require "epact.server.tokens"
local update = require "epact.server.update"

local app = {}
app.__index = app

local HANDLERS = {
	token_create = tokens.create,
	token_get = tokens.get,
	token_delete = tokens.delete,
	repo_create = repos.create,
	repo_list = repos.list,
	repo_get = repos.get,
	repo_delete = repos.delete,
	repo_update = update.handle,
	repo_clone = clone.handle,
	repo_retrieve = retrieve.handle,
	repo_embeddings = retrieve.status,
	repo_agent = agent.handle,
	repo_search = grep.handle,
	file_get = files.get,
	file_put = files.put,
	file_delete = files.delete,
	git = git_http.handle,
}

-- Sent again with the same Idempotency-Key, these are answered and not done again.
local REPEATABLE = { token_create = true, repo_create = true, repo_update = true, file_put = true }

--- Binds the parts of a server: {options, key_hash, store, git_store, locks, trees, index, maintenance, idempotency,
--- limiter}.
function app.new(parts)
	return setmetatable(parts, app)
end

--- Calls fn in the background of the running server; its failure is logged.
function app:later(fn)
	self.scope:spawn(function()
		local ok, failure = pcall(fn)
		if not ok then log.error("in the background: %s", tostring(failure)) end
	end)
end

local function serve(self, incoming, is_git)
	local name
	name, incoming.parameter, incoming.rest = router.match(incoming.method, incoming.path)
	incoming.caller = auth.identify(self, incoming.headers.authorization, is_git)
	self.limiter:count(incoming.caller.hash)
	local handler = HANDLERS[name]
	if not REPEATABLE[name] then
		local status, body = handler(self, incoming)
		return status, body and json.encode(body) or ""
	end
	return self.idempotency:run(incoming, name == "token_create", function()
		local status, body = handler(self, incoming)
		return status, body and json.encode(body) or ""
	end)
end

local function respond(raw, status, body)
	local headers = body ~= "" and { ["Content-Type"] = "application/json" } or {}
	raw:respond(status, headers, body)
end

local function respond_failure(raw, failure, is_git)
	local headers = { ["Content-Type"] = is_git and "text/plain; charset=utf-8" or "application/json" }
	for name, value in pairs(failure.headers) do headers[name] = value end
	local body = is_git and failure.text .. "\n" or json.encode(errors.body(failure))
	raw:respond(failure.http_status, headers, body)
end

-- The failure that the client is told about: what is no failure of the request is one of the server.
local function failure_of(problem)
	if errors.is(problem) then return problem end
	log.error("unexpected: %s", tostring(problem))
	return errors.new(500, "internal error")
end

-- Nobody is there to be answered: the peer went away, or the server closed.
local function is_over(raw, problem)
	return raw:gone() or fault.is(problem, "truncated")
end

--- Answers one request of epact.serve.
function app:handle(raw)
	local incoming = request.new(raw, self.options)
	local is_git = router.is_git(raw.path)
	local ok, status, body = pcall(serve, self, incoming, is_git)
	if ok and status then
		respond(raw, status, body)
	elseif not ok and is_over(raw, status) then
		status = "gone"
	elseif not ok then
		local failure = failure_of(status)
		status = failure.http_status
		-- A stream that has begun is cut; there is no other way to tell.
		if not raw:answered() then respond_failure(raw, failure, is_git) end
	end
	log.info("%s %s %s", raw.method, router.loggable(raw.path), tostring(status or 200))
end

return app

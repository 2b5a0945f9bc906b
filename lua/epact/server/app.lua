-- SPDX-License-Identifier: Apache-2.0
-- What happens to each request: route, credential, handler, answer, log line. Handlers return a status and a table for
-- the JSON body, or nil when they have answered by themselves; they raise failures (errors.lua).

local fault = require "epact.error"
local json = require "epact.json"
local log = require "epact.log"
local task = require "epact.task"
local agent = require "epact.server.agent"
local answer = require "epact.server.answer"
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
local status_page = require "epact.server.status_page"
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
	status_page = status_page.handle,
}

-- The description of the API, docs/openapi.yaml: a text that the build embeds.
function HANDLERS.openapi(_, incoming)
	local text = require "epact.server.openapi"
	incoming.raw:respond(200, { ["Content-Type"] = "application/yaml" }, text)
	return nil
end

-- These ask for no credential.
local OPEN = { status_page = true, openapi = true }

-- Sent again with the same Idempotency-Key, these are answered and not done again.
local REPEATABLE = { token_create = true, repo_create = true, repo_update = true, file_put = true }

--- Binds the parts of a server: {options, key_hash, store, git_store, locks, trees, index, maintenance, idempotency, limiter,
--- faults, journal}.
function app.new(parts)
	parts.begun = task.now()
	return setmetatable(parts, app)
end

--- Calls fn in the background of the running server; its failure is logged.
function app:later(fn)
	self.scope:spawn(function()
		local ok, failure = pcall(fn)
		if not ok then log.error("in the background: %s", tostring(failure)) end
	end)
end

-- The route, who asks, and whether they have calls left: nothing is done before all three are known.
local function admit(self, incoming, is_git)
	local name
	name, incoming.parameter, incoming.rest = router.match(incoming.method, incoming.path)
	if OPEN[name] then return name end
	incoming.caller = auth.identify(self, incoming.headers.authorization, is_git)
	local headers, refusal = self.limiter:count(incoming.caller.hash)
	incoming.raw.extra = headers
	if refusal then error(refusal, 0) end
	return name
end

local function serve(self, incoming, is_git)
	incoming.raw.extra = self.limiter:headers()
	if not self.faults:apply(incoming.raw) then return nil end
	local name = admit(self, incoming, is_git)
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

local function respond(out, status, body)
	local headers = body ~= "" and { ["Content-Type"] = "application/json" } or {}
	out:respond(status, headers, body)
end

local function respond_failure(out, failure, is_git)
	local headers = { ["Content-Type"] = is_git and "text/plain; charset=utf-8" or "application/json" }
	for name, value in pairs(failure.headers) do headers[name] = value end
	local body = is_git and failure.text .. "\n" or json.encode(errors.body(failure))
	out:respond(failure.http_status, headers, body)
end

--- Drops what is remembered of a repo that was deleted.
function app:forget(id)
	self.index:forget(id)
	self.trees:forget(self.git_store:path(id))
	self.maintenance:forget(id)
end

--- The failure that the client is told about. A repo that is deleted while it is read is 404; what else is no failure of the
--- request is one of the server.
function app:failure(incoming, problem)
	if errors.is(problem) then return problem end
	local repo = incoming.repo
	if repo and not self.store:has_repo(repo.id) then
		self:forget(repo.id)
		return errors.new(404, "no such repo")
	end
	log.error("unexpected: %s", tostring(problem))
	return errors.new(500, "internal error")
end

-- Nobody is there to be answered: the peer went away, or the server closed.
local function is_over(out, problem)
	return out:gone() or fault.is(problem, "truncated")
end

local function answer_to(self, incoming, out)
	local is_git = router.is_git(incoming.path)
	local ok, status, body = pcall(serve, self, incoming, is_git)
	if ok and status then
		respond(out, status, body)
	elseif not ok and is_over(out, status) then
		out.status = "gone"
	elseif not ok then
		local failure = self:failure(incoming, status)
		-- A stream that has begun is cut; there is no other way to tell.
		if not out:answered() then respond_failure(out, failure, is_git) end
	end
end

--- Answers one request of epact.serve.
function app:handle(raw)
	local begun = task.now()
	local out = answer.new(raw)
	local incoming = request.new(out, self.options)
	local noted <close> = setmetatable({}, { __close = function()
		self.journal:note {
			remote = raw.remote,
			who = incoming.caller and incoming.caller.label or "-",
			method = router.loggable_word(raw.method),
			path = router.loggable(raw.path),
			status = tostring(out.status or "none"),
			bytes = out.bytes,
			seconds = task.now() - begun,
		}
	end })
	answer_to(self, incoming, out)
end

return app

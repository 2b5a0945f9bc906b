-- SPDX-License-Identifier: Apache-2.0
--- The Relace Repos API: repos, repo tokens, git. The names are those of the vendor's SDK.
--
--     local client = require("epact.relace").client()
--     local repo = client.repo:create { source = { type = "files", directory = "./project" } }
--     local token <close> = client.repo_token:create { name = "agent", repo_ids = { repo.repo_id }, ttl_seconds = 3600 }
--
-- Every call waits for its answer and raises an error object when it fails: code `bad_request`, `authentication`,
-- `permission`, `not_found`, `method_not_allowed`, `conflict`, `too_large`, `unprocessable`, `locked`, `rate_limit`,
-- `server`, `other_status` by the server's status; `dns`, `connection`, `tls`, `timeout`, `truncated`, `protocol`, `json`
-- for the way there; `in_doubt` when a call that must not happen twice may have happened. Calls are repeated where that
-- does no harm (docs/adr/0008). The last argument of each is a table of options:
--
-- * `timeout` number: seconds of one attempt (60; 300 for what sends files)
-- * `deadline` number: seconds of the whole call
-- * `max_retries` integer: further attempts (2)
-- * `max_retry_wait` number: seconds that all waits between attempts may take (60)
-- * `headers` table: sent with the call, in place of those of the client with the same names in any case: a string, a secret, an
--   array of strings; `false` or `json.null` sends none of that name. `Authorization` and `Host` are the client's own
-- * `query` table: added to the path, escaped, in place of parameters with the same names: strings, numbers, booleans;
--   `json.null` is an empty value
-- * `idempotency_key` string: sent as `Idempotency-Key` with each attempt. It does not make a call repeatable: the vendor's
--   server promises nothing for it
-- * `repeatable` boolean: the call may be made again whatever became of it. Say so when you know that a second one does no harm:
--   a POST that only reads, or a server that honours the key, as the local one does
-- * `raw` boolean: the whole answer, as `epact.http` gives it (status, headers, body, `json()`), in place of its content; failures
--   raise as ever. The raw answer of a token create holds the token in its body, and as a secret in `secret`
local colon = require "epact.colon"
local core = require "epact.core.relace"
local env = require "epact.env"
local errors = require "epact.error"
local repo = require "epact.relace.repo"
local settings = require "epact.relace.settings"
local token = require "epact.relace.token"
require "epact.http" -- raw answers are of its type

local M = {}

local Client = {}
Client.__index = Client

local function new_client(handle, given)
	return setmetatable({ core = handle, given = given, repo = repo.new(handle, given), repo_token = token.new(handle) }, Client)
end

function Client:__tostring() return ("relace client (%s, %s)"):format(self.core:url(), tostring(self.core:credential())) end

--- A client that differs: with another credential, or with a table of options. What is not named is as before, also in clients
-- that are derived from derived ones; the limit of the rate is shared by all.
-- @param what string, secret, Token or table: a credential, or `{ credential, base_url, allow_http, timeout, max_retries,
--   max_retry_wait, headers, query }`. `headers` replace those of the same names, `false` or `json.null` takes one away; `query`
--   replaces parameters of the same names
-- @return client
-- Example: `local agent = client:with(token)`; `local patient = client:with { max_retries = 10, timeout = 300 }`
function Client:with(what)
	-- Else a token that somebody forgot to make would leave the script with the whole account.
	if what == nil then error("client:with: a credential or a table of options is expected, got nil", 2) end
	local plain = type(what) == "table" and what.secret == nil
	local handle = self.core:derive(plain and what or { credential = what })
	local given = self.given
	if plain and what.allow_http then given = { ca_file = given.ca_file, allow_http = true } end
	return new_client(handle, given)
end

--- git for a folder, with the client's address and credential, which is given to git when a remote is below the client's base URL.
-- @param directory string
-- @param options table?: as of `epact.git.open`, but `credential` and `url`
-- @return repository: as of `epact.git.open`; its `clone` takes `repo_id` in place of `url`
-- Example: `client:git("./work"):clone { repo_id = id, branch = "main" }`
function Client:git(directory, options)
	if type(directory) ~= "string" then error("client:git: the folder must be a string", 2) end
	local repository = require "epact.git.repository"
	require "epact.git" -- has its clone
	for _, name in ipairs { "credential", "url" } do
		if options and options[name] ~= nil then
			error(("client:git: option '%s' is the client's; use client:with, or git.open"):format(name), 2)
		end
	end
	local settings = repository.settings(options, "client:git", 3)
	local handle = self.core
	settings.credential = function() return handle:credential() end
	settings.scope = handle:url()
	settings.url_of = function(repo_id) return handle:git_url(repo_id) end
	settings.ca_file = settings.ca_file or self.given.ca_file
	settings.allow_http = settings.allow_http or self.given.allow_http
	return repository.new(directory, settings)
end

--- What is known of the limit that the server has for this credential, shared by all clients with the same host and credential.
-- @return table: `limit` attempts a minute that are let through now (nil: no limit is known), `held` seconds that the server
--   wants to be left alone, `waiting` and `under_way` numbers of attempts, `refused` how many were ever answered 429
-- Example: `print(client:rate().limit)`
function Client:rate() return self.core:rate() end

--- Calls a route that has no function here, with the same credential, retries and errors. POST and PATCH are never repeated
-- when they may have been carried out, unless the option `repeatable` says that this does no harm.
-- @param method string: "GET", "POST", ...
-- @param path string: below the base URL, such as "/repo?page_size=1", encoded
-- @param body any: nil for none; a string is sent as it is; anything else as JSON; with the option `content_type`
--   `{ file = PATH }` is read while it is sent
-- @param options table?: as of every call, and `content_type` string (application/octet-stream for a string or a file)
-- @return any: JSON decoded (a null is `epact.json.null`), any other answer as a string, nil for an empty one
-- Example: `client:request("PUT", "/repo/" .. id .. "/file/a.png", { file = "a.png" }, { content_type = "image/png" })`
function Client:request(method, path, body, options) return self.core:request(method, path, body, options) end

--- `request` with method GET.
-- @param path string
-- @param options table?
-- @return any
function Client:get(path, options) return self.core:request("GET", path, nil, options) end

--- `request` with method POST.
-- @param path string
-- @param body any
-- @param options table?
-- @return any
function Client:post(path, body, options) return self.core:request("POST", path, body, options) end

--- `request` with method PUT.
-- @param path string
-- @param body any
-- @param options table?
-- @return any
function Client:put(path, body, options) return self.core:request("PUT", path, body, options) end

--- `request` with method PATCH.
-- @param path string
-- @param body any
-- @param options table?
-- @return any
function Client:patch(path, body, options) return self.core:request("PATCH", path, body, options) end

--- `request` with method DELETE. A 404 is an error here.
-- @param path string
-- @param options table?
-- @return any
function Client:delete(path, options) return self.core:request("DELETE", path, nil, options) end

local NO_KEY = "there is no API key: set RELACE_API_KEY, or run the script with --local, which starts a local server"

--- Makes a client.
-- @param options table?: `api_key` string, secret or Token (default: what --local gave, else RELACE_API_KEY); `base_url`
--   string with /v1 (default: what --local gave, else RELACE_BASE_URL, else https://api.relace.run/v1); `timeout`,
--   `max_retries`, `max_retry_wait` as above; `max_rate` number of calls a minute (no limit); `rate_control`
--   boolean (true): learn the server's limit from its 429s, and spread what goes out below it; `ca_file`, `ca_dir`:
--   certificates to trust in place of the system's; `proxy`; `connect_timeout` (10), `stall_timeout` (60) seconds;
--   `http2` boolean; `allow_http` boolean: plain http to other machines; `user_agent`; `headers`, `query` tables:
--   sent with every call that does not say otherwise
-- @return client: `client.repo`, `client.repo_token`, `client:with`, `client:git`, `client:request`
-- Raises the error `no_key` when there is no key.
function M.client(options)
	if options ~= nil and type(options) ~= "table" then
		error(("relace.client: a table of options is expected, such as { api_key = key }, got %s"):format(type(options)), 2)
	end
	local given = {}
	for name, value in pairs(options or {}) do given[name] = value end
	given.api_key = given.api_key or settings.api_key or env.get "RELACE_API_KEY"
	if not given.api_key then error(errors.new("no_key", NO_KEY), 0) end
	given.base_url = given.base_url or settings.base_url or env.get "RELACE_BASE_URL"
	given.user_agent = given.user_agent or "epact/Lua " .. require "epact.core.version"
	return new_client(core.client(given), given)
end

colon.class(Client, "client")

return M

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
local core = require "epact.core.relace"
local env = require "epact.env"
local errors = require "epact.error"
local log = require "epact.log"
local settings = require "epact.relace.settings"

local M = {}

--- A repo token, as `client.repo_token:create` returns it: fields `name`, `repo_ids`, `expires_at` (RFC 3339, nil: never).
-- It prints masked, works wherever a credential goes, and as a `<close>` variable is deleted when it leaves scope. One that
-- is collected without having been deleted or kept is warned of in the log.
local Token = {}
Token.__index = Token

function Token:__tostring() return tostring(self.secret) end

--- The text of the token: the one way to it.
-- @return string
function Token:reveal() return self.secret:reveal() end

--- Deletes the token; that it is gone already is no error. Raises as every call does.
-- @param options table?
function Token:delete(options)
	if self.deleted then return end
	self.client:token_delete(self.secret, options)
	self.deleted = true
end

-- While an error is on its way out it must not be replaced: then a failure is logged.
function Token:__close(err)
	if self.deleted or self.kept then return end
	if err == nil then return self:delete() end
	local ok, failure = pcall(self.delete, self)
	if not ok then log.warn("the token '%s' could not be deleted: %s", self.name, tostring(failure)) end
end

--- Leaves the token to whoever needs it longer than this script: `<close>` does not delete it any more.
-- @return Token: itself
function Token:keep()
	self.kept = true
	return self
end

local warned = false

-- A token that nobody can name any more lives on until its ttl ends. Said once: a script that does it does it often.
function Token:__gc()
	if warned or self.deleted or self.kept then return end
	warned = true
	log.warn("the token '%s' was never deleted: make it a <close> variable, call token:delete() or token:keep()"
		.. " (others are not reported)", self.name)
end

--- `client.repo_token`
local RepoToken = {}
RepoToken.__index = RepoToken

--- Makes a token for some repos (section 5.1 of the API). Never repeated when it may have been carried out.
-- @param params table: `name` string, `repo_ids` array of strings, `ttl_seconds` integer? (it expires; default never)
-- @param options table?
-- @return Token
-- Example: `local token <close> = client.repo_token:create { name = "ci", repo_ids = { id }, ttl_seconds = 900 }`
function RepoToken:create(params, options)
	local token = self.core:token_create(params, options)
	if options and options.raw then return token end
	token.client = self.core
	return setmetatable(token, Token)
end

--- What a token is for (5.2).
-- @param token string, secret or Token
-- @param options table?
-- @return table: `name`, `repo_ids`, `expires_at`
function RepoToken:get(token, options) return self.core:token_get(token, options) end

--- Deletes a token (5.3); one that is gone already is no error.
-- @param token string, secret or Token
-- @param options table?
function RepoToken:delete(token, options)
	local answer = self.core:token_delete(token, options)
	if getmetatable(token) == Token then token.deleted = true end
	if answer then return answer end
end

--- `client.repo`
local Repo = {}
Repo.__index = Repo

--- Makes a repo (6.2). Never repeated when it may have been carried out.
-- @param params table?: `source`, nil for an empty repo, or one of
--   `{ type = "files", directory = DIR, skip_binary = false }`: what git would commit, streamed from disk;
--   `{ type = "files", files = { { filename = NAME, content = TEXT }, ... } }`;
--   `{ type = "git", url = URL, branch = nil, hash = nil, shallow = true }`;
--   `{ type = "relace", repo_id = ID, copy_metadata = false, copy_remote = false }`;
--   `metadata`: a table of strings; `auto_index` boolean
-- @param options table?
-- @return table: `repo_id`, `repo_head`; with a directory `left_out`, an array of `{ filename, reason }`
function Repo:create(params, options) return self.core:repo_create(params, options) end

--- What is known of a repo (6.3).
-- @param repo string or table: the id, or a table with `repo_id`
-- @param options table?
-- @return table: `repo_id`, `created_at`, `updated_at`, `metadata`, `auto_index`
function Repo:get(repo, options) return self.core:repo_get(repo, options) end

--- A page of the account's repos (6.4).
-- @param filter table?: `page_start` (0), `page_size` (100, at most), `order_by` ("created_at" or "updated_at"),
--   `order_descending`, `filter_metadata` (pairs to be held), `created_after`, `created_before` (RFC 3339)
-- @param options table?
-- @return table: `items`, `total_items`, `next_page` (the next page_start; nil on the last page)
function Repo:list(filter, options) return self.core:repo_list(filter, options) end

--- Deletes a repo and all that belongs to it (6.5); one that is gone already is no error.
-- @param repo string or table
-- @param options table?
function Repo:delete(repo, options) return self.core:repo_delete(repo, options) end

--- Changes a repo (7): its content by a source, its metadata (which is replaced whole), or both.
-- @param repo string or table
-- @param params table: `source` as of `create` with type "files" (the files are all that it holds afterwards) or "git", or
--   `{ type = "diff", operations = { { type = "write", filename, content }, { type = "delete", filename },
--   { type = "rename", old_filename, new_filename }, ... } }`; `metadata`
-- @param options table?
-- @return table: `repo_id`, `repo_head`, `changed_files`
function Repo:update(repo, params, options) return self.core:repo_update(repo, params, options) end

--- Makes a folder, or a list of files, all that the repo holds (7.2). A folder is taken by git's rules: in a work tree what is
-- ignored stays out, `.git` always. Content must be UTF-8 text: else an error lists the files, or with `skip_binary` they are
-- left out and reported. Memory does not grow with the content. May be repeated: it states the whole.
-- @param repo string or table
-- @param content string or table: a folder, or an array of `{ filename, content }`
-- @param options table?: `skip_binary` boolean, `metadata` table, and the options of every call
-- @return table: `repo_id`, `repo_head`, `changed_files`, `left_out`
-- Example: `client.repo:overwrite(id, "./work", { skip_binary = true })`
function Repo:overwrite(repo, content, options)
	local source, call, metadata = { type = "files" }, {}, nil
	for name, value in pairs(options or {}) do
		if name == "skip_binary" then
			source.skip_binary = value
		elseif name == "metadata" then
			metadata = value
		else
			call[name] = value
		end
	end
	if type(content) == "string" then
		source.directory = content
	elseif type(content) == "table" then
		source.files = content
	else
		error(("repo:overwrite: a folder or an array of files is expected, got %s"):format(type(content)), 2)
	end
	return self.core:repo_update(repo, { source = source, metadata = metadata }, call)
end

--- `client:git(directory)`
local Git = {}
Git.__index = Git

--- Clones a repo into the directory, which must not exist or be empty.
-- @param options table: `repo_id` string or table; `branch`, `depth` (1; 0: all), `single_branch`, `filter`, `progress`,
--   `timeout`, `quiet`, `ca_file`: as of `epact.git.clone`
-- @return table: `directory`, `head`, `branch`
-- Example: `client:git("./work"):clone { repo_id = id, branch = "main" }`
function Git:clone(options)
	if type(options) ~= "table" then error("git:clone: a table of options is expected, with repo_id", 2) end
	local call = { url = self.core:git_url(options.repo_id), directory = self.directory, credential = self.core:credential(),
		ca_file = self.ca_file, allow_http = self.allow_http }
	for name, value in pairs(options) do
		if name ~= "repo_id" then call[name] = value end
	end
	return require("epact.git").clone(call)
end

local Client = {}
Client.__index = Client

local function new_client(handle, given)
	return setmetatable({ core = handle, given = given, repo = setmetatable({ core = handle }, Repo),
		repo_token = setmetatable({ core = handle }, RepoToken) }, Client)
end

function Client:__tostring() return ("relace client (%s, %s)"):format(self.core:url(), tostring(self.core:credential())) end

--- A client that differs: with another credential, or with a table of options.
-- @param what string, secret, Token or table: a credential, or `{ credential, timeout, max_retries, max_retry_wait }`
-- @return client
-- Example: `local agent = client:with(token)`
function Client:with(what)
	local plain = type(what) == "table" and getmetatable(what) ~= Token and what.secret == nil
	return new_client(self.core:derive(plain and what or { credential = what }), self.given)
end

--- git for a folder, with the client's address and credential.
-- @param directory string
-- @return git: `git:clone { repo_id = ID }`
function Client:git(directory)
	if type(directory) ~= "string" then error("client:git: the folder must be a string", 2) end
	return setmetatable({ core = self.core, directory = directory, ca_file = self.given.ca_file,
		allow_http = self.given.allow_http }, Git)
end

--- Calls a route that has no function here, with the same credential, retries and errors. POST and PATCH are never repeated
-- when they may have been carried out.
-- @param method string: "GET", "POST", ...
-- @param path string: below the base URL, such as "/repo?page_size=1", encoded
-- @param body any: sent as JSON; nil for none
-- @param options table?
-- @return any: JSON decoded (a null is `epact.json.null`), any other answer as a string, nil for an empty one
function Client:request(method, path, body, options) return self.core:request(method, path, body, options) end

local NO_KEY = "there is no API key: set RELACE_API_KEY, or run the script with --local, which starts a local server"

--- Makes a client.
-- @param options table?: `api_key` string, secret or Token (default: what --local gave, else RELACE_API_KEY); `base_url`
--   string with /v1 (default: what --local gave, else RELACE_BASE_URL, else https://api.relace.run/v1); `timeout`,
--   `max_retries`, `max_retry_wait` as above; `max_rate` number of calls a minute (no limit); `ca_file`, `ca_dir`:
--   certificates to trust in place of the system's; `proxy`; `connect_timeout` (10), `stall_timeout` (60) seconds;
--   `http2` boolean; `allow_http` boolean: plain http to other machines; `user_agent`; `headers` table: sent with every call
-- @return client: `client.repo`, `client.repo_token`, `client:with`, `client:git`, `client:request`
-- Raises the error `no_key` when there is no key.
function M.client(options)
	local given = {}
	for name, value in pairs(options or {}) do given[name] = value end
	given.api_key = given.api_key or settings.api_key or env.get "RELACE_API_KEY"
	if not given.api_key then error(errors.new("no_key", NO_KEY), 0) end
	given.base_url = given.base_url or settings.base_url or env.get "RELACE_BASE_URL"
	given.user_agent = given.user_agent or "epact/Lua " .. require "epact.core.version"
	return new_client(core.client(given), given)
end

return M

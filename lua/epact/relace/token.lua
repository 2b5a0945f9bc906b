-- SPDX-License-Identifier: Apache-2.0
--- `client.repo_token` of epact.relace: tokens that are for some repos only.
local colon = require "epact.colon"
local log = require "epact.log"

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

--- The part of a client that `client.repo_token` is.
-- @param core userdata: of the client
-- @return table
function M.new(core) return setmetatable({ core = core }, RepoToken) end

colon.class(RepoToken, "client.repo_token")
colon.class(Token, "token")

return M

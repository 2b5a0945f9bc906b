-- SPDX-License-Identifier: Apache-2.0
-- Who asks: reads the credential of a request and says what it may do. An API key owns everything; a repo token covers
-- the repos of its scope.

local crypto = require "epact.crypto"
local errors = require "epact.server.errors"

local auth = {}

local REALM = 'Basic realm="relace"'

local function basic_password(encoded)
	local ok, pair = pcall(crypto.base64_decode, encoded)
	if not ok or not pair then return nil end
	return pair:match("^[^:]*:(.*)$")
end

--- The credential of an `Authorization` header, or nil; `is_git` says that Basic is taken too: any user name, the
--- password is the credential.
function auth.credential(header, is_git)
	local scheme, value = (header or ""):match("^(%S+)%s+(%S+)%s*$")
	scheme = scheme and scheme:lower()
	if scheme == "bearer" then return value end
	if scheme == "basic" and is_git then return basic_password(value) end
	return nil
end

--- What is kept of a token, and compared: 64 hex digits.
function auth.hash(credential)
	return crypto.sha256(credential)
end

local function refuse(is_git, text, slug)
	errors.fail(401, text, { slug = slug, headers = { ["WWW-Authenticate"] = is_git and REALM or nil } })
end

local function scope_of(token)
	local scope = {}
	for _, id in ipairs(token.repo_ids) do scope[id] = true end
	return scope
end

--- Who sent a request: {kind = "key"} or {kind = "token", scope = set of repo ids}, both with `hash`, and
--- `label`, which may be shown. Raises 401.
function auth.identify(app, header, is_git)
	local credential = auth.credential(header, is_git)
	if not credential then
		refuse(is_git, header and "Authorization header is malformed" or "Authorization header required", "missing_api_key")
	end
	local hash = auth.hash(credential)
	-- Hashes are compared: how long that takes says nothing about the key.
	if hash == app.key_hash then return { kind = "key", hash = hash, label = "rlc-****" } end
	if credential:sub(1, 5) == "rlcr-" then
		local token = app.store:token(hash)
		if token and not (token.expires_at and token.expires_at <= os.time()) then
			return { kind = "token", hash = hash, scope = scope_of(token), label = token.prefix .. "****" }
		end
		refuse(is_git, token and "repo token has expired" or "repo token is unknown, expired or revoked")
	end
	return refuse(is_git, "API key is not valid")
end

--- Raises 403 unless the caller is the owner.
function auth.check_owner(caller)
	if caller.kind ~= "key" then errors.fail(403, "a repo token may not do this") end
end

--- Raises 403 unless the caller may use the repo `id`, whether or not it exists.
function auth.check_repo(caller, id)
	if caller.kind == "token" and not caller.scope[id] then
		errors.fail(403, "the repo token does not cover this repo")
	end
end

return auth

-- SPDX-License-Identifier: Apache-2.0
-- The routes of repo tokens. A token's value is shown once; what stays is its SHA-256.

local crypto = require "epact.crypto"
local json = require "epact.json"
local auth = require "epact.server.auth"
local errors = require "epact.server.errors"
local validate = require "epact.server.validate"
local when = require "epact.server.when"

local tokens = {}

-- What people tell tokens apart by. The other 36 digits are the secret.
local SHOWN = #"rlcr-" + 4

-- An array stays one when it is empty.
local function described(token)
	return {
		name = token.name,
		repo_ids = json.array(token.repo_ids),
		expires_at = token.expires_at and when.format(token.expires_at),
	}
end

--- POST /repo_token
function tokens.create(app, request)
	auth.check_owner(request.caller)
	local wanted = validate.token(request:json())
	for _, id in ipairs(wanted.repo_ids) do
		if not app.store:has_repo(id) then errors.fail(404, ("no such repo: %s"):format(id)) end
	end
	local value = "rlcr-" .. crypto.random_hex(20)
	local token = {
		hash = auth.hash(value),
		prefix = value:sub(1, SHOWN),
		name = wanted.name,
		repo_ids = wanted.repo_ids,
		expires_at = wanted.ttl_seconds and os.time() + wanted.ttl_seconds,
	}
	app.store:add_token(token)
	local answer = described(token)
	answer.token = value
	return 201, answer
end

-- The owner, or the token itself.
local function hash_in(app, request)
	local hash = auth.hash(request.parameter)
	if request.caller.kind == "token" and request.caller.hash ~= hash then
		errors.fail(401, "a repo token may only ask for itself")
	end
	local token = app.store:token(hash)
	if not token then errors.fail(404, "no such repo token") end
	return hash, token
end

--- GET /repo_token/{token}
function tokens.get(app, request)
	local _, token = hash_in(app, request)
	local answer = described(token)
	answer.created_at = token.created_at
	return 200, answer
end

--- DELETE /repo_token/{token}
function tokens.delete(app, request)
	local hash = hash_in(app, request)
	if not app.store:remove_token(hash) then errors.fail(404, "no such repo token") end
	return 204
end

return tokens

-- SPDX-License-Identifier: Apache-2.0
-- Idempotency-Key: a request that is sent again with the same key gets the stored answer, and is not done again.

local crypto = require "epact.crypto"
local task = require "epact.task"
local errors = require "epact.server.errors"

local idempotency = {}
idempotency.__index = idempotency

local KEPT = 24 * 3600
local MAX_KEY = 255

--- Answers are kept in `store`, but for those with a secret in them, which stay in memory.
function idempotency.new(store)
	return setmetatable({ store = store, running = {}, secret = {} }, idempotency)
end

local function key_of(request)
	local key = request.headers["idempotency-key"]
	if not key or (request.method ~= "POST" and request.method ~= "PUT") then return nil end
	if #key < 1 or #key > MAX_KEY then errors.fail(400, "Idempotency-Key must have 1 to 255 characters") end
	return crypto.sha256(table.concat({ request.caller.hash, request.method, request.path, key }, "\0"))
end

local function replay(self, key, fingerprint)
	local kept = self.secret[key] or self.store:answer(key, os.time() - KEPT)
	if not kept then return nil end
	if kept.request ~= fingerprint then
		errors.fail(422, "Idempotency-Key was used with another request body")
	end
	if not kept.body then
		errors.fail(409, "Idempotency-Key was used, and its answer is no longer known")
	end
	return kept.status, kept.body
end

-- One at a time for each key: the second one finds the answer of the first.
local function enter(self, key)
	while self.running[key] do self.running[key]:wait() end
	local done = task.event()
	self.running[key] = done
	return setmetatable({}, { __close = function()
		self.running[key] = nil
		done:set()
	end })
end

local function forget_old(self)
	for key, kept in pairs(self.secret) do
		if kept.created_at < os.time() - KEPT then self.secret[key] = nil end
	end
end

--- Calls answer(), which returns a status and the text of the body, unless an answer to the same request is kept: then
--- that one is returned. `is_secret` says that the body may not be written to the disk.
function idempotency:run(request, is_secret, answer)
	local key = key_of(request)
	if not key then return answer() end
	local fingerprint = request:fingerprint()
	local running <close> = enter(self, key)
	local status, body = replay(self, key, fingerprint)
	if status then return status, body end
	status, body = answer()
	if is_secret then
		forget_old(self)
		self.secret[key] = { request = fingerprint, status = status, body = body, created_at = os.time() }
		self.store:keep_answer(key, fingerprint, status, nil)
	else
		self.store:keep_answer(key, fingerprint, status, body)
	end
	return status, body
end

return idempotency

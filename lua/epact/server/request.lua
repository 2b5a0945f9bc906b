-- SPDX-License-Identifier: Apache-2.0
-- One request as the handlers see it: the raw one of epact.serve, who sent it, and its body within the limits.

local crypto = require "epact.crypto"
local fault = require "epact.error"
local errors = require "epact.server.errors"
local validate = require "epact.server.validate"

local request = {}
request.__index = request

--- Wraps a request of epact.serve, or what stands in for it (answer.lua). Fields: raw, method, path, query, headers, and set while it is routed: caller,
--- parameter (the id or token in the path), rest (what stands behind it), repo (its row, once it is found).
function request.new(raw, options)
	return setmetatable({
		raw = raw,
		method = raw.method,
		path = raw.path,
		query = raw.query,
		headers = raw.headers,
		options = options,
	}, request)
end

local function too_large(limit)
	errors.fail(413, ("request body is larger than %d bytes"):format(limit))
end

-- Says 413 before a byte is read when the length is declared, and turns what the read raises into one.
local function within(self, limit, read)
	if self.raw.length and self.raw.length > limit then too_large(limit) end
	local ok, result = pcall(read, self.raw, limit)
	if ok then return result end
	if fault.is(result, "too_large") then too_large(limit) end
	return error(result, 0)
end

--- The whole body; raises 413 when it has more than `limit` bytes. Can be asked for again.
function request:body(limit)
	if not self.text then
		self.text = within(self, limit, function(raw) return raw:body(limit) end)
	end
	return self.text
end

--- Streams the body into the file at `path` and returns its size; raises 413 when it has more than `limit` bytes.
function request:save(path, limit)
	return within(self, limit, function(raw) return raw:save(path, limit) end)
end

--- The object in the JSON body.
function request:json()
	local coding = self.headers["content-encoding"]
	if coding and coding:lower() ~= "identity" then errors.fail(400, "content encodings are not taken here") end
	local text = self:body(self.options.max_json)
	-- Large, and not needed again unless the answer is to be kept.
	if not self.headers["idempotency-key"] then self.text = nil end
	return validate.json_object(text)
end

--- A hash of what is sent: equal for equal bodies.
function request:fingerprint()
	return crypto.sha256(self:body(self.method == "PUT" and self.options.max_file or self.options.max_json))
end

return request

-- SPDX-License-Identifier: Apache-2.0
-- A limit of calls a minute for each credential; off unless the server was told a number.

local errors = require "epact.server.errors"

local rate_limit = {}
rate_limit.__index = rate_limit

local WINDOW = 60

--- Allows `limit` calls in each minute (nil: any number).
function rate_limit.new(limit)
	return setmetatable({ limit = limit, ends = 0, used = {} }, rate_limit)
end

--- Counts a call of the caller with that hash; raises 429 when it is one too many.
function rate_limit:count(hash)
	if not self.limit then return end
	local now = os.time()
	if now >= self.ends then self.ends, self.used = now + WINDOW, {} end
	local used = (self.used[hash] or 0) + 1
	self.used[hash] = used
	if used <= self.limit then return end
	errors.fail(429, "Rate limit exceeded", {
		headers = {
			["Retry-After"] = ("%d"):format(self.ends - now),
			["X-RateLimit-Limit"] = ("%d"):format(self.limit),
			["X-RateLimit-Remaining"] = "0",
			["X-RateLimit-Reset"] = ("%d"):format(self.ends),
		},
	})
end

return rate_limit

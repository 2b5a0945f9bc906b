-- SPDX-License-Identifier: Apache-2.0
-- A limit of calls in each window of time for each credential; off unless the server was told a number.

local task = require "epact.task"
local errors = require "epact.server.errors"

local rate_limit = {}
rate_limit.__index = rate_limit

--- Allows `limit` calls (nil: any number) in each `window` of seconds, which begins with its first call.
function rate_limit.new(limit, window)
	return setmetatable({ limit = limit, window = window, ends = -math.huge, used = {} }, rate_limit)
end

-- All begin anew together: nothing is kept of who does not come again.
local function renew(self)
	local now = task.now()
	if now >= self.ends then self.ends, self.used = now + self.window, {} end
	return self.ends - now
end

local function headers_of(self, used, left)
	return {
		["X-RateLimit-Limit"] = ("%d"):format(self.limit),
		["X-RateLimit-Remaining"] = ("%d"):format(math.max(0, self.limit - used)),
		["X-RateLimit-Reset"] = ("%d"):format(math.ceil(os.time() + left)),
	}
end

--- The headers of an answer to nobody in particular; none when there is no limit.
function rate_limit:headers()
	if not self.limit then return {} end
	return headers_of(self, 0, renew(self))
end

--- Counts a call of the caller with that hash. Returns the headers of its answer, and the failure (429) when it is one
--- too many.
function rate_limit:count(hash)
	if not self.limit then return {} end
	local left = renew(self)
	local used = (self.used[hash] or 0) + 1
	self.used[hash] = used
	local headers = headers_of(self, used, left)
	if used <= self.limit then return headers end
	local wait = ("%d"):format(math.max(1, math.ceil(left)))
	return headers, errors.new(429, "Rate limit exceeded", { headers = { ["Retry-After"] = wait } })
end

return rate_limit

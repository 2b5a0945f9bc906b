-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local errors = require "epact.error"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function failing(times, err)
	local calls = { n = 0 }
	return function(...)
		calls.n = calls.n + 1
		if calls.n <= times then error(err, 0) end
		return ...
	end, calls
end

local passing = errors.new("connection", "refused", { retryable = true })

case("it calls again until it succeeds, with the same arguments", function()
	local fn, calls = failing(2, passing)
	equal({ task.retry({ delay = 0.001 }, fn, 1, nil, 3) }, { 1, nil, 3 })
	equal(calls.n, 3)
end)

case("the last error is raised as it is", function()
	local fn, calls = failing(9, passing)
	equal(fails("connection", task.retry, { attempts = 4, delay = 0 }, fn), passing)
	equal(calls.n, 4)
end)

case("what can't pass is not tried again, unless `when` says so", function()
	local fn, calls = failing(1, "a mistake")
	fails("a mistake", task.retry, nil, fn)
	equal(calls.n, 1)
	local again, more = failing(1, "a mistake")
	local asked
	task.retry({ delay = 0, when = function(err, n)
		asked = { err, n }
		return true
	end }, again)
	equal(asked, { "a mistake", 1 })
	equal(more.n, 2)
end)

case("pauses grow by the factor up to the greatest, and shrink by the jitter at most", function()
	local function took(options)
		local fn = failing(3, passing)
		local start = task.now()
		task.retry(options, fn)
		return task.now() - start
	end
	local grown = took { attempts = 4, delay = 0.002, factor = 3, jitter = 0 }
	check.ok(grown >= 0.0255, grown) -- 2 + 6 + 18 ms
	local bounded = took { attempts = 4, delay = 0.002, factor = 1000, max_delay = 0.004, jitter = 0.5 }
	check.ok(bounded >= 0.0045 and bounded < 1, bounded) -- at least half of 2 + 4 + 4 ms
end)

case("the pause that the peer asks for is kept; one that is too long ends it", function()
	local fn = failing(1, errors.new("rate_limit", "slow down", { retryable = true, retry_after = 0.02 }))
	local start = task.now()
	task.retry({ delay = 0 }, fn)
	check.ok(task.now() - start >= 0.0195)
	local long, calls = failing(1, errors.new("rate_limit", "slow down", { retryable = true, retry_after = 3600 }))
	fails("rate_limit", task.retry, { max_delay = 10 }, long)
	equal(calls.n, 1)
end)

case("a cancel ends it, in the call and in the pause", function()
	for _, where in ipairs { "call", "pause" } do
		local calls = 0
		fails("timeout", task.timeout, 0.003, task.retry, { delay = where == "pause" and 60 or 0, when = function() return true end },
			function()
				calls = calls + 1
				if where == "call" then task.sleep(60) end
				error "again"
			end)
		equal(calls, 1)
	end
end)

case("wrong options are named", function()
	fails("option 'attempts' must be 1 or more", task.retry, { attempts = 0 }, print)
	fails("option 'attempts' must be an integer", task.retry, { attempts = 1.5 }, print)
	fails("option 'delay' must be a number", task.retry, { delay = "1" }, print)
	fails("unknown option 'tries' (known: attempts, delay, factor, jitter, max_delay, when)", task.retry, { tries = 1 }, print)
	fails("function expected", task.retry, {})
end)

check.done()

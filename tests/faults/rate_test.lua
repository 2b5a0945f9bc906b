-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- Servers that take only so many calls: what clients learn of them, and how they behave meanwhile.
local check = require "check"
local errors = require "epact.error"
local process = require "epact.process"
local relace = require "epact.relace"
local serve = require "epact.serve"
local task = require "epact.task"

local tmp = os.getenv "TMPDIR"
local slow = tonumber(os.getenv "EPACT_SLOWDOWN" or 1) > 1
local BODY = '{"repo_id":"r"}'
local JSON = { ["content-type"] = "application/json" }

-- A server whose answers a function decides: decide(request) -> status, headers.
local function with_mock(decide, fn)
	local server <close> = serve.listen {}
	local seen = {}
	task.scope(function(scope)
		scope:spawn(server.run, server, function(request)
			seen[#seen + 1] = { at = task.now(), path = request.path, key = request.headers.authorization }
			local status, headers = decide(request, #seen)
			headers = headers or {}
			for name, value in pairs(JSON) do headers[name] = value end
			request:respond(status or 200, headers, BODY)
		end)
		fn(server.url .. "/v1", seen)
		server:close()
	end)
end

local keys = 0

-- A client with a key that no other has, so that nothing is known of it.
local function client_of(url, options)
	keys = keys + 1
	local given = { api_key = "rlc-test-" .. keys, base_url = url }
	for name, value in pairs(options or {}) do given[name] = value end
	return relace.client(given), given.api_key
end

-- Answers by a list, the last one for ever.
local function in_turn(list)
	return function(_, n)
		local answer = list[math.min(n, #list)]
		return answer[1], answer[2] and { table.unpack {} , [answer[2]] = answer[3] }
	end
end

--- hidden limits

-- A bucket of `burst` tokens that fills up with `rate` a second.
local function bucket(rate, burst)
	local tokens, last = burst, nil
	return { rate = rate, admits = function(self, now)
		tokens = math.min(burst, tokens + (now - (last or now)) * self.rate)
		last = now
		if tokens < 1 then return false end
		tokens = tokens - 1
		return true
	end }
end

-- So many in each window, whatever went out when.
local function window(count, seconds)
	local index, used
	return { rate = count / seconds, admits = function(_, now)
		local current = now // seconds
		if current ~= index then index, used = current, 0 end
		used = used + 1
		return used <= count
	end }
end

-- 1000 calls by 64 tasks. What is measured begins when `warm` calls were done: the answers that were 429 among all answers,
-- and the calls that the limit took a second, over what it allows. Each 30th call is answered 423 at its first attempt, as by
-- somebody else's lock: that is no fault of the client's rate, takes a token, and must not slow it down.
local function measure(limit, warm, change)
	local calls, started, done, refused, answers, taken, locked, since = 1000, 0, 0, 0, 0, 0, {}, nil
	with_mock(function(request)
		local now = task.now()
		local call = tonumber(request.path:match "(%d+)$")
		if change and done > calls * 0.6 then change(limit) end
		if since then answers = answers + 1 end
		if not limit:admits(now) then
			if since then refused = refused + 1 end
			return 429
		end
		if since then taken = taken + 1 end
		if call % 30 == 0 and not locked[call] then
			locked[call] = true
			return 423, { ["retry-after-ms"] = "20" }
		end
	end, function(url)
		local client = client_of(url)
		task.scope(function(scope)
			for _ = 1, 64 do
				scope:spawn(function()
					while started < calls do
						started = started + 1
						client.repo:get("r" .. started)
						done = done + 1
						if done == warm then since = task.now() end
					end
				end)
			end
		end)
	end)
	check.equal(done, calls)
	return refused / answers, taken / (task.now() - since) / limit.rate
end

-- How late timers are on the average while fn runs, in seconds: whether the machine has time for us.
local function lateness(fn, ...)
	local late, count = 0, 0
	task.scope(function(scope, ...)
		scope:spawn_daemon(function()
			while true do
				local due = task.now() + 0.02
				task.sleep(0.02)
				late, count = late + task.now() - due, count + 1
			end
		end)
		fn(...)
	end, ...)
	return late / math.max(count, 1)
end

-- Measured once more if it was not good. On a machine that is too busy to keep the time (or a build that is too slow) only the
-- coarse is asked for; tests/unit/rate_test.c has a clock of its own.
local function good(name, make, warm, change, least)
	for attempt = 1, 2 do
		local refused, share
		local late = lateness(function() refused, share = measure(make(), warm, change) end)
		print(("%s: %.2f%% answered 429, %.0f%% of what is allowed; timers were %.1f ms late"):format(name, 100 * refused, 100 * share,
			1000 * late))
		if refused <= 0.01 and share >= (least or 0.9) then return end
		if late > 0.003 and refused <= 0.05 and share >= 0.5 then return end
		check.ok(attempt == 1, name)
	end
end

check.case("hidden limits are learned", function()
	task.scope(function(scope)
		scope:spawn(good, "small burst, high rate", function() return bucket(150, 10) end, 400)
		scope:spawn(good, "big burst, low rate", function() return bucket(70, 500) end, 650)
		scope:spawn(good, "fixed windows", function() return window(120, 1) end, 500, nil, 0.85) -- four windows are few to learn from
		scope:spawn(good, "a limit that falls", function() return bucket(250, 20) end, 800,
			function(limit) limit.rate = 80 end)
	end)
end)

--- single answers

check.case("a wait that is named is kept, and nothing else", function()
	local function after(...)
		local gap
		local list = { { 429, ... }, { 200 } }
		with_mock(in_turn(list), function(url, seen)
			client_of(url).repo:get "r"
			check.equal(#seen, 2)
			gap = seen[2].at - seen[1].at
		end)
		return gap
	end
	local gap = after("retry-after", "2")
	check.ok(gap >= 1.999 and gap < 2.6, gap)
	gap = after("retry-after-ms", "150.5")
	check.ok(gap >= 0.15 and gap < 0.6, gap)
	for _, nothing in ipairs { "soon", "-5", "Sun, 06 Nov 1994 08:49:37 GMT", "0" } do
		gap = after("retry-after", nothing)
		check.ok(gap >= 0.37 and gap < 1, nothing .. gap)
	end
	with_mock(function(_, n)
		if n == 1 then return 429, { ["x-ratelimit-remaining"] = "0", ["x-ratelimit-reset"] = tostring(os.time() + 2) } end
	end, function(url, seen)
		client_of(url).repo:get "r"
		gap = seen[2].at - seen[1].at
		check.ok(gap >= 0.99 and gap < 2.7, gap)
	end)
end)

check.case("a wait that is too long ends the call, and those behind it", function()
	with_mock(in_turn { { 429, "retry-after", "86400" } }, function(url, seen)
		local client, key = client_of(url)
		local e = check.within(5, check.fails, "rate_limit", client.repo.get, client.repo, "r")
		check.equal({ e.status, e.attempts, e.retry_after, e.retryable }, { 429, 1, 86400.0, true })
		-- Nothing goes out that is known to be refused, whoever asks with this key.
		local again = relace.client { api_key = key, base_url = url }
		e = check.fails("rate_limit", again.repo.get, again.repo, "r")
		check.equal({ e.retryable, e.attempts }, { true })
		check.ok(e.retry_after > 86390 and e.retry_after <= 86400, e.retry_after)
		check.contains(e.message, "not sent")
		check.equal(#seen, 1)
		check.ok(client:rate().held > 86390)
		-- Another key is another account.
		check.fails("rate_limit", function() client_of(url).repo:get "r" end)
		check.equal(#seen, 2)
	end)
	with_mock(in_turn { { 429, "retry-after", "5" } }, function(url, seen)
		local client = client_of(url)
		local e = check.within(1, check.fails, "rate_limit", client.repo.get, client.repo, "r", { deadline = 2 })
		check.equal({ e.attempts, e.retry_after }, { 1, 5.0 })
		e = check.fails("rate_limit", client.repo.get, client.repo, "r", { max_retry_wait = 2 })
		check.equal(e.attempts, nil)
		check.equal(#seen, 1)
	end)
	-- Those who wait already are told too.
	with_mock(function(_, n)
		if n == 1 then return 429, { ["retry-after-ms"] = "300" } end
		return 429, { ["retry-after"] = "600" }
	end, function(url)
		local client = client_of(url)
		local failed = 0
		task.scope(function(scope)
			for _ = 1, 5 do
				scope:spawn(function()
					check.fails("rate_limit", client.repo.get, client.repo, "r")
					failed = failed + 1
				end)
				task.sleep(0.02)
			end
		end)
		check.equal(failed, 5)
	end)
end)

check.case("503, 503, 200", function()
	with_mock(in_turn { { 503, "retry-after-ms", "5" }, { 503, "retry-after-ms", "5" }, { 200 } }, function(url, seen)
		local client = client_of(url)
		client.repo:get "r"
		check.equal({ #seen, client:rate().refused, client:rate().limit }, { 3, 0 })
	end)
end)

check.case("423 slows its call alone", function()
	with_mock(function(request, n)
		if request.path:find "locked" and n < 3 then return 423, { ["retry-after-ms"] = "1500" } end
	end, function(url, seen)
		local client = client_of(url)
		local slow = task.spawn(function() client.repo:get "locked" end)
		repeat task.sleep(0.01) until #seen == 1
		for _ = 1, 20 do client.repo:get "r" end
		check.equal(slow:status(), "waiting")
		slow:await()
		check.equal(client:rate().refused, 0)
	end)
end)

check.case("a call that is refused for ever fails in the end", function()
	with_mock(in_turn { { 429, "retry-after-ms", "1" } }, function(url, seen)
		local client = client_of(url)
		check.equal(check.fails("rate_limit", client.repo.get, client.repo, "r").attempts, 7)
		check.equal(check.fails("rate_limit", client.repo.get, client.repo, "r", { max_retries = 0 }).attempts, 1)
		check.equal(#seen, 8)
		local plain = client_of(url, { rate_control = false })
		check.equal(check.fails("rate_limit", plain.repo.get, plain.repo, "r").attempts, 3)
	end)
end)

--- many at once

check.case("a storm ends for all when it starts", function()
	local ends
	with_mock(function()
		ends = ends or task.now() + 1.2
		if task.now() < ends then return 429 end
	end, function(url, seen)
		local client = client_of(url)
		task.scope(function(scope)
			for i = 1, 64 do scope:spawn(function() client.repo:get("r" .. i) end) end
		end)
		-- 64 that were under way, a few probes, and 64 that came through.
		check.ok(#seen < 64 + 64 + 30, #seen)
		check.equal(client:rate().waiting, 0)
	end)
end)

check.case("what has not been sent yet stays here", function()
	local refusing = true
	with_mock(function()
		task.sleep(0.05)
		if refusing then return 429, { ["retry-after-ms"] = "400" } end
	end, function(url, seen)
		local client = client_of(url)
		task.scope(function(scope)
			for i = 1, 1000 do scope:spawn(function() client.repo:get("r" .. i) end) end
			repeat task.sleep(0.01) until client:rate().refused > 0
			task.sleep(0.2)
			check.ok(#seen < 700, #seen) -- 256 connections to a host, and those that followed before the first answer was seen
			refusing = false
		end)
		check.ok(#seen < 1700, #seen)
	end)
end)

check.case("one key, one limit", function()
	with_mock(function(request, n)
		if n == 1 then return 429, { ["retry-after-ms"] = "500" } end
	end, function(url, seen)
		local client, key = client_of(url)
		local other = relace.client { api_key = key, base_url = url .. "/" }
		local first = task.spawn(function() client.repo:get "a" end)
		repeat task.sleep(0.01) until #seen == 1
		task.sleep(0.02)
		local second = task.spawn(function() other.repo:get "b" end)
		local token = task.spawn(function() client:with("rlcr-other").repo:get "c" end)
		local free = task.spawn(function()
			relace.client({ api_key = key, base_url = url, rate_control = false }).repo:get "d"
		end)
		for _, t in ipairs { first, second, token, free } do t:await() end
		local at = {}
		for _, r in ipairs(seen) do at[r.path:match "%a$"] = r.at - seen[1].at end
		check.ok(at.a >= 0.49 and at.b >= 0.49 and at.c < 0.4 and at.d < 0.4)
	end)
end)

check.case("max_rate holds for a client and all derived from it", function()
	with_mock(function() end, function(url, seen)
		local client = client_of(url, { max_rate = 600 })
		task.scope(function(scope)
			for i = 1, 4 do
				local own = i % 2 == 0 and client:with("rlcr-" .. i) or client
				scope:spawn(function() own.repo:get "r" end)
			end
		end)
		check.ok(seen[4].at - seen[1].at >= 0.28)
	end)
	-- A 429 holds back those that wait for their turn too.
	with_mock(function(_, n)
		if n == 1 then return 429, { ["retry-after-ms"] = "600" } end
	end, function(url, seen)
		local client = client_of(url, { max_rate = 600 })
		task.scope(function(scope)
			for _ = 1, 3 do scope:spawn(function() client.repo:get "r" end) end
		end)
		check.equal(#seen, 4)
		for i = 2, 4 do check.ok(seen[i].at - seen[1].at >= 0.59 + (i - 2) * 0.09, i) end
	end)
end)

check.case("what is left is not exceeded", function()
	local ends, used, refused = 0, 0, 0
	with_mock(function()
		local now = os.time()
		if now >= ends then ends, used = now + 1, 0 end
		used = used + 1
		if used > 40 then
			refused = refused + 1
			return 429, { ["retry-after"] = tostring(ends - now) }
		end
		return 200, { ["x-ratelimit-limit"] = "40", ["x-ratelimit-remaining"] = tostring(40 - used),
			["x-ratelimit-reset"] = tostring(ends) }
	end, function(url, seen)
		local client = client_of(url)
		client.repo:get "r" -- tells of the limit
		task.scope(function(scope)
			for i = 1, 16 do
				scope:spawn(function() for _ = 1, 8 do client.repo:get("r" .. i) end end)
			end
		end)
		check.equal(#seen - refused, 129)
		-- What is under way when a window ends counts in the next one: on a slow build, as many as there are tasks.
		check.ok(refused <= (slow and 16 or 0), refused .. " were refused")
	end)
end)

check.case("waiting costs nothing to give up", function()
	with_mock(in_turn { { 429, "retry-after", "50" } }, function(url)
		local client = client_of(url)
		local tasks = {}
		for i = 1, 10 do tasks[i] = task.spawn(function() client.repo:get "r" end) end
		repeat task.sleep(0.01) until client:rate().held > 0
		task.sleep(0.05)
		check.ok(client:rate().waiting > 0)
		check.within(1, function()
			for _, t in ipairs(tasks) do
				t:cancel()
				pcall(t.await, t)
			end
		end)
		check.equal({ client:rate().waiting, client:rate().under_way }, { 0, 0 })
	end)
	local script = tmp .. "/ends.lua"
	with_mock(in_turn { { 429, "retry-after", "50" } }, function(url)
		local file <close> = assert(io.open(script, "w"))
		file:write(([[
			local task = require "epact.task"
			local client = require("epact.relace").client { api_key = "rlc-x", base_url = %q }
			local t = task.spawn(function() client.repo:get "r" end)
			repeat task.sleep(0.01) until client:rate().held > 0
			t:cancel()
			pcall(t.await, t)
		]]):format(url))
		file:close()
		check.within(20, process.run, { os.getenv "EPACT_BIN", "run", script })
	end)
	os.remove(script)
end)

check.case("the log says what was held back", function()
	local script = tmp .. "/log.lua"
	with_mock(function(_, n)
		if n == 1 then return 429, { ["retry-after-ms"] = "200" } end
	end, function(url)
		do
			local file <close> = assert(io.open(script, "w"))
			file:write(([[require("epact.relace").client({ api_key = "rlc-x", base_url = %q }).repo:get "r"]]):format(url))
		end
		local out = process.run({ os.getenv "EPACT_BIN", "run", script }, { env = { EPACT_LOG = "debug" } })
		check.contains(out.stderr, "-> 429, ")
		check.contains(out.stderr, "held back 0.2")
	end)
	os.remove(script)
end)

check.case("wrong options", function()
	check.fails("rate_control", relace.client, { api_key = "rlc-x", rate_control = "no" })
	check.fails("max_rate", relace.client, { api_key = "rlc-x", max_rate = -1 })
	local e = check.fails("rate_control", relace.client, { api_key = "rlc-x", rate_controll = false })
	check.ok(not errors.is(e) or e.code)
end)

check.done()

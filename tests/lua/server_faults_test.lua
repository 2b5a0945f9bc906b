-- SPDX-License-Identifier: Apache-2.0
-- The language of faults, and which rule is for which request.

local check = require "check"
local faults = require "epact.server.faults"
local parse = require "epact.server.faults.parse"
local case, equal = check.case, check.equal

local function effects(rules, method, path, count)
	local list = faults.new(rules)
	local seen = {}
	for number = 1, count do seen[number] = list:pick(method, path) or false end
	return seen
end

case("steps and counts", function()
	local rule = parse.rule "POST /repo/*/update: 503 x2, then delay 200ms"
	equal(rule.method, "POST")
	equal(rule.steps, { { effect = { status = 503 }, count = 2, forever = false },
		{ effect = { delay = 0.2 }, forever = false } })
	equal(effects("GET /repo: 503 x2, then 500 then pass x2 then 429 retry-after 1.5", "GET", "/v1/repo", 7), {
		{ status = 503 }, { status = 503 }, { status = 500 }, {}, {}, { status = 429, retry_after = 1.5 },
		{ status = 429, retry_after = 1.5 } })
	equal(effects("GET /repo: drop x1", "GET", "/v1/repo", 2), { { leave_before = "drop" }, false })
	equal(effects("GET /repo: pass x1, then 500 forever", "GET", "/v1/repo", 3), { {}, { status = 500 }, { status = 500 } })
end)

case("actions", function()
	local function effect(text) return parse.rule("* /**: " .. text).steps[1].effect end
	equal(effect "404", { status = 404 })
	equal(effect "status 404", { status = 404 })
	equal(effect "423 retry-after 2s", { status = 423, retry_after = 2 })
	equal(effect "delay 2m", { delay = 120 })
	equal(effect "delay 0.5s", { delay = 0.5 })
	equal(effect "drop before", { leave_before = "drop" })
	equal(effect "drop after", { leave = "drop" })
	equal(effect "reset", { leave_before = "reset" })
	equal(effect "reset after", { leave = "reset" })
	equal(effect "cut 0", { limit = 0 })
	equal(effect "cut after 2KiB", { limit = 2048 })
	equal(effect "stall", { stall = true })
	equal(effect "stall x3", { stall = true })
	equal(effect "stall 50%", { stall = true })
	equal(effect "stall after 1MiB", { stall = true, limit = 1 << 20 })
	equal(effect "stall 10B", { stall = true, limit = 10 })
	equal(effect "pass", {})
	equal(effect "delay 1s and 503", { delay = 1, status = 503 })
end)

case("paths", function()
	local function matches(pattern, path)
		return faults.new("* " .. pattern .. ": 500"):pick("GET", path) ~= nil
	end
	equal(matches("/repo", "/v1/repo"), true)
	equal(matches("/v1/repo", "/v1/repo"), true)
	equal(matches("/repo", "/v1/repo/x"), false)
	equal(matches("/repo/*", "/v1/repo/x"), true)
	equal(matches("/repo/*", "/v1/repo/x/update"), false)
	equal(matches("/repo/*/update", "/v1/repo/x/y/update"), false)
	equal(matches("/repo/*.git/info/refs", "/v1/repo/a-b.git/info/refs"), true)
	equal(matches("/repo/*.git/info/refs", "/v1/repo/a-bxgit/info/refs"), false)
	equal(matches("/repo/*/file/**", "/v1/repo/x/file/a/b%2Fc"), true)
	equal(matches("/**", "/v1/anything/at/all"), true)
	equal(matches("/repo/%2F+", "/v1/repo/%2F+"), true)
	equal(faults.new("POST /repo: 500"):pick("GET", "/v1/repo"), nil)
end)

case("the first rule that has something left counts", function()
	equal(effects({ "GET /repo: 500 x1", "GET /**: 502 x1", "* /repo: 503" }, "GET", "/v1/repo", 4),
		{ { status = 500 }, { status = 502 }, { status = 503 }, { status = 503 } })
	local hits = 0
	for _, effect in ipairs(effects("GET /repo: 500 25%", "GET", "/v1/repo", 4000)) do hits = hits + (effect and 1 or 0) end
	check.ok(hits > 800 and hits < 1200, "25% of 4000 are " .. hits)
	equal(effects("GET /repo: 500 0%", "GET", "/v1/repo", 2), { false, false })
	equal(effects("GET /repo: 500 100% x1", "GET", "/v1/repo", 2), { { status = 500 }, false })
end)

case("mistakes are told by their column", function()
	local function wrong(text, column, words)
		local err = check.fails("invalid_argument", parse.rule, text)
		check.contains(err, ("column %d: "):format(column))
		check.contains(err, words)
	end
	wrong("", 1, "is no method")
	wrong("post /repo: 500", 1, "did you mean 'POST'?")
	wrong("POST: 500", 1, "is no method")
	wrong("POST repo: 500", 6, "a path is missing")
	wrong("POST /repo 500", 6, "a path is missing")
	wrong("POST /repo:", 12, "an action is missing")
	wrong("POST /repo: dealy 5s", 13, "did you mean 'delay'?")
	wrong("POST /repo: wobble", 13, "known: cut, delay")
	wrong("POST /repo: 50", 13, "between 300 and 599")
	wrong("POST /repo: 200", 13, "between 300 and 599")
	wrong("POST /repo: status x2", 20, "a status is missing")
	wrong("POST /repo: delay", 18, "a time is missing")
	wrong("POST /repo: delay 200", 19, "such as 200ms")
	wrong("POST /repo: delay 200h", 19, "such as 200ms")
	wrong("POST /repo: cut after", 22, "a number of bytes is missing")
	wrong("POST /repo: 503 x0", 17, "1 to 999999999")
	wrong("POST /repo: 503 twice", 17, "unexpected 'twice'")
	wrong("POST /repo: 503 thne 500", 17, "did you mean 'then'?")
	wrong("POST /repo: 503, 500", 18, "'then' is missing")
	wrong("POST /repo: 503 then", 21, "an action is missing")
	wrong("POST /repo: 503 forever then 500", 33, "no step is reached")
	wrong("POST /repo: 503 and", 20, "an action is missing")
	wrong("POST /repo: 429 retry-after soon", 29, "a time is missing")
	check.fails("column 13", faults.new, { "GET /repo: 500", "POST /repo: x" })
end)

-- Pieces of rules in any order: each is a rule that can be used, or a mistake with a column.
case("no text does harm", function()
	local pieces = { "POST", "*", "/repo", "/**", ":", " ", " ", ",", "then", "and", "503", "x2", "x0", "10%", "forever", "delay",
		"200ms", "drop", "after", "before", "cut", "stall", "4KiB", "1e9", "-1", "pass", "status", "retry-after", "\0", "é", "%", "[", "99999999999999999999" }
	local rules = 0
	for _ = 1, 20000 do
		local words = { math.random(2) == 1 and "GET /**: " or "" }
		for place = 2, math.random(2, 9) do words[place] = pieces[math.random(#pieces)] .. (math.random(2) == 1 and " " or "") end
		local text = table.concat(words)
		local ok, problem = pcall(faults.new, text)
		if ok then
			rules = rules + 1
			for _ = 1, 4 do problem:pick("GET", "/v1/repo/x") end
		else
			equal(type(problem) == "table" and problem.code or problem, "invalid_argument")
			check.contains(problem, "column ")
		end
	end
	check.ok(rules > 100, "rules among the texts: " .. rules)
end)

check.done()

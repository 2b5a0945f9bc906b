-- SPDX-License-Identifier: Apache-2.0
-- The language of faults, see docs/guide/server.md:
--
--     rule   = method path ":" step { [ "," ] "then" step }
--     step   = action { "and" action } [ NUMBER "%" ] [ "x" NUMBER | "forever" ]
--     action = [ "status" ] NNN [ "retry-after" SECONDS ] | "delay" TIME | "drop" [ when ] | "reset" [ when ]
--            | "cut" [ "after" ] BYTES | "stall" [ [ "after" ] BYTES ] | "pass"
--     when   = "before" | "after"

local fault = require "epact.error"

local parse = {}

local ACTIONS = { "cut", "delay", "drop", "pass", "reset", "stall", "status" }
local METHODS = { "*", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT" }
local TIMES = { ms = 0.001, s = 1, m = 60 }
local SIZES = { [""] = 1, B = 1, KiB = 1 << 10, MiB = 1 << 20 }

local Reader = {}
Reader.__index = Reader

-- The words of a rule, each with its column; a comma is a word.
local function reader_of(text)
	local words = {}
	for at, word in text:gmatch("()([^%s,]+)") do words[#words + 1] = { text = word, at = at } end
	for at in text:gmatch("(),") do words[#words + 1] = { text = ",", at = at } end
	table.sort(words, function(a, b) return a.at < b.at end)
	return setmetatable({ text = text, words = words, next = 1 }, Reader)
end

function Reader:fail(message, ...)
	local word = self.words[self.next]
	local at = word and word.at or #self.text + 1
	error(fault.new("invalid_argument", ("fault '%s', column %d: %s"):format(self.text, at, message:format(...))), 0)
end

function Reader:peek()
	local word = self.words[self.next]
	return word and word.text or ""
end

function Reader:skip(word)
	if self:peek() ~= word then return false end
	self.next = self.next + 1
	return true
end

-- The capture of a pattern in the next word, which is then read; or nil.
function Reader:match(pattern)
	local first, second = self:peek():match(pattern)
	if first then self.next = self.next + 1 end
	return first, second
end

local function near(word, names)
	local name = fault.nearest(word, names)
	return name and ("; did you mean '%s'?"):format(name) or ""
end

function Reader:quantity(what, units, example)
	local number, unit = self:peek():match("^(%d+%.?%d*)(%a*)$")
	if not number or #number > 9 or not units[unit] then self:fail("%s is missing, such as %s", what, example) end
	self.next = self.next + 1
	return tonumber(number) * units[unit]
end

local function bytes(self)
	return math.floor(self:quantity("a number of bytes", SIZES, "100 or 4KiB"))
end

-- "before" or "after" the request is done.
local function leave(self, effect, how)
	if self:skip("after") then
		effect.leave = how
	else
		self:skip("before")
		effect.leave_before = how
	end
end

local function status(self, effect)
	local digits = self:peek():match("^%d+$")
	if not digits then self:fail("a status is missing, such as 503") end
	if not digits:find("^[345]%d%d$") then self:fail("a status is between 300 and 599, not %s", digits) end
	self.next = self.next + 1
	effect.status = tonumber(digits)
	if self:skip("retry-after") then effect.retry_after = self:quantity("a time", { [""] = 1, s = 1 }, "2") end
end

local read_action = {}

read_action.status = status
function read_action.delay(self, effect) effect.delay = self:quantity("a time", TIMES, "200ms or 1.5s") end
function read_action.drop(self, effect) leave(self, effect, "drop") end
function read_action.reset(self, effect) leave(self, effect, "reset") end
function read_action.pass() end

function read_action.cut(self, effect)
	self:skip("after")
	effect.limit = bytes(self)
end

function read_action.stall(self, effect)
	local after = self:skip("after")
	effect.stall = true
	if after or self:peek():find("^%d+[%a]*$") then effect.limit = bytes(self) end
end

local function action(self, effect)
	local word = self:peek()
	if word:find("^%d+$") then return status(self, effect) end
	local read = read_action[word]
	if word == "" or word == "," then self:fail("an action is missing: %s", table.concat(ACTIONS, ", ")) end
	if not read then self:fail("unknown action '%s'%s (known: %s)", word, near(word, ACTIONS), table.concat(ACTIONS, ", ")) end
	self.next = self.next + 1
	return read(self, effect)
end

local function step(self)
	local effect = {}
	repeat action(self, effect) until not self:skip("and")
	local chance = self:match("^(%d+%.?%d*)%%$")
	local count = self:peek():match("^x(%d+)$")
	if count and not count:find("^0*[1-9]%d?%d?%d?%d?%d?%d?%d?%d?$") then self:fail("a count is 1 to 999999999") end
	if count then self.next = self.next + 1 end
	return { effect = effect, chance = chance and tonumber(chance) / 100, count = count and tonumber(count),
		forever = not count and self:skip("forever") }
end

local function steps(self)
	local list = {}
	repeat
		list[#list + 1] = step(self)
		local comma = self:skip(",")
		local more = self:skip("then")
		if comma and not more then self:fail("'then' is missing behind the comma") end
	until not more
	if self:peek() ~= "" then self:fail("unexpected '%s'%s", self:peek(), near(self:peek(), { "then", "and", "forever" })) end
	-- What was not counted happens once; the last step goes on.
	for place, one in ipairs(list) do
		if not one.count and not one.forever and place < #list then one.count = 1 end
		if one.forever and place < #list then self:fail("no step is reached behind 'forever'") end
	end
	return list
end

local function method(self)
	local word = self:peek()
	for _, known in ipairs(METHODS) do
		if word == known then return self:match("^(.*)$") end
	end
	return self:fail("'%s' is no method%s (a rule begins like POST /repo/*/update:)", word, near(word:upper(), METHODS))
end

-- A Lua pattern for raw paths: "*" stands for a part of a segment, "**" for anything.
local function path(self)
	local text = self:match("^(/.*):$")
	if not text then self:fail("a path is missing, such as /repo/*/update: (with a colon behind it)") end
	text = text:gsub("^/v1/", "/")
	local pattern = text:gsub("[^%w*]", "%%%0"):gsub("%*%*", "\0"):gsub("%*", "[^/]*"):gsub("%z", ".*")
	return "^/v1" .. pattern .. "$"
end

--- Reads a rule: {text, method ("*": any), path (a Lua pattern of raw paths), steps}. A step is {effect, chance (0 to 1,
--- nil: always), count (nil: no end)}; an effect has the members that faults/init.lua tells. Raises `invalid_argument`
--- with the column.
function parse.rule(text)
	local self = reader_of(text)
	return { text = text, method = method(self), path = path(self), steps = steps(self) }
end

return parse

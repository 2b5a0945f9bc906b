-- SPDX-License-Identifier: Apache-2.0
-- What the Lua tests share: `local check = require "check"`. A failed check raises; the file then fails.
local task = require "epact.task"

local M = {}

-- How many times longer things may take in this build.
M.slowdown = tonumber(os.getenv "EPACT_SLOWDOWN" or 1)

local function show(value)
	if type(value) == "string" then return ("%q"):format(value) end
	return tostring(value)
end

-- got and expected are the same value, or tables of the same content.
local function same(a, b)
	if type(a) ~= "table" or type(b) ~= "table" then return a == b and math.type(a) == math.type(b) end
	for k, v in pairs(a) do
		if not same(v, b[k]) then return false end
	end
	for k in pairs(b) do
		if a[k] == nil then return false end
	end
	return true
end

M.same = same

local function describe(value)
	if type(value) ~= "table" or getmetatable(value) then return show(value) end
	local parts = {}
	for k, v in pairs(value) do parts[#parts + 1] = ("%s=%s"):format(k, describe(v)) end
	table.sort(parts)
	return "{" .. table.concat(parts, ", ") .. "}"
end

function M.equal(got, expected, what)
	if same(got, expected) then return end
	error(("%sgot %s, expected %s"):format(what and what .. ": " or "", describe(got), describe(expected)), 2)
end

function M.ok(value, what)
	if not value then error(what or "not true", 2) end
	return value
end

-- The text holds the part, as plain words.
function M.contains(text, part)
	if not tostring(text):find(part, 1, true) then error(("%s does not hold %s"):format(show(text), show(part)), 2) end
end

function M.lacks(text, part)
	if tostring(text):find(part, 1, true) then error(("the text holds %s"):format(show(part)), 2) end
end

-- f(...) raises an error whose code is `expected`, or whose words hold it. Returns the error.
function M.fails(expected, f, ...)
	local ok, err = pcall(f, ...)
	if ok then error("no error; expected: " .. expected, 2) end
	local code = type(err) == "table" and err.code
	if code ~= expected and not tostring(err):find(expected, 1, true) then
		error(("the error is %s (%s), expected %s"):format(show(tostring(err)), tostring(code), show(expected)), 2)
	end
	return err
end

-- f(...) ends within these seconds, more where the build is slow. Returns what it returns.
function M.within(seconds, f, ...)
	local began = task.now()
	local results = table.pack(f(...))
	local took = task.now() - began
	if took > seconds * M.slowdown then error(("it took %.3f s, more than %g s"):format(took, seconds * M.slowdown), 2) end
	return table.unpack(results, 1, results.n)
end

local count = 0

-- Runs one named case; what it raises is raised with the name in front.
function M.case(name, f)
	count = count + 1
	local ok, err = xpcall(f, function(e) return type(e) == "table" and e or debug.traceback(tostring(e), 2) end)
	if not ok then
		io.stderr:write(("FAILED: %s\n"):format(name))
		error(err, 0)
	end
end

-- The last line of a test file: fails a file whose cases never ran.
function M.done()
	if count == 0 then error("no case was run", 2) end
	print(("%d cases passed"):format(count))
end

return M

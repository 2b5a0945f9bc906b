-- SPDX-License-Identifier: Apache-2.0
-- The lines of a text that say most about the words of a question.

local texts = require "epact.server.texts"

local excerpts = {}

local MOST_LINES = 4
-- Lines shown before and behind one that was found.
local AROUND = 3
-- Of a large text, or one with endless lines, so much is looked at.
local MOST_BYTES = 256 * 1024

-- What the forms of a word have in common: "retries" and "retry" meet in "retr".
local function stem(word)
	for _, ending in ipairs { "ing", "ies", "ed", "es", "s", "y", "e" } do
		if #word >= #ending + 3 and word:sub(-#ending) == ending then return word:sub(1, -#ending - 1) end
	end
	return word
end

-- For each word the numbers of the lines that hold it, and how many lines there are.
local function hits(text, words)
	local lines_of, count = {}, 0
	for place = 1, #words do lines_of[place] = {} end
	for line in (text .. "\n"):gmatch("([^\n]*)\n") do
		count = count + 1
		line = line:lower()
		for place, word in ipairs(words) do
			if line:find(word, 1, true) then table.insert(lines_of[place], count) end
		end
	end
	return lines_of, text:sub(-1) == "\n" and count - 1 or count
end

-- A rare word weighs more than one that is everywhere.
local function best_lines(lines_of)
	local weight, numbers = {}, {}
	for _, lines in ipairs(lines_of) do
		for _, number in ipairs(lines) do
			if not weight[number] then numbers[#numbers + 1] = number end
			weight[number] = (weight[number] or 0) + 1 / #lines
		end
	end
	table.sort(numbers, function(a, b)
		if weight[a] ~= weight[b] then return weight[a] > weight[b] end
		return a < b
	end)
	local best = table.move(numbers, 1, math.min(#numbers, MOST_LINES), 1, {})
	table.sort(best)
	return best
end

--- Ranges of lines, {first, last} from 1, in order and apart from each other: those around the lines that hold most
--- of the words. The whole of a short text, when only its name has them.
function excerpts.ranges(text, words)
	local stems = {}
	for place, word in ipairs(words) do stems[place] = stem(word) end
	local lines_of, count = hits(texts.head(text, MOST_BYTES), stems)
	local ranges = {}
	for _, number in ipairs(best_lines(lines_of)) do
		local first, last = math.max(1, number - AROUND), math.min(count, number + AROUND)
		local before = ranges[#ranges]
		if before and first <= before[2] + 1 then
			before[2] = last
		else
			ranges[#ranges + 1] = { first, last }
		end
	end
	if #ranges == 0 then ranges[1] = { 1, math.max(1, math.min(count, 2 * AROUND + 1)) } end
	return ranges
end

return excerpts

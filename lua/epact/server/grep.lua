-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/search: a text, as it is, in the lines of all text files of the head; git grep does the work.

local json = require "epact.json"
local questions = require "epact.server.questions"
local repos = require "epact.server.repos"
local texts = require "epact.server.texts"

local grep = {}

local MOST_MATCHES = 1000
-- Each match carries its line: many of them in a long one would be much more than the repo.
local MOST_BYTES = 16 << 20
-- A longer line is left out: nobody wrote it by hand.
local MOST_LINE = 1 << 20

-- An iterator over the lines of what git writes, without their ends. What is longer than MOST_LINE comes as its beginning
-- and a mark that it is not whole.
local function lines_of(stdout)
	local piece, at = "", 1
	return function()
		local parts, size = {}, 0
		while true do
			local stop = piece:find("\n", at, true)
			if size <= MOST_LINE then parts[#parts + 1] = piece:sub(at, stop and stop - 1) end
			size = size + (stop or #piece + 1) - at
			if stop then
				at = stop + 1
				return table.concat(parts), size <= MOST_LINE
			end
			piece, at = stdout:read(), 1
			if not piece then return nil end
		end
	end
end

-- An iterator over the matching lines that are text: name of the file, number, line. A record is "REF:NAME\0NUMBER\0LINE";
-- a name may hold ends of lines.
local function records(stdout)
	local next_line, before = lines_of(stdout), ""
	return function()
		for text, is_whole in next_line do
			text = before .. text
			local name, number, line = text:match("^[^:]+:([^%z]+)%z(%d+)%z(.*)$")
			before = (name or not is_whole) and "" or text .. "\n"
			if name and is_whole and texts.is_text(name) and texts.is_text(line) then
				return name, math.tointeger(number), line
			end
		end
	end
end

-- Adds one result for each place of the query in the line, up to `most` results in all.
local function add_matches(results, most, query, name, number, line)
	local width = utf8.len(query)
	local from, start = 1, 0
	while #results < most do
		local first, last = line:find(query, from, true)
		if not first then return end
		start = start + utf8.len(line, from, first - 1)
		results[#results + 1] = { filename = name, line_number = number, line_content = line, match_start = start,
			match_end = start + width }
		from, start = last + 1, start + width
	end
end

local function search(app, repo, query)
	local results, size = {}, 0
	local child <close> = app.git_store.git:spawn(app.git_store:path(repo.id), { "grep", "-F", "-z", "-n", "-I",
		"--no-color", "--full-name", "--threads=1", "-e", query, "refs/heads/" .. repo.branch, "--" },
		{ stdout = "pipe", stderr = "null" })
	for name, number, line in records(child.stdout) do
		local before = #results
		local most = math.min(MOST_MATCHES, before + 1 + (MOST_BYTES - size) // #line)
		add_matches(results, most, query, name, number, line)
		size = size + (#results - before) * #line
		if #results == MOST_MATCHES or size >= MOST_BYTES then break end
	end
	return results
end

--- POST /repo/{repo_id}/search
function grep.handle(app, request)
	local _, repo = repos.find(app, request)
	local query = questions.literal(request:json())
	-- No line holds the end of one, and no text a NUL.
	local results = query:find("[\n%z]") and {} or search(app, repo, query)
	return 200, { results = json.array(results) }
end

return grep

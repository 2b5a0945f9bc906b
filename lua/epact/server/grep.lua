-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/search: a text, as it is, in the lines of all text files of the head; git grep does the work.

local json = require "epact.json"
local questions = require "epact.server.questions"
local repos = require "epact.server.repos"

local grep = {}

local MOST_MATCHES = 1000
-- Each match carries its line: many of them in a long one would be much more than the repo.
local MOST_BYTES = 16 << 20

-- The rest of what was read, and the next whole record: name, line number, line.
local function records(stdout)
	local text, at = "", 1
	return function()
		while true do
			local first, last, name, number, line = text:find("^[^:]+:([^%z]+)%z(%d+)%z([^\n]*)\n", at)
			if first then
				at = last + 1
				return name, math.tointeger(number), line
			end
			local piece = stdout:read()
			if not piece then return nil end
			text, at = text:sub(at) .. piece, 1
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
		if utf8.len(name) and utf8.len(line) then
			local before = #results
			local most = math.min(MOST_MATCHES, before + 1 + (MOST_BYTES - size) // #line)
			add_matches(results, most, query, name, number, line)
			size = size + (#results - before) * #line
		end
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

-- SPDX-License-Identifier: Apache-2.0
-- Ranking of files by words: POST /repo/{repo_id}/retrieve and GET /repo/{repo_id}/embedding_status.

local json = require "epact.json"
local blobs = require "epact.server.blobs"
local commits = require "epact.server.commits"
local errors = require "epact.server.errors"
local paths = require "epact.server.paths"
local questions = require "epact.server.questions"
local repos = require "epact.server.repos"
local texts = require "epact.server.texts"

local retrieve = {}

local BYTES_OF_TOKEN = 4

--- The files of a commit for a question, the best first: a list of {path, blob, size, score}. The best has the score
--- 1, the others what their weight is beside it; at the same score the path decides.
function retrieve.rank(app, id, commit, question)
	local found = app.index:rank(id, commit, texts.words(question))
	local best = found[1] and found[1].weight
	for _, file in ipairs(found) do file.score = math.floor(file.weight / best * 1e4 + 0.5) / 1e4 end
	table.sort(found, function(a, b)
		if a.score ~= b.score then return a.score > b.score end
		return a.path < b.path
	end)
	return found
end

-- Those that reach the threshold, as long as the budget lasts.
local function chosen(found, threshold, tokens)
	local files = {}
	for _, file in ipairs(found) do
		tokens = tokens - file.size / BYTES_OF_TOKEN
		if file.score < threshold or tokens < 0 then break end
		files[#files + 1] = file
	end
	return files
end

local function add_contents(app, path, files, results)
	local wanted = {}
	for place, file in ipairs(files) do wanted[place] = { id = file.blob } end
	local reader <close> = blobs.open(app.git_store, path, wanted)
	for place, content in reader:each(#wanted) do
		-- Only the head of a file was looked at before.
		results[place].content = texts.is_text(content) and content or ""
	end
end

--- POST /repo/{repo_id}/retrieve
function retrieve.handle(app, request)
	local id, repo = repos.find(app, request)
	local wanted = questions.retrieve(request:json())
	if not repo.auto_index then errors.fail(404, "the repo has no index: it was made without auto_index") end
	local path = app.git_store:path(id)
	local commit = commits.find(app, path, repo, wanted.branch, wanted.hash)
	local files = chosen(retrieve.rank(app, id, commit, wanted.query), wanted.threshold, wanted.tokens)
	local results = {}
	for place, file in ipairs(files) do results[place] = { filename = file.path, score = file.score } end
	if wanted.content and #files > 0 then add_contents(app, path, files, results) end
	return 200, { results = json.array(results), hash = commit, pending_embeddings = 0 }
end

--- GET /repo/{repo_id}/embedding_status
function retrieve.status(app, request)
	local id, repo = repos.find(app, request)
	local query = paths.query(request.query)
	local function given(name) return query[name] ~= "" and query[name] or nil end
	local commit = commits.find(app, app.git_store:path(id), repo, given("branch"), given("hash"))
	return 200, { hash = commit, completed_embeddings = app.index:count(id, commit), pending_embeddings = 0 }
end

return retrieve

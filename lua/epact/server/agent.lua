-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/agent: a run of an agent as a stream of events. There is no model here; `relace-search` looks
-- for words, and reports as the real one does.

local crypto = require "epact.crypto"
local json = require "epact.json"
local task = require "epact.task"
local blobs = require "epact.server.blobs"
local commits = require "epact.server.commits"
local errors = require "epact.server.errors"
local events = require "epact.server.events"
local excerpts = require "epact.server.excerpts"
local fields = require "epact.server.fields"
local questions = require "epact.server.questions"
local repos = require "epact.server.repos"
local retrieve = require "epact.server.retrieve"
local texts = require "epact.server.texts"

local agent = {}

local MOST_FILES = 8

local function best_files(app, repo, commit, query)
	local files = {}
	for _, file in ipairs(retrieve.rank(app, repo.id, commit, query)) do
		if #files == MOST_FILES then break end
		files[#files + 1] = { id = file.blob, path = file.path }
	end
	return files
end

-- Shows each file, and returns what is reported of all: path to list of ranges.
local function view(app, repo, files, words, send)
	local reported = {}
	local reader <close> = blobs.open(app.git_store, app.git_store:path(repo.id), files)
	for place, content in reader:each(#files) do
		local path = files[place].path
		local ranges = excerpts.ranges(content, words)
		send("tool", { name = "view_file", path = "/repo/" .. path, view_range = ranges[1] })
		reported[path] = ranges
		task.yield()
	end
	return reported
end

local run = {}

run["relace-search"] = function(app, repo, query, send)
	local commit = commits.of_branch(app, app.git_store:path(repo.id), repo)
	send("agent", { name = "relace-search", content = "Searching the repo for the words of the query." })
	send("tool", { name = "grep_search", query = query, case_sensitive = false })
	local files = best_files(app, repo, commit, query)
	local reported = #files > 0 and view(app, repo, files, texts.words(query), send) or {}
	local explanation = #files > 0 and ("%d file(s) hold words of the query, the best match is %s."):format(#files,
		files[1].path) or "No file holds a word of the query."
	send("tool", { name = "report_back", explanation = explanation, files = json.object(reported) })
end

--- POST /repo/{repo_id}/agent
function agent.handle(app, request)
	local _, repo = repos.find(app, request)
	local wanted = questions.agent(request:json())
	local steps = run[wanted.name]
	if not steps then errors.fail(404, ("no such agent: this server has '%s'"):format("relace-search")) end
	local query = fields.text(wanted.inputs.query, { "body", "agent_inputs", "query" })
	local function failure_of(problem) return app:failure(request, problem) end
	events.respond(request.raw, app.options.keep_alive, failure_of, function(send)
		send("started", { prompt_id = crypto.uuid() })
		steps(app, repo, query, send)
		send("done", json.object {})
	end)
	return nil
end

return agent

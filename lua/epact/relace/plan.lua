-- SPDX-License-Identifier: Apache-2.0
--- What an update of a repo by a folder would change, and sending just that: `client.repo:plan`, `client.repo:apply`.
--
-- A plan compares git's ids of the contents: those of the repo come by a fetch of trees without files, those of the folder are
-- computed. What a folder holds is decided as for an overwrite (7.2): git's rules in a work tree, `.git` never.
local core = require "epact.core.relace"
local difference = require "epact.relace.difference"
local errors = require "epact.error"
local reader = require "epact.options"
local remote = require "epact.relace.remote_tree"
local task = require "epact.task"

local M = {}

--- What `client.repo:plan` returns. Fields: `repo_id`, `directory`; `head`: the commit that it is about (nil without git);
-- `added`, `changed`: arrays of `{ filename, size }`; `deleted`: of `{ filename }`; `renamed`: of
-- `{ old_filename, new_filename, size }`, files whose content stays the same; `left_out`: what can't be sent as text, of
-- `{ filename, reason, size, remote }`, where `remote` says what the repo has under that name: "same", "different" or
-- "missing"; `unchanged`: a number; `empty`: whether there is nothing to do; `method`: "diff" or "overwrite", the smaller one,
-- and `bytes`: the size of its body.
local Plan = {}
Plan.__index = Plan

function Plan:__tostring()
	if self.empty then return ("plan for %s: nothing to do"):format(self.repo_id) end
	return ("plan for %s: %d added, %d changed, %d renamed, %d deleted, %d left out; %s of %d bytes"):format(self.repo_id,
		#self.added, #self.changed, #self.renamed, #self.deleted, #self.left_out, self.method, self.bytes)
end

--- Lets go of the folder, which a plan keeps open. It can't be applied any more. The collector does the same.
function Plan:close() self.tree:close() end

Plan.__close = Plan.close

local function choose(plan)
	if plan.empty then
		plan.bytes = 0
		return
	end
	plan.method, plan.bytes = "diff", plan.tree:length(plan.change)
	-- An overwrite deletes what it does not list: also what is left out here, and what a clone without git does not show.
	if plan.kept or not plan.head then return end
	local whole = { whole = true }
	local bytes = plan.tree:length(whole)
	if bytes < plan.bytes then plan.method, plan.bytes, plan.change = "overwrite", bytes, whole end
end

-- --- plan ---

--- Makes a plan; see `client.repo:plan`.
-- @param client table: `client.repo`, with `core` and `given`
-- @param repo string or table
-- @param directory string
-- @param options table?
-- @return Plan
function M.plan(client, repo, directory, options)
	if type(directory) ~= "string" then error("repo:plan: the folder must be a string, got " .. type(directory), 3) end
	reader.read(options, { timeout = { nil, "number", 0 } }, "repo:plan", 4)
	local id = type(repo) == "table" and repo.repo_id or repo
	client.core:git_url(id) -- checks the id
	local tree, state
	task.scope(function(scope)
		scope:spawn(function() tree = core.tree(directory) end)
		scope:spawn(function() state = remote.read(client, id, options) end)
	end)
	local here, left = tree:files(), tree:left()
	local plan = difference.compare(here, left, state.files)
	plan.repo_id, plan.directory, plan.head = id, tree:path(), state.head
	plan.tree, plan.base, plan.here, plan.left = tree, state, here, left
	choose(plan)
	return setmetatable(plan, Plan)
end

-- --- apply ---

local function refuse_left_out(plan)
	local names = {}
	for _, left in ipairs(plan.left_out) do
		if left.remote ~= "same" and left.reason ~= "repository" then names[#names + 1] = ("%s (%s)"):format(left.filename, left.reason) end
	end
	if #names == 0 then return end
	local more = #names > 20 and (", and %d more"):format(#names - 20) or ""
	error(errors.new("invalid_argument", ("%d of the files in %s cannot be sent as text, and the repo has not got them: %s%s; "
		.. "leave them out with skip_binary = true, or upload them with repo.file:upload"):format(#names, plan.directory,
		table.concat(names, ", ", 1, math.min(#names, 20)), more), { operation = "repo:apply" }), 0)
end

local function moved(plan, state)
	if plan.head then return state.head ~= plan.head end
	return not remote.same(plan.base, state)
end

local function conflict(plan, words)
	return errors.new("conflict", words, { operation = "repo:apply " .. plan.repo_id, retryable = true })
end

-- What says whether the repo has moved.
local function glance(client, plan)
	return plan.head and { head = remote.head(client, plan.repo_id) } or remote.read(client, plan.repo_id)
end

local function check_head(client, plan)
	local state = glance(client, plan)
	if not moved(plan, state) then return end
	error(conflict(plan, plan.head
		and ("the head of the repo was %s when this was planned, and is %s now; nothing was sent: plan again"):format(plan.head,
			tostring(state.head))
		or "the repo is not what it was when this was planned; nothing was sent: plan again"), 0)
end

-- Whether the repo holds what the plan was to make of it.
local function is_done(plan, state)
	local count = 0
	for _, file in ipairs(plan.here) do
		local entry = state.files[file.filename]
		if not entry or entry.id ~= file.id then return false end
		count = count + 1
	end
	local left = difference.by_name(plan.left)
	for name, entry in pairs(state.files) do
		local before = plan.base.files[name]
		if difference.is_kept(name, left) then
			if not before or before.id ~= entry.id then return false end
			count = count + 1
		end
	end
	for _ in pairs(state.files) do count = count - 1 end
	return count == 0
end

local function names_changed(plan)
	local names = {}
	for _, list in ipairs { plan.added, plan.changed, plan.deleted } do
		for _, entry in ipairs(list) do names[#names + 1] = entry.filename end
	end
	for _, entry in ipairs(plan.renamed) do names[#names + 1] = entry.new_filename end
	table.sort(names)
	return names
end

local AMBIGUOUS = { in_doubt = true, server = true, timeout = true, connection = true, truncated = true, json = true, protocol = true }

-- The server may still be at it.
local LOOKS = { 0, 0.5, 1.5 }

-- Nobody knows whether it was carried out: looks.
local function look(client, plan, cause)
	local has_moved
	for _, wait in ipairs(LOOKS) do
		task.sleep(wait)
		has_moved = moved(plan, glance(client, plan))
		if has_moved then break end
	end
	local state = has_moved and remote.read(client, plan.repo_id)
	if state and is_done(plan, state) then
		return { repo_id = plan.repo_id, repo_head = state.head, changed_files = names_changed(plan), confirmed = true }
	end
	if state then
		error(conflict(plan, ("%s; the repo has changed since, but not to what was planned: plan again"):format(cause.message)), 0)
	end
	error(errors.new(cause.code == "in_doubt" and "connection" or cause.code,
		("%s; the repo was read afterwards: it was not carried out, and may be applied again"):format(cause.message),
		{ operation = cause.operation, status = cause.status, attempts = cause.attempts, retryable = true, cause = cause }), 0)
end

local function send(client, plan, options)
	local ok, result = pcall(client.core.send_change, client.core, plan.repo_id, plan.tree, plan.change, options)
	if ok then return result end
	if not errors.is(result) or not (result.maybe_sent or AMBIGUOUS[result.code]) then error(result, 0) end
	local read, done = pcall(look, client, plan, result)
	if read then return done end
	if errors.is(done) and (done.cause == result or done.code == "conflict") then error(done, 0) end
	error(result, 0) -- it could not be looked at: what is known is the first failure
end

--- Sends a plan; see `client.repo:apply`.
-- @param client table: `client.repo`
-- @param plan Plan
-- @param options table?
-- @return table
function M.apply(client, plan, options)
	if getmetatable(plan) ~= Plan then error("repo:apply: a plan of repo:plan is expected, got " .. type(plan), 3) end
	local skip, call = client.core:apply_check(options), {}
	for name, value in pairs(options or {}) do
		if name ~= "skip_binary" then call[name] = value end
	end
	if not skip then refuse_left_out(plan) end
	local result
	if plan.empty then
		result = { repo_id = plan.repo_id, repo_head = plan.head, changed_files = {}, bytes = 0 }
	else
		check_head(client, plan)
		result = send(client, plan, call)
		result.method, result.bytes = plan.method, plan.bytes
	end
	result.left_out = plan.left_out
	return result
end

return M

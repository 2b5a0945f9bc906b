-- SPDX-License-Identifier: Apache-2.0
--- What an update of a repo by a folder would change, and sending just that: `client.repo:plan`, `client.repo:apply`.
--
-- A plan compares git's ids of the contents: those of the repo come by a fetch of trees without files, those of the folder are
-- computed. What a folder holds is decided as for an overwrite (7.2): git's rules in a work tree, `.git` never.
local core = require "epact.core.relace"
local errors = require "epact.error"
local reader = require "epact.options"
local remote = require "epact.relace.remote_tree"
local task = require "epact.task"

local M = {}

local SYMLINK, SUBMODULE = "120000", "160000"

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

-- --- what differs ---

-- Calls fn with each folder above a name.
local function each_parent(name, fn)
	local at = name:find("/", 1, true)
	while at do
		if fn(name:sub(1, at - 1)) then return true end
		at = name:find("/", at + 1, true)
	end
	return false
end

local function index_by_name(list)
	local by_name = {}
	for i, entry in ipairs(list) do by_name[entry.filename:gsub("/$", "")] = i end
	return by_name
end

-- A name that is left out here, or is below one: what the repo has there stays.
local function is_kept(name, left)
	return left[name] ~= nil or each_parent(name, function(parent) return left[parent] ~= nil end)
end

local function base_name(name) return name:match "[^/]*$" end

-- Takes a file with that content out of those that go, the one of the same name in another folder before others.
local function take_source(sources, id, name)
	local list = sources[id]
	if not list or #list == 0 then return nil end
	local best = 1
	for i, old in ipairs(list) do
		if base_name(old) == base_name(name) then
			best = i
			break
		end
	end
	return table.remove(list, best)
end

-- Renames come last (7.3): the old name must not stand in the way of what is written before.
local function in_the_way(old, files, folders)
	return folders[old] or each_parent(old, function(parent) return files[parent] ~= nil end)
end

-- The names that go, which may be what a file here was called before: by id.
local function rename_sources(gone, there, files, folders)
	local sources = {}
	for _, name in ipairs(gone) do
		local entry = there[name]
		if entry.mode ~= SYMLINK and entry.mode ~= SUBMODULE and not in_the_way(name, files, folders) then
			sources[entry.id] = sources[entry.id] or {}
			table.insert(sources[entry.id], name)
		end
	end
	return sources
end

local function folders_of(here)
	local folders = {}
	for _, file in ipairs(here) do
		each_parent(file.filename, function(parent) folders[parent] = true end)
	end
	return folders
end

local function names_that_go(there, files, left)
	local gone, kept = {}, false
	for name in pairs(there) do
		if is_kept(name, left) then
			kept = true
		elseif not files[name] then
			gone[#gone + 1] = name
		end
	end
	table.sort(gone)
	return gone, kept
end

-- Sorts the files here into what is new and what is different, by their places.
local function compare_files(here, there)
	local new, different, replaced = {}, {}, {}
	for i, file in ipairs(here) do
		local entry = there[file.filename]
		if not entry then
			new[#new + 1] = i
		elseif entry.mode == SYMLINK or entry.mode == SUBMODULE then
			different[#different + 1] = i
			replaced[#replaced + 1] = file.filename -- else its kind would stay
		elseif entry.id ~= file.id then
			different[#different + 1] = i
		end
	end
	return new, different, replaced
end

local function left_out(list, there)
	local out = {}
	for i, left in ipairs(list) do
		local entry = there[left.filename:gsub("/$", "")]
		local same = entry and (left.id == entry.id or left.reason == "symlink" and entry.mode == SYMLINK)
		out[i] = { filename = left.filename, reason = left.reason, size = left.size,
			remote = not entry and "missing" or same and "same" or "different" }
	end
	return out
end

local function shown(here, places)
	local out = {}
	for i, place in ipairs(places) do out[i] = { filename = here[place].filename, size = here[place].size } end
	return out
end

-- Fills the plan with what differs, and with the change that makes it equal.
local function compare(plan, here, left, state)
	local there, files, left_names = state.files, index_by_name(here), index_by_name(left)
	local gone, kept = names_that_go(there, files, left_names)
	local new, different, deletes = compare_files(here, there)
	local sources = rename_sources(gone, there, files, folders_of(here))
	local added, renamed, moved, deleted = {}, {}, {}, {}
	for _, place in ipairs(new) do
		local file = here[place]
		local old = take_source(sources, file.id, file.filename)
		if old then
			moved[old] = true
			renamed[#renamed + 1] = { old_filename = old, new_filename = file.filename, size = file.size }
		else
			added[#added + 1] = place
		end
	end
	for _, name in ipairs(gone) do
		if not moved[name] then
			deletes[#deletes + 1] = name
			deleted[#deleted + 1] = { filename = name }
		end
	end
	plan.added, plan.changed, plan.renamed, plan.deleted = shown(here, added), shown(here, different), renamed, deleted
	plan.left_out = left_out(left, there)
	plan.unchanged = #here - #new - #different
	plan.empty = #new + #different + #gone == 0
	local writes = table.move(different, 1, #different, #added + 1, added)
	plan.change = { writes = writes, deletes = deletes, renames = renamed }
	-- An overwrite deletes what it does not list: also what is left out here, and what a clone without git does not show.
	plan.whole_allowed = not kept and state.head ~= nil
end

local function choose(plan)
	if plan.empty then
		plan.bytes = 0
		return
	end
	plan.method, plan.bytes = "diff", plan.tree:length(plan.change)
	if not plan.whole_allowed then return end
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
	local plan = setmetatable({ repo_id = id, directory = tree:path(), head = state.head, tree = tree, base = state }, Plan)
	plan.here = tree:files()
	plan.left = tree:left()
	compare(plan, plan.here, plan.left, state)
	choose(plan)
	return plan
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
	local left = index_by_name(plan.left)
	for name, entry in pairs(state.files) do
		local before = plan.base.files[name]
		if is_kept(name, left) then
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

-- SPDX-License-Identifier: Apache-2.0
-- Mirrors: repositories that were cloned once lend their objects to further clones. Face: epact.git.
--
-- In the folder, for each URL, KEY being a hash of it:
--   KEY.git     a bare repository with all branches and tags, as they were at the last fetch
--   KEY.use     is locked by everybody who clones from it, and alone by who removes it
--   KEY.update  is locked alone by who makes or fetches it
--   KEY.used    is written at each use: the time of the last one
-- What is on its way stands in KEY.new-*, what is being removed in KEY.old-*.
local core = require "epact.core.git"
local crypto = require "epact.crypto"
local draw = require "epact.git.draw"
local errors = require "epact.error"
local fs = require "epact.fs"
local limit = require "epact.git.limit"
local locks = require "epact.core.lock"
local log = require "epact.log"
local options = require "epact.options"
local run = require "epact.git.run"
local task = require "epact.task"

local M = {}

local Mirror = { __name = "epact.git.mirror" }
Mirror.__index = Mirror

function Mirror:__tostring() return ("git mirror '%s'"):format(self.path) end

-- Waits for a lock. Another process cannot wake us, so we look again.
local function acquire(path, alone)
	local pause = 0.005
	while true do
		local lock = locks.try(path, alone)
		if lock then return lock end
		task.sleep(pause)
		pause = math.min(pause * 1.5, 0.1)
	end
end

-- The right to read a mirror, which keeps all from removing it.
local Use = {}
Use.__index = Use

local function use_of(base) return setmetatable({ base = base, lock = acquire(base .. ".use", false) }, Use) end

function Use:close() self.lock:close() end

Use.__close = Use.close

-- Calls f when nobody else uses the mirror; it waits for nobody.
function Use:alone(f)
	self.lock:close()
	do
		local alone <close> = locks.try(self.base .. ".use", true)
		if alone then f() end
	end
	self.lock = acquire(self.base .. ".use", false)
end

local function fresh_name(base, kind) return ("%s.%s-%s"):format(base, kind, crypto.random_hex(8)) end

-- Whether it is there; its number of this making.
local function generation(base)
	local stat = fs.stat(base .. ".git/epact-generation")
	return stat and fs.read(base .. ".git/epact-generation")
end

-- Takes it away at once, and then apart.
local function remove(base)
	local old = fresh_name(base, "old")
	if pcall(fs.rename, base .. ".git", old) then fs.remove(old, { recursive = true }) end
end

-- --- fetching ---

local function git(directory, words, call)
	local handle <close> = core.command({
		argv = table.move(words, 1, #words, 2, { "git" }), directory = directory, credential = call.credential,
		scope = call.credential and call.url, remote = call.remote, ca_file = call.ca_file, allow_http = call.allow_http,
		stall = call.stall, timeout = call.timeout, grace = call.grace, accepted = call.accepted, max_file = call.max_file,
	}, call.progress and true or false)
	return run.wait(handle, call.progress)
end

-- The folder of a mirror means nothing to who clones; the URL does.
local function name_url(err, directory, url)
	local at = ("git fetch in '%s'"):format(directory)
	if type(err) == "table" and err.message:sub(1, #at) == at then
		err.message = ("fetching %s for its mirror%s"):format(errors.mask(url), err.message:sub(#at + 1))
	end
	error(err, 0)
end

local function fetch(directory, o)
	local _ <close> = limit.turn()
	local progress = draw.choose(o.progress, "fetching " .. o.url)
	local ok, err = pcall(git, directory,
		{ "fetch", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--prune", "--force", "--no-tags",
			progress and "--progress" or "--no-progress", "--", o.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*" },
		{ url = o.url, remote = o.url, credential = o.credential, ca_file = o.ca_file, allow_http = o.allow_http, stall = o.stall,
			timeout = o.timeout, grace = o.grace, progress = progress, max_file = o.max_bytes })
	if not ok then name_url(err, directory, o.url) end
end

-- Nobody else makes this one: what a killed process left of its making goes.
local function remove_leftovers(path, key)
	for _, entry in ipairs(fs.list(path)) do
		if entry.name:find(key .. ".new-", 1, true) == 1 then fs.remove(path .. "/" .. entry.name, { recursive = true }) end
	end
end

local function make(self, base, key, o)
	remove_leftovers(self.path, key)
	local new <close> = setmetatable({ path = fresh_name(base, "new") }, { __close = function(new)
		fs.remove(new.path, { recursive = true }) -- of a success there is nothing
	end })
	git(nil, { "init", "--bare", "--quiet", "--template=", "--", new.path }, {})
	fetch(new.path, o)
	fs.write(new.path .. "/epact-generation", crypto.random_hex(16))
	fs.rename(new.path, base .. ".git")
end

local function has(base, commit)
	return generation(base) and git(base .. ".git", { "cat-file", "-e", commit }, { accepted = 1 << 1 }).status == 0
end

-- What a fetch that was killed left: its locks, by which every later one would fail, and what it had received.
local function remove_unfinished(directory)
	for _, entry in ipairs(fs.walk(directory)) do
		local name = entry.path:match "[^/]+$"
		if name:find "%.lock$" or (entry.path:find "^objects/" and name:find "^%.?tmp[-_]") then
			fs.remove(directory .. "/" .. entry.path, { recursive = true })
		end
	end
end

local Turn = {}

function Turn:__close()
	if self.lock then self.lock:close() end
	if self.permit then self.permit:release() end
end

-- The right to make or fetch a mirror, in the order of asking within this process. The wait may last as long as a run of git.
local function take_turn(self, base, key, timeout)
	self.turns[key] = self.turns[key] or task.semaphore(1)
	local turn = setmetatable({}, Turn)
	local function wait()
		turn.permit = self.turns[key]:acquire()
		turn.lock = acquire(base .. ".update", true)
	end
	local undo <close> = setmetatable({}, { __close = function(undo)
		if not undo.done then Turn.__close(turn) end
	end })
	if timeout and timeout > 0 then
		task.timeout(timeout, wait)
	else
		wait()
	end
	undo.done = true
	return turn
end

-- One at a time. wanted() says whether it is still to be done.
local function update(self, base, key, o, wanted)
	local _ <close> = take_turn(self, base, key, o.timeout)
	if not wanted() then return end
	if generation(base) then
		remove_unfinished(base .. ".git")
		fetch(base .. ".git", o)
	else
		make(self, base, key, o)
	end
end

local function ensure(self, base, key, o)
	if generation(base) then return end
	update(self, base, key, o, function() return not generation(base) end)
end

-- --- cloning ---

-- What a damaged mirror makes of a clone. A server can do so, too: it is then asked again, for all of it.
local DAMAGE = { corrupt = true, io = true, exit_status = true }

-- What is not found is the mirror only when it is named: a server says so of a repository that this credential may not read.
local function is_damage(err, base)
	if type(err) ~= "table" then return false end
	local names_it = ((err.message or "") .. (err.detail or "")):find(base .. ".git", 1, true)
	return DAMAGE[err.code] or (err.code == "not_found" and names_it ~= nil)
end

local function clone_by(self, base, key, o, clone, use)
	local fits, why = pcall(ensure, self, base, key, o)
	if not fits then -- all of its history is more than this clone may take
		if type(why) ~= "table" or why.code ~= "too_large" then error(why, 0) end
		return clone(o)
	end
	local made = generation(base)
	o.reference = base .. ".git"
	local ok, result = pcall(clone, o)
	if ok then return result end
	if not is_damage(result, base) then error(result, 0) end
	log.warn("the mirror of %s may be damaged and is made anew: %s", o.url, tostring(result))
	use:alone(function()
		if generation(base) == made then remove(base) end
	end)
	o.reference = nil
	return clone(o)
end

-- Whoever comes next gets from here what this clone had to fetch, or a mirror in place of a damaged one; without it all is well.
local function keep_up(self, base, key, o, head, use)
	local function lacks()
		local ok, there = pcall(has, base, head)
		return not (ok and there)
	end
	if not head or not lacks() then return end
	local ok, err = pcall(update, self, base, key, o, lacks)
	if not ok and is_damage(err, base) then
		local removed
		use:alone(function()
			remove(base)
			removed = true
		end)
		if removed then ok, err = pcall(update, self, base, key, o, lacks) end
	end
	if not ok and (type(err) ~= "table" or err.code ~= "too_large") then
		log.warn("the mirror of %s could not be brought up to date: %s", o.url, tostring(err))
	end
end

-- A repository that has no mirror leaves no files. Alone means that nobody is in between: who waits opens them anew.
local function forget(base)
	if generation(base) then return end
	local use <close> = locks.try(base .. ".use", true)
	local turn <close> = use and locks.try(base .. ".update", true)
	if not turn or generation(base) then return end
	for _, kind in ipairs { ".used", ".update", ".use" } do fs.remove(base .. kind, { recursive = true }) end
end

--- Clones a repository with the objects that the mirror has; the first clone of a URL makes its mirror, of all branches and tags.
-- The server is asked each time, with this call's credential, which may read what the clone gets, or gets nothing. The clone
-- stands alone afterwards. With `max_bytes`, a repository with a pack larger than that has no mirror.
-- @param options table: as of `epact.git.clone`, without `filter` and `reference`; `stall` is of each run of git, and `timeout` too,
--   as well as of the wait for another who makes or fetches the mirror
-- @return table: as of `epact.git.clone`
-- Raises what `epact.git.clone` does.
function Mirror:clone(options)
	if type(options) ~= "table" then error("mirror:clone: the options must be a table, got " .. type(options), 2) end
	local o = {}
	for name, value in pairs(options) do o[name] = value end
	o.mirror = nil
	for _, name in ipairs { "filter", "reference" } do
		if o[name] ~= nil then error(("git.clone: option '%s' cannot be combined with 'mirror'"):format(name), 2) end
	end
	local checked = {}
	for name, value in pairs(o) do checked[name] = name ~= "progress" and value or nil end
	core.check(checked)
	local key = crypto.sha256(o.url):sub(1, 40)
	local base = self.path .. "/" .. key
	local use <close> = use_of(base)
	fs.write(base .. ".used", "")
	local ok, result = pcall(clone_by, self, base, key, o, self.clone_directly, use)
	if ok then keep_up(self, base, key, o, result.head, use) end
	use:close()
	pcall(forget, base)
	if not ok then error(result, 0) end
	if self.max_bytes then self:trim(self.max_bytes) end
	return result
end

-- --- room ---

local function size_of(directory)
	local ok, entries = pcall(fs.walk, directory)
	local sum = 0
	for _, entry in ipairs(ok and entries or {}) do sum = sum + entry.size end
	return sum
end

-- The mirrors, the one that was used last at the end.
local function list(self)
	local found = {}
	for _, entry in ipairs(fs.list(self.path)) do
		local key = entry.name:match "^(%x+)%.git$"
		local base = key and self.path .. "/" .. key
		local used = base and fs.stat(base .. ".used")
		if base then found[#found + 1] = { base = base, bytes = size_of(base .. ".git"), used = used and used.mtime or 0 } end
		if entry.name:find "^%x+%.old%-" then fs.remove(self.path .. "/" .. entry.name, { recursive = true }) end
	end
	table.sort(found, function(a, b) return a.used < b.used end)
	return found
end

--- What the mirrors take on the disk.
-- @return integer: bytes
-- @return integer: how many there are
function Mirror:size()
	local all, sum = list(self), 0
	for _, one in ipairs(all) do sum = sum + one.bytes end
	return sum, #all
end

--- Removes those mirrors that were not used for the longest time, until the others take no more than so many bytes. One that is
-- in use, by whichever process, stays.
-- @param max_bytes integer
-- @return integer: how many were removed
function Mirror:trim(max_bytes)
	if math.type(max_bytes) ~= "integer" or max_bytes < 0 then
		error("mirror:trim: the bytes that may stay must be an integer of 0 or more, got " .. tostring(max_bytes), 2)
	end
	local all, sum, removed = list(self), 0, 0
	for _, one in ipairs(all) do sum = sum + one.bytes end
	for _, one in ipairs(all) do
		if sum <= max_bytes then break end
		local lock <close> = locks.try(one.base .. ".use", true)
		if lock then
			remove(one.base)
			fs.remove(one.base .. ".used", { recursive = true })
			sum, removed = sum - one.bytes, removed + 1
		end
	end
	return removed
end

-- --- opening ---

local spec = { max_bytes = { nil, "integer", 0 } }

-- The mirror that an option names.
function M.check(value)
	if getmetatable(value) ~= Mirror then error("git.clone: option 'mirror' must be one of git.mirror", 3) end
	return value
end

-- clone is that of epact.git, whose mirror() ends with this call: the next level is its caller.
function M.open(path, given, clone)
	if type(path) ~= "string" or path == "" then
		error("git.mirror: the folder must be a string, got " .. (path == "" and "an empty one" or type(path)), 2)
	end
	local o = options.read(given, spec, "git.mirror", 3)
	local above = path:match "^(.*)/[^/]+/*$"
	if above and above ~= "" then fs.mkdir(above, { parents = true }) end
	locks.folder(path)
	return setmetatable({ path = fs.realpath(path), max_bytes = o.max_bytes, clone_directly = clone, turns = {} }, Mirror)
end

return M

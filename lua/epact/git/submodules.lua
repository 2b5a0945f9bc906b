-- SPDX-License-Identifier: Apache-2.0
-- Submodules of a clone: each is a clone of its own, by the rules of any other. Face: epact.git.
--
-- The folder of all of them is held open: `state.top` leads to it by the descriptor, whatever is put at its path meanwhile, and
-- git names its own parts from within.
local core = require "epact.core.git"
local errors = require "epact.error"
local fs = require "epact.fs"
local run = require "epact.git.run"
local task = require "epact.task"

local DEEPEST, MOST, UNDO_GRACE = 8, 200, 30
local LISTED, LONGEST = 64 << 20, 4200 -- bytes of the listing of a tree, and of one of its lines

local M = {}

-- Runs git in one of the folders, bounded as the clone is.
local function git(state, directory, words, call)
	call.argv = table.move(words, 1, #words, 2, { "git" })
	call.directory, call.held, call.fence = directory, true, state.fence
	local handle <close> = core.command(call)
	return run.wait(handle)
end

-- Path -> URL, as .gitmodules says.
local function read_modules(state, directory)
	local stat = fs.stat(directory .. "/.gitmodules", { follow = false })
	if not stat or stat.type ~= "file" then return {} end
	local text = git(state, directory, { "config", "-z", "--file", ".gitmodules", "--get-regexp", [[^submodule\..*\.(path|url)$]] },
		{ accepted = 1 << 1 }).stdout
	local by_name, urls = {}, {}
	for name, key, value in text:gmatch "submodule%.([^\n]-)%.(%l+)\n([^\0]*)\0" do
		by_name[name] = by_name[name] or {}
		by_name[name][key] = value
	end
	for _, module in pairs(by_name) do
		if module.path and module.url then urls[module.path] = module.url end
	end
	return urls
end

local function fail(code, path, why) error(errors.new(code, ("the submodule '%s': %s"):format(path, why)), 0) end

-- Signs that some file systems leave out of a name: .git with one of them in it is .git to them.
local IGNORED = { "\u{200c}", "\u{200d}", "\u{200e}", "\u{200f}", "\u{202a}", "\u{202b}", "\u{202c}", "\u{202d}", "\u{202e}",
	"\u{206a}", "\u{206b}", "\u{206c}", "\u{206d}", "\u{206e}", "\u{206f}", "\u{feff}" }

-- Whether a part of a path leads out of the work tree, or into a git directory, by whichever file system.
local function leads_away(part)
	local name = part:lower()
	for _, sign in ipairs(IGNORED) do name = name:gsub(sign, "") end
	name = name:gsub("[:\\].*", ""):gsub("[ .]+$", "")
	return name == "" or name == ".git" or name:find "^git~%d+$" ~= nil
end

-- git refuses such trees when it fetches them; here that is not relied upon.
local function check_path(path)
	for part in (path .. "/"):gmatch "([^/]*)/" do
		if leads_away(part) then fail("invalid_argument", path, "its path leads out of the work tree") end
	end
end

-- The commits that the tree names, in its order: { path, commit }. Entry by entry: a name of a file may look like a further one.
local function read_links(state, directory)
	local links = {}
	for entry in git(state, directory, { "ls-tree", "-r", "-z", "HEAD" }, {}).stdout:gmatch "[^\0]+" do
		local commit, path = entry:match "^160000 commit (%x+)\t(.+)$"
		if path then links[#links + 1] = { path = path, commit = commit } end
	end
	return links
end

-- A relative URL is seen from the repository's own; it cannot leave its host.
local function resolve(url, base, path)
	if not url:find "^%.%.?/" then return url end
	local at = base:gsub("/+$", "")
	while true do
		local rest = url:match "^%./+(.*)$"
		if not rest then
			rest = url:match "^%.%./+(.*)$"
			if not rest then break end
			at = at:match "^(%a+://[^/]+/?.*)/[^/]+$" or fail("invalid_argument", path, "its URL leads above the host of the repository")
		end
		url = rest
	end
	return at .. "/" .. url
end

local function host_of(url) return url:match "^(%a+://[^/]+)" end

local function is_http(url) return host_of(url):find "^http://" ~= nil end

-- The folder is there, and no part of the way to it is a link; a sparse checkout may have left it out.
local function is_place(directory, path)
	local stat = fs.stat(directory .. "/" .. path, { follow = false })
	return stat and stat.type == "directory" and fs.realpath(directory .. "/" .. path) == fs.realpath(directory) .. "/" .. path
end

local function too_large()
	error(errors.new("too_large", "the submodules have more files or bytes than max_files or max_bytes allows"), 0)
end

-- Whether an entry of a walk is a file of a work tree.
local function is_checked_out(entry) return entry.type ~= "directory" and not ("/" .. entry.path .. "/"):find("/.git/", 1, true) end

-- What the caps leave when this much is there: nil for no limit.
local function rest_of(state)
	local files, bytes = state.max_files, state.max_bytes
	if not files and not bytes then return end
	for _, entry in ipairs(fs.walk(state.top)) do
		if bytes then bytes = bytes - entry.size end
		if files and is_checked_out(entry) then files = files - 1 end
	end
	if (files and files < 0) or (bytes and bytes < 0) then too_large() end
	return files, bytes
end

-- The same as if the work tree in the folder were not there.
local function rest_without(state, directory)
	local files, bytes = rest_of(state)
	for _, entry in ipairs((files or bytes) and fs.walk(directory) or {}) do
		if is_checked_out(entry) then
			files = files and files + 1
			bytes = bytes and bytes + entry.size
		end
	end
	return files, bytes
end

-- Whether a commit fits, before it is checked out. The index takes more than its line of each file, so that a listing that is
-- longer than the bytes that are left needs no end.
local function check_tree(state, directory, commit, files, bytes, timeout)
	local longest = math.min(LISTED, bytes or LISTED, files and (files + 1) * LONGEST or LISTED)
	local listed, result = pcall(git, state, directory, { "ls-tree", "-r", "-z", "-l", commit },
		{ max_output = math.max(longest, 1), timeout = timeout })
	if not listed then
		if type(result) == "table" and result.code == "too_large" then too_large() end
		error(result, 0)
	end
	for entry in result.stdout:gmatch "[^\0]+" do
		if files then files = files - 1 end
		if bytes then bytes = bytes - (tonumber(entry:match "^%d+ %l+ %x+ +(%d+)\t") or 0) end
		if (files and files < 0) or (bytes and bytes < 0) then too_large() end
	end
end

-- Fetches a commit that no branch has. In one pack: then max_file is a limit of all that comes.
local function fetch_commit(state, directory, commit, call, timeout)
	local _, bytes = rest_of(state)
	if bytes == 0 then too_large() end -- as a limit it would be none
	local words = { "fetch", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--quiet" }
	if call.depth ~= 0 and not call.full then words[#words + 1] = "--depth=" .. (call.depth or 1) end
	table.move({ "--", "origin", commit }, 1, 3, #words + 1, words)
	local ok, err = pcall(git, state, directory, words, { remote = "origin",
		credential = call.credential, scope = call.credential and call.url, ca_file = call.ca_file, allow_http = call.allow_http,
		stall = call.stall, timeout = timeout, grace = call.grace, max_file = bytes, config = { "fetch.unpackLimit", "1" } })
	if ok then return end
	if bytes and type(err) == "table" and (err.detail or ""):find("File too large", 1, true) then too_large() end
	error(err, 0)
end

-- The commit that the tree names: mostly it is not that of a branch, and nothing of it was counted.
local function check_out(state, directory, commit, head, call)
	local began, bytes = task.now(), nil
	local function left() return call.timeout and math.max(call.timeout - (task.now() - began), 0.001) end
	if head ~= commit then
		fetch_commit(state, directory, commit, call, left())
		local files
		files, bytes = rest_without(state, directory)
		if files or bytes then check_tree(state, directory, commit, files, bytes, left()) end
	end
	git(state, directory, { "checkout", "--quiet", "--detach", commit, "--" },
		{ timeout = left(), grace = call.grace, max_file = bytes and math.max(bytes, 1) })
end

local clone_below

local HANDED_ON = { "depth", "full", "ca_file", "allow_http", "stall", "timeout", "grace", "progress", "mirror" }

local function clone_one(state, directory, link, url, options)
	local call = {}
	for _, name in ipairs(HANDED_ON) do call[name] = options[name] end
	call.url, call.directory = resolve(url, options.url, link.path), directory .. "/" .. link.path
	call.max_files, call.max_bytes = rest_of(state)
	if call.max_files == 0 or call.max_bytes == 0 then too_large() end -- 0 would be no limit
	if host_of(call.url) == host_of(state.url) then call.credential = options.credential end
	local checked = { url = call.url, directory = call.directory, allow_http = call.allow_http }
	local ok, err = pcall(core.check, checked)
	if ok and is_http(call.url) and not is_http(state.url) and not call.allow_http then
		ok, err = false, "its URL must start with https://, as that of the repository does"
	end
	if not ok then fail("invalid_argument", link.path, type(err) == "table" and err.message or err) end
	local cloned, result = pcall(state.clone, call)
	if not cloned then
		if type(result) == "table" then result.message = ("the submodule '%s': %s"):format(link.path, result.message) end
		error(result, 0)
	end
	check_out(state, call.directory, link.commit, result.head, call)
	state.paths[#state.paths + 1] = call.directory:sub(#state.top + 2)
	local below = {}
	for name, value in pairs(options) do below[name] = value end
	below.url = call.url
	clone_below(state, call.directory, below)
end

function clone_below(state, directory, options)
	local urls = read_modules(state, directory)
	if not next(urls) then return end
	state.depth = state.depth + 1
	if state.depth > DEEPEST then fail("too_large", directory:sub(#state.top + 2), "submodules are nested too deeply") end
	for _, link in ipairs(read_links(state, directory)) do
		local url = urls[link.path]
		if url then check_path(link.path) end
		if url and is_place(directory, link.path) then
			if #state.paths >= MOST then fail("too_large", link.path, ("there are more than %d submodules"):format(MOST)) end
			clone_one(state, directory, link, url, options)
		end
	end
	state.depth = state.depth - 1
end

-- What clone says of its options, before a folder is made.
local function check_options(call)
	local checked = {}
	for name, value in pairs(call) do checked[name] = value end
	checked.progress, checked.mirror = nil, nil
	core.check(checked)
end

-- Removes what the clone made, and only that: it is found by the descriptor.
local function undo(place)
	local at = place:at()
	for _, entry in ipairs(fs.list(at)) do fs.remove(at .. "/" .. entry.name, { recursive = true }) end
	place:undo()
end

local function moved(path)
	return errors.new("destination_exists", ("'%s' is no longer the folder that was taken for the clone"):format(path))
end

-- The error as the caller is to see it: of the folder by the name that he knows; and what git met in another's is not the cause.
local function explain(err, place, path)
	if type(err) ~= "table" or err.code == "cancelled" then return err end
	if err.code ~= "timeout" and not place:is_there() then return moved(path) end
	local at = place:at()
	for _, field in ipairs { "message", "detail", "operation" } do
		if type(err[field]) == "string" then err[field] = err[field]:gsub(at .. "%f[%D]", function() return path end) end
	end
	return err
end

local function clone_all(place, call, clone, path)
	local at, fence = place:at()
	call.directory = at .. "/." -- a path that ends in a link would be refused
	local result = clone(call)
	result.directory = path
	local state = { top = at, fence = fence, url = call.url, clone = clone, paths = {}, depth = 0 }
	for _, cap in ipairs { "max_files", "max_bytes" } do
		if call[cap] ~= 0 then state[cap] = call[cap] end
	end
	if result.head then clone_below(state, at, call) end
	rest_of(state)
	if not place:is_there() then error(moved(path), 0) end
	result.submodules = state.paths
	return result
end

-- Clones by `clone`, and then all submodules; fails as a whole.
function M.clone(options, clone)
	local call = {}
	for name, value in pairs(options) do call[name] = value end
	call.recurse_submodules = nil
	check_options(call)
	local path = call.directory:gsub("(.)/+$", "%1")
	local place <close> = core.place(path)
	local guard <close> = setmetatable({}, { __close = function(guard)
		if not guard.done then task.shield(UNDO_GRACE, undo, place) end
	end })
	local cloned, result = pcall(clone_all, place, call, clone, path)
	if not cloned then error(explain(result, place, path), 0) end
	guard.done = true
	return result
end

return M

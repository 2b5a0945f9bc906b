-- SPDX-License-Identifier: Apache-2.0
-- Submodules of a clone: each is a clone of its own, by the rules of any other. Face: epact.git.
local core = require "epact.core.git"
local errors = require "epact.error"
local fs = require "epact.fs"
local run = require "epact.git.run"

local DEEPEST, MOST = 8, 200

local M = {}

local function git(directory, words, call)
	return run.git({ directory = directory, settings = call and call.settings or {} }, words, call)
end

-- Path -> URL, as .gitmodules says.
local function read_modules(directory)
	local stat = fs.stat(directory .. "/.gitmodules", { follow = false })
	if not stat or stat.type ~= "file" then return {} end
	local text = git(directory, { "config", "-z", "--file", directory .. "/.gitmodules", "--get-regexp", [[^submodule\..*\.(path|url)$]] },
		{ accepted = { 1 } }).stdout
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
local IGNORED = { "\u{200c}", "\u{200d}", "\u{200e}", "\u{200f}", "\u{202a}", "\u{202b}", "\u{202c}", "\u{202d}", "\u{202e}", "\u{206a}", "\u{206b}",
	"\u{206c}", "\u{206d}", "\u{206e}", "\u{206f}", "\u{feff}" }

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
local function read_links(directory)
	local links = {}
	for entry in git(directory, { "ls-tree", "-r", "-z", "HEAD" }).stdout:gmatch "[^\0]+" do
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

-- What the caps leave when this much is there.
local function rest_of(top, options)
	local files, bytes = options.max_files, options.max_bytes
	if not files and not bytes then return end
	for _, entry in ipairs(fs.walk(top)) do
		if bytes then bytes = bytes - entry.size end
		if files and entry.type ~= "directory" and not ("/" .. entry.path .. "/"):find("/.git/", 1, true) then files = files - 1 end
	end
	if (files and files < 1) or (bytes and bytes < 1) then
		error(errors.new("too_large", "the submodules have more files or bytes than max_files or max_bytes allows"), 0)
	end
	return files, bytes
end

-- The commit that the tree names: mostly it is not that of a branch.
local function check_out(directory, commit, head, call)
	local settings = { ca_file = call.ca_file, allow_http = call.allow_http }
	if head ~= commit then
		local words = { "fetch", "--no-write-fetch-head", "--no-auto-maintenance", "--quiet" }
		if call.depth ~= 0 and not call.full then words[#words + 1] = "--depth=" .. (call.depth or 1) end
		table.move({ "--", "origin", commit }, 1, 3, #words + 1, words)
		git(directory, words, { settings = settings, net = { remote = "origin" }, credential = call.credential, url = call.credential and call.url,
			timeout = call.timeout, stall = call.stall })
	end
	git(directory, { "checkout", "--quiet", "--detach", commit, "--" }, { settings = settings })
end

local clone_below

local function clone_one(state, directory, link, url, options)
	local call = {}
	for _, name in ipairs { "depth", "full", "ca_file", "allow_http", "stall", "timeout", "grace", "progress", "mirror" } do call[name] = options[name] end
	call.url, call.directory = resolve(url, options.url, link.path), directory .. "/" .. link.path
	call.max_files, call.max_bytes = rest_of(state.top, options)
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
	check_out(call.directory, link.commit, result.head, call)
	state.paths[#state.paths + 1] = call.directory:sub(#state.top + 2)
	local below = {}
	for name, value in pairs(options) do below[name] = value end
	below.url = call.url
	clone_below(state, call.directory, below)
end

function clone_below(state, directory, options)
	local urls = read_modules(directory)
	if not next(urls) then return end
	state.depth = state.depth + 1
	if state.depth > DEEPEST then fail("too_large", directory, "submodules are nested too deeply") end
	for _, link in ipairs(read_links(directory)) do
		local url = urls[link.path]
		if url then check_path(link.path) end
		if url and is_place(directory, link.path) then
			if #state.paths >= MOST then fail("too_large", link.path, ("there are more than %d submodules"):format(MOST)) end
			clone_one(state, directory, link, url, options)
		end
	end
	state.depth = state.depth - 1
end

-- The first part of the path that is not there yet; nil when all of it is.
local function first_missing(directory)
	local missing
	local path = directory:gsub("(.)/+$", "%1")
	while path ~= "" and not fs.stat(path, { follow = false }) do
		missing = path
		path = path:match "^(.+)/[^/]+$" or ""
	end
	return missing
end

-- Removes what the clone made, but a folder above it in which there is something else.
local function undo(directory, missing)
	if not missing then
		for _, entry in ipairs(fs.list(directory)) do fs.remove(directory .. "/" .. entry.name, { recursive = true }) end
		return
	end
	fs.remove(directory, { recursive = true })
	local path = directory:gsub("(.)/+$", "%1")
	while path ~= missing do
		path = path:match "^(.+)/[^/]+$"
		if not pcall(fs.remove, path) then return end
	end
end

-- Clones by `clone`, and then all submodules; fails as a whole.
function M.clone(options, clone)
	local call = {}
	for name, value in pairs(options) do call[name] = value end
	call.recurse_submodules = nil
	local missing = type(call.directory) == "string" and first_missing(call.directory)
	local result = clone(call)
	local guard <close> = setmetatable({}, { __close = function(guard)
		if not guard.done then undo(result.directory, missing) end
	end })
	local state = { top = result.directory:gsub("(.)/+$", "%1"), url = call.url, clone = clone, paths = {}, depth = 0 }
	if result.head then clone_below(state, state.top, call) end
	result.submodules = state.paths
	guard.done = true
	return result
end

return M

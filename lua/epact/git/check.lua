-- SPDX-License-Identifier: Apache-2.0
-- What may be handed to git as a name, a revision, a person, a path. Refused before git is started: code invalid_argument.
local core = require "epact.core.git"
local errors = require "epact.error"

local M = {}

local function refuse(format, ...) error(errors.new("invalid_argument", format:format(...)), 0) end

-- Of options that were read: only what is handed on as bytes may hold a NUL.
function M.no_nul(what, options)
	for name, value in pairs(options) do
		if name ~= "input" and type(value) == "string" and value:find("\0", 1, true) then
			refuse("%s: option '%s' holds a NUL byte", what, name)
		end
	end
end

-- The name of a branch or tag.
function M.ref(what, name)
	core.check_ref(what, name)
	return name
end

-- The name of a tag that is made. Of one with the name "HEAD" nothing could be told from the real one, which older gits allow.
function M.new_tag(what, name)
	if name == "HEAD" then refuse("%s: no tag may have the name 'HEAD'", what) end
	return M.ref(what, name)
end

-- A name, or nil.
function M.opt_ref(what, name) return name and M.ref(what, name) end

-- A revision or a range in git's notation. It stands where git takes options too, so it must not look like one.
function M.revision(what, text)
	if type(text) ~= "string" or text == "" then refuse("%s must be a revision, such as a branch or the id of a commit", what) end
	if text:find "^%-" then refuse("%s '%s' starts with '-'", what, text) end
	if text:find "[\0-\31\127]" then refuse("%s holds a control character", what) end
	return text
end

-- The name of a remote.
function M.remote(name)
	if type(name) ~= "string" or not name:find "^[%w_][%w_./+-]*$" or name:find("..", 1, true) then
		refuse("the name of a remote may hold letters, digits and _./+-, got '%s'", tostring(name))
	end
	return name
end

-- "Name <mail>" or { name =, email = } as the two texts.
local function read_person(what, person)
	if type(person) == "string" then
		local name, email = person:match "^%s*(.-)%s*<([^<>]*)>%s*$"
		if not name then refuse("%s must be 'Name <mail address>', got '%s'", what, person) end
		return name, email
	end
	if type(person) ~= "table" or type(person.name) ~= "string" or type(person.email) ~= "string" then
		refuse("%s must be 'Name <mail address>' or a table with name and email", what)
	end
	return person.name, person.email
end

-- The variables of git that name a person; kind is "AUTHOR" or "COMMITTER".
function M.person(env, kind, what, person)
	if person == nil then return end
	local name, email = read_person(what, person)
	if (name .. email):find "[\0-\31\127<>]" then refuse("%s holds '<', '>' or a control character", what) end
	if not name:find "%w" and not name:find "[\128-\255]" then refuse("%s has no name", what) end
	env[#env + 1] = ("GIT_%s_NAME=%s"):format(kind, name)
	env[#env + 1] = ("GIT_%s_EMAIL=%s"):format(kind, email)
end

-- What git could be given as a password. The caller at `level` made the mistake.
function M.credential(what, value, level)
	if value == nil then return end
	local ok, err = pcall(core.check_credential, value, what)
	if not ok then error(err, type(err) == "string" and level + 1 or 0) end
end

-- Seconds since 1970 as git reads them: whole ones, and none before.
function M.time(what, seconds)
	if not (seconds >= 0 and seconds < 1 << 53) then refuse("%s must be seconds since 1970, got %s", what, seconds) end
	return ("%d"):format(seconds // 1)
end

-- One path or a list of paths of the work tree, as a list.
function M.paths(what, paths)
	if type(paths) == "string" then paths = { paths } end
	if #paths == 0 then refuse("%s: the list of paths is empty", what) end
	for _, path in ipairs(paths) do
		if path == "" then refuse("%s: a path is empty", what) end
		if path:find("\0", 1, true) then refuse("%s: a path holds a NUL byte", what) end
	end
	return paths
end

-- Ends the words with "--" and the paths, if there are any. Then no word behind it is an option.
function M.end_with_paths(words, what, paths)
	words[#words + 1] = "--"
	if not paths then return words end
	paths = M.paths(what, paths)
	return table.move(paths, 1, #paths, #words + 1, words)
end

-- A number of commits, which git counts in 32 bits; no history has more.
function M.count(number) return ("%d"):format(math.min(number, 0x7fffffff)) end

-- The number of a stash. From 100000000 on git would take it for a time.
function M.stash(number)
	if number == true then number = 0 end
	if math.type(number) ~= "integer" or number < 0 or number >= 100000000 then refuse("a stash is a number, 0 for the latest") end
	return ("stash@{%d}"):format(number)
end

return M

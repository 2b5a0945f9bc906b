-- SPDX-License-Identifier: Apache-2.0
-- Writes the reference of the Lua modules, one Markdown file for each, made of their --- blocks.
-- usage: ./dev reference, or: epact run cmake/reference.lua SOURCE-DIR OUT-DIR
local fs = require "epact.fs"

local source, out = ...
local lua = source .. "/lua/epact/"

-- What a class of a file is called in a script; others go by their name in small letters.
local OBJECTS = { Repo = "client.repo", RepoToken = "client.repo_token", File = "client.repo.file", Database = "db", scope = "scope",
	Input = "process.stdin", Output = "process.stdout", Models = "m" }

-- A file lua/epact/NAME.lua is a page, with what is in lua/epact/NAME/. Other files that are pages, and what is nobody's but ours:
local PAGES = { init = "epact", ["relace/models"] = "epact.relace.models", ["server/init"] = "epact.server" }
local INTERNAL = { colon = true, options = true, init = true }

-- --- reading ---

-- Calls visit(block, line) for each --- block: its lines without dashes, and the line of code behind it.
local function each_block(path, visit)
	local block
	for line in io.lines(path) do
		local dashes, text = line:match "^%s*(%-%-%-?) ?(.*)$"
		if dashes == "---" and not block then block = {} end
		if dashes and block then
			block[#block + 1] = text
			if dashes == "---" and text:find "^@" then block.editors = true end
		elseif block then
			visit(block, line:match "^%s*(.*)$")
			block = nil
		end
	end
end

-- A type of the form that editors read, such as table<string, string|number>? or fun(a: string): string; and what is behind it.
local function split_type(text)
	local at = 1
	repeat
		local word = text:match("^fun%b()", at) or text:match("^%b{}", at) or text:match("^[%w_.]+%b<>", at) or text:match("^[%w_.]+", at)
		if not word then break end
		at = at + #word + #text:match("^[%[%]?]*", at + #word)
		if word:find "^fun" then at = at + #text:match("^:? ?", at) end
		local more = text:sub(at, at) == "|" or (word:find "^fun" and text:find("^[%w_{]", at))
		if text:sub(at, at) == "|" then at = at + 1 end
	until not more
	return text:sub(1, at - 1):gsub("%s+$", ""), text:sub(at):match "^%s*(.*)$"
end

-- --- Markdown ---

-- "<" begins no tag, but for what stands between backticks.
local function escape(text)
	local parts, code = {}, false
	for part, tick in text:gmatch "([^`]*)(`?)" do
		parts[#parts + 1] = (code and part or part:gsub("<", "&lt;")) .. tick
		if tick == "`" then code = not code end
	end
	return table.concat(parts)
end

-- A tag as an item of a list; editors: it has a type of their form.
local function item(tag, rest, editors)
	local name, text = "returns", rest
	if tag ~= "return" then
		name, text = rest:match "^(%S+)%s*(.*)$"
		name = "`" .. name .. "`"
	end
	if not editors then return ("- %s %s"):format(name, escape(text)) end
	local kind, words = split_type(text)
	return ("- %s `%s` %s"):format(name, kind, escape(words))
end

-- The lines of a block, as lines of Markdown.
local function render(block)
	local lines, code, tag = {}, false, nil
	local function add(line) lines[#lines + 1] = line:gsub("%s+$", "") end
	local function gap()
		if #lines > 0 and lines[#lines] ~= "" then add "" end
	end
	local function set_code(on)
		if code == on then return end
		if on then gap() end
		add(on and "```lua" or "```")
		code = on
	end
	for _, text in ipairs(block) do
		local name, rest = text:match "^%s*@(%a+)%s*(.*)$"
		local example = text:match "^Example:%s*(.*)$"
		if name then
			set_code(false)
			if not tag then gap() end
			if name ~= "class" then add(item(name, rest, block.editors)) end
			tag = name ~= "class" and name or nil
		elseif example then
			gap()
			set_code(true)
			tag, rest = nil, (example:match "^`(.*)`$" or example):gsub("`; `", "\n")
			if rest ~= "" then add(rest) end
			block.example = true
		elseif tag and (text:find "^%s%s" or block.editors and text ~= "" and not text:find "^Raises") then
			add("  " .. escape(text:match "^%s*(.*)$"))
		elseif text:find "^    " or (code and block.example and text:find "^%s") then
			set_code(true)
			add((text:gsub(block.example and "^  " or "^    ", "")))
		else
			set_code(false)
			if tag then gap() end
			tag = nil
			add(escape(text))
		end
	end
	set_code(false)
	gap()
	return lines
end

-- --- pages ---

local function name_of(class) return OBJECTS[class] or class:lower() end

-- How a script writes what the line of code declares: "http.get(url, options)"; nil when it is not for scripts. part: the file is
-- one of a folder.
local function signature(line, block, module, part)
	local class, sign, name, parameters = line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
	if class and sign == ":" then
		return ("%s:%s(%s)"):format(name_of(class), name, parameters)
	elseif class then
		if not part then return ("%s.%s(%s)"):format(module, name, parameters) end
		local first, rest = parameters:match "^(%w+),? ?(.*)$"
		if module == "git" and (first == "repo" or first == "tree") then return ("%s:%s(%s)"):format(first, name, rest) end
		return nil
	end
	name = not part and line:match "^%a+%.([%w_]+) = "
	if not name then return nil end
	local names = {}
	for _, text in ipairs(block) do names[#names + 1] = text:match "^%s*@param%s+([%w_.]+)" end
	local is_value = line:find "= {" or line:find "= require" or line:find "%.null"
	return ("%s.%s%s"):format(module, name, is_value and "" or "(" .. table.concat(names, ", ") .. ")")
end

local function says_more(lines, title)
	local text = table.concat(lines)
	return text ~= "" and text ~= ("`%s`"):format(title)
end

local Page = {}
Page.__index = Page

function Page:add(lines) table.move(lines, 1, #lines, #self.lines + 1, self.lines) end

function Page:block(block, line, part)
	local class = not line:find "%S" and (table.concat(block, "\n") .. "\n"):match "@class ([%w_.]+)"
	local object = line:match "^local (%u%w*) = " -- what methods belong to
	local title = class or signature(line, block, self.module, part) or (object and name_of(object))
	local lines = render(block)
	if not title or (object and not says_more(lines, title)) then return end
	self:add { ("### `%s`"):format(title), "" }
	self:add(lines)
end

function Page:file(path, part)
	local first = true
	each_block(lua .. path, function(block, line)
		local intro = first and line:find "^local"
		first = false
		if intro then
			self:add(render(block))
		else
			self:block(block, line, part)
		end
	end)
end

local function stem(name) return name:match "^(.*)%.lua$" end

local function parts_of(name)
	local found = {}
	for _, entry in ipairs(fs.stat(lua .. name) and fs.list(lua .. name) or {}) do
		local part = name .. "/" .. (stem(entry.name) or "")
		if stem(entry.name) and not PAGES[part] then found[#found + 1] = part end
	end
	return found
end

-- The part of a page that a file of a folder is; nothing when it has nothing for scripts.
function Page:part(path)
	local part = setmetatable({ module = self.module, lines = { "## " .. path:match "[%w_]+$", "" } }, Page)
	part:file(path .. ".lua", true)
	for _, line in ipairs(part.lines) do
		if line:find "^###" then return self:add(part.lines) end
	end
end

local function write_page(module, file, parts)
	local page = setmetatable({ module = module:match "[%w_]+$", lines = {} }, Page)
	page:add { "# " .. module, "", ("`require \"%s\"`. Made of `lua/epact/%s.lua` by `./dev reference`."):format(module, file), "" }
	page:file(file .. ".lua", false)
	for _, part in ipairs(parts) do page:part(part) end
	if page.lines[#page.lines] == "" then page.lines[#page.lines] = nil end
	fs.write(("%s/%s.md"):format(out, module:gsub("^epact%.", "")), table.concat(page.lines, "\n") .. "\n")
end

fs.mkdir(out, { parents = true })
for _, entry in ipairs(fs.list(lua)) do
	local name = stem(entry.name)
	if name and not INTERNAL[name] then write_page("epact." .. name, name, parts_of(name)) end
end
for file, module in pairs(PAGES) do write_page(module, file, {}) end

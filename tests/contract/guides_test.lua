-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- The Lua of the README and of each guide is run as a reader would do it: all blocks of a page, one after the other, as one
-- script, in a folder that has a `project` and a `logo.png`. A page names the options of epact run: <!-- test: --local -->
local check = require "check"
local env = require "epact.env"
local fs = require "epact.fs"
local process = require "epact.process"

local SOURCE = env.get "EPACT_SOURCE"

-- What stands in the blocks, each line where it is in the page; nil when there is none.
local function script_of(page)
	local lines, inside, any = {}, false, false
	for line in (page .. "\n"):gmatch "(.-)\n" do
		local fence = line:match "^```(%a*)"
		lines[#lines + 1] = inside and not fence and line or ""
		if fence then inside = fence == "lua" end
		any = any or inside
	end
	return any and table.concat(lines, "\n") or nil
end

local function make_project(folder)
	fs.mkdir(folder .. "/project/src", { parents = true })
	fs.write(folder .. "/project/README.md", "# Demo\n")
	fs.write(folder .. "/project/src/main.c", "int main(void) { return 0; }\n")
	fs.write(folder .. "/logo.png", "\137PNG\0")
end

local function run(name, script, options)
	local folder <close> = fs.temp_dir { prefix = "guide-" }
	make_project(folder.path)
	fs.write(folder.path .. "/" .. name, script) -- under its own name, so that an error says where in the page it is
	local argv = { env.get "EPACT_BIN", "run" }
	for word in options:gmatch "%S+" do argv[#argv + 1] = word end
	argv[#argv + 1] = name
	local result = process.run(argv, { cwd = folder.path, check = false })
	if result.status ~= 0 then error(result.stdout .. result.stderr, 0) end
end

local pages = { SOURCE .. "/README.md" }
for _, entry in ipairs(fs.list(SOURCE .. "/docs/guide")) do pages[#pages + 1] = SOURCE .. "/docs/guide/" .. entry.name end
for _, path in ipairs(pages) do
	local name, page = path:match "[^/]+$", fs.read(path)
	local script = script_of(page)
	if script then
		print(name)
		check.case(name, function() run(name, script, page:match "<!%-%- test: (.-) %-%->" or "") end)
	end
end

-- Links of every page, but those to the web.
check.case("links lead somewhere", function()
	local tracked = process.run({ "git", "-C", SOURCE, "ls-files", "-z", "*.md" }, { check = false }).stdout
	for name in tracked:gmatch "[^\0]+" do
		local folder = name:match "^(.*/)" or ""
		for target in fs.read(SOURCE .. "/" .. name):gsub("```.-```", ""):gmatch "%]%(([^%s)#]+)" do
			local there = target:find "^%a+:" or fs.stat(("%s/%s%s"):format(SOURCE, folder, target))
			check.ok(there, ("%s: there is no %s"):format(name, target))
		end
	end
end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
-- Packages of npm for tests, as a package-lock.json says: installed once into the build folder, with no script of theirs
-- run. `local node <close> = npm.folder(FOLDER)`: a fresh folder with the test's own files and the packages.
local crypto = require "epact.crypto"
local env = require "epact.env"
local fs = require "epact.fs"
local process = require "epact.process"

local M = {}

-- What npm says when nothing answers, or nobody who has packages.
local UNREACHABLE = { "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH",
	"ERR_SOCKET_TIMEOUT", "E403", "E407", "E5%d%d", "SELF_SIGNED_CERT", "UNABLE_TO_", "CERT_" }

local function is_missing(program)
	local ok, err = pcall(process.run, { program, "--version" })
	return not ok and err.code == "not_found"
end

local function why_unreachable(words)
	for _, code in ipairs(UNREACHABLE) do
		local found = words:match("code (" .. code .. "%w*)")
		if found then return found end
	end
end

-- Installs what the lock file in `from` names below `place`; returns why not when the registry is out of reach.
local function install(from, place)
	local fresh <close> = fs.temp_dir { dir = M.root(), prefix = "new-" }
	local package = fresh.path .. "/package"
	fs.mkdir(package)
	for _, name in ipairs { "package.json", "package-lock.json" } do
		fs.copy(("%s/%s"):format(from, name), ("%s/%s"):format(package, name))
	end
	local ok, result = pcall(process.run, { "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund",
		"--no-update-notifier", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000" },
		{ cwd = package, check = false, timeout = 150 })
	if not ok then return result.code == "timeout" and "no answer in 150 s" or error(result, 0) end
	if result.status ~= 0 then
		return why_unreachable(result.stderr) or error("npm ci failed in " .. from .. ":\n" .. result.stderr)
	end
	-- Another run of the tests may have been faster: its folder is as good.
	if not fs.stat(place) then pcall(fs.rename, package, place) end
end

--- Where installed packages are kept.
function M.root()
	local root = assert(env.get "EPACT_BUILD") .. "/npm"
	fs.mkdir(root, { parents = true })
	return root
end

--- A fresh folder that holds a copy of the files of `from` and, as node_modules, the packages of its lock file. Nil and the
--- reason, a line for people, when they can't be had.
function M.folder(from)
	for _, program in ipairs { "node", "npm" } do
		if is_missing(program) then return nil, ("skipped: there is no %s (apt-get install nodejs npm)"):format(program) end
	end
	local key = crypto.sha256(fs.read(from .. "/package-lock.json")):sub(1, 16)
	local place = ("%s/%s-%s"):format(M.root(), from:match "[^/]+$", key)
	if not fs.stat(place) then
		local why = install(from, place)
		if why then return nil, ("skipped: npm's registry is not reachable (%s)"):format(why) end
	end
	local folder = fs.temp_dir { prefix = "node-" }
	for _, entry in ipairs(fs.list(from)) do
		if entry.type == "file" then fs.copy(("%s/%s"):format(from, entry.name), ("%s/%s"):format(folder.path, entry.name)) end
	end
	process.run { "ln", "-s", place .. "/node_modules", folder.path .. "/node_modules" }
	return folder
end

return M

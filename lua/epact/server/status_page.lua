-- SPDX-License-Identifier: Apache-2.0
-- GET /: what the server has and does, for people who look at it on the same machine. It asks for no key, so it shows no
-- secret, is there on a loopback address alone, and answers only to names of this machine: a page of somebody else's
-- whose name leads here (DNS rebinding) gets nothing.

local fs = require "epact.fs"
local task = require "epact.task"
local version = require "epact.core.version"
local errors = require "epact.server.errors"
local html = require "epact.server.html"
local loopback = require "epact.server.loopback"
local when = require "epact.server.when"

local status_page = {}

local MOST_REPOS = 50
local MOST_TOKENS = 50

local HEADERS = {
	["Content-Type"] = "text/html; charset=utf-8",
	["Cache-Control"] = "no-store",
	["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
		.. "frame-ancestors 'none'",
	["Cross-Origin-Resource-Policy"] = "same-origin",
	["Referrer-Policy"] = "no-referrer",
	["X-Content-Type-Options"] = "nosniff",
}

local function size_of(path)
	local ok, entries = pcall(fs.walk, path .. "/objects")
	if not ok then return "-" end
	local bytes = 0
	for _, entry in ipairs(entries) do
		if entry.type == "file" then bytes = bytes + entry.size end
	end
	return bytes < 10240 and ("%d B"):format(bytes) or ("%.0f KiB"):format(bytes / 1024)
end

local function repos_table(app)
	local rows, total = app.store:list_repos { order = "updated_at", descending = true, start = 0, size = MOST_REPOS }
	for place, repo in ipairs(rows) do
		local path = app.git_store:path(repo.id)
		local head = app.git_store:head(path, repo.branch) or "-"
		rows[place] = { repo.id, repo.metadata and repo.metadata.name or "", repo.branch, head:sub(1, 12),
			repo.updated_at or repo.created_at, size_of(path) }
	end
	return html.table(("Repos: %d"):format(total), { "id", "name", "branch", "head", "updated", "size" }, rows)
end

local function scope_of(token)
	local ids = {}
	for place, id in ipairs(token.repo_ids) do ids[place] = id:sub(1, 8) end
	return table.concat(ids, " ")
end

local function expiry_of(token, now)
	if not token.expires_at then return "never" end
	return when.format(token.expires_at) .. (token.expires_at <= now and " (expired)" or "")
end

local function tokens_table(app)
	local rows, total = app.store:tokens(MOST_TOKENS)
	local now = os.time()
	for place, token in ipairs(rows) do
		rows[place] = { token.prefix .. "…", token.name, scope_of(token), expiry_of(token, now), token.created_at }
	end
	return html.table(("Repo tokens: %d"):format(total), { "token", "name", "repos", "expires", "created" }, rows)
end

local function requests_table(app)
	local rows = {}
	for place, entry in ipairs(app.journal:latest()) do
		rows[place] = { entry.time, entry.who, entry.method, entry.path, entry.status, ("%d"):format(entry.bytes),
			("%.1f ms"):format(entry.seconds * 1000) }
	end
	return html.table("Last requests", { "time", "who", "method", "path", "status", "bytes", "took" }, rows)
end

local function faults_table(app)
	local rows = {}
	for place, rule in ipairs(app.faults.rules) do rows[place] = { rule.text, rule.hits } end
	return #rows > 0 and html.table("Faults on purpose", { "rule", "hits" }, rows) or ""
end

local function check_place(app, request)
	local host = request.headers.host or ""
	if not app.options.status_page or not loopback.is_host(app.options.host) then errors.fail(404, "no such route") end
	if not loopback.is_host(host:gsub(":%d+$", "")) then
		errors.fail(403, "this page is served to the names of this machine alone, such as http://127.0.0.1")
	end
end

--- GET and HEAD /
function status_page.handle(app, request)
	check_place(app, request)
	local line = ("epact %s, up for %d s"):format(version, (task.now() - app.begun) // 1)
	local page = html.page("Local Relace server", line,
		{ faults_table(app), repos_table(app), tokens_table(app), requests_table(app) })
	request.raw:respond(200, HEADERS, page)
	return nil
end

return status_page

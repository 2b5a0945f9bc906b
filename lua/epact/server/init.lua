-- SPDX-License-Identifier: Apache-2.0
--- The local Relace server: the Repos API on this machine, on bare git repos and one SQLite file in a data folder.
--
--     local server <close> = require "epact.server".start { data = ".epact" }
--     print(server.url)
--     server:run()

local crypto = require "epact.crypto"
local fs = require "epact.fs"
local log = require "epact.log"
local secret = require "epact.secret"
local serve = require "epact.serve"
local task = require "epact.task"
local app = require "epact.server.app"
local auth = require "epact.server.auth"
local faults = require "epact.server.faults"
local git_store = require "epact.server.git_store"
local idempotency = require "epact.server.idempotency"
local index = require "epact.server.index"
local journal = require "epact.server.journal"
local locks = require "epact.server.locks"
local maintenance = require "epact.server.maintenance"
local options_of = require "epact.server.options"
local rate_limit = require "epact.server.rate_limit"
local recovery = require "epact.server.recovery"
local store = require "epact.server.store"
local trees = require "epact.server.trees"

local server = {}

local Server = {}
Server.__index = Server

local PURGE_EVERY = 3600
local KEEP = 24 * 3600

-- A key that cannot stand in a header would let nobody in.
local function checked(key, origin)
	if key:find "^[!-~]+$" then return key end
	return error(("the API key %s is empty, or holds a blank or another character that no header can"):format(origin), 0)
end

local function key_text(key)
	return checked(type(key) == "string" and key or key:reveal(), "that was given")
end

-- Made once; only its owner can read it.
local function kept_key(folder)
	local path = folder .. "/api-key"
	if fs.stat(path) then return checked(fs.read(path):match("^%s*(.-)%s*$"), "in " .. path) end
	local key = "rlc-" .. crypto.random_hex(16)
	fs.write(path, key .. "\n", { atomic = true, mode = tonumber("600", 8) })
	return key
end

local function open_parts(options, key)
	local rules = faults.new(options.faults)
	local log_file = journal.open(options.access_log)
	local repos = git_store.open(options.data, { name = options.commit_name, email = options.commit_email })
	if not repos:is_branch(options.default_branch) then
		error("server.start: option 'default_branch' is not the name of a branch", 0)
	end
	local database = store.open(options.data .. "/server.db")
	return app.new {
		options = options,
		key_hash = auth.hash(key),
		store = database,
		git_store = repos,
		locks = locks.new(),
		trees = trees.new(options.tree_cache),
		index = index.new(repos, options.index_cache),
		maintenance = maintenance.new(repos, options.pack_every),
		idempotency = idempotency.new(database),
		limiter = rate_limit.new(options.rate_limit, options.rate_window),
		faults = rules,
		journal = log_file,
	}
end

--- Starts a server: opens its data folder, puts right what an unclean end left, and listens. It answers while `run`
-- runs. Raises `busy` when another server has the folder or the port.
--
-- Options:
--
-- * `data` string (required): a folder, made when it is missing
-- * `host`, `port`: where it listens (default "127.0.0.1" and 0, a free port)
-- * `api_key` string or epact.secret: default one that is made once and kept in the folder, in `api-key`
-- * `max_json`, `max_file`, `max_push` bytes of a body (64 MiB, 50 MiB, 512 MiB)
-- * `lock_wait`, `push_wait` seconds that a writer waits for another one of the repo (2, 10)
-- * `git_sources`: what git URLs may be imported: false (default), "loopback", "any" or a list of hosts
-- * `import_timeout` seconds for an import (600)
-- * `rate_limit` integer: calls of each credential in `rate_window` seconds (60); default none
-- * `faults` string or array of strings: what goes wrong on purpose, such as "POST /repo/*/update: 503 x2, then delay
--   200ms"; the language is described in docs/guide/server.md
-- * `access_log` string: a file that gets a line for each request; "-" is standard output; default none
-- * `status_page` boolean: shows repos, tokens (without their values) and requests at /, on a loopback address only (true)
-- * `token_delete` boolean: a repo token may delete its repos (true)
-- * `commit_name`, `commit_email`, `default_branch`: of the commits it makes ("Relace", "noreply@relace.ai", "main")
-- * `pack_every` integer: changes of a repo after which it is packed (30)
-- * `tree_cache` integer: paths that are remembered in all (50000)
-- * `index_cache` bytes of text in the indexes for ranking, in all (256 MiB)
-- * `keep_alive` seconds of silence in a stream of events after which a comment is sent (15)
-- * `grace` seconds that running requests have when `run` is cancelled (5)
-- @param given table
-- @return server: fields `url` ("http://127.0.0.1:PORT/v1"), `port`, `api_key` (epact.secret); methods `run`, `set_faults`,
--   `close`; give it to a `<close>` variable
function server.start(given)
	local options = options_of.read(given)
	fs.mkdir(options.data, { parents = true })
	options.data = fs.realpath(options.data)
	local key = options.api_key and key_text(options.api_key) or kept_key(options.data)
	local self = setmetatable({
		api_key = secret.new(key),
		app = open_parts(options, key),
		grace = options.grace,
		running = {},
	}, Server)
	local ok, failure = pcall(function()
		recovery.run(self.app)
		self.listener = serve.listen { host = options.host, port = options.port }
	end)
	if not ok then
		self:close()
		error(failure, 0)
	end
	self.port = self.listener.port
	self.url = self.listener.url .. "/v1"
	return self
end

local function purge(self)
	while true do
		local now = os.time()
		self.app.store:purge(now - KEEP, now - KEEP)
		task.sleep(PURGE_EVERY)
	end
end

-- A request runs out of reach of a cancel of the server: it is given the grace.
local function handle(self, request)
	task.shield(math.huge, task.scope, function(scope)
		self.running[scope] = true
		local ended <close> = setmetatable({}, { __close = function() self.running[scope] = nil end })
		self.app:handle(request)
	end)
end

-- Waits to be cancelled; then accepts no more, and lets what runs end within the grace.
local function guard(self)
	local drain <close> = setmetatable({}, { __close = function()
		pcall(task.shield, self.grace + 1, self.listener.stop, self.listener, self.grace)
		for scope in pairs(self.running) do scope:cancel() end
	end })
	task.event():wait()
end

--- Answers requests, until it is cancelled or closed. A cancel lets those that run end, for the seconds of `grace`.
function Server:run()
	task.scope(function(scope)
		self.app.scope = scope
		scope:spawn_daemon(guard, self)
		scope:spawn_daemon(function() self.app.maintenance:run() end)
		scope:spawn_daemon(purge, self)
		self.listener:run(function(request) handle(self, request) end)
	end)
end

--- Replaces the faults; nil or an empty table ends all.
-- @param rules string or table?: as the option `faults`
-- Example: `server:set_faults { "POST /repo_token: drop after x1" }`
function Server:set_faults(rules)
	self.app.faults = faults.new(rules)
end

--- Stops to listen and closes the data folder.
function Server:close()
	if self.listener then self.listener:close() end
	if self.app.store then
		self.app.journal:close()
		self.app.index:close()
		self.app.store:close()
		self.app.store = nil
		log.debug("server closed")
	end
end

Server.__close = Server.close

return server

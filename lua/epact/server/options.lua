-- SPDX-License-Identifier: Apache-2.0
-- The options of a server, with what holds when they are not given.

local fault = require "epact.error"

local options = {}

local MIB = 1 << 20
-- Seconds: with less, what comes again and again would leave time for nothing else.
local LEAST_WAIT = 0.01

-- name -> { types, default, the least number, the largest }
local KNOWN = {
	data = { "string" },
	host = { "string", "127.0.0.1" },
	port = { "integer", 0, 0, 65535 },
	api_key = { "string userdata" },
	max_json = { "integer", 64 * MIB, 1 },
	max_file = { "integer", 50 * MIB, 1 },
	max_push = { "integer", 512 * MIB, 1 },
	lock_wait = { "number integer", 2, 0 },
	push_wait = { "number integer", 10, 0 },
	git_sources = { "boolean string table", false },
	import_timeout = { "number integer", 600, LEAST_WAIT },
	commit_name = { "string", "Relace" },
	commit_email = { "string", "noreply@relace.ai" },
	default_branch = { "string", "main" },
	token_delete = { "boolean", true },
	rate_limit = { "integer", nil, 1 },
	rate_window = { "number integer", 60, LEAST_WAIT },
	faults = { "string table" },
	access_log = { "string" },
	status_page = { "boolean", true },
	pack_every = { "integer", 30, 1 },
	tree_cache = { "integer", 50000, 0 },
	index_cache = { "integer", 256 * MIB, 0 },
	keep_alive = { "number integer", 15, LEAST_WAIT },
	grace = { "number integer", 5, 0 },
}

local function known_names()
	local names = {}
	for name in pairs(KNOWN) do names[#names + 1] = name end
	table.sort(names)
	return names
end

local function kind_of(value)
	return math.type(value) == "integer" and "integer" or type(value)
end

local function check_range(name, value, least, most)
	if not (value >= least) or (most and value > most) then
		error(("server.start: option '%s' must be %s%s, got %s"):format(name, least, most and " to " .. most or " or more", value), 0)
	end
end

local function check(name, value)
	local known = KNOWN[name]
	if not known then
		local names = known_names()
		local near = fault.nearest(tostring(name), names)
		error(("server.start: unknown option '%s'%s (known: %s)"):format(tostring(name),
			near and ("; did you mean '%s'?"):format(near) or "", table.concat(names, ", ")), 0)
	end
	for kind in known[1]:gmatch("%a+") do
		if kind_of(value) == kind then return known[3] and check_range(name, value, known[3], known[4]) end
	end
	error(("server.start: option '%s' must be of type %s"):format(name, (known[1]:gsub(" ", " or "))), 0)
end

--- Returns the given options completed by the defaults. Raises for an unknown name, naming the known ones, for a value of a
--- wrong type, and for too small a number.
function options.read(given)
	local complete = {}
	for name, known in pairs(KNOWN) do complete[name] = known[2] end
	for name, value in pairs(given) do
		check(name, value)
		complete[name] = value
	end
	if not complete.data then error("server.start: option 'data', a folder, is missing", 0) end
	local policy = complete.git_sources
	if policy == true or (type(policy) == "string" and policy ~= "loopback" and policy ~= "any") then
		error("server.start: option 'git_sources' must be false, 'loopback', 'any' or a list of hosts", 0)
	end
	return complete
end

return options

-- SPDX-License-Identifier: Apache-2.0
-- timeout: 60
-- Cancels at random points: everything opened is closed once, nothing goes on behind its cancel, nothing is left.
-- EPACT_CANCELS says how many (default 4,000, fewer where the build is slow), EPACT_SEED which, EPACT_LIVE of how many
-- tasks at a time.
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"
local stall = require "stall"
local task = require "epact.task"
local case, equal, ok = check.case, check.equal, check.ok

local cancels = tonumber(os.getenv "EPACT_CANCELS") or 4000 // check.slowdown
local seed = tonumber(os.getenv "EPACT_SEED") or 20241
local live = tonumber(os.getenv "EPACT_LIVE") or 60
local random = math.random

local opened, closed = 0, 0

-- To be closed once; closing waits now and then.
local function hold()
	opened = opened + 1
	local done = false
	return setmetatable({}, { __close = function()
		ok(not done, "closed twice")
		done = true
		closed = closed + 1
		if random(4) == 1 then task.sleep(random() * 0.0005) end
	end })
end

local shared = task.event()
local forms

local function anything(depth)
	local _ <close> = hold()
	return forms[random(depth > 0 and #forms or 5)](depth - 1)
end

forms = {
	function() task.sleep(random() * 0.002) end,
	function() shared:wait() end,
	function() task.yield() end,
	function()
		local own = task.event()
		pcall(task.timeout, random() * 0.002, own.wait, own)
	end,
	function() coroutine.wrap(function() for _ = 1, 3 do task.sleep(random() * 0.001) end end)() end,
	function(depth)
		task.scope(function(s)
			for _ = 1, random(3) do s:spawn(anything, depth) end
			if random(3) == 1 then s:cancel() end
		end)
	end,
	function(depth) task.spawn(anything, depth):await() end,
	function(depth) pcall(task.timeout, random() * 0.003, anything, depth) end,
	function(depth) pcall(task.shield, random() * 0.003, anything, depth) end,
	function(depth)
		local _ <close> = hold()
		rawpcall(anything, depth)
		task.sleep(0)
	end,
	function() table.sort({ 4, 3, 2, 1 }, function(a, b) task.sleep(0) return a < b end) end,
	function() return ("abc"):gsub("%w", function() task.yield() end) end,
	function(depth) for _ in coroutine.wrap(function() anything(depth) coroutine.yield(1) end) do end end,
}

-- Spawns and cancels until `count` tasks were asked to end; `most` tasks are under way at a time.
local function storm(count, most, body)
	local asked, ran_behind = 0, 0
	task.scope(function(s)
		local tasks = {}
		s:spawn_daemon(function()
			while true do
				task.sleep(0.001)
				shared:wake_one()
			end
		end)
		while asked < count do
			while #tasks < most do
				local this = { cancelled = false }
				this.task = s:spawn(function()
					body()
					if this.ended then ran_behind = ran_behind + 1 end
					this.ended = true
				end)
				tasks[#tasks + 1] = this
			end
			for _ = 1, random(most // 4) do
				local i = random(#tasks)
				tasks[i].task:cancel()
				if random(10) == 1 then tasks[i].task:cancel() end
				tasks[i] = tasks[#tasks]
				tasks[#tasks] = nil
				asked = asked + 1
				if #tasks == 0 then break end
			end
			if random(3) == 1 then task.sleep(random() * 0.002) else task.yield() end
		end
		for _, t in ipairs(tasks) do t.task:cancel() end
	end)
	equal(ran_behind, 0)
end

local function descriptors()
	local n = 0
	for _ in pairs(fs.list "/proc/self/fd") do n = n + 1 end
	return n
end

-- The children of this process, zombies too.
local function children()
	local pid = io.open "/proc/self/stat":read "n"
	local text = io.open(("/proc/%d/task/%d/children"):format(pid, pid)):read "a"
	collectgarbage() -- closes the files
	return select(2, text:gsub("%d+", ""))
end

case(("%d cancels over waits in memory, seed %d"):format(cancels, seed), function()
	math.randomseed(seed)
	storm(cancels, live, function() anything(3) end)
	ok(opened > cancels // 2, opened)
	equal(closed, opened)
	local tree = task.tree()
	equal(#tree.children, 0)
end)

case("cancels over processes leave no child and no descriptor", function()
	process.run { "true" }
	children()
	local before, before_fds = children(), descriptors()
	storm(math.min(cancels // 40, 300), 20, function()
		local _ <close> = hold()
		process.run({ "sleep", tostring(random() * 0.02) }, { grace = 0.5 })
		local p <close> = process.spawn({ "cat" }, { stdin = "pipe", stdout = "pipe", grace = 0.5 })
		p.stdout:read()
	end)
	equal(closed, opened)
	equal(children(), before)
	equal(descriptors(), before_fds)
end)

-- A server whose answers never come, and the API with repos and tokens: what the calls below wait for.
local function with_servers(fn)
	local dir <close> = fs.temp_dir()
	local api <close> = require "epact.server".start { data = dir.path .. "/data" }
	local silent <close> = require "epact.serve".listen {}
	task.scope(function(s)
		s:spawn_daemon(function() api:run() end)
		s:spawn_daemon(function() silent:run(function() task.sleep(60) end) end)
		fn(require "epact.relace".client { base_url = api.url, api_key = api.api_key }, silent.url)
	end)
end

-- Idle connections are kept on purpose, and are no leak.
local function files_open()
	local n = 0
	for _, entry in ipairs(fs.list "/proc/self/fd") do
		local target = fs.stat("/proc/self/fd/" .. entry.name)
		if target and target.type ~= "other" then n = n + 1 end
	end
	return n
end

case("a thousand tasks in waits and calls, fifty children that ignore SIGTERM, tokens and folders", function()
	with_servers(function(client, url)
		local grace = 0.5
		local repo = client.repo:create()
		local before, before_files = children(), files_open()
		local told, met, ready = nil, 0, 0
		local begun, waited -- when the cancel came, and how long this thread had waited for a processor by then
		local tokens, folders = {}, {}
		local event, channel = task.event(), task.channel(0)
		local kinds = { function() task.sleep(60) end, function() event:wait() end, function() channel:receive() end,
			function() require "epact.http".get(url) end }
		local function waits(wait)
			local _ <close> = setmetatable({}, { __close = function()
				met = met + 1
				if met < 930 then return end
				local now, w = stall.clocks()
				told = now - begun - (w - waited)
			end })
			wait()
		end
		task.scope(function(s)
			for i = 1, 930 do s:spawn(waits, kinds[i % #kinds + 1]) end
			for i = 1, 20 do
				s:spawn(function()
					local folder <close> = fs.temp_dir()
					local token <close> = client.repo_token:create { name = "t", repo_ids = { repo.repo_id } }
					tokens[i], folders[i] = token:reveal(), folder.path
					ready = ready + 1
					task.sleep(60)
				end)
			end
			for _ = 1, 50 do
				s:spawn(function()
					local p <close> = process.spawn({ "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done" },
						{ stdout = "pipe", grace = grace })
					p.stdout:read()
					ready = ready + 1
					p:wait()
				end)
			end
			while ready < 70 do task.sleep(0.01) end
			ok(children() >= before + 50)
			begun, waited = stall.clocks()
			s:cancel()
		end)
		local took = task.now() - begun
		equal(met, 930)
		print(("the last was told after %.1f ms, the end took %.3f s"):format(told * 1e3, took))
		ok(told <= (check.slowdown == 1 and 0.05 or 1))
		ok(took <= (grace + 0.25) * check.slowdown)
		ok(children() <= before)
		equal(files_open(), before_files)
		for i = 1, 20 do
			check.fails("not_found", function() client.repo_token:get(tokens[i]) end)
			equal(fs.stat(folders[i]), nil)
		end
	end)
end)

check.done()

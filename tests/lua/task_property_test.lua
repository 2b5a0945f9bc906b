-- SPDX-License-Identifier: Apache-2.0
-- Random trees of scopes, failures, deadlines, shields, cancels and channels are run, and what happened is compared
-- with a model of what may happen; also with --virtual-time, where a seed gives the same order of steps. Arguments: the
-- seed of the first tree, how many seconds to go on at most.
local task = require "epact.task"

local SEED = tonumber(arg[1]) or os.time()
local SECONDS = tonumber(arg[2]) or 5
local TREES = 400

-- --- random programs: tables { kind, ... } -------------------------------------------------------------------------

local random = math.random
local generate

local function some(n, depth)
	local list = {}
	for i = 1, random(1, n) do list[i] = generate(depth) end
	return list
end

local leaves = {
	function() return { kind = "sleep", seconds = random(0, 3) / 1000 } end,
	function() return { kind = "sleep", seconds = random(0, 3) / 1000 } end,
	function() return { kind = "yield" } end,
	function() return { kind = "send", channel = random(2) } end,
	function() return { kind = "receive", channel = random(2) } end,
	function() return { kind = random(3) == 1 and "fail" or "yield" } end,
}

local function a_scope(depth)
	local children = some(4, depth - 1)
	return {
		kind = "scope",
		body = generate(depth - 1),
		children = children,
		daemon = random(5) == 1 and generate(depth - 1),
		deadline = random(4) == 1 and random(0, 4) / 1000,
		cancel = random(8) == 1,
		cancel_child = random(4) == 1 and random(#children),
	}
end

local inner = {
	a_scope, a_scope, a_scope,
	function(depth) return { kind = "sequence", list = some(3, depth - 1) } end,
	function(depth) return { kind = "timeout", seconds = random(0, 4) / 1000, body = generate(depth - 1) } end,
	function(depth) return { kind = "shield", seconds = random(2, 9) / 1000, body = generate(depth - 1) } end,
	function(depth) return { kind = "try", body = generate(depth - 1) } end,
	function(depth) return { kind = "cleanup", body = generate(depth - 1), fails = random(6) == 1 } end,
}

function generate(depth)
	if depth <= 0 or random(5) == 1 then return leaves[random(#leaves)]() end
	return inner[random(#inner)](depth)
end

-- --- running them: each step leaves a frame that says what happened and when ---------------------------------------

local run -- of the current tree: seq, frames, channels, sent, received, values

local function tick()
	run.seq = run.seq + 1
	return run.seq
end

local function outcome_of(err)
	if err == nil then return "ok" end
	return type(err) == "table" and err.code == "cancelled" and "cancelled" or "error"
end

local function open_frame(kind, parent)
	local frame = { kind = kind, parent = parent, begin = tick(), begin_time = task.now() }
	run.frames[#run.frames + 1] = frame
	return setmetatable(frame, { __close = function(f, err)
		f.ends = (f.ends or 0) + 1
		f.finish, f.time, f.err, f.outcome = tick(), task.now(), err, outcome_of(err)
		f.others = type(err) == "table" and err.others
	end })
end

local exec
local perform = {}

function perform.sleep(node) task.sleep(node.seconds) end
function perform.yield() task.yield() end
function perform.fail(_, frame) error({ code = "boom", frame = frame }) end

function perform.send(node)
	run.values = run.values + 1
	local value = run.values
	run.channels[node.channel]:send(value)
	run.sent[value] = node.channel
end

function perform.receive(node)
	local value = run.channels[node.channel]:receive()
	if value == nil then return end
	assert(not run.received[value], "a value was received twice")
	run.received[value] = node.channel
end

function perform.sequence(node, frame)
	for _, step in ipairs(node.list) do exec(step, frame) end
end

function perform.try(node, frame) pcall(exec, node.body, frame) end

function perform.cleanup(node, frame)
	frame.cleaned = 0
	local _ <close> = setmetatable({}, { __close = function()
		task.scope(function(s)
			s:spawn(task.sleep, 0)
			task.sleep(0)
		end)
		frame.cleaned = frame.cleaned + 1
		if node.fails then error { code = "clean-up" } end
	end })
	exec(node.body, frame)
end

local function limited(node, frame, word)
	frame.deadline_at = task.now() + node.seconds
	task[word](node.seconds, exec, node.body, frame)
end

function perform.timeout(node, frame) limited(node, frame, "timeout") end
function perform.shield(node, frame) limited(node, frame, "shield") end

local function child(node, scope_frame, daemon)
	return function(handle_frame)
		local frame <close> = open_frame("task", scope_frame)
		frame.daemon = daemon
		handle_frame.frame = frame
		frame.handle = handle_frame
		exec(node, frame)
	end
end

function perform.scope(node, frame)
	frame.children = {}
	task.scope(function(s)
		if node.deadline then
			frame.deadline_at = task.now() + node.deadline
			s:deadline(node.deadline)
		end
		local tasks = {}
		for i, step in ipairs(node.children) do
			local handle = {}
			frame.children[i] = handle
			tasks[i] = s:spawn(child(step, frame), handle)
		end
		if node.daemon then
			local handle = { daemon = true }
			table.insert(frame.children, handle)
			s:spawn_daemon(child(node.daemon, frame, true), handle)
		end
		local body <close> = open_frame("body", frame)
		frame.body = body
		if node.cancel_child then
			task.yield()
			frame.children[node.cancel_child].cancelled = tick()
			tasks[node.cancel_child]:cancel()
		end
		exec(node.body, body)
		if node.cancel then
			frame.cancelled = tick()
			s:cancel()
		end
	end)
end

function exec(node, parent)
	local frame <close> = open_frame(node.kind, parent)
	perform[node.kind](node, frame)
end

-- --- the model -----------------------------------------------------------------------------------------------------

local EARLY = 0.0005 -- clocks are read at slightly different moments

-- The parts of a scope that have a say in how it ends: { outcome, finish, err, excused } each; excused: a cancel of
-- its own, which is no matter of the scope's.
local function parts_of(frame)
	local parts = {}
	for _, handle in ipairs(frame.children) do
		local f = handle.frame or { outcome = "cancelled", finish = 0 } -- cancelled before it started
		parts[#parts + 1] = { outcome = f.outcome, finish = f.finish, err = f.err, excused = handle.cancelled or handle.daemon }
	end
	local body = frame.body
	if body then parts[#parts + 1] = { outcome = body.outcome, finish = body.finish, err = body.err } end
	return parts
end

local function failures_of(frame)
	local failures = {}
	for _, part in ipairs(parts_of(frame)) do
		if part.outcome == "error" then failures[#failures + 1] = part end
	end
	table.sort(failures, function(a, b) return a.finish < b.finish end)
	return failures
end

-- When the frame itself was cancelled, not counting deadlines: by a failure inside, by itself, by its handle.
local function cancelled_at(frame)
	local at = math.huge
	if frame.kind == "scope" then
		local first = failures_of(frame)[1]
		at = math.min(frame.cancelled or at, first and first.finish or at)
	elseif frame.kind == "task" then
		at = frame.handle.cancelled or at
	end
	return at
end

-- Whether something around the code of the frame was cancelled before (seq, time).
local function may_be_cancelled(frame, seq, time)
	while frame do
		if frame.daemon or cancelled_at(frame) < seq then return true end
		if frame.deadline_at and frame.deadline_at <= time + EARLY then return true end
		if frame.kind == "shield" then return false end
		frame = frame.parent
	end
	return false
end

-- The same without what is not sure: the daemons' end and the deadlines.
local function must_be_cancelled(frame, seq)
	while frame do
		if cancelled_at(frame) < seq then return true end
		if frame.kind == "shield" then return false end
		frame = frame.parent
	end
	return false
end

local function expect(frame, holds, what)
	if holds then return end
	local path = {}
	local f = frame
	while f do
		path[#path + 1] = ("%s %s..%s %s"):format(f.kind, f.begin, f.finish, f.outcome)
		f = f.parent
	end
	error(("%s\n  of %s"):format(what, table.concat(path, "\n  in ")), 0)
end

local function same_list(list, failures)
	if #(list or {}) ~= #failures - 1 then return false end
	for i = 2, #failures do
		if not rawequal(list[i - 1], failures[i].err) then return false end
	end
	return true
end

local judge = {}

function judge.scope(f)
	local failures, cut, left = failures_of(f), false, false
	for _, part in ipairs(parts_of(f)) do
		expect(f, part.finish and part.finish < f.finish, "a scope ended before its task")
		cut = cut or (part.outcome == "cancelled" and not part.excused)
		left = left or part.outcome == "cancelled"
	end
	if failures[1] then
		expect(f, f.outcome == "error" and rawequal(f.err, failures[1].err), "not the first failure was raised")
		expect(f, #failures == 1 or same_list(f.others, failures), "the later failures are not in `others`")
	elseif f.outcome == "error" then
		expect(f, f.err.code == "timeout" and f.deadline_at and f.deadline_at <= f.time + EARLY, "an error out of nowhere")
		expect(f, cut, "a timeout that cut nothing")
		expect(f, not must_be_cancelled(f.parent, f.finish), "a timeout hides a cancel from outside")
	elseif f.outcome == "cancelled" then
		expect(f, left, "a scope was cancelled whose parts were not")
		expect(f, may_be_cancelled(f.parent, f.finish, f.time), "a scope let its own cancel out")
	else
		local own = f.cancelled and not must_be_cancelled(f.parent, f.finish)
		expect(f, not cut or own, "a scope hides that something was cancelled")
	end
end

local function judge_limited(f)
	local body = f.inner
	if body.outcome == "ok" then expect(f, f.outcome == "ok", "a limit changed a success") end
	if body.outcome == "error" then expect(f, rawequal(f.err, body.err), "a limit changed an error") end
	if body.outcome == "cancelled" and f.outcome == "error" then
		expect(f, f.err.code == "timeout" and f.deadline_at <= f.time + EARLY, "a timeout out of time")
	elseif body.outcome == "cancelled" then
		expect(f, f.outcome == "cancelled" and may_be_cancelled(f.parent, f.finish, f.time), "a limit swallowed a cancel")
	end
end

judge.timeout, judge.shield = judge_limited, judge_limited

function judge.try(f)
	if f.inner.outcome == "ok" then expect(f, f.outcome == "ok", "try changed a success") end
	if f.inner.outcome == "cancelled" then expect(f, f.outcome == "cancelled", "try swallowed a cancel") end
	if f.inner.outcome == "error" and f.outcome ~= "ok" then
		expect(f, rawequal(f.err, f.inner.err), "try changed an error")
		expect(f, may_be_cancelled(f, f.finish, f.time), "try let an error pass")
	end
end

-- Clean-up behind a success or a failure can be cancelled as any code; behind a cancel it can't, nor behind a failure
-- that a cancelled scope raises.
function judge.cleanup(f)
	local behind_failure = f.inner.kind == "scope" and f.inner.outcome == "error" and must_be_cancelled(f, f.inner.finish)
	if f.inner.outcome == "cancelled" or f.outcome == "ok" or behind_failure then
		expect(f, f.cleaned == 1, "clean-up did not run once to its end")
	end
end

function judge.fail(f) expect(f, f.outcome == "error", "a failure vanished") end

local function judge_wait(f)
	expect(f, f.outcome ~= "error", "a wait failed")
	expect(f, f.outcome ~= "ok" or not must_be_cancelled(f.parent, f.begin), "a wait succeeded behind a cancel")
end

judge.sleep, judge.yield = judge_wait, judge_wait

local function check_tree()
	for _, f in ipairs(run.frames) do
		if f.parent and f.kind ~= "task" and f.kind ~= "body" then f.parent.inner = f end
	end
	for _, f in ipairs(run.frames) do
		expect(f, f.ends == 1, "a step ended not once")
		if f.outcome == "cancelled" then
			expect(f, may_be_cancelled(f.kind == "scope" and f.parent or f, f.finish, f.time), "cancelled without a cause")
		end
		if judge[f.kind] then judge[f.kind](f) end
	end
	for i, channel in ipairs(run.channels) do
		for value in channel:each() do run.received[value] = i end
	end
	for value = 1, run.values do
		assert(run.sent[value] == run.received[value], ("value %d: sent %s, received %s"):format(value,
			tostring(run.sent[value]), tostring(run.received[value])))
	end
end

local function run_tree()
	local tree = { kind = "timeout", seconds = 0.03, body = a_scope(random(2, 4)) }
	run = { seq = 0, frames = {}, channels = { task.channel(0), task.channel(2) }, sent = {}, received = {}, values = 0 }
	task.scope(function(s)
		s:spawn_daemon(function()
			task.sleep(0.012)
			for _, channel in ipairs(run.channels) do channel:close() end
		end)
		pcall(exec, tree)
	end)
	for _, channel in ipairs(run.channels) do channel:close() end
	check_tree()
	return #run.frames
end

local start, trees, steps = task.now(), 0, 0
while trees < TREES and task.now() - start < SECONDS do
	local seed = SEED + trees
	math.randomseed(seed)
	local ok, result = pcall(run_tree)
	if not ok then error(("seed %d: %s"):format(seed, tostring(result)), 0) end
	trees, steps = trees + 1, steps + result
end
assert(trees > 0)
print(("%d trees with %d steps, from seed %d"):format(trees, steps, SEED))

-- SPDX-License-Identifier: Apache-2.0
-- Every place of the standard library that calls back: waiting there works, or the error names the place and a way out.
local check = require "check"
local task = require "epact.task"
local case, equal, fails, contains = check.case, check.equal, check.fails, check.contains

local function wait() task.sleep(0.0005) end

-- The same in a task whose other tasks go on meanwhile: a wait must not stop the loop.
local function side_by_side(fn)
	local ticks = 0
	local result = table.pack(task.scope(function(s)
		s:spawn_daemon(function()
			while true do
				ticks = ticks + 1
				task.sleep(0)
			end
		end)
		return fn()
	end))
	check.ok(ticks > 0, "nothing else ran")
	return table.unpack(result, 1, result.n)
end

local works = {
	pcall = function() return select(2, pcall(function(x) wait() return x end, "ok")) end,
	["an error behind a wait in pcall"] = function()
		local _, err = pcall(function() wait() error("ok", 0) end)
		return err
	end,
	["the body of xpcall"] = function() return select(2, xpcall(function() wait() return "ok" end, print)) end,
	rawpcall = function() return select(2, rawpcall(function() wait() return "ok" end)) end,
	["a handler behind a wait"] = function()
		local _, err = xpcall(function() wait() error("o", 0) end, function(e) return e .. "k" end)
		return err
	end,
	["table.sort"] = function()
		local t = { "k", "o" }
		table.sort(t, function(a, b) wait() return a > b end)
		return table.concat(t)
	end,
	["string.gsub with a function"] = function() return (("ab"):gsub("%w", function(c) wait() return ({ a = "o", b = "k" })[c] end)) end,
	["string.gsub with __index"] = function()
		return (("ab"):gsub("%w", setmetatable({}, { __index = function(_, c) wait() return c == "a" and "o" or "k" end })))
	end,
	["coroutine.wrap"] = function() return coroutine.wrap(function() wait() return "ok" end)() end,
	["coroutine.resume"] = function() return select(2, coroutine.resume(coroutine.create(function() wait() return "ok" end))) end,
	["an iterator of for"] = function()
		local all = ""
		for c in coroutine.wrap(function() for c in ("ok"):gmatch "." do wait() coroutine.yield(c) end end) do all = all .. c end
		return all
	end,
	["a function as iterator"] = function()
		local left, all = { "k", "o" }, ""
		for c in function() wait() return table.remove(left) end do all = all .. c end
		return all
	end,
	["the closing value of for"] = function()
		local closed
		for _ in function(_, i) return not i and 1 or nil end, nil, nil, setmetatable({}, { __close = function() wait() closed = "ok" end }) do end
		return closed
	end,
	__index = function() return setmetatable({}, { __index = function() wait() return "ok" end }).x end,
	__newindex = function()
		local got
		local t = setmetatable({}, { __newindex = function(_, _, v) wait() got = v end })
		t.x = "ok"
		return got
	end,
	__call = function() return setmetatable({}, { __call = function(_, x) wait() return x end })("ok") end,
	__close = function()
		local closed
		do
			local _ <close> = setmetatable({}, { __close = function() wait() closed = "ok" end })
		end
		return closed
	end,
	["__close on an error"] = function()
		local closed
		pcall(function()
			local _ <close> = setmetatable({}, { __close = function() wait() closed = "ok" end })
			error "no"
		end)
		return closed
	end,
	["__close on return"] = function()
		return (function()
			local _ <close> = setmetatable({}, { __close = wait })
			return "ok"
		end)()
	end,
	["__close of coroutine.wrap"] = function()
		local closed
		pcall(coroutine.wrap(function()
			pcall(function()
				local _ <close> = setmetatable({}, { __close = function() wait() closed = "ok" end })
				error "no"
			end)
		end))
		return closed
	end,
	__pairs = function()
		for k, v in pairs(setmetatable({}, { __pairs = function() wait() return next, { ok = true } end })) do return v and k end
	end,
	["__index behind ipairs"] = function()
		local all = ""
		local t = setmetatable({}, { __index = function(_, i) return ({ "o", "k" })[i] end })
		for i = 1, 2 do wait() all = all .. t[i] end
		return all
	end,
	dofile = function()
		local path = os.tmpname()
		local f <close> = assert(io.open(path, "w"))
		f:write "require('epact.task').sleep(0) return 'ok'"
		f:close()
		local result = dofile(path)
		os.remove(path)
		return result
	end,
	require = function()
		package.preload.waits = function() wait() return "ok" end
		local result = require "waits"
		package.loaded.waits = nil
		return result
	end,
	["a searcher of require"] = function()
		table.insert(package.searchers, 2, function(name) wait() return name == "found" and function() return "ok" end end)
		local result = require "found"
		table.remove(package.searchers, 2)
		package.loaded.found = nil
		return result
	end,
	["select, next and table.unpack behind a wait"] = function() return (select(2, 1, (function() wait() return "ok" end)())) end,
}

for op, fn in pairs {
	__add = function(a) return a + 1 end, __sub = function(a) return a - 1 end, __mul = function(a) return a * 1 end,
	__div = function(a) return a / 1 end, __mod = function(a) return a % 1 end, __pow = function(a) return a ^ 1 end,
	__idiv = function(a) return a // 1 end, __band = function(a) return a & 1 end, __bor = function(a) return a | 1 end,
	__bxor = function(a) return a ~ 1 end, __shl = function(a) return a << 1 end, __shr = function(a) return a >> 1 end,
	__unm = function(a) return -a end, __bnot = function(a) return ~a end, __concat = function(a) return a .. "x" end,
	__len = function(a) return #a end,
} do
	works[op] = function() return fn(setmetatable({}, { [op] = function() wait() return "ok" end })) end
end
for op, fn in pairs {
	__eq = function(a, b) return a == b end, __lt = function(a, b) return a < b end, __le = function(a, b) return a <= b end,
} do
	works[op] = function()
		local mt = { [op] = function() wait() return true end }
		return fn(setmetatable({}, mt), setmetatable({}, mt)) and "ok"
	end
end

for name, fn in pairs(works) do
	case("waiting works: " .. name, function() equal(side_by_side(fn), "ok") end)
end

-- name -> what runs, and what the error says: the place, then the way out
local refuses = {
	["__tostring by tostring"] = { function(o) tostring(o) end, "inside tostring:", "make the text before" },
	["__tostring by print"] = { function(o) print(o) end, "inside print:", "make the text before" },
	["__tostring by string.format"] = { function(o) string.format("%s", o) end, "inside string.format:", "make the text before" },
	["__index by table.concat"] = { function(o) table.concat(o, "", 1, 2) end, "inside table.concat:", "before or after" },
	["__index by table.unpack"] = { function(o) table.unpack(o, 1, 2) end, "inside table.unpack:", "before or after" },
	["__index by table.insert"] = { function(o) table.insert(o, 1) end, "inside table.insert:", "before or after" },
	["__index by table.remove"] = { function(o) table.remove(o, 1) end, "inside table.remove:", "before or after" },
	["__index by table.move"] = { function(o) table.move(o, 1, 2, 3) end, "inside table.move:", "before or after" },
	["__index by ipairs"] = { function(o) for _ in ipairs(o) do end end, "inside an iterator", "before or after" },
	["__lt by table.sort"] = { function(o) table.sort { o, o } end, "inside table.sort:", "give it a comparator" },
	["the proxy's __index by table.sort"] = { function(o) table.sort(o, function() return false end) end, "cannot wait here", "" },
	["__len by rawlen's kin"] = { function(o) table.pack(table.unpack(o)) end, "inside table.unpack:", "before or after" },
	["the reader of load"] = { function() assert(load(function() wait() return nil end)) end, "inside load:", "load the whole text" },
	["__add of a string's partner"] = { function(o) return "1" + o end, "inside a metamethod", "before or after" },
	["the handler of xpcall"] = {
		function()
			local text
			xpcall(error, function() text = select(2, pcall(wait)) end, "x")
			error(text, 0)
		end, "inside a message handler:", "wait behind xpcall",
	},
	["the handler of xpcall, for an error of Lua's core"] = {
		function()
			local text
			xpcall(function() local x = nil; return x.y end, function() text = select(2, pcall(wait)) end)
			error(text, 0)
		end, "inside a message handler:", "wait behind xpcall",
	},
	["a hook"] = {
		function()
			local text
			debug.sethook(function()
				debug.sethook()
				text = select(2, pcall(wait))
			end, "", 1)
			local _ = 1 + 1
			debug.sethook()
			error(text or "the hook did not run", 0)
		end, "inside a debug hook:", "before or after",
	},
	["a finalizer"] = {
		function()
			local text
			setmetatable({}, { __gc = function() text = select(2, pcall(wait)) end })
			collectgarbage()
			collectgarbage()
			error(text or "the finalizer did not run", 0)
		end, "inside __gc:", "<close>",
	},
	["through coroutines"] = {
		function() tostring(setmetatable({}, { __tostring = function() return coroutine.wrap(function() wait() return "" end)() end })) end,
		"inside tostring:", "make the text before",
	},
	["through coroutines and pcall"] = {
		function()
			tostring(setmetatable({}, { __tostring = function()
				local co = coroutine.wrap(function() return coroutine.wrap(function() return pcall(wait) end)() end)
				local _, err = co()
				error(err, 0)
			end }))
		end, "inside tostring:", "make the text before",
	},
	["through pcall"] = {
		function() tostring(setmetatable({}, { __tostring = function() error(select(2, pcall(wait)), 0) end })) end,
		"inside tostring:", "make the text before",
	},
	["through a sort that could wait elsewhere"] = {
		function()
			tostring(setmetatable({}, { __tostring = function()
				table.sort({ 1, 2, 3 }, function() wait() return false end)
				return ""
			end }))
		end, "inside", "",
	},
	["coroutine.close, whose __close can't wait"] = {
		function()
			local co = coroutine.create(function()
				local _ <close> = setmetatable({}, { __close = wait })
				coroutine.yield()
			end)
			coroutine.resume(co)
			local _, err = coroutine.close(co)
			error(err, 0)
		end, "cannot wait here", "",
	},
}

for name, row in pairs(refuses) do
	case("the error names the place: " .. name, function()
		local o = setmetatable({}, {
			__tostring = function() wait() return "" end, __lt = function() wait() return false end,
			__index = function() wait() return 1 end, __newindex = wait, __len = function() wait() return 2 end,
			__add = function() wait() return 1 end,
		})
		if name:find "by table.sort" and not name:find "proxy" then setmetatable(o, { __lt = getmetatable(o).__lt }) end
		local err = fails("cannot wait here", row[1], o)
		contains(err, row[2])
		contains(err, row[3])
	end)
end

-- --- sort: the same as Lua's own ---

local function outside(fn) -- runs fn where nothing can wait, so that Lua's own functions do the work
	local result
	table.sort({ setmetatable({}, { __lt = function()
		result = table.pack(pcall(fn))
		return false
	end }), setmetatable({}, {}) })
	local ok = table.remove(result, 1)
	return ok, result[1], result[2]
end

case("sort gives what Lua's own gives, and waits meanwhile", function()
	math.randomseed(7)
	for _, n in ipairs { 0, 1, 2, 3, 4, 10, 99, 100, 101, 500 } do
		for _, most in ipairs { 1, 3, n + 1 } do
			local a, b, calls = {}, {}, 0
			for i = 1, n do
				a[i] = { math.random(most), i }
				b[i] = a[i]
			end
			table.sort(a, function(x, y)
				calls = calls + 1
				if calls % 50 == 0 then task.yield() end
				return x[1] < y[1]
			end)
			local expected = 0
			local ok, err = outside(function()
				table.sort(b, function(x, y)
					expected = expected + 1
					return x[1] < y[1]
				end)
			end)
			check.ok(ok, err)
			equal(calls, expected)
			for i = 1, n do check.ok(a[i] == b[i], "another order") end
		end
	end
end)

case("sort's errors are Lua's own", function()
	local t = {}
	for i = 1, 20 do t[i] = i end
	fails("invalid order function for sorting", table.sort, t, function() return true end)
	fails("bad argument #1 to 'sort' (table expected, got nil)", function() table.sort(nil) end)
	fails("bad argument #2 to 'sort' (function expected, got table)", function() table.sort({ 2, 1 }, {}) end)
	fails("attempt to compare two table values", table.sort, { {}, {} })
	fails("array too big", table.sort, setmetatable({}, { __len = function() return math.maxinteger end }), function() end)
	local _, err = pcall(function() table.sort({ 3, 2, 1 }, function() error { 1 } end) end)
	equal(err, { 1 })
	contains(select(2, pcall(function() table.sort(t, function() return true end) end)), "await_anywhere_test.lua:")
	equal({ pcall(table.sort, { 2, 1 }, nil) }, { true })
end)

-- --- gsub: the same as Lua's own ---

case("gsub gives what Lua's own gives", function()
	local subjects = { "", "a", "hello world", "aaa", "  x  y ", "THE (quick) fox", "a\0b\0", "abc=1, d=22", "^a^a", "x^", "äö" }
	local patterns = { "", "a", "a*", "%w+", "(%w)(%w*)", "()", "^a", "^", "^%s*", "$", ".-", "%s*", "%f[%w]%a+", "(a*(.)%w(%s*))", "()a()",
		"%b()", "a-$", "x*", "[^%s]+", "^(%w*)", "\0", "(%w+)=(%w+)" }
	local functions = {
		function(...) return table.concat({ ... }, "|") end,
		function() return nil end,
		function(c) return c == "a" and "<>" end,
		function() return 12 end,
	}
	local count = 0
	for _, s in ipairs(subjects) do
		for _, p in ipairs(patterns) do
			for _, f in ipairs(functions) do
				for _, max in ipairs { -1, 0, 1, 2, 100 } do
					local got, n = s:gsub(p, function(...)
						if count % 100 == 0 then task.yield() end
						count = count + 1
						return f(...)
					end, max < 100 and max or nil)
					local ok, expected, m = outside(function() return s:gsub(p, f, max < 100 and max or nil) end)
					check.ok(ok, expected)
					equal(got, expected, ("%q %q %d"):format(s, p, max))
					equal(n, m)
				end
			end
			local index = function(_, k) return tostring(k):upper() end
			local got, n = s:gsub(p, setmetatable({ a = false }, { __index = index }))
			local _, expected, m = outside(function() return s:gsub(p, setmetatable({ a = false }, { __index = index })) end)
			equal(got, expected, p)
			equal(n, m)
		end
	end
	check.ok(count > 1000)
end)

case("gsub's errors are Lua's own", function()
	local function f() return "x" end
	fails("await_anywhere_test.lua:", function() ("a"):gsub("a", function() return {} end) end)
	fails("invalid replacement value (a table)", string.gsub, "a", "a", function() return {} end)
	fails("malformed pattern (missing ']')", string.gsub, "a", "[a", f)
	fails("malformed pattern (ends with '%')", string.gsub, "a", "%", f)
	contains(select(2, pcall(function() ("a"):gsub("[a", f) end)), "await_anywhere_test.lua:")
	fails("bad argument #3 to 'gsub' (string/function/table expected, got nil)", function() string.gsub("a", "a") end)
	fails("bad argument #1 to 'gsub' (string expected, got table)", function() string.gsub({}, "a", f) end)
	fails("bad argument #4 to 'gsub' (number expected, got table)", function() string.gsub("a", "a", f, {}) end)
	equal({ string.gsub(121, 1, f) }, { "x2x", 2 })
	equal({ ("abc"):gsub("%w", { a = "1", b = true and "2" }) }, { "12c", 3 })
	equal({ ("a b"):gsub("%w", "%0%0") }, { "aa bb", 2 })
end)

-- --- require ---

local function module(name, fn)
	package.loaded[name] = nil
	package.preload[name] = fn
end

case("a module is loaded once, whoever requires it meanwhile waits", function()
	local loads = 0
	module("slow", function(name, data)
		loads = loads + 1
		task.sleep(0.005)
		return { name = name, data = data }
	end)
	local all = task.map({ 1, 2, 3, 4, 5 }, function() return (require "slow") end)
	equal(loads, 1)
	for _, m in ipairs(all) do check.ok(m == all[1]) end
	equal(all[1].data, ":preload:")
	equal(select(2, require "slow"), nil)
	module("nothing", function() wait() end)
	equal({ require "nothing" }, { true, ":preload:" })
	module("sets", function(name) package.loaded[name] = 5 end)
	equal((require "sets"), 5)
end)

case("a module that fails is not loaded, and who waits gets its error", function()
	local loads = 0
	module("broken", function()
		loads = loads + 1
		task.sleep(0.002)
		error { code = "broken" }
	end)
	task.scope(function(s)
		for _ = 1, 3 do s:spawn(function() fails("broken", require, "broken") end) end
	end)
	equal(loads, 1)
	equal(package.loaded.broken, nil)
	module("broken", function() wait() return "mended" end)
	equal((require "broken"), "mended")
end)

case("a load that is cancelled is done by the next who waits", function()
	local loads = 0
	module("cancelled", function()
		loads = loads + 1
		task.sleep(loads == 1 and 60 or 0)
		return loads
	end)
	task.scope(function(s)
		local first = s:spawn(require, "cancelled")
		task.sleep(0)
		local second, third = s:spawn(require, "cancelled"), s:spawn(require, "cancelled")
		task.sleep(0)
		first:cancel()
		equal(second:await(), 2)
		equal(third:await(), 2)
	end)
	equal(loads, 2)
	module("timed", function() task.sleep(60) end)
	fails("timeout", task.timeout, 0.002, require, "timed")
	equal(package.loaded.timed, nil)
end)

case("modules in a loop are an error", function()
	module("self", function() return require "self" end)
	fails("module 'self' is required while it is being loaded (a loop)", require, "self")
	module("a", function() wait() return require "b" end)
	module("b", function() wait() return require "a" end)
	fails("(a loop)", require, "a")
	-- the same from two tasks, each of which loads one of them
	task.scope(function(s)
		local one, two = s:spawn(pcall, require, "a"), s:spawn(pcall, require, "b")
		equal((one:await()), false)
		equal((two:await()), false)
		contains(select(2, one:await()), "(a loop)")
	end)
	-- by way of a task inside the body
	module("within", function() return task.all { function() wait() return (require "within") end } end)
	fails("(a loop)", require, "within")
	-- no loop: a task that was spawned before, in a scope that the body does not wait for
	local got
	module("apart", function()
		task.sleep(0.004)
		return "apart"
	end)
	task.scope(function(s)
		s:spawn(function()
			task.sleep(0.001)
			got = require "apart"
		end)
		require "apart"
	end)
	equal(got, "apart")
end)

case("a module can't be waited for where nothing can wait", function()
	module("slow", function() task.sleep(0.005) return 1 end)
	task.scope(function(s)
		s:spawn(require, "slow")
		task.sleep(0)
		fails("inside tostring:", tostring, setmetatable({}, { __tostring = function() return require "slow" end }))
	end)
	module("quick", function() return "quick" end)
	equal(tostring(setmetatable({}, { __tostring = function() return require "quick" end })), "quick")
end)

case("what is not found is said as by Lua's own", function()
	local err = fails("module 'no.such' not found:", require, "no.such")
	contains(err, "\n\tno field package.preload['no.such']")
	contains(err, "\n\tno file './no/such.lua'")
	fails("bad argument #1 to 'require'", function() require {} end)
	local searchers = package.searchers
	package.searchers = nil
	fails("'package.searchers' must be a table", require, "no.such")
	package.searchers = searchers
end)

-- --- generators ---

local function nest(depth, fn)
	if depth == 0 then return fn() end
	return coroutine.wrap(function() return nest(depth - 1, fn) end)()
end

case("waits and yields go through coroutines three deep", function()
	local function numbers(depth, n)
		return coroutine.wrap(function()
			if depth == 0 then
				for i = 1, n do
					wait()
					coroutine.yield(i)
				end
			else
				for i in numbers(depth - 1, n) do
					wait()
					coroutine.yield(i * 10)
				end
			end
		end)
	end
	local got = {}
	for i in numbers(3, 3) do got[#got + 1] = i end
	equal(got, { 1000, 2000, 3000 })
	equal(nest(3, function() wait() return "deep" end), "deep")
	fails("deep", nest, 3, function() wait() error { code = "deep" } end)
end)

case("a cancel ends the wait of a coroutine three deep, and closes what all of them hold", function()
	local closed = {}
	task.scope(function(s)
		local t = s:spawn(function()
			local function hold(name) return setmetatable({}, { __close = function() closed[#closed + 1] = name end }) end
			local _ <close> = hold "task"
			coroutine.wrap(function()
				local _ <close> = hold "outer"
				coroutine.wrap(function()
					local _ <close> = hold "inner"
					nest(1, function()
						local _ <close> = hold "innermost"
						task.sleep(60)
					end)
				end)()
			end)()
		end)
		task.sleep(0.001)
		t:cancel()
	end)
	equal(closed, { "innermost", "inner", "outer", "task" })
end)

case("a coroutine that waits can't be resumed or closed from elsewhere", function()
	local co = coroutine.create(function()
		task.sleep(0.003)
		return "done"
	end)
	task.scope(function(s)
		local t = s:spawn(coroutine.resume, co)
		task.sleep(0)
		equal(coroutine.status(co), "normal")
		equal({ coroutine.resume(co) }, { false, "cannot resume a coroutine that waits" })
		fails("cannot close a coroutine that waits", coroutine.close, co)
		equal({ t:await() }, { true, "done" })
		equal(coroutine.status(co), "dead")
	end)
	local wrapped = coroutine.wrap(function() task.sleep(0.002) end)
	task.scope(function(s)
		s:spawn(wrapped)
		task.sleep(0)
		fails("cannot resume a coroutine that waits", wrapped)
	end)
	local suspended = coroutine.create(function()
		local _ <close> = setmetatable({}, { __close = function() co = nil end })
		coroutine.yield()
	end)
	coroutine.resume(suspended)
	equal(coroutine.status(suspended), "suspended")
	equal(coroutine.close(suspended), true)
	equal(co, nil)
end)

case("a wait in a coroutine that nobody holds any more is let go", function()
	local weak = setmetatable({}, { __mode = "k" })
	for _ = 1, 20 do
		local co = coroutine.create(function()
			wait()
			coroutine.yield()
		end)
		weak[co] = true
		coroutine.resume(co)
	end
	collectgarbage()
	collectgarbage()
	equal(next(weak), nil)
end)

check.done()

-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

case("values arrive in order, whatever the capacity", function()
	for _, capacity in ipairs { 0, 1, 3, 100 } do
		local ch, got = task.channel(capacity), {}
		task.scope(function(s)
			s:spawn(function()
				for i = 1, 50 do ch:send(i) end
				ch:close()
			end)
			for v in ch do got[#got + 1] = v end
		end)
		equal(#got, 50)
		for i, v in ipairs(got) do equal(v, i) end
	end
end)

case("capacity 0 is a rendezvous: send returns when the value was received", function()
	local ch, log = task.channel(), {}
	task.scope(function(s)
		s:spawn(function()
			ch:send "v"
			log[#log + 1] = "sent"
		end)
		task.sleep(0.002)
		log[#log + 1] = "receiving"
		equal(ch:receive(), "v")
	end)
	equal(log, { "receiving", "sent" })
	equal(ch:try_send(1), false)
	equal(ch:try_receive(), nil)
end)

case("a full channel makes senders wait, in order", function()
	local ch, sent = task.channel(2), 0
	task.scope(function(s)
		for i = 1, 5 do
			s:spawn(function()
				ch:send(i)
				sent = sent + 1
			end)
		end
		task.sleep(0.001)
		equal(sent, 2)
		equal(#ch, 2)
		for i = 1, 5 do equal(ch:receive(), i) end
		task.yield()
		equal(sent, 5)
	end)
end)

case("receivers are served in the order in which they came", function()
	local ch, got = task.channel(), {}
	task.scope(function(s)
		for i = 1, 3 do
			s:spawn(function() got[i] = ch:receive() end)
		end
		task.yield()
		for _, v in ipairs { "a", "b", "c" } do ch:send(v) end
	end)
	equal(got, { "a", "b", "c" })
end)

case("close: what is stored can be received, waiting receivers get nil, waiting senders an error", function()
	local ch = task.channel(2)
	ch:send(1)
	ch:send(2)
	ch:close()
	ch:close()
	equal(ch:is_closed(), true)
	equal({ ch:receive(), ch:receive() }, { 1, 2 })
	equal(select("#", ch:receive()), 1)
	equal(ch:receive(), nil)
	fails("closed", ch.send, ch, 3)
	fails("closed", ch.try_send, ch, 3)

	local other, ends = task.channel(), 0
	task.scope(function(s)
		for _ = 1, 3 do
			s:spawn(function()
				equal(other:receive(), nil)
				ends = ends + 1
			end)
		end
		task.yield()
		other:close()
	end)
	equal(ends, 3)

	local full = task.channel(1)
	full:send "stored"
	task.scope(function(s)
		local t = s:spawn_try(function() full:send "waiting" end)
		task.yield()
		full:close()
		equal(select(2, t:await()).code, "closed")
	end)
	equal({ full:receive(), full:receive() }, { "stored" })
end)

case("a channel in a <close> variable is closed with the block", function()
	local kept
	do
		local ch <close> = task.channel(1)
		kept = ch
	end
	equal(kept:is_closed(), true)
end)

case("nil and wrong capacities are refused", function()
	local ch = task.channel(1)
	fails("can't send nil", ch.send, ch, nil)
	fails("capacity must be an integer", task.channel, -1)
	fails("capacity must be an integer", task.channel, "4")
	ch:send(false)
	equal(ch:receive(), false)
end)

case("a cancelled receiver takes no value, a cancelled sender gives none", function()
	local ch = task.channel()
	task.scope(function(s)
		local first = s:spawn(function() return ch:receive() end)
		local second = s:spawn(function() return ch:receive() end)
		task.yield()
		first:cancel()
		ch:send "v"
		equal(second:await(), "v")
		local sender = s:spawn(function() ch:send "withdrawn" end)
		s:spawn(function() ch:send "kept" end)
		task.yield()
		sender:cancel()
		equal(ch:receive(), "kept")
	end)
end)

case("who was handed a value gets it, even when it is cancelled in the same turn", function()
	local ch, got = task.channel()
	task.scope(function(s)
		local receiver = s:spawn(function()
			got = ch:receive()
			task.yield()
			got = "never"
		end)
		task.yield()
		ch:send "v"
		receiver:cancel()
	end)
	equal(got, "v")

	local rendezvous, returned = task.channel()
	task.scope(function(s)
		local sender = s:spawn(function()
			rendezvous:send "w"
			returned = true
		end)
		task.yield()
		equal(rendezvous:receive(), "w")
		sender:cancel()
	end)
	equal(returned, true)
end)

case("no value is lost or doubled while receivers and senders are cancelled at random", function()
	local seed = os.time()
	math.randomseed(seed)
	for round = 1, 20 do
		local ch = task.channel(math.random(0, 3))
		local sent, got, tasks = {}, {}, {}
		task.scope(function(s)
			for i = 1, 40 do
				tasks[#tasks + 1] = s:spawn(function()
					if math.random(2) == 1 then task.yield() end
					ch:send(i)
					sent[i] = true
				end)
				tasks[#tasks + 1] = s:spawn(function()
					local v = ch:receive()
					if v then check.ok(not got[v], ("twice; seed %d"):format(seed)) got[v] = true end
				end)
			end
			for _ = 1, 30 do
				if math.random(3) == 1 then task.yield() end
				tasks[math.random(#tasks)]:cancel()
			end
			task.sleep(0.001)
			s:spawn(function()
				task.sleep(0.001)
				ch:close()
			end)
			for v in ch do check.ok(not got[v]) got[v] = true end
			s:cancel()
		end)
		for i = 1, 40 do equal(got[i], sent[i], ("round %d, value %d, seed %d"):format(round, i, seed)) end
	end
end)

check.done()

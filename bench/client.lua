-- SPDX-License-Identifier: Apache-2.0
-- epact as a peer of the benchmarks: noop | pairs BASE N CONCURRENCY | flight URL N | update BASE DIR |
-- clone URL DEST N | sleep N MS | json FILE ROUNDS. Prints one line of key=value pairs.
local task = require "epact.task"

local IDS = { "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e", "b0f1c2d3-e4f5-4a6b-8c7d-9e0f1a2b3c4d" }

local function client_of(base_url)
	return require("epact.relace").client {
		base_url = base_url, api_key = "rlc-bench", ca_file = os.getenv "BENCH_CA", http2 = os.getenv "BENCH_HTTP" == "2",
	}
end

local function report(n, failed, seconds, latencies)
	table.sort(latencies)
	local function microseconds(i) return math.floor((latencies[i] or 0) * 1e6) end
	print(("n=%d failed=%d ms=%.1f p50_us=%d p99_us=%d"):format(
		n, failed, seconds * 1e3, microseconds(n // 2 + 1), microseconds(n * 99 // 100 + 1)))
	return failed == 0 and 0 or 1
end

local modes = {}

function modes.noop()
	require "epact.relace"
	return 0
end

function modes.pairs(base, n, concurrency)
	local tokens, now = client_of(base .. "/v1").repo_token, task.now
	local latencies, left, failed = {}, n // 2, 0
	local body = { name = "bench", repo_ids = IDS }
	local start = now()
	task.scope(function(s)
		for _ = 1, concurrency do
			s:spawn(function()
				while left > 0 do
					left = left - 1
					local t0 = now()
					local ok, token = pcall(tokens.create, tokens, body)
					local t1 = now()
					latencies[#latencies + 1] = t1 - t0
					if not ok or not pcall(tokens.delete, tokens, token) then failed = failed + 1 end
					latencies[#latencies + 1] = now() - t1
				end
			end)
		end
	end)
	return report(n, failed, now() - start, latencies)
end

function modes.flight(url, n)
	local tokens, now = client_of((url:gsub("/repo_token$", ""))).repo_token, task.now
	local latencies = {}
	local body = { name = "bench", repo_ids = IDS }
	local start = now()
	task.scope(function(s)
		for _ = 1, n do
			s:spawn(function()
				if tokens:create(body) then latencies[#latencies + 1] = now() - start end
			end)
		end
	end)
	return report(n, n - #latencies, now() - start, latencies)
end

function modes.update(base, dir)
	local answer = client_of(base .. "/v1").repo:overwrite(IDS[1], dir)
	print("n=1 failed=" .. (answer.repo_head and 0 or 1))
	return 0
end

function modes.clone(url, dest, n)
	local git = require "epact.git"
	local start = task.now()
	task.scope(function(s)
		for i = 0, n - 1 do
			s:spawn(git.clone, { url = url, directory = dest .. "/" .. i })
		end
	end)
	print(("n=%d failed=0 ms=%.1f"):format(n, (task.now() - start) * 1e3))
	return 0
end

function modes.sleep(n, ms)
	local woke = 0
	task.scope(function(s)
		for _ = 1, n do
			s:spawn(function()
				task.sleep(ms / 1000)
				woke = woke + 1
			end)
		end
	end)
	print("n=" .. woke)
	return 0
end

local function median(values)
	table.sort(values)
	return values[#values // 2 + 1] * 1e3
end

function modes.json(file, rounds)
	local json = require "epact.json"
	local handle <close> = assert(io.open(file, "rb"))
	local text = handle:read "a"
	local decoding, encoding = {}, {}
	for i = 1, rounds do
		local t0 = os.clock()
		local value = json.decode(text)
		local t1 = os.clock()
		local out = json.encode(value)
		decoding[i], encoding[i] = t1 - t0, os.clock() - t1
		assert(#out > 1000)
	end
	print(("n=%d decode_ms=%.2f encode_ms=%.2f"):format(rounds, median(decoding), median(encoding)))
	return 0
end

local mode = modes[arg[1]]
if not mode then os.exit(77) end
local args = {}
for i = 2, #arg do args[i - 1] = math.tointeger(tonumber(arg[i])) or arg[i] end
return mode(table.unpack(args))

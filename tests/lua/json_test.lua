-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
local json = require "epact.json"
local encode, decode, null = json.encode, json.decode, json.null

local function same(a, b)
	if type(a) ~= "table" or type(b) ~= "table" then
		if a ~= a or b ~= b or math.type(a) ~= math.type(b) then return false end
		return a == b and (a ~= 0 or 1 / a == 1 / b)
	end
	if json.is_array(a) ~= json.is_array(b) and next(a) == nil then return false end
	for k, v in pairs(a) do
		if not same(v, b[k]) then return false end
	end
	for k in pairs(b) do
		if a[k] == nil then return false end
	end
	return true
end

local function equal(got, expected)
	if got ~= expected then error(("got %s, expected %s"):format(got, expected), 2) end
end

local function fails(part, f, ...)
	local ok, err = pcall(f, ...)
	if ok then error("no error; expected: " .. part, 2) end
	local message = type(err) == "table" and err.code .. ": " .. err.message or tostring(err)
	if not message:find(part, 1, true) then error(("%q does not say %q"):format(message, part), 2) end
end

-- null
equal(tostring(null), "null")
equal(decode "null", null)
equal(encode(null), "null")
assert(null and type(null) == "userdata" and getmetatable(null) == false)
assert(same(decode '{"a":null,"b":[null]}', { a = null, b = { null } }))

-- scalars
equal(encode(true), "true")
equal(encode(1), "1")
equal(encode(1.0), "1.0")
equal(encode(-0.0), "-0.0")
equal(encode(1e300), "1e300")
equal(encode "a\0b\"\u{e9}\n", [["a\u0000b\"]] .. "\u{e9}" .. [[\n"]])
equal(math.type(decode "1"), "integer")
equal(math.type(decode "1.0"), "float")
equal(math.type(decode "1e2"), "float")
equal(math.type(decode "-0"), "float")
equal(decode "9007199254740993", 9007199254740993)
equal(decode "-9223372036854775808", math.mininteger)
equal(decode "18446744073709551616", 2.0 ^ 64)
equal(decode [["\u0000\ud83d\ude00"]], "\0\u{1f600}")

-- arrays and objects
equal(encode {}, "{}")
equal(encode(json.array()), "[]")
equal(encode(json.array {}), "[]")
equal(encode(json.object()), "{}")
equal(encode(json.object(decode "[]")), "{}")
equal(encode { 1, "a", { x = false } }, '[1,"a",{"x":false}]')
equal(encode(json.array { 1, 2 }), "[1,2]")
equal(encode(decode "[[],{},[[]]]"), "[[],{},[[]]]")
assert(json.is_array(decode "[]") and not json.is_array(decode "{}") and not json.is_array "x")
equal(decode('{"a":1,"A":2,"a":3}').a, 3)
local marked = json.array { 1 }
marked[2] = 2
equal(encode(marked), "[1,2]")
local backwards = {}
for i = 100, 1, -1 do backwards[i] = i end
equal(#decode(encode(backwards)), 100)

-- metamethods are not called
local quiet = setmetatable({ 1 }, { __index = error, __len = error, __pairs = error, __tostring = error })
equal(encode(quiet), "[1]")
fails("has a metatable", json.array, quiet)

-- style
equal(encode({ b = 1, a = { 1, 2 }, c = {}, B = json.array() }, { sort = true }), '{"B":[],"a":[1,2],"b":1,"c":{}}')
equal(encode({ b = 1, a = { 1, {} } }, { pretty = true, sort = true }),
	'{\n  "a": [\n    1,\n    {}\n  ],\n  "b": 1\n}')
equal(encode({ 1 }, { pretty = true }), "[\n  1\n]")
local wide = {}
for i = 1, 100 do wide[("k%02d"):format(i % 100)] = { [("n%d"):format(i)] = i } end
local last = ""
for key in encode(wide, { sort = true }):gmatch '"(k%d+)"' do
	assert(last < key)
	last = key
end
equal(last, "k99")
assert(same(decode(encode(wide, { sort = true, pretty = true })), wide))

-- what cannot be encoded, and where it is
local cycle = { items = { {} } }
cycle.items[1].self = cycle.items
local deep = {}
for _ = 1, 1000 do deep = { deep } end
for _, case in ipairs {
	{ "json: value: nil cannot be JSON", nil },
	{ "json: value: a function cannot be JSON", print },
	{ "value.items[3].f: a function cannot be JSON", { items = { 1, 2, { f = print } } } },
	{ 'value["a b"]["1"][2]: a thread cannot be JSON', { ["a b"] = { ["1"] = { 1, coroutine.create(print) } } } },
	{ "value[2]: a userdata cannot be JSON", { 1, io.stdout } },
	{ "value.n: a number that is not finite", { n = 0 / 0 } },
	{ "value.n: a number that is not finite", { n = -math.huge } },
	{ "value.s: a string that is not UTF-8, at byte 2", { s = "ok\xff" } },
	{ "value.o: a key that is not UTF-8", { o = { ["\xc0"] = 1 } } },
	{ "value.h: a table with holes", { h = { 1, nil, 3 } } },
	{ "value.h: a table with holes", { h = { [2] = 1 } } },
	{ "value.h: a table with holes", { h = { [0] = 0, 1 } } },
	{ "value.m: a table with holes, or with other keys", { m = { 1, 2, x = 3 } } },
	{ "value: an integer among the keys", json.object { 1 } },
	{ "value: a table with holes, or with other keys", json.array { x = 1 } },
	{ "value: a key that is a number", { [1.5] = 1 } },
	{ "value: a key that is a boolean", { [true] = 1 } },
	{ "value.items[1].self: a cycle: it is the same table as value.items", cycle },
	{ "nested too deep", deep },
} do
	fails(case[1], encode, case[2])
	fails(case[1], encode, case[2], { sort = true })
end
fails("unknown option 'prety'", encode, 1, { prety = true })

-- the same table twice is no cycle
local twice = { 1 }
equal(encode { twice, twice }, "[[1],[1]]")

-- what cannot be decoded
for _, case in ipairs {
	{ "", "the text ends" },
	{ "[1,]", "line 1, column 4 (byte 3): a value was expected" },
	{ '{"a":1,\n "b":01}', "line 2, column 6 (byte 13): a number may not begin with 0" },
	{ "[1] 2", "more text" },
	{ '"\\ud800"', "high surrogate" },
	{ '"\xff"', "invalid UTF-8" },
	{ "1e400", "too large for a double" },
	{ "9223372036854775809", "no double holds exactly" },
	{ ("["):rep(1001) .. ("]"):rep(1001), "nested too deep" },
	{ ("["):rep(100000), "nested too deep" },
} do
	fails("json: not the JSON", decode, case[1])
	fails(case[2], decode, case[1])
end
fails("nested too deep", decode, "[[1]]", { max_depth = 1 })
fails("too many values", decode, "[1,2]", { max_nodes = 2 })
fails("too_large", decode, "[1,2]", { max_bytes = 4 })
fails("option 'max_depth' must be 1 to 1000", decode, "1", { max_depth = 1001 })
fails("option 'max_nodes' must be 1 to", decode, "1", { max_nodes = 0 })
fails("string expected", decode, 1)
fails("string expected", decode, nil)

-- the limit itself
local most = {}
for _ = 1, 999 do most = { most } end
assert(same(decode(encode(most)), most))

-- random values: decode(encode(x)) is x
local floats = { 0.1, -0.0, 1e15, 1e16, 1e17, 2 ^ 53, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e-5 }
local integers = { 0, -1, math.maxinteger, math.mininteger, 2 ^ 53 | 0, (2 ^ 53 | 0) + 1, -(2 ^ 53 | 0) - 1 }
local random = math.random
local seed = tonumber(os.getenv "EPACT_PROPERTY_SEED" or os.time())
math.randomseed(seed)

local function random_float()
	if random(4) == 1 then return floats[random(#floats)] end
	if random(3) == 1 then return random(1000000) / 1000 end
	local f = string.unpack("d", string.pack("j", random(0)))
	return (f == f and f - f == 0) and f or 0.5
end

local function random_integer()
	if random(3) == 1 then return integers[random(#integers)] end
	return random(2) == 1 and random(0) or random(-1000, 1000)
end

local function random_character()
	local kind = random(8)
	if kind <= 4 then return random(0, 127) end
	if kind == 5 then return random(0x80, 0x7ff) end
	if kind == 6 then return random(2) == 1 and random(0x800, 0xd7ff) or random(0xe000, 0xffff) end
	return (random(16) << 16) + random(0, 0xffff)
end

local function random_string()
	local length = random(3) == 1 and random(0, 40) or random(0, 6)
	local t = {}
	for i = 1, length do t[i] = utf8.char(random_character()) end
	return table.concat(t)
end

local random_value

local function random_table(depth)
	local t = {}
	if random(2) == 1 then
		for i = 1, random(0, 4) do t[i] = random_value(depth) end
		return json.array(t)
	end
	for _ = 1, random(0, 4) do t[random_string()] = random_value(depth) end
	return t
end

function random_value(depth)
	local kind = random(depth > 0 and 8 or 6)
	if kind == 1 then return null end
	if kind == 2 then return random(2) == 1 end
	if kind == 3 then return random_integer() end
	if kind == 4 then return random_float() end
	if kind <= 6 then return random_string() end
	return random_table(depth - 1)
end

-- A million of them; as many as 30 s allow in a build that checks each allocation.
local wanted = tonumber(os.getenv "EPACT_PROPERTY_COUNT")
local start = os.clock()
for i = 1, wanted or 1000000 do
	local value = random_value(i % 5)
	if i % 5000 == 0 then
		for _ = 1, random(990) do value = random(2) == 1 and { value } or { [random_string()] = value } end
	end
	local text = encode(value)
	if not same(decode(text), value) then error(("seed %d, value %d: %s"):format(seed, i, text)) end
	if not wanted and i % 1000 == 0 and os.clock() - start > 30 then break end
end

-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local crypto = require "epact.crypto"

check.equal(crypto.sha256 "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
check.equal(crypto.sha256 "a\0b", "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138")
check.equal(crypto.sha1 "blob 2\0a\n", "78981922613b2afb6025042ff6bd878ac1994e85")
check.equal(crypto.hex "\0\255a", "00ff61")
check.equal(#crypto.random(1000), 1000)
check.equal(crypto.random(0), "")
check.ok(crypto.random_hex(20) ~= crypto.random_hex(20), "two random values differ")
check.equal(#crypto.random_hex(20), 40)
check.fails("number of bytes", crypto.random, -1)
for _ = 1, 50 do
	check.ok(crypto.uuid():find "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", "a UUID")
end
check.ok(crypto.equal("same", "same"))
check.ok(not crypto.equal("same", "sane"))
check.ok(not crypto.equal("same", "same "))
for text, bytes in pairs { [""] = "", ["YQ=="] = "a", ["YWI"] = "ab", ["YWJj"] = "abc", ["AP/+"] = "\0\255\254" } do
	check.equal(crypto.base64_decode(text), bytes)
end
for text, bytes in pairs { [""] = "", ["YQ=="] = "a", ["YWI="] = "ab", ["YWJj"] = "abc", ["AP/+"] = "\0\xff\xfe" } do
	check.equal(crypto.base64_encode(bytes), text)
end
for _, wrong in ipairs { "a", "YQ==YQ", "Y Q", "YQ\0", "YWJjZ" } do check.equal(crypto.base64_decode(wrong), nil) end

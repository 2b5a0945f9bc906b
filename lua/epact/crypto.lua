-- SPDX-License-Identifier: Apache-2.0
--- Digests, random bytes, and what tokens and ids need besides.
local core = require "epact.core.crypto"

local M = {}

--- The SHA-256 of some bytes.
-- @param bytes string
-- @return string: 64 lower-case hex digits
function M.sha256(bytes) return core.sha256(bytes) end

--- The SHA-1 of some bytes: for the ids of git's objects only, it protects nothing.
-- @param bytes string
-- @return string: 40 lower-case hex digits
function M.sha1(bytes) return core.sha1(bytes) end

--- Random bytes of the kernel, fit for secrets.
-- @param count integer: how many, up to 1 MiB
-- @return string
function M.random(count) return core.random(count) end

--- Random bytes as hex digits.
-- @param count integer: how many bytes; twice as many digits
-- @return string
-- Example: `local value = "rlcr-" .. crypto.random_hex(20)`
function M.random_hex(count) return core.hex(core.random(count)) end

--- A random UUID (version 4), in lower case.
-- @return string
function M.uuid() return core.uuid() end

--- Bytes as lower-case hex digits.
-- @param bytes string
-- @return string
function M.hex(bytes) return core.hex(bytes) end

--- Whether two strings are the same, in a time that depends on their lengths alone.
-- @param a string
-- @param b string
-- @return boolean
function M.equal(a, b) return core.equal(a, b) end

--- Encodes bytes as base64, with its padding.
-- @param bytes string
-- @return string
-- Example: `http.get(url, { headers = { Authorization = "Basic " .. crypto.base64_encode(user .. ":" .. password) } })`
function M.base64_encode(bytes) return core.base64_encode(bytes) end

--- Decodes base64, with or without its padding.
-- @param text string
-- @return string, or nil when it is not base64
function M.base64_decode(text) return core.base64_decode(text) end

return M

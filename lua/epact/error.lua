-- SPDX-License-Identifier: Apache-2.0
--- Error objects: what the world's failures are raised as.
--
-- Fields: `code` (a slug such as "not_found", "timeout", "cancelled"), `message` (one sentence), and where they
-- apply `status` (HTTP or exit status), `operation`, `detail` (the peer's own words), `attempts`, `retryable`,
-- `maybe_sent` (the peer may have acted), `retry_after` (seconds), `rate` (`limit`, `remaining`, `reset`: numbers of X-RateLimit
-- headers, as the server wrote them), `request_id`, `cause`, `others` (the errors of
-- other tasks of the same scope). `tostring(err)` is the message with the operation. No field holds a secret.
local core = require "epact.core.error"

local M = {}

--- Makes an error object, to be raised with `error`.
-- @param code string: the slug
-- @param message string: one sentence
-- @param fields table?: further fields
-- @return the object
-- Example: `error(errors.new("not_found", "there is no such user"))`
function M.new(code, message, fields)
	local err = {}
	for k, v in pairs(fields or {}) do err[k] = v end
	err.code, err.message = code, message
	return core.new(err)
end

--- Whether a value is an error object; with `code`, whether it is one of that code.
-- @param value any
-- @param code string?
-- @return boolean
function M.is(value, code) return core.is(value) and (code == nil or value.code == code) end

--- The text of an error, and where in the script it came from: for `xpcall`. What is no string is returned as it is.
-- @param err any
-- @return any
-- Example: `xpcall(handler, errors.traceback, request)`
M.traceback = core.traceback

--- Hides every secret in a text: those alive in this run, Relace credentials, passwords of URLs.
-- @param text string
-- @return string
function M.mask(text) return core.mask(text) end

--- The name that was probably meant by a word that is none of them, for the message that refuses it.
-- @param word string
-- @param names table: an array of the known names
-- @return string, or nil when none is near
-- Example: `errors.nearest("tmieout", { "timeout", "retries" }) --> "timeout"`
function M.nearest(word, names) return core.nearest(word, names) end

return M

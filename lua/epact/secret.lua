-- SPDX-License-Identifier: Apache-2.0
--- Secrets: strings that print masked and are hidden in every log and error, as they stand and as long as they are alive.
-- Those of less than 6 bytes are not hidden in other texts: they would mask half of any.
local core = require "epact.core.secret"

local M = {}

--- Makes a secret of a string. `tostring(secret)` is masked; `secret:reveal()` is the string. It works wherever a
-- credential goes.
-- @param text string
-- @return secret
function M.new(text) return core.new(text) end

return M

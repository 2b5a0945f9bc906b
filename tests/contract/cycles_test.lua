-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- Many tokens and clones in a row leave nothing. EPACT_TEST_CYCLES sets how many (a thousand takes some minutes).
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"

local source, epact = os.getenv "EPACT_SOURCE", os.getenv "EPACT_BIN"
local cycles = os.getenv "EPACT_TEST_CYCLES" or "40"

check.case("tokens and clones in a row", function()
	local data <close> = fs.temp_dir()
	local result = process.run({ epact, "run", "--local", "--data", data.path, source .. "/tests/support/cycles.lua", cycles },
		{ check = false })
	if result.status ~= 0 then error(result.stderr) end
	print(result.stdout)
	check.contains(result.stdout, "cycles=" .. cycles)
	check.contains(result.stdout, "temp=0")
	check.equal(result.stderr, "")
end)

check.done()

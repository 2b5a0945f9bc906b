-- SPDX-License-Identifier: Apache-2.0
--- What `epact.relace.client()` starts from when no option says otherwise; then the environment is asked.
--
-- `epact run --local` sets both, so that a script needs no change to work on the local server; a host sets them by
-- `base_url` and `api_key` of its options.
local core = require "epact.core.settings"

return {
	base_url = core.base_url, -- string: with /v1
	api_key = core.api_key,   -- string, secret or token
}

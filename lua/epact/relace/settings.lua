-- SPDX-License-Identifier: Apache-2.0
--- What `epact.relace.client()` starts from when neither an option nor the environment says otherwise.
--
-- `epact run --local` sets both, so that a script needs no change to work on the local server.
return {
	base_url = nil, -- string: with /v1
	api_key = nil,  -- string, secret or token
}

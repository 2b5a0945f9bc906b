-- SPDX-License-Identifier: Apache-2.0
-- GET /repo/{repo_id}.git/info/refs?service=...: the smart protocol alone, failures as one line of text.

local contract = require "contract"
local http = require "epact.http"
local same, test = contract.same, contract.test

local function get(api, id, service, headers)
	return http.get(("%s/repo/%s.git/info/refs?service=%s"):format(api.url, id, service), { headers = headers })
end

local function check_challenge(api)
	local id = api:create()
	for _, service in ipairs { "git-upload-pack", "git-receive-pack" } do
		local first = get(api, id, service)
		same(first.status, 401, "status without a credential")
		contract.matches(first.headers["www-authenticate"], '^Basic realm="', "WWW-Authenticate")
		contract.matches(first.headers["content-type"], "^text/plain", "type")
		for _, wrong in ipairs { "Basic !", "Basic " .. "dG9rZW46cmxjLXg=", "Bearer rlc-x", "Basic" } do
			local refused = get(api, id, service, { Authorization = wrong })
			same(refused.status, 401, "status of " .. wrong)
			contract.matches(refused.headers["www-authenticate"], '^Basic realm="', "WWW-Authenticate")
		end
		local answer = get(api, id, service, { Authorization = "Bearer " .. api.key })
		same(answer.status, 200, "status")
		same(answer.headers["content-type"], ("application/x-%s-advertisement"):format(service), "type")
		contract.matches(answer.headers["cache-control"], "no%-cache", "Cache-Control")
		contract.matches(answer.body, "^00%x%x# service=" .. service:gsub("%-", "%%-") .. "\n0000", "body")
	end
	local second = get(api, id, "git-upload-pack", { Authorization = "Bearer " .. api.key, ["Git-Protocol"] = "version=2" })
	contract.matches(second.body, "version 2\n", "protocol 2")
	contract.check(not second.body:find("refs/heads", 1, true), "no refs in an answer of protocol 2")
end

local function check_refusals(api)
	local id = api:create()
	local function status(method, path, credential)
		local headers = { Authorization = "Bearer " .. (credential or api.key) }
		local response = http.request { method = method, url = api.url .. "/repo/" .. path, headers = headers,
			body = method == "POST" and "0000" or nil }
		if response.status >= 400 then
			contract.matches(response.headers["content-type"], "^text/plain", "type")
			contract.matches(response.body, "^[^\n]+\n$", "one line")
		end
		return response.status
	end
	same(status("GET", id .. ".git/info/refs?service=git-upload-pack"), 200, "Bearer")
	same(status("GET", id .. ".git/info/refs"), 403, "the dumb protocol")
	same(status("GET", id .. ".git/info/refs?service=git-upload-archive"), 403, "another service")
	same(status("GET", id .. ".git/HEAD"), 403, "a file of the repo")
	same(status("GET", id .. ".git/objects/info/packs"), 403, "the packs")
	same(status("GET", id .. ".git/git-upload-pack"), 405, "GET of a service")
	same(status("POST", id .. ".git/info/refs?service=git-upload-pack"), 405, "POST of refs")
	local unknown = "00000000-0000-4000-8000-000000000000"
	same(status("GET", unknown .. ".git/info/refs?service=git-upload-pack"), 404, "an unknown repo")
	same(status("GET", "x.git/info/refs?service=git-upload-pack"), 422, "no UUID")
	local token = api:token { (api:create()) }
	same(status("GET", id .. ".git/info/refs?service=git-upload-pack", token), 403, "a token of another repo")
	same(status("GET", id .. ".git/info/refs?service=git-upload-pack", "rlcr-0"), 401, "an unknown token")
end

contract.serve({}, function(api)
	test("401 asks for Basic; the answer has git's types", check_challenge, api)
	test("what is no smart request is refused with one line of text", check_refusals, api)
end)

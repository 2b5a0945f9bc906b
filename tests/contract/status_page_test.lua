-- SPDX-License-Identifier: Apache-2.0
-- The status page: what it shows, to whom, and that nothing it shows is more than text.

local contract = require "contract"
local http = require "epact.http"
local same, test = contract.same, contract.test

local function get(api, headers, method)
	return http.request { method = method or "GET", url = api.server.url:gsub("/v1$", "/"), headers = headers }
end

local function check_content(api)
	local id, head = api:create({ a = "1" }, { name = "demo repo" })
	local token = api:token({ id }, { name = "ci token", ttl_seconds = 600 })
	api:call("GET", "/repo_token/" .. token)
	local page = get(api)
	same(page.status, 200, "status")
	same(page.headers["content-type"], "text/html; charset=utf-8", "type")
	contract.matches(page.headers["content-security-policy"], "default%-src 'none'", "policy")
	same(page.headers["cache-control"], "no-store", "Cache-Control")
	for _, text in ipairs { id, "demo repo", head:sub(1, 12), "ci token", token:sub(1, 9) .. "…", "Repos: 1", "Repo tokens: 1",
		"/v1/repo_token/***", "Local Relace server", "epact " } do
		contract.check(page.body:find(text, 1, true), "the page shows " .. text)
	end
	contract.check(not page.body:find(token:sub(10), 1, true), "no token on the page")
	contract.check(not page.body:find(api.key:sub(5), 1, true), "no key on the page")
	contract.check(not page.body:find("<script", 1, true), "no script")
	local status = get(api, nil, "HEAD")
	same({ status.status, status.body }, { 200, "" }, "HEAD")
	same(get(api, nil, "POST").status, 405, "POST")
	contract.check(not page.body:find("Faults", 1, true), "no faults")
	api.server:set_faults "GET /repo: 503 x2"
	api:expect(503, "GET", "/repo")
	contract.matches(get(api).body, "GET /repo: 503 x2</bdi></td><td><bdi>1<", "faults")
	api.server:set_faults(nil)
	api:expect(204, "DELETE", "/repo/" .. id)
	contract.matches(get(api).body, "Repos: 0", "repos after a delete")
end

local function check_hostile(api)
	local hostile = [[<script>alert(1)</script><img src=x onerror='a'>"&amp;]] .. "\u{202e}\0\27[2J" .. ("ä"):rep(200)
	local id = api:create(nil, { name = hostile, other = hostile })
	api:token({ id }, { name = hostile })
	api:call("GET", "/%3Cscript%3E<b>")
	local body = get(api).body
	for _, markup in ipairs { "<script", "<img", "<b>", "onerror='", "\0", "\27" } do
		contract.check(not body:find(markup, 1, true), "no " .. markup)
	end
	contract.check(body:find("&lt;script&gt;alert(1)&lt;/script&gt;", 1, true), "the name as text")
	contract.check(utf8.len(body), "the page is UTF-8")
	for tag in body:gmatch("<(/?%a[%w]*)") do
		contract.check(("html head meta title style body h1 h2 p table tr th td bdi"):find(tag:gsub("/", ""), 1, true), "tag " .. tag)
	end
end

local function check_hosts(api)
	for _, host in ipairs { "localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:8080", "[::1]", "[::1]:9" } do
		same(get(api, { Host = host }).status, 200, host)
	end
	for _, host in ipairs { "example.com", "127.0.0.1.example.com", "localhost.example.com:80", "127.0.0.1:80:80", "", "10.0.0.1",
		"example.com#127.0.0.1", "[::2]", "localhost:" } do
		local answer = get(api, { Host = host })
		contract.check(answer.status == 403 or answer.status == 400, host .. " is answered " .. answer.status)
		contract.check(not answer.body:find("Repos", 1, true), "no word of the page")
	end
end

local function check_openapi(api)
	local file <close> = io.open(os.getenv "EPACT_SOURCE" .. "/docs/openapi.yaml")
	local text = file:read "a"
	for _, url in ipairs { api.url .. "/openapi.yaml", (api.server.url:gsub("/v1$", "/openapi.yaml")) } do
		local answer = http.get(url)
		same(answer.status, 200, "status")
		same(answer.headers["content-type"], "application/yaml", "type")
		contract.check(answer.body == text, "the text of docs/openapi.yaml")
	end
end

contract.serve({}, function(api)
	test("the description of the API is served", check_openapi, api)
	test("repos, heads, tokens and requests, without a secret", check_content, api)
	test("hostile names are text", check_hostile, api)
	test("only names of this machine are answered", check_hosts, api)
end)
contract.serve({ status_page = false }, function(api)
	same(get(api).status, 404, "status when it is turned off")
end)
contract.serve({ host = "0.0.0.0" }, function(api)
	local answer = http.get("http://127.0.0.1:" .. api.server.port .. "/")
	same(answer.status, 404, "status on an address that others reach")
end)

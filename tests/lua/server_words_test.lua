-- SPDX-License-Identifier: Apache-2.0
-- What the server makes of words that come from outside: paths, routes, times, queries, the stream for git.

local errors = require "epact.server.errors"
local fast_import = require "epact.server.fast_import"
local paths = require "epact.server.paths"
local router = require "epact.server.router"
local when = require "epact.server.when"

local function same(got, expected, what)
	if got ~= expected then
		error(("%s: got %s, expected %s"):format(tostring(what), tostring(got), tostring(expected)), 2)
	end
end

local function fails(status, fn, ...)
	local ok, failure = pcall(fn, ...)
	same(not ok and errors.is(failure) and failure.http_status, status, (...))
	return failure
end

-- Paths of files

for _, path in ipairs { "a", "src/a b.py", ".gitignore", "a/.git2/x", "...", "ü/ß", ("x"):rep(255), "-rf", "a:b", "%" } do
	same(paths.problem(path), nil, path)
end
for _, path in ipairs { "", "/a", "a/", "a//b", ".", "..", "a/../b", "../x", "a/./b", ".git", ".GIT/config", "a/.Git/b", "a\0b",
	"a\nb", "a\127", "a\\b", "\xff", "a/\xed\xa0\x80", ("x"):rep(256), ("x/"):rep(2048) .. "x" } do
	same(paths.problem(path) ~= nil, true, path)
end
same(paths.from_url "src%2Fa.c", "src/a.c", "an encoded slash")
same(paths.from_url "src/a.c", "src/a.c", "a literal slash")
same(paths.from_url "a%252Fb", "a%2Fb", "decoded once")
fails(400, paths.from_url, "..%2Fx")
fails(400, paths.from_url, "%2e%2e/x")
fails(400, paths.from_url, "a%zz")
fails(400, paths.from_url, "a%4")
fails(400, paths.from_url, "")
same(paths.decode "%41%42c", "ABc", "decode")
local query = paths.query "a=1&b=x%20y&b=z+w&c&=d"
same(query.a, "1", "query a")
same(query.b, "z w", "query b")
same(query.c, "", "query c")
local above = {}
for parent in paths.parents "a/b/c" do above[#above + 1] = parent end
same(table.concat(above, " "), "a a/b", "parents")

-- Routes

local ID = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local function route(method, path)
	local name, first, rest = router.match(method, path)
	return table.concat({ name, first ~= path and first or "", rest }, " ")
end
same(route("GET", "/v1/repo/" .. ID), "repo_get " .. ID, "get")
same(route("PUT", "/v1/repo/" .. ID .. "/file/a/b%2Fc"), "file_put " .. ID .. " a/b%2Fc", "put")
same(route("HEAD", "/v1/repo/" .. ID .. "/file/a"), "file_get " .. ID .. " a", "head")
same(route("GET", "/v1/repo/" .. ID .. ".git/info/refs"), "git " .. ID .. " info/refs", "git")
for _, path in ipairs { "//", "/v1", "/v1/", "/v1/repo/", "/v1//repo", "/v1/repo/" .. ID .. "/", "/v1/repo/" .. ID .. "//file/a",
	"/_stainless_unknown_path", "/v1/repo/" .. ID .. "/ask", "/v1/repo/" .. ID .. "/update/", "/V1/repo" } do
	fails(404, router.match, "DELETE", path)
end
same(fails(405, router.match, "GET", "/v1/repo_token").headers.Allow, "POST", "Allow")
same(fails(405, router.match, "OPTIONS", "/v1/repo").headers.Allow, "GET, POST", "Allow")
same(fails(405, router.match, "POST", "/v1/repo/x/file/a").headers.Allow, "DELETE, GET, HEAD, PUT", "Allow")
same(router.is_git("/v1/repo/x.git/info/refs"), true, "is_git")
same(router.is_git("/v1/repo/x/file/a.git/b"), false, "is_git")
same(router.loggable "/v1/repo_token/rlcr-0011", "/v1/repo_token/***", "log")
same(router.loggable "/v1/repo/rlc-abc_-/x\n", "/v1/repo/***/x%0A", "log")

-- Times

same(when.format(0), "1970-01-01T00:00:00Z", "format")
for text, expected in pairs {
	["2026-02-03T04:05:06Z"] = "2026-02-03T04:05:06.000Z",
	["2026-02-03T04:05:06.1234Z"] = "2026-02-03T04:05:06.123Z",
	["2026-02-03T04:05:06+01:30"] = "2026-02-03T02:35:06.000Z",
	["2026-02-03T04:05:06 00:00"] = "2026-02-03T04:05:06.000Z",
	["2024-02-29"] = "2024-02-29T00:00:00.000Z",
	["1999-12-31T23:59:59-00:01"] = "2000-01-01T00:00:59.000Z",
} do
	same(when.parse(text), expected, text)
end
for _, text in ipairs { "", "yesterday", "2026-13-01", "2025-02-29", "2026-02-03T25:00:00Z", "2026-02-03T04:05:06+25:00", "2026-2-3" } do
	same(when.parse(text), nil, text)
end

-- The stream of a commit

local stream = table.concat(fast_import.stream {
	ref = "refs/heads/main", message = "m", name = "N", email = "e@x", time = 5, parent = "1234",
	removed = { 'odd\n"name' }, changed = { "kept", "new" },
	tree = { kept = { mode = "100755", id = "77" }, new = { mode = "100644", content = "a\nb" } },
})
same(stream, "feature done\ncommit refs/heads/main\nmark :1\ncommitter N <e@x> 5 +0000\ndata 1\nm\nfrom 1234\n" ..
	'D "odd\\n\\"name"\nM 100755 77 kept\nM 100644 inline new\ndata 3\na\nb\nget-mark :1\ndone\n', "stream")
same(fast_import.plain "A <b>\n", "A b", "plain")

print "server words: passed"

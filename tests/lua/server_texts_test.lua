-- SPDX-License-Identifier: Apache-2.0
-- Words, excerpts, and what of a path or a text may be shown: without a server.

local check = require "check"
local excerpts = require "epact.server.excerpts"
local html = require "epact.server.html"
local loopback = require "epact.server.loopback"
local router = require "epact.server.router"
local texts = require "epact.server.texts"
local case, equal = check.case, check.equal

case("words of names and sentences", function()
	equal(texts.split "parseHTTPHeader", "parse HTTP Header")
	equal(texts.split "retry_count2 X", "retry_count2 X")
	equal(texts.words "How does getUserName retry? retry, RETRY!", { "how", "does", "get", "user", "name", "retry" })
	equal(texts.words "", {})
	equal(texts.words "größe 数", { "größe", "数" })
	local many = {}
	for number = 1, 200 do many[number] = "w" .. number end
	equal(#texts.words(table.concat(many, " ")), 100)
end)

case("the head of a text", function()
	equal(texts.head("abc", 3), "abc")
	equal(texts.head("abc", 2), "ab")
	equal(texts.head("aéb", 2), "a")
	equal(texts.head("aéb", 3), "aé")
	equal(texts.head("\u{1F600}", 3), "")
	equal(texts.is_text "é\n", true)
	equal(texts.is_text "a\0b", false)
	equal(texts.is_text "\xe9", false)
end)

local function lines(count, at)
	local list = {}
	for number = 1, count do list[number] = at[number] or "filler" end
	return table.concat(list, "\n") .. "\n"
end

case("excerpts are around the lines that say most", function()
	equal(excerpts.ranges(lines(100, { [50] = "a needle" }), { "needle" }), { { 47, 53 } })
	equal(excerpts.ranges(lines(100, { [1] = "needle", [100] = "needle" }), { "needle" }), { { 1, 4 }, { 97, 100 } })
	equal(excerpts.ranges(lines(100, { [10] = "needle", [16] = "needles" }), { "needles" }), { { 7, 19 } })
	equal(excerpts.ranges(lines(100, { [20] = "retries", [60] = "RETRY" }), { "retry" }), { { 17, 23 }, { 57, 63 } })
	equal(excerpts.ranges("needle", { "needle" }), { { 1, 1 } })
	equal(excerpts.ranges("", { "needle" }), { { 1, 1 } })
	equal(excerpts.ranges(lines(100, {}), { "name" }), { { 1, 7 } })
	equal(excerpts.ranges(lines(2, {}), {}), { { 1, 2 } })
	-- A rare word weighs more than one of every line.
	equal(excerpts.ranges(lines(60, { [30] = "rare filler" }), { "filler", "rare" })[1][1] <= 30, true)
end)

case("paths in a log", function()
	local token = "rlcr-" .. ("0a"):rep(20)
	for _, path in ipairs { "/v1/repo_token/" .. token, "/v1/repo_token/%72lcr-00", "/v1/repo_token/" .. token .. "/x" } do
		equal(router.loggable(path), "/v1/repo_token/***")
	end
	equal(router.loggable("/v1/repo/x%2F%72lcr%2D00112233/file"), "/v1/repo/x/***/file")
	equal(router.loggable("/a%0a%20b%25\127"), "/a%0A%20b%25%7F")
	equal(router.loggable("/%zz"), "/%25zz")
	equal(#router.loggable(("/a"):rep(1000)), 512)
	equal(router.loggable_word("G\nT x"), "G?T?x")
end)

case("text in HTML", function()
	equal(html.escape "<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;")
	equal(html.escape "a\0b\nc", "a b c")
	equal(html.escape(5), "5")
	local cut = html.escape(("é"):rep(150))
	equal(utf8.len(cut), 101)
	check.contains(html.table("t<", { "h" }, { { "<b>" } }), "<td><bdi>&lt;b&gt;</bdi></td>")
end)

case("this machine", function()
	for _, host in ipairs { "localhost", "LocalHost", "127.0.0.1", "127.200.3.4", "::1", "[::1]" } do
		equal(loopback.is_host(host), true)
	end
	for _, host in ipairs { "", "example.com", "127.0.0.1.example.com", "0.0.0.0", "::", "128.0.0.1", "localhost." } do
		equal(loopback.is_host(host), false)
	end
end)

check.done()

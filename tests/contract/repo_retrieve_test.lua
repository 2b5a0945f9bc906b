-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- POST /repo/{repo_id}/retrieve: the files of a commit that fit a question.

local contract = require "contract"
local json = require "epact.json"
local task = require "epact.task"
local same, test = contract.same, contract.test

local FILES = {
	["src/parser.c"] = "int parseHTTPHeader(void)\n{\n\treturn read_line();\n}\n",
	["src/retry.c"] = "/* when to try again */\nint retry(void) { return backoff(); }\n",
	["docs/retrying.md"] = "How retries are spaced: backoff, jitter, backoff.\n",
	["docs/other.md"] = "Nothing of the kind, but one backoff. " .. ("filler "):rep(300) .. "\n",
	["é.txt"] = "größe\n",
}

local function create(api, files, auto_index)
	local body = { source = { type = "files", files = contract.files(files) }, auto_index = auto_index ~= false }
	return api:expect(201, "POST", "/repo", { body = body }).json
end

local function ask(api, id, body, status, options)
	options = options or {}
	options.body = body
	return api:expect(status or 200, "POST", "/repo/" .. id .. "/retrieve", options).json
end

local function names(answer)
	local list = {}
	for place, result in ipairs(answer.results) do list[place] = result.filename end
	return list
end

local function check_ranking(api)
	local repo = create(api, FILES)
	local answer = ask(api, repo.repo_id, { query = "backoff of retries", score_threshold = 0 })
	same(answer.hash, repo.repo_head, "hash")
	same(answer.pending_embeddings, 0, "pending_embeddings")
	same(#answer.results, 3, "results")
	same(answer.results[3].filename, "docs/other.md", "the least one")
	same(answer.results[1].score, 1.0, "score of the best")
	for place, result in ipairs(answer.results) do
		contract.check(result.score >= 0 and result.score <= 1, "a score from 0 to 1")
		same(result.content, nil, "content that was not asked for")
		local before = answer.results[place - 1]
		contract.check(not before or before.score > result.score
			or (before.score == result.score and before.filename < result.filename), "by score, then by path")
	end
	same(names(ask(api, repo.repo_id, { query = "parse the http headers" })), { "src/parser.c" }, "words inside of a name")
	same(names(ask(api, repo.repo_id, { query = "GRÖSSE größe" })), { "é.txt" }, "words that are not ASCII")
	same(names(ask(api, repo.repo_id, { query = "parser" })), { "src/parser.c" }, "a word of the path")
	for _, empty in ipairs { "absent", "", "?!\"'", '" OR *', "\0" } do
		same(ask(api, repo.repo_id, { query = empty }).results, {}, "results of " .. empty)
	end
	local twins = create(api, { b = "same words", a = "same words", c = "same words" })
	same(names(ask(api, twins.repo_id, { query = "words" })), { "a", "b", "c" }, "equal scores by path")
end

local function check_limits(api)
	local id = create(api, FILES).repo_id
	local all = ask(api, id, { query = "backoff", score_threshold = 0 }).results
	same(#all, 3, "results")
	local cut = (all[2].score + all[3].score) / 2
	same(#ask(api, id, { query = "backoff", score_threshold = cut }).results, 2, "results over a threshold")
	same(#ask(api, id, { query = "backoff", score_threshold = 1 }).results, 1, "results of the best score")
	same(ask(api, id, { query = "backoff", token_limit = 0 }).results, {}, "results without a budget")
	local size = #FILES[all[1].filename]
	local function within(bytes) return #ask(api, id, { query = "backoff", token_limit = bytes // 4 }).results end
	same(within(size - 4), 0, "the best file is over the budget")
	same(within(size + 3), 1, "the best file is within the budget")
	local with = ask(api, id, { query = "backoff", include_content = true, rerank = false, score_threshold = 0 }).results
	for _, result in ipairs(with) do same(result.content, FILES[result.filename], "content of " .. result.filename) end
end

local function check_commits(api)
	local repo = create(api, { a = "first words" })
	local id = repo.repo_id
	local second = api:overwrite(id, { b = "second words" }).repo_head
	same(ask(api, id, { query = "words" }).hash, second, "hash of the head")
	same(names(ask(api, id, { query = "words" })), { "b" }, "files of the head")
	for _, hash in ipairs { repo.repo_head, repo.repo_head:sub(1, 7), repo.repo_head:upper() } do
		local old = ask(api, id, { query = "words", hash = hash })
		same(old.hash, repo.repo_head, "hash of an older commit")
		same(names(old), { "a" }, "files of an older commit")
	end
	contract.git(api.data .. "/repos/" .. id .. ".git", { "branch", "side/x", repo.repo_head })
	same(names(ask(api, id, { query = "words", branch = "side/x" })), { "a" }, "files of a branch")
	same(names(ask(api, id, { query = "words", branch = "main", hash = json.null })), { "b" }, "files of main")
	same(names(ask(api, id, { query = "words", branch = "main", hash = repo.repo_head })), { "a" }, "the hash counts")
	for _, hash in ipairs { ("0"):rep(40), "main", "HEAD", repo.repo_head:sub(1, 6), "", "--all" } do
		ask(api, id, { query = "words", hash = hash }, 404)
	end
	for _, branch in ipairs { "none", "", "../heads/main", "main~1", "main@{0}", "HEAD", "main^{tree}", "a\nb", "/main" } do
		ask(api, id, { query = "words", branch = branch }, 404)
	end
end

local function check_changes(api)
	local id = create(api, { keep = "words here", old = "words there" }).repo_id
	same(names(ask(api, id, { query = "words" })), { "keep", "old" }, "files")
	api:expect(201, "PUT", "/repo/" .. id .. "/file/binary", { body = "words\0words" })
	api:expect(201, "PUT", "/repo/" .. id .. "/file/latin1", { body = "words caf\xe9" })
	api:diff(id, { { type = "rename", old_filename = "old", new_filename = "new" }, { type = "write", filename = "more",
		content = "words" } })
	same(#ask(api, id, { query = "words", score_threshold = 0 }).results, 3, "text files")
	api:overwrite(id, { ["keep"] = "nothing" })
	same(ask(api, id, { query = "words" }).results, {}, "results after an overwrite")
	local large = "needle\n" .. ("filler line\n"):rep(60000)
	api:overwrite(id, { large = large })
	local got = ask(api, id, { query = "needle", include_content = true, token_limit = 1 << 20 }).results
	contract.check(got[1].content == large, "a large file comes whole")
	api:expect(204, "DELETE", "/repo/" .. id)
	ask(api, id, { query = "words" }, 404)
end

local function check_at_once(api)
	local ids = {}
	for number = 1, 3 do ids[number] = create(api, { ["f" .. number] = ("some words %d "):format(number):rep(3000) }).repo_id end
	task.scope(function(scope)
		for number = 0, 29 do
			scope:spawn(function()
				same(names(ask(api, ids[number % 3 + 1], { query = "words", token_limit = 1 << 20 })), { "f" .. number % 3 + 1 }, "file")
			end)
		end
	end)
	contract.check(api.server.app.index.size < 120000, "indexes that are not used leave")
end

local function check_refusals(api)
	local id = create(api, FILES).repo_id
	same(ask(api, id, {}, 422).detail[1].loc, { "body", "query" }, "loc")
	for _, body in ipairs { { query = 1 }, { query = json.null }, { query = "x", score_threshold = 1.1 },
		{ query = "x", score_threshold = -0.1 }, { query = "x", score_threshold = "0.5" }, { query = "x", token_limit = -1 },
		{ query = "x", token_limit = 1.5 }, { query = "x", token_limit = true }, { query = "x", include_content = 1 },
		{ query = "x", rerank = "no" }, { query = "x", hash = 5 }, { query = "x", branch = { "main" } } } do
		ask(api, id, body, 422)
	end
	ask(api, id, "{", 400)
	local plain = create(api, FILES, false).repo_id
	contract.matches(ask(api, plain, { query = "x" }, 404).message, "auto_index", "message")
	ask(api, id, { query = "x" }, 200, { token = api:token { id } })
end

contract.serve({}, function(api)
	test("files are ranked by the words they share with the question", check_ranking, api)
	test("threshold, budget and contents", check_limits, api)
	test("a commit is named by branch or hash; one that is not there is 404", check_commits, api)
	test("the index follows the repo", check_changes, api)
	test("what is no retrieve is refused", check_refusals, api)
	test("who may ask", api.guard, api, "POST", "/repo/%s/retrieve", "POST", { body = { query = "x" } })
end)
contract.serve({ index_cache = 100000 }, function(api)
	test("many ask at once, more than the cache holds", check_at_once, api)
end)

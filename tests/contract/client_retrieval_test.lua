-- SPDX-License-Identifier: Apache-2.0
-- The client's retrieve, embedding_status and text_search against the local server.
local check = require "check"
local contract = require "contract"
local relace = require "epact.relace"

local function check_found(api)
	local client = relace.client { api_key = api.key, base_url = api.url }
	local files = { { filename = "src/parser.c", content = "int parse_header(void);\n" }, { filename = "b.txt", content = "other\n" } }
	local repo = client.repo:create { source = { type = "files", files = files }, auto_index = true }
	local found = client.repo:retrieve(repo, { query = "parse the header", include_content = true, hash = repo.repo_head },
		{ wait_for_index = 5 })
	check.equal({ #found.results, found.results[1].filename, found.results[1].content, found.hash },
		{ 1, "src/parser.c", files[1].content, repo.repo_head })
	check.equal(client.repo:retrieve(repo, { query = "other", score_threshold = 0, token_limit = 0 }).results, {})
	check.equal(client.repo:embedding_status(repo), { hash = repo.repo_head, completed_embeddings = 2, pending_embeddings = 0 })
	check.equal(client.repo:embedding_status(repo, { branch = "main" }).hash, repo.repo_head)
	local match = client.repo:text_search(repo, "header").results[1]
	check.equal({ match.filename, match.line_number, match.line_content:sub(match.match_start + 1, match.match_end) },
		{ "src/parser.c", 1, "header" })
	check.fails("not_found", client.repo.embedding_status, client.repo, repo, { branch = "none" })
	local plain = client.repo:create { source = { type = "files", files = files } }
	check.fails("not_found", client.repo.retrieve, client.repo, plain, { query = "x" })
	check.fails("not_found", client.repo.retrieve, client.repo, plain, { query = "x" }, { wait_for_index = 0.1 })
end

contract.serve({}, function(api) contract.test("files and lines are found", check_found, api) end)

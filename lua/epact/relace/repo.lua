-- SPDX-License-Identifier: Apache-2.0
--- `client.repo` of epact.relace: repos, their content and metadata. The last argument of each call is a table of the options
-- that every call has (see epact.relace), and those that are named here.
local colon = require "epact.colon"
local file = require "epact.relace.file"
local list = require "epact.relace.list"
local streams = require "epact.relace.streams"

local M = {}

-- Loaded at its first use: git and files come with it.
local function plans() return require "epact.relace.plan" end

--- `client.repo`
local Repo = {}
Repo.__index = Repo

--- Makes a repo (6.2). Never repeated when it may have been carried out.
-- @param params table?: `source`, nil for an empty repo, or one of
--   `{ type = "files", directory = DIR, skip_binary = false }`: what git would commit, streamed from disk;
--   `{ type = "files", files = { { filename = NAME, content = TEXT }, ... } }`;
--   `{ type = "git", url = URL, branch = nil, hash = nil, shallow = true }`;
--   `{ type = "relace", repo_id = ID, copy_metadata = false, copy_remote = false }`;
--   `metadata`: a table of strings; `auto_index` boolean
-- @param options table?
-- @return table: `repo_id`, `repo_head`; with a directory `left_out`, an array of `{ filename, reason }`
function Repo:create(params, options) return self.core:repo_create(params, options) end

--- What is known of a repo (6.3).
-- @param repo string or table: the id, or a table with `repo_id`
-- @param options table?
-- @return table: `repo_id`, `created_at`, `updated_at`, `metadata`, `auto_index`
function Repo:get(repo, options) return self.core:repo_get(repo, options) end

--- The account's repos (6.4), page by page as the loop needs them.
-- Repos that are made or deleted meanwhile can shift the pages: then one may come twice or not at all.
-- @param filter table?: `page_start` (0), `page_size` (100, at most) of each request, `order_by` ("created_at" or "updated_at"),
--   `order_descending`, `filter_metadata` (pairs to be held), `created_after`, `created_before` (RFC 3339)
-- @param options table?: of each request
-- @return an iterator of repos as of `get`, to be walked once; its `page()` asks for the first page alone: a table of `items`,
--   `total_items`, `next_page` (the next page_start; nil on the last page)
-- Raises `protocol` when the server's pages do not go on.
-- Example: `for repo in client.repo:list { filter_metadata = { name = "ci" } } do print(repo.repo_id) end`
function Repo:list(filter, options) return list.new(self.core, filter, options) end

--- Deletes a repo and all that belongs to it (6.5); one that is gone already is no error.
-- @param repo string or table
-- @param options table?
function Repo:delete(repo, options) return self.core:repo_delete(repo, options) end

--- Changes a repo (7): its content by a source, its metadata (which is replaced whole), or both.
-- @param repo string or table
-- @param params table: `source` as of `create` with type "files" (the files are all that it holds afterwards) or "git", or
--   `{ type = "diff", operations = { { type = "write", filename, content }, { type = "delete", filename },
--   { type = "rename", old_filename, new_filename }, ... } }`; `metadata`
-- @param options table?
-- @return table: `repo_id`, `repo_head`, `changed_files`
function Repo:update(repo, params, options) return self.core:repo_update(repo, params, options) end

--- Makes a folder, or a list of files, all that the repo holds (7.2). A folder is taken by git's rules: in a work tree what is
-- ignored stays out, `.git` always. Content must be UTF-8 text: else an error lists the files, or with `skip_binary` they are
-- left out and reported. Memory does not grow with the content. May be repeated: it states the whole.
-- @param repo string or table
-- @param content string or table: a folder, or an array of `{ filename, content }`
-- @param options table?: `skip_binary` boolean, `metadata` table
-- @return table: `repo_id`, `repo_head`, `changed_files`, `left_out`
-- Example: `client.repo:overwrite(id, "./work", { skip_binary = true })`
function Repo:overwrite(repo, content, options) return self.core:repo_overwrite(repo, content, options) end

--- Finds the files that answer a question (10.1). The repo must have been made with `auto_index`, and be indexed by now.
-- @param repo string or table
-- @param params table: `query` string; `branch` string (its last commit that is indexed) or `hash` string (that commit);
--   `score_threshold` 0 to 1 (0.3); `token_limit` integer over all results (30000); `include_content` boolean (false);
--   `rerank` boolean (true)
-- @param options table?: `wait_for_index` number: seconds that may be waited for a commit that is not indexed yet (0): a 404 is
--   asked again meanwhile, ever more seldom. One that never was the head of a branch is never indexed
-- @return table: `results`, an array of `{ filename, score, content }`, best first; `hash` of the commit; `pending_embeddings`:
--   when it is not 0, the results may be poorer
-- Example: `client.repo:retrieve(id, { query = "parser", hash = head }, { wait_for_index = 120 }).results[1].filename`
function Repo:retrieve(repo, params, options) return self.core:retrieve(repo, params, options) end

--- How far the index of a commit is (10.2).
-- @param repo string or table
-- @param params table?: `branch` string, `hash` string (the head of the default branch)
-- @param options table?
-- @return table: `hash`, `completed_embeddings`, `pending_embeddings`
function Repo:embedding_status(repo, params, options) return self.core:embedding_status(repo, params, options) end

--- Finds a text by its letters (11.4); whether it is a pattern, the server says.
-- @param repo string or table
-- @param query string
-- @param options table?
-- @return table: `results`, an array of `{ filename, line_number, line_content, match_start, match_end }`
function Repo:text_search(repo, query, options) return self.core:text_search(repo, query, options) end

--- Starts an agent, whose answer is a stream of events (11.1). It may change the repo: it is not repeated when it may have begun.
--
--     for event in client.repo:agent(id, { agent_name = "analysis-agent", agent_inputs = { query = "..." } }) do
--         print(event.event, event.data.content)
--     end
--
-- `break`, an error and a cancel close the connection at once. A failure of the agent is an event
-- too, `prompt_error`. The event `done` ends the loop.
-- @param repo string or table
-- @param params table: `agent_name` string, `agent_inputs` table of strings; `continue` boolean (false): go on from the chat
--   before; `overrides` table: `max_tokens`, `max_turns`, `prompt_retries`, `prompt_timeout` numbers, `model_name`, `system`,
--   `user` strings, `tools` array of strings
-- @param options table?: `stall_timeout`: seconds without a byte, while the script reads (300); `max_item`: bytes of an event
--   (16 MiB); and the options of every call, whose `timeout` and `deadline` end with the headers of the answer
-- @return Events: an iterator; also `events:next()`, `events:close()`, and a `<close>` variable
-- Raises, while reading, `truncated` for a stream that breaks off, `timeout`, `connection`, `json`, `too_large`.
function Repo:agent(repo, params, options) return streams.agent(self.core, repo, params, options) end

--- Searches a repo by a question in plain words: the agent `relace-search` (11.1), which changes nothing.
-- @param repo string or table
-- @param params table: `query` string; `overrides` as of `agent`
-- @param options table?: as of `agent`
-- @return Events: an iterator as of `agent`; `events:report()` reads to the end and gives what was found
-- Example: `local found = client.repo:search(id, { query = "where is the parser?" }):report().files`
function Repo:search(repo, params, options) return streams.search(self.core, repo, params, options) end

--- Reads the text files of a repo one by one (9), without git. Memory holds one file at a time, however large the repo is.
--
--     for file in client.repo:clone(id) do print(file.filename, #file.content) end
-- @param repo string or table
-- @param options table?: `commit` string (the head); `stall_timeout`: seconds without a byte, while the script reads (the
--   client's); `max_item`: bytes of one file, as JSON (256 MiB); and the options of every call
-- @return Files: an iterator; also `files:next()`, `files:close()`, `files:collect()` for all in an array,
--   `files:write_to(directory)`
-- Raises, while reading, `json`, `truncated`, `timeout`, `connection`, `too_large`.
function Repo:clone(repo, options) return streams.clone(self.core, repo, options) end

--- Finds out what a repo would become by a folder, and what is the least to send for it. Nothing is changed. The repo's side is read
-- by git, trees without files; without git by the text of all files, and then what is binary there is not known.
-- Content is compared byte by byte (git's ids), so line ends that git would convert count as they are on disk.
-- @param repo string or table
-- @param directory string: what is in it is decided as for `overwrite`
-- @param options table?: `timeout` seconds of each step of git
-- @return Plan: `head`, `added`, `changed`, `deleted`, `renamed`, `left_out`, `unchanged`, `empty`, `method`, `bytes`; it prints as
--   one line. Names in `left_out`, and what is below them, stay in the repo as they are
-- Raises what reading the folder and a clone by git raise.
-- Example: `local plan <close> = client.repo:plan(id, "./work"); print(plan)`
function Repo:plan(repo, directory, options) return plans().plan(self, repo, directory, options) end

--- Sends what a plan found: the diff, or all files where that is less. Nothing is sent when there is nothing to do. The head is read
-- before; somebody who writes between that and the server's lock is not noticed, as the API has no conditional update: a
-- diff then leaves his other files alone, an overwrite does not. When the answer is lost the repo is read again.
-- @param plan Plan
-- @param options table?: `skip_binary` boolean: leave out what can't be sent as text and is not in the repo already (else that is
--   an error that lists it); and the options of every call
-- @return table: `repo_id`, `repo_head`, `changed_files`, `method` (nil: nothing was sent), `bytes` sent, `left_out`;
--   `confirmed` true when the answer was lost and the repo showed that it was carried out
-- Raises `conflict` when the repo, or a file of the folder, is not what was planned any more: plan again; after a lost answer
-- the failure's code, `connection` for `in_doubt`, when the repo shows that nothing was carried out: apply again.
-- Example: `client.repo:apply(client.repo:plan(id, "./work"))`
function Repo:apply(plan, options) return plans().apply(self, plan, options) end

--- The part of a client that `client.repo` is.
-- @param core userdata: of the client
-- @param given table: the options that the client was made with
-- @return table
function M.new(core, given) return setmetatable({ core = core, given = given, file = file.new(core) }, Repo) end

colon.class(Repo, "client.repo")

return M
